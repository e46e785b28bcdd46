//! The one table: role × call, role × command, role × event. The server asks it for everything that comes in or goes
//! out, and `docs/security.md` prints it.
//!
//! What has no row is refused: a new call, command or event is nobody's until somebody decides whose it is.

use Role::{Display, Kiosk, Manager, Operator};

use super::Role;
use crate::realtime::Profile;

/// Who may make a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Anybody, without a token.
    Anybody,
    /// Devices with one of these roles.
    Only(&'static [Role]),
}

impl Who {
    /// Whether `role` is among them.
    pub fn has(self, role: Role) -> bool {
        match self {
            Self::Anybody => true,
            Self::Only(roles) => roles.contains(&role),
        }
    }
}

/// A call: its method, its path as the router has it, and who may make it.
pub type CallRow = (&'static str, &'static str, Who);

const ALL: Who = Who::Only(&[Manager, Operator, Kiosk, Display]);
const STAFF: Who = Who::Only(&[Manager, Operator]);
const COUNTER: Who = Who::Only(&[Manager, Operator, Kiosk]);
const MANAGER: Who = Who::Only(&[Manager]);

/// Role × call.
pub const CALLS: &[CallRow] = &[
    ("GET", "/api/sessions/active", ALL),
    ("GET", "/api/sessions/status/{*barcodeId}", COUNTER),
    ("POST", "/api/sessions/play", STAFF),
    ("POST", "/api/sessions/pause", STAFF),
    ("POST", "/api/sessions/end", STAFF),
    ("POST", "/api/checkin", STAFF),
    ("GET", "/api/checkin/history/{*barcodeId}", STAFF),
    ("GET", "/api/products", COUNTER),
    ("GET", "/api/products/time", COUNTER),
    ("GET", "/api/products/category/{category}", COUNTER),
    ("GET", "/api/products/{id}", COUNTER),
    ("POST", "/api/products", MANAGER),
    ("PUT", "/api/products/{id}", MANAGER),
    ("DELETE", "/api/products/{id}", MANAGER),
    ("GET", "/api/transactions", STAFF),
    ("GET", "/api/transactions/player/{playerSessionId}", STAFF),
    ("GET", "/api/transactions/barcode/{*barcodeId}", STAFF),
    ("GET", "/api/transactions/{id}", STAFF),
    ("PUT", "/api/transactions/{id}", STAFF),
    ("GET", "/api/dashboard/stats", STAFF),
    ("GET", "/api/dashboard/performance", STAFF),
    ("GET", "/api/system/settings", ALL),
    ("PUT", "/api/system/settings", MANAGER),
    ("GET", "/api/system/capacity", ALL),
    ("POST", "/api/cart/notify", COUNTER),
    ("POST", "/api/commands", STAFF),
    ("GET", "/api/commands/{commandId}", STAFF),
    ("POST", "/api/sync/lease", STAFF),
    ("GET", "/api/sync/events", STAFF),
    ("GET", "/api/sync/snapshot", STAFF),
    ("GET", "/api/devices", MANAGER),
    ("POST", "/api/devices/codes", MANAGER),
    ("DELETE", "/api/devices/{id}", MANAGER),
    ("POST", "/api/pair", Who::Anybody),
    ("GET", "/api/openapi.json", ALL),
    ("GET", "/healthz", Who::Anybody),
    ("GET", "/readyz", Who::Anybody),
    ("GET", "/metrics", MANAGER),
];

/// Role × command, by its type. A REST call that writes runs one of them and is in [`CALLS`].
pub const COMMANDS: &[(&str, Who)] = &[
    ("session.checkin", STAFF),
    ("sale.create", STAFF),
    ("session.play", STAFF),
    ("session.pause", STAFF),
    ("session.end", STAFF),
    ("transaction.correct", STAFF),
    ("attention.raise", STAFF),
    ("attention.resolve", STAFF),
    ("product.create", MANAGER),
    ("product.update", MANAGER),
    ("product.delete", MANAGER),
    ("settings.update", MANAGER),
    ("place.writeOff", MANAGER),
];

/// How much of an event a role hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hears {
    /// Nothing.
    Nothing,
    /// Without the dashboard's figures, which hold money.
    Bare,
    /// All of it.
    Whole,
}

