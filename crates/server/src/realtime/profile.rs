//! What a client wants of each event.

/// A room of the socket: who gets which form of the log (`contract.md`, Socket.IO).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// The documented payloads; stock clients.
    Full,
    /// The lean payloads with the changed rows; our consoles.
    Lean,
}

impl Profile {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Full, Self::Lean];

    /// Its name in the query, and the room's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Lean => "lean",
        }
    }

    /// The profile of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.as_str() == name)
    }
}
