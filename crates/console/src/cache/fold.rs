//! Rows folded into a venue one at a time: all of them at once would be in memory twice, and a start with
//! 100,000 rows would leave the heap twice as large as what it holds.

use gangway_domain::{
    rows::{Change, Row},
    venue::Venue,
};

/// A venue in the making.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    venue: Option<Venue>,
    /// Rows that came before the settings, without which there is no venue.
    early: Vec<Change>,
}

impl Fold {
    /// Folds a row in.
    pub(crate) fn add(&mut self, row: Row) {
        match (&mut self.venue, row) {
            (Some(venue), row) => venue.apply(&[Change::put(row)]),
            (None, Row::Settings(settings)) => {
                let mut venue = Venue::new(settings);
                venue.apply(&std::mem::take(&mut self.early));
                self.venue = Some(venue);
            }
            (None, row) => self.early.push(Change::put(row)),
        }
    }

    /// The venue; none without settings.
    pub(crate) fn finish(self) -> Option<Venue> {
        self.venue
    }
}

#[cfg(test)]
mod tests {
    use gangway_domain::{
        rows::{Change, Collection},
        settings::SettingsRow,
        time::VenueTime,
    };

    use super::*;

    #[test]
    fn rows_in_any_order_make_the_venue_that_they_make_together() {
        let product = r#"{"id":"p","name":"Hour","description":null,"priceMinor":1250,"category":"time",
            "required":false,"timeValueMs":3600000,"isDeleted":false,"createdAt":1,"updatedAt":2}"#;
        let product = Row::from_json(Collection::Products, product).expect("a row");
        let settings = SettingsRow::new("Park", VenueTime(1));
        let mut expect = Venue::new(settings.clone());
        expect.apply(&[Change::put(product.clone())]);
        for rows in [[product.clone(), Row::Settings(settings.clone())], [Row::Settings(settings), product.clone()]] {
            let mut fold = Fold::default();
            rows.into_iter().for_each(|row| fold.add(row));
            assert_eq!(fold.finish().expect("a venue").rows().count(), expect.rows().count());
        }
        let mut fold = Fold::default();
        fold.add(product);
        assert!(fold.finish().is_none(), "without settings there is no venue");
    }
}
