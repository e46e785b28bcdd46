//! What a client wants of each event, and what it may have of it.

/// A room of the socket: who gets which form of the log (`contract.md`, Socket.IO).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// The documented payloads; stock clients.
    Full,
    /// The lean payloads with the changed rows; our consoles.
    Lean,
    /// What of `full` a kiosk hears.
    Kiosk,
    /// What of `full` a display hears.
    Display,
}

impl Profile {
    /// Those that a client may ask for; staff are in the room of that name.
    pub const ALL: [Self; 2] = [Self::Full, Self::Lean];
    /// The rooms of those who hear less.
    pub const NARROW: [Self; 2] = [Self::Kiosk, Self::Display];

    /// Its name in the query, and the room's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Lean => "lean",
            Self::Kiosk => "kiosk",
            Self::Display => "display",
        }
    }

    /// The profile of that name that a client may ask for.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.as_str() == name)
    }
}
