//! The body that a REST call answers, made inside the transaction so that a repeat answers the same.

use gangway_domain::{
    band::BarcodeId,
    command::Command,
    event::{Event, EventName, Subject},
    ids::SessionId,
    rows::TransactionRow,
    time::{VenueTime, whole_seconds},
    venue::Venue,
    wire::{
        player_session::PlayerSession,
        product::Product,
        settings::SystemSettings,
        transaction::{Transaction, TransactionWithRelations},
    },
};
use serde_json::{Value, json};

/// The body for `command`, from `venue` as it stands after it.
pub(super) fn result(command: &Command, events: &[Event], venue: &Venue, now: VenueTime) -> Value {
    match command {
        Command::Checkin { .. } | Command::Sale { .. } => sale(command, events, venue, now),
        Command::Play(band) | Command::Pause(band) | Command::End(band) => {
            let session = events.iter().find_map(session_of).or_else(|| last_visit(venue, band));
            json!(session.map(|id| session_at(venue, &id, now)))
        }
        Command::Release(_) => {
            let session = events.iter().find_map(session_of);
            json!(session.map(|id| session_at(venue, &id, now)))
        }
        Command::ProductCreate(_) | Command::ProductUpdate { .. } | Command::ProductDelete(_) => {
            let product = events.iter().find_map(|event| match &event.subject {
                Subject::Product(id) => venue.product(id),
                _ => None,
            });
            json!(product.map(|row| Product::of(row, venue.settings().currency())))
        }
        Command::Correct { transaction_id, .. } => {
            let row = venue.transaction(transaction_id);
            json!(row.map(|row| TransactionWithRelations::of(row, venue.settings().currency())))
        }
        Command::SettingsUpdate(_) => json!(SystemSettings::of(venue.settings())),
        Command::AttentionRaise { .. }
        | Command::AttentionResolve { .. }
        | Command::PlaceWriteOff { .. }
        | Command::Lend { .. }
        | Command::DayChange => Value::Null,
    }
}

fn session_of(event: &Event) -> Option<SessionId> {
    match &event.subject {
        Subject::Session(id) => Some(id.clone()),
        Subject::Transaction(_) | Subject::Product(_) | Subject::Venue => None,
    }
}

/// The visit that a command found as it wanted it.
fn last_visit(venue: &Venue, band: &BarcodeId) -> Option<SessionId> {
    let live = venue.live_session(band);
    let last = || venue.visits_of_band(band).max_by_key(|session| session.updated_at);
    live.or_else(last).map(|session| session.id.clone())
}

fn session_at(venue: &Venue, id: &SessionId, now: VenueTime) -> Option<PlayerSession> {
    venue.session(id).map(|row| PlayerSession::at(row, now))
}

/// `{playerSession, transactions, totalSecondsAdded}`; of a sale over several bands also `playerSessions`.
fn sale(command: &Command, events: &[Event], venue: &Venue, now: VenueTime) -> Value {
    let sold: Vec<&TransactionRow> = events.iter().filter_map(|event| sold_line(event, venue)).collect();
    let mut sessions: Vec<&SessionId> = Vec::new();
    for row in &sold {
        if !sessions.contains(&&row.session_id) {
            sessions.push(&row.session_id);
        }
    }
    let sessions: Vec<_> = sessions.into_iter().map(|id| session_at(venue, id, now)).collect();
    let added_ms: i64 = sold.iter().map(|row| row.unit_time_ms.unwrap_or(0) * i64::from(row.quantity)).sum();
    let currency = venue.settings().currency();
    let lines: Vec<_> = sold.into_iter().map(|row| Transaction::of(row, currency)).collect();
    let mut body = json!({
        "playerSession": sessions.first(), "transactions": lines, "totalSecondsAdded": whole_seconds(added_ms),
    });
    if matches!(command, Command::Sale { .. }) {
        body["playerSessions"] = json!(sessions);
    }
    body
}

fn sold_line<'a>(event: &'a Event, venue: &'a Venue) -> Option<&'a TransactionRow> {
    match (event.name, &event.subject) {
        (EventName::TransactionCreated, Subject::Transaction(id)) => venue.transaction(id),
        _ => None,
    }
}
