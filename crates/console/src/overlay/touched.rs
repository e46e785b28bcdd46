//! Which rows look otherwise than before, as far as a screen can tell.

use std::collections::BTreeSet;

use gangway_domain::{band::BarcodeId, ids::SessionId, rows::Row};

/// What looks otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Visits.
    pub sessions: BTreeSet<SessionId>,
    /// Bands of these visits.
    pub bands: BTreeSet<BarcodeId>,
    /// Bands whose lines of sales do.
    pub histories: BTreeSet<BarcodeId>,
    /// Money of the day.
    pub money: bool,
    /// Time that was played.
    pub play: bool,
    /// The catalogue.
    pub products: bool,
    /// The settings.
    pub settings: bool,
    /// The attention list.
    pub attention: bool,
    /// Lent places.
    pub places: bool,
}

impl Touched {
    /// `row` looks otherwise, is new, or is no more.
    pub fn note(&mut self, row: &Row) {
        match row {
            Row::Session(row) => {
                self.sessions.insert(row.id.clone());
                self.bands.insert(row.barcode_id.clone());
            }
            Row::Segment(_) => self.play = true,
            Row::Transaction(row) => {
                self.money = true;
                self.histories.insert(row.barcode_id.clone());
            }
            Row::Correction(_) => self.money = true,
            Row::Product(_) => self.products = true,
            Row::Settings(_) => self.settings = true,
            Row::Attention(_) => self.attention = true,
            Row::Place(_) => self.places = true,
        }
    }

    /// Nothing does.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
