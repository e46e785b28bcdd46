//! Identifiers and positions, one type each, so that a band can never be passed where a session is meant.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The namespace of the row ids that a command creates (`sync.md` rule 11).
const ROW_NAMESPACE: Uuid = Uuid::from_u128(0x8f2d_51c6_0a7e_4d53_9b1e_6d3a_47c0_91ee);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id!(
    /// A product of the catalogue.
    ProductId
);
text_id!(
    /// One visit with one band.
    SessionId
);
text_id!(
    /// One stretch of play.
    SegmentId
);
text_id!(
    /// One line of a sale.
    TransactionId
);
text_id!(
    /// One correction or refund of a line.
    CorrectionId
);
text_id!(
    /// A free place that is lent to a desk (`sync.md` rule 21).
    PlaceId
);
text_id!(
    /// Something that a person must look at.
    AttentionId
);
text_id!(
    /// A desk, gate, kiosk or display; made by the console, kept in its outbox file.
    DeviceId
);
text_id!(
    /// A member of staff.
    StaffId
);
text_id!(
    /// One life of a venue's log: a restored or recreated log gets another.
    Epoch
);
text_id!(
    /// The random id of one logged event; tells two histories apart (`sync.md` rule 8).
    EventId
);

/// The id of a command, any UUID (`sync.md` rule 11); ours are version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub Uuid);

impl std::fmt::Display for CommandId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl std::str::FromStr for CommandId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

/// The id of the `index`-th row of a `kind` that a command creates: UUIDv5, so that desk and server
/// agree on it without asking each other (`sync.md` rule 11).
pub fn row_id(command: CommandId, kind: &str, index: usize) -> String {
    Uuid::new_v5(&ROW_NAMESPACE, format!("{command}/{kind}/{index}").as_bytes()).to_string()
}

/// The id of a command that no desk gives and that has to be the same each time: the demo's, so that it is
/// made once.
pub fn fixed_command_id(occasion: &str) -> CommandId {
    CommandId(Uuid::new_v5(&ROW_NAMESPACE, occasion.as_bytes()))
}

/// A place in a log, from 1 without holes, in commit order; 0 is before the first event.
pub type Seq = u64;

/// A place in a certain log. With the seq alone, a client that comes back to a log that was recreated
/// would take other events for those that it missed; two epochs have no order (`sync.md` rule 1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Which log.
    pub epoch: Epoch,
    /// Which event of it.
    pub seq: Seq,
}
