//! What the demo's venue sells and who came, in minutes before now.

use gangway_domain::time::Millis;

/// Milliseconds in a minute.
pub(super) const MINUTE_MS: Millis = 60_000;
/// How far back it goes, in minutes.
pub(super) const SPAN_MINUTES: i64 = 240;

/// A thing that is sold.
pub(super) struct DemoProduct {
    pub(super) name: &'static str,
    pub(super) price: &'static str,
    pub(super) category: &'static str,
    pub(super) required: bool,
    pub(super) minutes: Option<u32>,
}

/// What happens to a band.
pub(super) enum Act {
    /// Buys products, by index in [`PRODUCTS`], and how many.
    Buy(&'static [(usize, u32)]),
    Play,
    Pause,
    Leave,
}

/// One visit; acts in minutes before now, oldest first.
pub(super) struct DemoVisit {
    pub(super) band: &'static str,
    pub(super) acts: &'static [(i64, Act)],
}

const fn time(name: &'static str, price: &'static str, category: &'static str, minutes: u32) -> DemoProduct {
    DemoProduct { name, price, category, required: false, minutes: Some(minutes) }
}

const fn extra(name: &'static str, price: &'static str, category: &'static str, required: bool) -> DemoProduct {
    DemoProduct { name, price, category, required, minutes: None }
}

const HALF_HOUR: usize = 0;
const HOUR: usize = 1;
const NINETY: usize = 2;
const TWO_HOURS: usize = 3;
const QUARTER: usize = 4;
const PARTY: usize = 5;
const SOCKS: usize = 6;
const WATER: usize = 7;
const JUICE: usize = 8;
const SLUSH: usize = 9;

pub(super) const PRODUCTS: &[DemoProduct] = &[
    time("Entrada 30 min", "6.5", "Tiempo", 30),
    time("Entrada 60 min", "9.9", "Tiempo", 60),
    time("Entrada 90 min", "12.5", "Tiempo", 90),
    time("Entrada 120 min", "15", "Tiempo", 120),
    time("Ampliación 15 min", "3.5", "Tiempo", 15),
    time("Cumpleaños 2 h", "17.9", "Cumpleaños", 120),
    extra("Calcetines antideslizantes", "2.5", "Accesorios", true),
    extra("Agua 50 cl", "1.5", "Bebidas", false),
    extra("Zumo de naranja", "2.2", "Bebidas", false),
    extra("Granizado de limón", "2.8", "Bebidas", false),
];

use Act::{Buy, Leave, Pause, Play};

const fn visit(band: &'static str, acts: &'static [(i64, Act)]) -> DemoVisit {
    DemoVisit { band, acts }
}

pub(super) const VISITS: &[DemoVisit] = &[
    // Gone home.
    visit("B-101", &[(235, Buy(&[(HOUR, 1), (SOCKS, 1)])), (228, Play), (172, Leave)]),
    visit("B-102", &[(233, Buy(&[(HOUR, 1), (SOCKS, 1)])), (228, Play), (170, Pause), (166, Leave)]),
    visit("B-103", &[(214, Buy(&[(NINETY, 1), (WATER, 1)])), (209, Play), (160, Pause), (150, Play), (118, Leave)]),
    visit("B-104", &[(190, Buy(&[(HALF_HOUR, 1), (SOCKS, 1)])), (186, Play), (157, Leave)]),
    visit("B-105", &[(176, Buy(&[(HOUR, 1), (QUARTER, 1), (JUICE, 2)])), (171, Play), (99, Leave)]),
    visit("B-106", &[(155, Buy(&[(HALF_HOUR, 1)])), (151, Play), (123, Leave)]),
    // In the zone.
    visit("B-107", &[(104, Buy(&[(NINETY, 1), (SOCKS, 1)])), (97, Play), (52, Pause), (44, Play)]),
    visit("B-108", &[(78, Buy(&[(HOUR, 1), (SOCKS, 1), (WATER, 1)])), (56, Play)]),
    visit("B-109", &[(58, Buy(&[(HOUR, 1)])), (51, Play)]),
    visit("B-110", &[(47, Buy(&[(PARTY, 1), (SOCKS, 1)])), (41, Play)]),
    visit("B-111", &[(47, Buy(&[(PARTY, 1), (SOCKS, 1)])), (41, Play)]),
    visit("B-112", &[(46, Buy(&[(PARTY, 1), (SOCKS, 1), (SLUSH, 1)])), (40, Play)]),
    visit("B-113", &[(35, Buy(&[(HALF_HOUR, 1), (SOCKS, 1)])), (29, Play)]),
    visit("B-114", &[(38, Buy(&[(HALF_HOUR, 1)])), (31, Play)]),
    visit("B-115", &[(22, Buy(&[(TWO_HOURS, 1), (SOCKS, 1)])), (15, Play)]),
    // Having a break.
    visit("B-116", &[(96, Buy(&[(TWO_HOURS, 1), (SOCKS, 1)])), (90, Play), (34, Pause)]),
    visit("B-117", &[(67, Buy(&[(HOUR, 1), (JUICE, 1)])), (60, Play), (25, Pause)]),
    visit("B-118", &[(54, Buy(&[(NINETY, 1)])), (49, Play), (12, Pause), (11, Buy(&[(SLUSH, 1)]))]),
    visit("B-119", &[(43, Buy(&[(HOUR, 1), (SOCKS, 1)])), (37, Play), (6, Pause)]),
    // Waiting.
    visit("B-120", &[(14, Buy(&[(HOUR, 1), (SOCKS, 1)]))]),
    visit("B-121", &[(13, Buy(&[(HOUR, 1), (SOCKS, 1)]))]),
    visit("B-122", &[(9, Buy(&[(HALF_HOUR, 1), (SOCKS, 1), (WATER, 1)]))]),
    visit("B-123", &[(5, Buy(&[(NINETY, 1)]))]),
    visit("B-124", &[(2, Buy(&[(TWO_HOURS, 1), (SOCKS, 1)])), (1, Buy(&[(QUARTER, 1)]))]),
    // A parent with a drink.
    visit("B-125", &[(3, Buy(&[(JUICE, 1), (WATER, 1)]))]),
];
