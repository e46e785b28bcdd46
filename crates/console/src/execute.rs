//! Taking a command: the desk's own no first, then durable on disk and shown, in one step that no other tap and no
//! answer comes between.

use std::{collections::BTreeMap, sync::Arc};

use gangway_domain::{
    command::{Command, Key, TEXT_MAX_CHARS},
    decide::{self, Context},
    ids::{CommandId, DeviceId, PlaceId, ProductId},
    rejection::Rejection,
    rows::ProductRow,
    settings::CapacityPolicy,
    time::VenueTime,
    venue::Venue,
};
use gangway_plants::Plant;
use serde::{Deserialize, Serialize};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use crate::{
    core::Core,
    error::ConsoleError,
    outbox::{COMMAND_MAX_BYTES, CommandState, Outbox, OutboxError, Taken, Tapped},
    overlay::{Entry, Standing},
};

/// A command to be executed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecuteRequest {
    /// `{type, …fields}`, as it came: amounts keep their digits.
    pub command: Box<RawValue>,
    /// Its id, any UUID; made here if there is none.
    #[serde(default)]
    pub command_id: Option<String>,
    /// When it happened; now if there is none.
    #[serde(default)]
    pub occurred_at: Option<String>,
    /// Send it although the desk would refuse it.
    #[serde(default)]
    pub force: Option<Force>,
}

/// Why a command is sent although the desk would refuse it.
#[derive(Clone, Debug, Deserialize)]
pub struct Force {
    /// In the words of who does it.
    pub reason: String,
}

/// What became of [`Console::execute`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Executed {
    /// Its id.
    pub command_id: String,
    /// `pending`: durable on disk. Another state: the id was known.
    pub state: CommandState,
    /// Why the venue, or this desk, said no, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Value>,
    /// Only the server can say GO: a play under strict capacity that no place of this desk's own covers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub awaiting: bool,
}

impl ExecuteRequest {
    /// A command as a JSON value, with nothing else said about it.
    ///
    /// # Errors
    /// `invalid_command`: the value can't be written as JSON.
    pub fn of(command: &Value) -> Result<Self, ConsoleError> {
        let command = to_raw_value(command).map_err(|error| ConsoleError::InvalidCommand(error.to_string()))?;
        Ok(Self { command, command_id: None, occurred_at: None, force: None })
    }
}

/// A request that was read.
struct Wanted {
    id: CommandId,
    command: Command,
    text: Box<RawValue>,
    /// Where whoever taps names a moment.
    occurred_at: Option<VenueTime>,
    force: Option<String>,
    /// By this machine's monotonic clock: which venue time that was may be known better when it is written down.
    tapped_ms: u64,
    /// The products as they were shown then: the disk may be slow, and prices change meanwhile.
    shown: BTreeMap<ProductId, ProductRow>,
}

/// What became of a tap.
pub(crate) enum Tap {
    /// Nothing is known of the venue yet.
    NotReady,
    /// The desk's own no.
    No(Rejection),
    /// It is on disk, or was before.
    Taken {
        /// What the outbox says.
        taken: Taken,
        /// Only the server can say GO.
        awaiting: bool,
    },
}

/// Takes a command; see [`crate::Console::execute`].
pub(crate) async fn execute(core: &Arc<Core>, request: ExecuteRequest) -> Result<Executed, ConsoleError> {
    let (id, tap) = tap(core, request).await?;
    let id = id.to_string();
    Ok(match tap {
        Tap::NotReady => return Err(ConsoleError::NotReady),
        Tap::No(rejection) => Executed {
            command_id: id,
            state: CommandState::Rejected,
            rejection: Some(rejection.to_wire()),
            awaiting: false,
        },
        Tap::Taken { taken: Taken::Conflict, .. } => return Err(ConsoleError::IdConflict),
        Tap::Taken { taken: Taken::Known(fate), awaiting } => {
            Executed { command_id: fate.command_id, state: fate.state, rejection: fate.rejection, awaiting }
        }
        // It was free a moment before, under the same lock.
        Tap::Taken { taken: Taken::PlaceGone, .. } => {
            return Err(ConsoleError::Disk("a lent place is gone".to_owned()));
        }
        Tap::Taken { taken: Taken::New { .. }, awaiting } => {
            Executed { command_id: id, state: CommandState::Pending, rejection: None, awaiting }
        }
    })
}

