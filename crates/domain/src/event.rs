//! Facts of the log: what happened, and the rows that it changed.

use crate::{
    ids::{ProductId, SessionId, TransactionId},
    rows::Change,
};

/// The names of logged events, as the specification has them (`spec/realtime-sync.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventName {
    /// A line was sold.
    TransactionCreated,
    /// A line was corrected or refunded.
    TransactionUpdated,
    /// A visit began.
    SessionCreated,
    /// Its credit changed.
    SessionUpdated,
    /// It entered the zone.
    SessionPlay,
    /// It left the zone and keeps its credit.
    SessionPause,
    /// The visit is over.
    SessionEnded,
    /// A product was made.
    ProductCreated,
    /// A product changed.
    ProductUpdated,
    /// A product was removed.
    ProductDeleted,
    /// The settings changed.
    SettingsUpdated,
    /// The limit changed, or the venue became full or is full no more.
    CapacityChanged,
    /// Row changes without an event of their own (`sync.md` rule 3); only our consoles see it.
    Rows,
}

impl EventName {
    /// Every logged event.
    pub const ALL: [Self; 13] = [
        Self::TransactionCreated,
        Self::TransactionUpdated,
        Self::SessionCreated,
        Self::SessionUpdated,
        Self::SessionPlay,
        Self::SessionPause,
        Self::SessionEnded,
        Self::ProductCreated,
        Self::ProductUpdated,
        Self::ProductDeleted,
        Self::SettingsUpdated,
        Self::CapacityChanged,
        Self::Rows,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TransactionCreated => "transaction:created",
            Self::TransactionUpdated => "transaction:updated",
            Self::SessionCreated => "session:created",
            Self::SessionUpdated => "session:updated",
            Self::SessionPlay => "session:play",
            Self::SessionPause => "session:pause",
            Self::SessionEnded => "session:ended",
            Self::ProductCreated => "product:created",
            Self::ProductUpdated => "product:updated",
            Self::ProductDeleted => "product:deleted",
            Self::SettingsUpdated => "system:settings:updated",
            Self::CapacityChanged => "system:capacity:changed",
            Self::Rows => "sync:rows",
        }
    }

    /// The event of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == name)
    }
}

/// What an event is about; its payload is built from the rows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A line, and the visit that it was sold to.
    Transaction(TransactionId),
    /// A visit.
    Session(SessionId),
    /// A product.
    Product(ProductId),
    /// The venue itself: settings, capacity.
    Venue,
}

/// One fact, and the rows that changed with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub name: EventName,
    /// To what.
    pub subject: Subject,
    /// The rows as they stand after it.
    pub changes: Vec<Change>,
}
