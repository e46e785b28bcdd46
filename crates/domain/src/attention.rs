//! What a person must look at: a rejection, something that is hardly possible, a command that can't be read
//! (`design.md`, Needs attention). Entries are rows: they travel in the log, so that every desk and the manager see
//! those of all desks, and they stay until somebody settles them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    command::{AttentionAction, Command, RaiseKind},
    decide::{Catalogue, Context, Flag},
    hash::canonical,
    ids::{AttentionId, CommandId, DeviceId, ProductId, StaffId, row_id},
    money::MinorUnits,
    noticed::Remark,
    rejection::Rejection,
    time::{Millis, SECOND_MS, VenueTime},
    venue::Venue,
};

/// A moment that is off by less is nobody's business: two desks' clocks and the way to the server differ so much.
const CLAMP_WORTH_A_WORD_MS: Millis = 2 * SECOND_MS;
/// The longest command text that an entry carries; of a longer one only its type. The largest sale that can be valid has
/// room, whatever its bands are called.
const COMMAND_MAX_BYTES: usize = 16 << 10;

/// Why there is an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AttentionKind {
    /// The venue said no to what a desk had taken.
    Rejected,
    /// It was done, and something about it is hardly possible.
    Flagged,
    /// A desk can't read a command that it stored.
    Unreadable,
    /// A clock was set while the venue was open.
    ClockStep,
}

impl From<RaiseKind> for AttentionKind {
    fn from(kind: RaiseKind) -> Self {
        match kind {
            RaiseKind::Unreadable => Self::Unreadable,
            RaiseKind::ClockStep => Self::ClockStep,
        }
    }
}

/// An entry of the attention list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttentionRow {
    /// Its id, from the command's.
    pub id: AttentionId,
    /// Why.
    pub kind: AttentionKind,
    /// Which command.
    pub command_id: Option<CommandId>,
    /// What was tapped, as it came: `{type, …fields}`.
    pub command: Option<Value>,
    /// By which desk.
    pub device_id: Option<DeviceId>,
    /// By whom.
    pub staff_id: Option<StaffId>,
    /// When the desk says that it was tapped.
    pub occurred_at: Option<VenueTime>,
    /// When it took effect.
    pub effective_at: Option<VenueTime>,
    /// When the entry was made.
    pub raised_at: VenueTime,
    /// What the server said: `{code, message, details}`.
    pub rejection: Option<Value>,
    /// What is hardly possible about it.
    pub flags: Vec<Flag>,
    /// What it means in money: what the desk took and the books don't have; of another price, the difference.
    pub money_minor: MinorUnits,
    /// What it means in credit; of another time value, the difference.
    pub credit_ms: Millis,
    /// In words, where a desk says it.
    pub message: Option<String>,
    /// The same for programs; none in an entry of an older version.
    #[serde(flatten)]
    pub remark: Option<Remark>,
    /// How it was settled; an entry that is settled is no longer in the sync set.
    pub resolution: Option<Resolution>,
}

/// How an entry was settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolution {
    /// How.
    pub action: AttentionAction,
    /// Why.
    pub reason: Option<String>,
    /// The command that did it again.
    pub command_id: Option<CommandId>,
    /// When.
    pub at: VenueTime,
    /// At which desk.
    pub device_id: Option<DeviceId>,
    /// Who.
    pub staff_id: Option<StaffId>,
}

