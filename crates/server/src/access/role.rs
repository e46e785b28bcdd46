//! What a device is for.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// What a device is for; [`super::table`] says what that lets it do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// Runs the venue: all there is.
    Manager,
    /// A staff desk: sells, boards, corrects.
    Operator,
    /// Stands where visitors touch it: the catalogue and a band's time.
    Kiosk,
    /// Hangs on the wall: who is next. No names, no money, no history.
    Display,
}

impl Role {
    /// All of them, the one with most rights first.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Its name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}
