//! Which pending commands are decided together.

use std::collections::{BTreeSet, HashSet};

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
        links.iter().flat_map(|link| self.concerned(link)).collect()
    }

    /// The commands that depend on what `link` names.
    fn concerned(&self, link: &Link) -> impl Iterator<Item = i64> {
        let readers = match link {
            Link::Key(Key::Product(product)) => self.by_link.get(&Link::Reads(product.clone())),
            _ => None,
        };
        // What is only read changes with nobody who reads it.
        let sharers = self.by_link.get(link).filter(|_| !matches!(link, Link::Reads(_)));
        [sharers, readers].into_iter().flatten().flatten().copied()
    }

    /// All commands that are connected with `starts`.
    pub(super) fn component(&self, starts: &BTreeSet<i64>, venue: &Venue) -> BTreeSet<i64> {
        let everything = || self.kept.keys().copied().collect();
        if !starts.is_empty() && self.hangs_together(venue) {
            return everything();
        }
        let mut component = BTreeSet::new();
        let mut followed = HashSet::new();
        let mut waiting: Vec<i64> = starts.iter().copied().collect();
        while let Some(order) = waiting.pop() {
            let Some(kept) = self.kept.get(&order) else { continue };
            // What settings say counts for all that came after them.
            if kept.is_settings() {
                return everything();
            }
            if component.insert(order) {
                let unknown = kept.links.iter().filter(|link| followed.insert(*link));
                waiting.extend(unknown.flat_map(|link| self.concerned(link)));
            }
        }
        component.extend(self.later(&component));
        component
    }

    /// What `component` is decided without, because it was tapped later: changes of the settings, and of products
    /// that it reads. They themselves don't depend on it.
    fn later(&self, component: &BTreeSet<i64>) -> Vec<i64> {
        let Some(first) = component.first() else { return Vec::new() };
        let read = |link: &Link| match link {
            Link::Reads(product) => Some(Link::Key(Key::Product(product.clone()))),
            _ => None,
        };
        let members = component.iter().filter_map(|order| self.kept.get(order));
        let mut changed: BTreeSet<Link> = members.flat_map(|kept| &kept.links).filter_map(read).collect();
        changed.insert(Link::Key(Key::Settings));
        let changers = changed.iter().filter_map(|link| self.by_link.get(link)).flatten();
        changers.copied().filter(|order| order > first).collect()
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
