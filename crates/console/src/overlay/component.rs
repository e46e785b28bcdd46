//! Which pending commands are decided together.

use std::collections::BTreeSet;

use gangway_domain::{
    command::{Command, Key},
    rows::Change,
    venue::Venue,
};

use super::{
    Kept, Overlay,
    links::{self, Link},
};

impl Overlay {
    /// The commands that confirmed rows are connected with at once.
    pub(super) fn started_by(&self, changes: &[Change], venue: &Venue) -> BTreeSet<i64> {
        let links = links::of_changes(changes, venue);
        let of_settings = links.contains(&Link::Key(Key::Settings));
        let of_products = links.iter().any(|link| matches!(link, Link::Key(Key::Product(_))));
        if of_settings || of_products && self.enforces_products(venue) || self.hangs_together(venue) {
            return self.kept.keys().copied().collect();
        }
        links.iter().filter_map(|link| self.by_link.get(link)).flatten().copied().collect()
    }

    /// All commands that are connected with `starts`.
    pub(super) fn component(&self, starts: &BTreeSet<i64>, venue: &Venue) -> BTreeSet<i64> {
        let everything = || self.kept.keys().copied().collect();
        if !starts.is_empty() && self.hangs_together(venue) {
            return everything();
        }
        let mut component = BTreeSet::new();
        let mut waiting: Vec<i64> = starts.iter().copied().collect();
        while let Some(order) = waiting.pop() {
            let Some(kept) = self.kept.get(&order) else { continue };
            // What settings say counts for all that came after them.
            if kept.is_settings() {
                return everything();
            }
            if component.insert(order) {
                let linked = kept.links.iter().filter_map(|link| self.by_link.get(link)).flatten();
                waiting.extend(linked.filter(|other| !component.contains(other)));
            }
        }
        // What came before a change of the settings is decided without it.
        if let Some(first) = component.first().copied() {
            let settings = self.by_link.get(&Link::Key(Key::Settings)).into_iter().flatten();
            component.extend(settings.filter(|order| **order > first));
        }
        component
    }

    /// A sale may depend on any product: the venue insists on the required ones, or is about to.
    fn enforces_products(&self, venue: &Venue) -> bool {
        let wants = |kept: &Kept| match &kept.entry.command {
            Command::SettingsUpdate(changes) => changes.required_products_enforced.is_some(),
            _ => false,
        };
        venue.settings().required_products_enforced || self.pending_settings().any(wants)
    }

    /// Each command may depend on each other: prices are about to be in another currency, or required products
    /// are about to change.
    fn hangs_together(&self, venue: &Venue) -> bool {
        let reprices = |kept: &Kept| match &kept.entry.command {
            Command::SettingsUpdate(changes) => changes.currency.is_some(),
            _ => false,
        };
        self.pending_settings().any(reprices) || self.of_products > 0 && self.enforces_products(venue)
    }

    fn pending_settings(&self) -> impl Iterator<Item = &Kept> {
        let orders = self.by_link.get(&Link::Key(Key::Settings)).into_iter().flatten();
        orders.filter_map(|order| self.kept.get(order))
    }
}
