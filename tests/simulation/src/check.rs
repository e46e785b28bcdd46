//! What a run is judged by, by name, and which of it has to find which deliberate bug.

use std::fmt;

use gangway_plants::Plant;

macro_rules! checks {
    ($($check:ident $name:literal $what:literal,)*) => {
        /// Something that has to hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Check {
            $(#[doc = $what] $check,)*
        }

        impl Check {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$check,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$check => $name,)* }
            }

            /// What it says, for people.
            pub fn what(self) -> &'static str {
                match self { $(Self::$check => $what,)* }
            }
        }
    };
}

checks! {
    Runs "runs" "No task breaks, and what is switched off ends.",
    Starts "starts" "A machine whose disk works can be started.",
    Hashes "hashes" "Whenever a desk compares its rows with the server's, they are equal.",
    Screen "screen" "What a desk took is on its screen, once, until it settles and when it has.",
    Converges "converges" "When all is healed, all are equal within a bounded time.",
    LogIsWhole "log-is-whole" "The log has no holes, and units are whole.",
    NothingLost "nothing-lost" "What was acknowledged has one outcome, and its desk says the same.",
    CountsOnce "counts-once" "An accepted command is in the log once, where its outcome says, and nothing else is.",
    AllEqual "all-equal" "The rows of the log, the server and each desk are the same, and so are the hashes.",
    Money "money" "What was sold is in the books once, as tapped, at the price that was shown; so is what was corrected.",
    Time "time" "Credit is what was sold, and what was played is within it, once at a time.",
    Moments "moments" "Nothing took effect after the server knew of it.",
    HeardOf "heard-of" "Each no is on the attention list once, and stays until somebody settles it, which counts once.",
    Scans "scans" "What was scanned before the clock ended a visit is not refused because it did.",
    Order "order" "What a desk tapped for a band is done in that order.",
    GoMeansGo "go-means-go" "Whom a desk let in under strict capacity has a place of its own and is not turned away.",
    NotOverbooked "not-overbooked" "Under strict capacity nobody is let in, and nothing is lent, where there is no place.",
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Something that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What.
    pub check: Check,
    /// Where and how, as a sentence.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}] {}", self.check, self.what)
    }
}

/// What has to find a bug: one of these, whatever else notices it too.
pub fn finds(plant: Plant) -> &'static [Check] {
    match plant {
        Plant::BreaksDedupe => &[Check::CountsOnce],
        Plant::TrustsTheClock => &[Check::Moments],
        Plant::ReleaseIsFinal => &[Check::Scans],
        Plant::HidesTheNo => &[Check::HeardOf],
        Plant::ForgetsOutcomes => &[Check::CountsOnce],
        Plant::HashDrifts | Plant::ForgetsTheCursor | Plant::AppliesTwice | Plant::IgnoresGaps => &[Check::Hashes],
        Plant::SettlesEarly => &[Check::Screen],
        // Once all is sent, desks don't show the same.
        Plant::ShowsTwice => &[Check::AllEqual],
        Plant::AnswersBeforeTheDisk | Plant::ForgetsTheOutbox => &[Check::NothingLost],
        Plant::SendsAnyOrder => &[Check::Order],
        Plant::NewIdOnRetry => &[Check::CountsOnce],
        Plant::SwapsHalfASnapshot => &[Check::Hashes],
        Plant::SkipsTheLease => &[Check::GoMeansGo],
        Plant::IgnoresTheEpoch => &[Check::Converges],
        Plant::SkipsTheResend => &[Check::NothingLost],
    }
}

/// Whether these failures are what a bug is to be found by.
pub fn is_found(plant: Plant, failures: &[Failure]) -> bool {
    failures.iter().any(|failure| finds(plant).contains(&failure.check))
}