/// What managers and operators hear, in the room that their profile asks for; kiosks; displays.
pub type EventRow = (&'static str, Hears, Hears, Hears);

/// Role × event.
pub const EVENTS: &[EventRow] = &[
    ("transaction:created", Hears::Whole, Hears::Nothing, Hears::Nothing),
    ("transaction:updated", Hears::Whole, Hears::Nothing, Hears::Nothing),
    ("session:created", Hears::Whole, Hears::Bare, Hears::Bare),
    ("session:updated", Hears::Whole, Hears::Bare, Hears::Bare),
    ("session:play", Hears::Whole, Hears::Bare, Hears::Bare),
    ("session:pause", Hears::Whole, Hears::Bare, Hears::Bare),
    ("session:ended", Hears::Whole, Hears::Bare, Hears::Bare),
    ("product:created", Hears::Whole, Hears::Bare, Hears::Nothing),
    ("product:updated", Hears::Whole, Hears::Bare, Hears::Nothing),
    ("product:deleted", Hears::Whole, Hears::Bare, Hears::Nothing),
    ("system:settings:updated", Hears::Whole, Hears::Bare, Hears::Bare),
    ("system:capacity:changed", Hears::Whole, Hears::Bare, Hears::Bare),
    ("dashboard:stats:updated", Hears::Whole, Hears::Nothing, Hears::Nothing),
    ("cart:updated", Hears::Whole, Hears::Bare, Hears::Bare),
    ("sync:head", Hears::Whole, Hears::Bare, Hears::Bare),
    ("sync:rows", Hears::Whole, Hears::Nothing, Hears::Nothing),
    ("sync:lease", Hears::Whole, Hears::Nothing, Hears::Nothing),
];

/// Who may make the call that the router found; none: the path has no row for this method.
pub fn call(method: &str, path: &str) -> Option<Who> {
    // The router answers HEAD as it answers GET.
    let method = if method == "HEAD" { "GET" } else { method };
    CALLS.iter().find(|row| row.0 == method && row.1 == path).map(|row| row.2)
}

/// Whether whoever calls at `path` needs no token, whatever the method: there is no row that asks for one.
pub fn is_anybodys(path: &str) -> bool {
    let mut rows = CALLS.iter().filter(|row| row.1 == path).peekable();
    rows.peek().is_some() && rows.all(|row| row.2 == Who::Anybody)
}

/// The methods that a path has.
pub fn methods(path: &str) -> Vec<&'static str> {
    CALLS.iter().filter(|row| row.1 == path).map(|row| row.0).collect()
}

/// Whether `role` may give a command of that type.
pub fn may_give(role: Role, kind: &str) -> bool {
    COMMANDS.iter().any(|row| row.0 == kind && row.1.has(role))
}

/// The room of a role that asks for `profile`; none: it may not have it. The lean profile carries rows, and rows hold
/// money, so it is for staff.
pub fn room(role: Role, profile: Profile) -> Option<Profile> {
    match (role, profile) {
        (Manager | Operator, Profile::Full | Profile::Lean) => Some(profile),
        (Kiosk, Profile::Full) => Some(Profile::Kiosk),
        (Display, Profile::Full) => Some(Profile::Display),
        _ => None,
    }
}

/// How much of an event a room hears. Which of the events staff hear in which profile is the log's own rule.
pub fn hears(room: Profile, event: &str) -> Hears {
    let Some((_, staff, kiosk, display)) = EVENTS.iter().find(|row| row.0 == event) else { return Hears::Nothing };
    match room {
        Profile::Full | Profile::Lean => *staff,
        Profile::Kiosk => *kiosk,
        Profile::Display => *display,
    }
}

/// The table as `docs/security.md` prints it.
pub fn markdown() -> String {
    let tick = |yes: bool| if yes { "yes" } else { "–" };
    let row = |what: String, who: Who| {
        let cells: Vec<&str> = Role::ALL.iter().map(|role| tick(who.has(*role))).collect();
        let free = if who == Who::Anybody { "no" } else { "yes" };
        format!("| `{what}` | {free} | {} |\n", cells.join(" | "))
    };
    let head = |what: &str| {
        let names: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        format!("| {what} | token | {} |\n|---|---|---|---|---|---|\n", names.join(" | "))
    };
    let calls: String = CALLS.iter().map(|(method, path, who)| row(format!("{method} {path}"), *who)).collect();
    let commands: String = COMMANDS.iter().map(|(kind, who)| row((*kind).to_owned(), *who)).collect();
    let said = |hears: &Hears| match hears {
        Hears::Nothing => "–",
        Hears::Bare => "without figures",
        Hears::Whole => "yes",
    };
    let events: String = EVENTS
        .iter()
        .map(|(name, staff, kiosk, display)| {
            format!("| `{name}` | yes | {0} | {0} | {1} | {2} |\n", said(staff), said(kiosk), said(display))
        })
        .collect();
    let (call, command, event) = (head("call"), head("command"), head("event"));
    format!("{call}{calls}\n{command}{commands}\n{event}{events}")
}
