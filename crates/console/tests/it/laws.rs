//! Laws: however a stream of events is cut, doubled and mixed up on its way, a desk ends where the log ends.

use std::collections::VecDeque;

use gangway_console::{
    cache::{Cache, Contact},
    net::snapshot::{SnapshotLine, SnapshotReader},
    sync::{
        effect::Effect,
        input::{FetchId, Input, Moment},
        message::{EventsPage, Incoming},
        state::{Held, LinkState, State},
        step::step,
    },
};
use gangway_domain::{hash::StateHash, ids::Position, time::VenueTime};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{
    FakeVenue,
    venue::{checkin, product, session},
};

const LINK: u64 = 1;
const NEVER: Contact = Contact { at: VenueTime(0), clock_offset_ms: 0 };

/// A desk that is only `step` and a cache.
struct Bench {
    state: State,
    cache: Cache,
    now_ms: u64,
    /// Asked and not answered.
    question: Option<Effect>,
    staged: StateHash,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut cache, _) = Cache::open(&folder.path().join("cache.sqlite")).expect("a cache");
        cache.load().expect("an empty cache");
        let state = State::new(None, "", false);
        let staged = StateHash::default();
        Self { state, cache, now_ms: 0, question: None, staged, _folder: folder }
    }

    fn give(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in step(&mut self.state, Moment { now_ms: self.now_ms, fraction: 0.5 }, input) {
                match effect {
                    Effect::Apply { units, held } => {
                        let hashes = self.cache.apply(&units, &held, NEVER).expect("applied");
                        inputs.push_back(Input::Applied { hashes });
                    }
                    Effect::Swap { held } => self.cache.swap(&held, None, None, self.staged, NEVER).expect("swapped"),
                    Effect::FetchEvents { .. } | Effect::FetchSnapshot { .. } => {
                        assert!(self.question.is_none(), "one catch-up at a time");
                        self.question = Some(effect);
                    }
                    Effect::CancelFetch => self.question = None,
                    Effect::CheckFile | Effect::DropLink { .. } | Effect::ConfirmLink | Effect::Note(_) => {}
                }
            }
        }
    }

    /// The server answers what was asked, as it stands now.
    fn answer(&mut self, venue: &FakeVenue) {
        let input = match self.question.take() {
            Some(Effect::FetchEvents { fetch, after }) => {
                let text = venue.state().page(after.after).to_string();
                Input::Page { fetch, page: EventsPage::parse(&text).expect("a page") }
            }
            Some(Effect::FetchSnapshot { fetch, .. }) => self.stage(fetch, &venue.state().snapshot()),
            _ => return,
        };
        self.give(input);
    }

    fn stage(&mut self, fetch: FetchId, text: &str) -> Input {
        self.cache.stage_begin().expect("staged");
        let mut hash = StateHash::default();
        let mut header = None;
        for line in SnapshotReader::default().read(text.as_bytes()).expect("a snapshot") {
            match line {
                SnapshotLine::Header(line) => header = Some(line),
                SnapshotLine::Row(row) => self.cache.stage(&[row], &mut hash).expect("staged"),
                SnapshotLine::End(_) => {}
            }
        }
        let header = header.expect("a header");
        self.staged = hash;
        let held = Held { position: Position { epoch: header.epoch, seq: header.seq }, event_id: header.event_id };
        Input::SnapshotStaged { fetch, held, hash: hash.to_hex(), named: header.state_hash }
    }

    fn hear(&mut self, name: &str, args: &[Value]) {
        let input = match Incoming::parse(name, args) {
            Ok(incoming) => Input::Heard { link: LINK, incoming },
            Err(_) => Input::Malformed { link: LINK },
        };
        self.give(input);
    }
}

/// What happens on the way, or at the venue.
#[derive(Clone, Debug)]
enum Act {
    /// Some desk does something with one of five bands.
    Command(u8, u8),
    /// An event of the log arrives, whichever: late, again, or out of order.
    Arrives(u16),
    /// The next events that never arrived do, in order.
    ArriveInOrder(u8),
    /// The server answers.
    Answer,
    /// A heartbeat arrives.
    Heartbeat,
    /// Nothing, for so many milliseconds.
    Wait(u16),
    /// The connection is replaced.
    Reconnect,
    /// Nonsense arrives.
    Nonsense(u8),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (any::<u8>(), any::<u8>()).prop_map(|(what, band)| Act::Command(what, band)),
        4 => any::<u16>().prop_map(Act::Arrives),
        4 => any::<u8>().prop_map(Act::ArriveInOrder),
        3 => Just(Act::Answer),
        1 => Just(Act::Heartbeat),
        2 => (0..3_000_u16).prop_map(Act::Wait),
        1 => Just(Act::Reconnect),
        1 => any::<u8>().prop_map(Act::Nonsense),
    ];
    proptest::collection::vec(act, 1..80)
}