/// Takes a command, or says why not.
pub(crate) async fn tap(core: &Arc<Core>, request: ExecuteRequest) -> Result<(CommandId, Tap), ConsoleError> {
    let wanted = read(core, request)?;
    let id = wanted.id;
    let desk = core.clone();
    // Whoever asked may go away meanwhile: what is on disk is shown and sent all the same.
    let tap = core.outbox_blocking(move |outbox| take(&desk, outbox, wanted)).await;
    match &tap {
        Ok(Tap::Taken { taken: Taken::New { .. }, .. }) => core.outbox_written(None),
        Ok(_) => {}
        Err(error) => core.outbox_written(Some(error)),
    }
    let tap = tap?;
    Ok((id, tap))
}

fn read(core: &Core, request: ExecuteRequest) -> Result<Wanted, ConsoleError> {
    let ExecuteRequest { command: text, command_id, occurred_at, force } = request;
    // A command that was tapped before may be known, whether the venue is or not.
    if command_id.is_none() && core.view().venue.is_none() {
        return Err(ConsoleError::NotReady);
    }
    let id = match command_id {
        Some(id) => id.parse().map_err(|_| ConsoleError::InvalidCommandId)?,
        None => CommandId(core.chance.command_id()),
    };
    if text.get().len() > COMMAND_MAX_BYTES {
        let why = format!("A command has at most {} KiB.", COMMAND_MAX_BYTES >> 10);
        return Err(ConsoleError::InvalidCommand(why));
    }
    let command = Command::parse(text.get()).map_err(|error| ConsoleError::InvalidCommand(error.0))?;
    core.look_at_clocks();
    let tapped_ms = core.clock.mono_ms();
    let shown = core.view().venue.as_ref().map(|venue| seen(venue, &command)).unwrap_or_default();
    let occurred_at = occurred_at.map(|moment| VenueTime::from_iso(&moment)).transpose();
    let occurred_at =
        occurred_at.map_err(|_| ConsoleError::InvalidRequest("occurredAt is an ISO 8601 moment.".to_owned()))?;
    let force = force.map(|force| force.reason.trim().to_owned());
    if force.as_ref().is_some_and(|reason| !(1..=TEXT_MAX_CHARS).contains(&reason.chars().count())) {
        let why = format!("The reason of a force has 1 to {TEXT_MAX_CHARS} characters.");
        return Err(ConsoleError::InvalidRequest(why));
    }
    Ok(Wanted { id, command, text, occurred_at, force, tapped_ms, shown })
}

/// Decides, writes and shows under the outbox's lock: two taps at once are decided one after the other, and an answer
/// can't come before what it answers is shown.
fn take(core: &Arc<Core>, outbox: &mut Outbox, wanted: Wanted) -> Result<Tap, OutboxError> {
    let Wanted { id, command, text, occurred_at, force, tapped_ms, shown } = wanted;
    let tapped_at = core.view().clock.at(tapped_ms);
    let occurred_at = occurred_at.unwrap_or(tapped_at);
    if let Some(taken) = outbox.known(id, &command)? {
        let awaiting = still_awaits(core, &taken, &command);
        return Ok(Tap::Taken { taken, awaiting });
    }
    let free = if matches!(command, Command::Play(_)) { outbox.places()?.0 } else { Vec::new() };
    let (based_on, seen, said, offline) = {
        let view = core.view();
        let (Some(venue), Some(held)) = (&view.venue, &view.held) else { return Ok(Tap::NotReady) };
        let can_send = view.can_send();
        let asked = Asked { id, command: &command, occurred_at, force: force.is_some(), free, can_send };
        match asked.decide(venue, outbox.device(), tapped_at) {
            Ok(said) => (held.position.clone(), seen(venue, &command), said, !can_send),
            Err(rejection) => return Ok(Tap::No(rejection)),
        }
    };
    let seen: BTreeMap<_, _> = seen.into_iter().chain(shown).collect();
    let (place, awaiting) = match said {
        Said::Go => (None, false),
        Said::GoOn(place) => (Some(place), false),
        Said::AskTheServer => (None, true),
    };
    let tapped =
        Tapped { id, command, text, occurred_at, based_on, seen, place, force_reason: force, offline, tapped_at };
    let taken = outbox.take(&tapped, core.venue_now())?;
    if let Taken::New { order } = taken {
        let Tapped { command, seen, place, force_reason: force, .. } = tapped;
        let (happened, last_seq) = (false, None);
        core.tapped_here(Entry { order, id, command, occurred_at, tapped_at, seen, place, happened, force, last_seq });
    }
    Ok(Tap::Taken { taken, awaiting })
}

