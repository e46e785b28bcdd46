//! For tests: deliberate bugs that the simulator has to find. Each is asked about at the one place where it would be.
//!
//! Without the feature `planted` the answer is a constant no, and nothing of a bug is left in the program. With it a
//! bug is there for the runs of one thread, while somebody has planted it.
#![deny(missing_docs)]

macro_rules! plants {
    ($($plant:ident $name:literal $what:literal,)*) => {
        /// A deliberate bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Plant {
            $(#[doc = $what] $plant,)*
        }

        impl Plant {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$plant,)*];

            /// Its name on the command line.
            pub fn name(self) -> &'static str {
                match self { $(Self::$plant => $name,)* }
            }

            /// What it does, for people.
            pub fn what(self) -> &'static str {
                match self { $(Self::$plant => $what,)* }
            }
        }
    };
}

plants! {
    BreaksDedupe "breaks-dedupe" "The server executes a command again whose id it knows.",
    TrustsTheClock "trusts-the-clock" "The server believes whatever moment a desk names.",
    ReleaseIsFinal "release-is-final" "What was tapped before the clock ended a visit finds it ended.",
    HidesTheNo "hides-the-no" "The server puts no rejection on the attention list.",
    ForgetsOutcomes "forgets-outcomes" "The server keeps an outcome after the commit, in a transaction of its own.",
    HashDrifts "hash-drifts" "The server's state hash misses that a row changed again.",
    ForgetsTheCursor "forgets-the-cursor" "A desk commits rows without where they stand.",
    AppliesTwice "applies-twice" "A desk applies an event that it has already.",
    IgnoresGaps "ignores-gaps" "A desk applies an event although one before it is missing.",
    SettlesEarly "settles-early" "A desk takes a command off the screen at its answer, before its rows are there.",
    ShowsTwice "shows-twice" "A desk keeps a command on the screen after its rows are there.",
    AnswersBeforeTheDisk "answers-before-the-disk" "A desk doesn't wait until the disk has a command.",
    SendsAnyOrder "sends-any-order" "A desk sends what waits for a band in any order.",
    NewIdOnRetry "new-id-on-retry" "A desk sends a command again under another id.",
    SwapsHalfASnapshot "swaps-half-a-snapshot" "A desk takes a snapshot that broke off for a whole one.",
    ForgetsTheOutbox "forgets-the-outbox" "A desk that builds its cache anew throws its commands away with it.",
    SkipsTheLease "skips-the-lease" "A desk says GO under strict capacity without a place of its own.",
    IgnoresTheEpoch "ignores-the-epoch" "A desk does not say which log its last event is of.",
    SkipsTheResend "skips-the-resend" "A desk does not send again what a new epoch has lost.",
}

impl Plant {
    /// The one of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|plant| plant.name() == name)
    }

    /// Whether it is there, on this thread.
    #[cfg(feature = "planted")]
    pub fn is_planted(self) -> bool {
        planted::NOW.get() == Some(self)
    }

    /// Whether it is there: it is not in this program.
    #[cfg(not(feature = "planted"))]
    pub const fn is_planted(self) -> bool {
        false
    }
}

/// Puts `plant` in, and nothing else, for this thread. Says whether this program can.
#[cfg(feature = "planted")]
pub fn plant(plant: Option<Plant>) -> bool {
    planted::NOW.set(plant);
    true
}

/// Puts `plant` in. Says whether this program can: it can't.
#[cfg(not(feature = "planted"))]
pub const fn plant(plant: Option<Plant>) -> bool {
    plant.is_none()
}

#[cfg(feature = "planted")]
mod planted {
    use std::cell::Cell;

    use super::Plant;

    thread_local! {
        pub(super) static NOW: Cell<Option<Plant>> = const { Cell::new(None) };
    }
}