fn command(what: u8, band: u8, hour: &str) -> Value {
    let band = format!("B-{}", band % 5);
    match what % 7 {
        0 | 1 => checkin(&band, hour),
        2 | 3 => session("play", &band),
        4 => session("pause", &band),
        5 => session("end", &band),
        _ => json!({ "type": "product.update", "productId": hour, "changes": { "price": what } }),
    }
}

fn act(bench: &mut Bench, venue: &FakeVenue, hour: &str, act: &Act, delivered: &mut usize) {
    let logged = |index: usize| {
        let state = venue.state();
        let event = state.log.get(index)?;
        Some((event["name"].as_str().expect("a name").to_owned(), state.arguments(event)))
    };
    match act {
        Act::Command(what, band) => drop(venue.execute(&command(*what, *band, hour))),
        Act::Arrives(which) => {
            let count = venue.state().log.len();
            if let Some((name, args)) = logged(usize::from(*which) % count) {
                bench.hear(&name, &args);
            }
        }
        Act::ArriveInOrder(count) => {
            for _ in 0..*count % 8 {
                let Some((name, args)) = logged(*delivered) else { return };
                *delivered += 1;
                bench.hear(&name, &args);
            }
        }
        Act::Answer => bench.answer(venue),
        Act::Heartbeat => {
            let head = venue.state().head();
            bench.hear("sync:head", &[head]);
        }
        Act::Wait(ms) => {
            bench.now_ms += u64::from(*ms);
            bench.give(Input::Tick);
        }
        Act::Reconnect => {
            bench.give(Input::Down { link: LINK });
            bench.give(Input::Connecting);
            bench.give(Input::Up { link: LINK });
        }
        Act::Nonsense(kind) => {
            let wild = u64::from(*kind) * 1_000;
            let meta = json!({ "epoch": "epoch-1", "seq": wild + 1, "prev": wild, "last": wild + 1, "id": "wild",
                "changes": [{ "collection": "products", "id": hour, "row": null }] });
            bench.hear("sync:rows", &[json!({}), meta]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_way_of_the_events_ends_in_the_rows_and_the_hash_of_the_log(acts in acts()) {
        let venue = FakeVenue::new();
        venue.execute(&product("One hour", 12.5, Some(3_600)));
        let hour = venue.state().venue.products().next().expect("a product").id.0.clone();
        let mut bench = Bench::new();
        let mut delivered = 0;
        bench.give(Input::Up { link: LINK });
        for one in &acts {
            act(&mut bench, &venue, &hour, one, &mut delivered);
            // At no moment do the rows stand anywhere but at a whole unit of the log.
            if let Some(held) = &bench.state.held {
                let seq = held.position.seq;
                let state = venue.state();
                let last = state.log.get(seq as usize - 1).and_then(|event| event["last"].as_u64());
                prop_assert_eq!(last, Some(seq), "half a unit");
            }
        }
        // From here on nothing goes wrong any more: heartbeats come and questions are answered.
        for _ in 0..20 {
            let head = venue.state().head();
            bench.hear("sync:head", &[head]);
            bench.answer(&venue);
            bench.now_ms += 1_000;
            bench.give(Input::Tick);
            if !matches!(bench.state.link_state(), LinkState::Live | LinkState::CatchingUp) {
                bench.give(Input::Up { link: LINK });
            }
        }
        let state = venue.state();
        prop_assert_eq!(bench.state.cursor(), state.seq());
        prop_assert_eq!(bench.cache.hash().to_hex(), state.hash.to_hex());
        prop_assert_eq!(bench.cache.load().expect("rows").hash.to_hex(), state.hash.to_hex(), "recomputed from the rows");
        prop_assert!(bench.state.in_sync());
    }
}