impl AttentionRow {
    /// What can be done about it: a rejected command can be tried again with today's values, money that the books
    /// don't have can be recorded, and anything can be closed with a reason.
    pub fn choices(&self) -> Vec<AttentionAction> {
        let can_be_tried = |wire: &Value| Command::parse(&wire.to_string()).is_ok();
        let redo = self.kind == AttentionKind::Rejected && self.command.as_ref().is_some_and(can_be_tried);
        let correct = self.kind == AttentionKind::Rejected && self.money_minor != MinorUnits(0);
        let choice = |wanted: bool, action| wanted.then_some(action);
        [choice(redo, AttentionAction::Redo), choice(correct, AttentionAction::Correct), Some(AttentionAction::Dismiss)]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// What is known of a command when it comes to its entry.
#[derive(Clone, Copy, Debug)]
pub struct Tapped<'a> {
    /// As it came, without its circumstances.
    pub wire: Option<&'a Value>,
    /// As parsed; none where it is invalid by itself.
    pub command: Option<&'a Command>,
    /// What it was decided with.
    pub context: &'a Context,
    /// When the desk says that it was tapped.
    pub occurred_at: Option<VenueTime>,
    /// When it arrived.
    pub arrived: VenueTime,
}

/// The entry of a command that the venue said no to.
pub fn of_rejection(venue: &Venue, tapped: Tapped<'_>, rejection: &Rejection) -> AttentionRow {
    let worth = tapped.command.map(|command| worth(venue, command, &tapped.context.catalogue)).unwrap_or_default();
    AttentionRow {
        rejection: Some(rejection.to_wire()),
        money_minor: worth.money_minor,
        credit_ms: worth.credit_ms,
        ..entry(tapped, AttentionKind::Rejected)
    }
}

/// The entry of a command that was done although something about it is hardly possible; none where all its
/// `flags` are everyday.
pub fn of_flags(venue: &Venue, tapped: Tapped<'_>, flags: &[Flag]) -> Option<AttentionRow> {
    let flags: Vec<Flag> = flags.iter().filter(|flag| is_for_a_person(flag)).cloned().collect();
    if flags.is_empty() {
        return None;
    }
    let priced_otherwise = flags.iter().any(|flag| matches!(flag, Flag::PriceChanged { .. }));
    let worth = match tapped.command {
        Some(command) if priced_otherwise => {
            let (then, now) =
                (worth(venue, command, &tapped.context.catalogue), worth(venue, command, &Catalogue::Now));
            Worth {
                money_minor: MinorUnits(then.money_minor.0 - now.money_minor.0),
                credit_ms: then.credit_ms - now.credit_ms,
            }
        }
        _ => Worth::default(),
    };
    let Worth { money_minor, credit_ms } = worth;
    Some(AttentionRow { flags, money_minor, credit_ms, ..entry(tapped, AttentionKind::Flagged) })
}

fn is_for_a_person(flag: &Flag) -> bool {
    match flag {
        Flag::TimeClamped { by_ms } => by_ms.abs() > CLAMP_WORTH_A_WORD_MS,
        Flag::Reopened { .. } | Flag::NoChange => false,
        Flag::PriceChanged { .. }
        | Flag::ProductRemoved { .. }
        | Flag::CatalogueUnknown
        | Flag::OverCapacity
        | Flag::NoCredit
        | Flag::PlaceLost
        | Flag::Forced { .. } => true,
    }
}

fn entry(tapped: Tapped<'_>, kind: AttentionKind) -> AttentionRow {
    let Context { command_id, now, device_id, staff_id, .. } = tapped.context;
    AttentionRow {
        id: AttentionId(row_id(*command_id, "attention", 0)),
        kind,
        command_id: Some(*command_id),
        command: tapped.wire.map(bounded_command),
        device_id: device_id.clone(),
        staff_id: staff_id.clone(),
        occurred_at: tapped.occurred_at,
        effective_at: Some(*now),
        raised_at: tapped.arrived,
        rejection: None,
        flags: Vec::new(),
        money_minor: MinorUnits(0),
        credit_ms: 0,
        message: None,
        remark: None,
        resolution: None,
    }
}

/// A command as an entry carries it.
/// Its numbers are written as rows write them, so that the log and a snapshot say the same: `7`, however 7.0 was sent.
pub(crate) fn bounded_command(wire: &Value) -> Value {
    let text = wire.to_string();
    if text.len() > COMMAND_MAX_BYTES {
        return json!({ "type": wire.get("type") });
    }
    let canonical = canonical(&text).ok().and_then(|text| serde_json::from_slice(&text).ok());
    canonical.unwrap_or_else(|| wire.clone())
}

/// What a sale means in money and credit at the prices that the desk showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Worth {
    money_minor: MinorUnits,
    credit_ms: Millis,
}

fn worth(venue: &Venue, command: &Command, catalogue: &Catalogue) -> Worth {
    let lines: Vec<(&ProductId, u32)> = match command {
        Command::Checkin { lines, .. } => lines.iter().map(|line| (&line.product_id, line.quantity)).collect(),
        Command::Sale { lines, .. } => lines.iter().map(|line| (&line.line.product_id, line.line.quantity)).collect(),
        _ => Vec::new(),
    };
    let mut worth = Worth::default();
    for (id, quantity) in lines {
        let shown = match catalogue {
            Catalogue::Now => venue.product(id),
            Catalogue::AsOf(products) => products.get(id).and_then(Option::as_ref).or(venue.product(id)),
        };
        let Some(product) = shown else { continue };
        worth.money_minor.0 += product.price_minor.0 * i64::from(quantity);
        worth.credit_ms += product.time_value_ms.unwrap_or(0) * Millis::from(quantity);
    }
    worth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_quoted_as_rows_write_it() {
        let wire = json!({ "type": "product.update", "changes": { "price": 7.0 } });
        assert_eq!(bounded_command(&wire)["changes"].to_string(), r#"{"price":7}"#);
    }
}