/// Whether a command that was tapped before is a play that nobody has said GO to so far: one that does not show.
fn still_awaits(core: &Core, taken: &Taken, command: &Command) -> bool {
    let Taken::Known(fate) = taken else { return false };
    let open = match fate.state {
        CommandState::Pending | CommandState::Sent => true,
        CommandState::Settled | CommandState::Rejected => false,
    };
    let is_play = matches!(command, Command::Play(_));
    let shows = || fate.command_id.parse().is_ok_and(|id| core.view().overlay.standing(id) == Some(&Standing::Shown));
    open && is_play && !shows()
}

/// The products that a command reads, as they are shown.
fn seen(venue: &Venue, command: &Command) -> BTreeMap<ProductId, ProductRow> {
    let product = |key| match key {
        // A sale is made at its price, time and name.
        Key::Product(id) => venue.product(&id).map(|row| (id, ProductRow { description: None, ..row.clone() })),
        Key::Band(_) | Key::Transaction(_) | Key::Settings | Key::Attention(_) => None,
    };
    command.read_keys().into_iter().filter_map(product).collect()
}

/// What a desk itself says to a tap that it does not refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Go,
    /// On a place of its own.
    GoOn(PlaceId),
    AskTheServer,
}

/// What a desk decides by itself (`sync.md` rule 19).
struct Asked<'a> {
    id: CommandId,
    command: &'a Command,
    occurred_at: VenueTime,
    /// Staff do it whatever the desk says.
    force: bool,
    /// Places of this desk's own.
    free: Vec<PlaceId>,
    can_send: bool,
}

impl Asked<'_> {
    fn decide(self, venue: &Venue, device: &DeviceId, now: VenueTime) -> Result<Said, Rejection> {
        let strict = venue.settings().capacity_policy == CapacityPolicy::Strict;
        let enters = strict && matches!(self.command, Command::Play(_));
        // One that the shown rows don't have, after a restore, covers nothing; another one may.
        let known =
            |place: &PlaceId| venue.place(place).is_some_and(|row| !row.written_off && row.device_id == *device);
        let place = self.free.into_iter().find(|place| enters && known(place));
        let uncovered = enters && place.is_none();
        if !self.force {
            let earliest = decide::not_before(venue, self.command);
            let moment = earliest.map_or(now, |_| decide::effective_at(self.occurred_at, earliest, now).at);
            let context = Context {
                device_id: Some(device.clone()),
                place: place.clone(),
                // Whether there is room is then not for this desk to say, all else is.
                force: uncovered.then(String::new),
                ..Context::new(self.id, moment)
            };
            decide::decide(venue, self.command, &context)?;
            if uncovered && !self.can_send && !Plant::SkipsTheLease.is_planted() {
                return Err(Rejection::VenueFull { max: venue.settings().max_occupancy, lent: venue.lent() });
            }
        }
        match place {
            Some(place) => Ok(Said::GoOn(place)),
            None if uncovered && !self.force && !Plant::SkipsTheLease.is_planted() => Ok(Said::AskTheServer),
            None => Ok(Said::Go),
        }
    }
}
