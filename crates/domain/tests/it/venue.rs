//! A venue that tests drive by the texts of commands.

use gangway_domain::{
    command::Command,
    decide::{Context, Decision, decide, effective_at, not_before},
    ids::{CommandId, ProductId},
    rejection::Rejection,
    rows::Change,
    settings::SettingsRow,
    time::VenueTime,
    venue::Venue,
};
use uuid::Uuid;

/// An afternoon in Madrid: 2026-11-18.
pub const START: VenueTime = VenueTime(1_795_000_000_000);

pub struct Driven {
    pub venue: Venue,
    pub log: Vec<Vec<Change>>,
    pub products: Vec<ProductId>,
    commands: u128,
}

impl Driven {
    /// A venue that sells an hour, ten seconds and socks.
    pub fn new() -> Self {
        let venue = Venue::new(SettingsRow::new("Park", START));
        let mut driven = Self { venue, log: Vec::new(), products: Vec::new(), commands: 0 };
        for (name, price, seconds) in [("Hour", "12.5", "3600"), ("Ten", "0.05", "10"), ("Socks", "2", "null")] {
            let text = format!(
                r#"{{"type":"product.create","product":{{"name":"{name}","price":{price},"category":"c","timeValueSeconds":{seconds}}}}}"#
            );
            driven.run(START, &text).expect("a product");
            let id = driven.venue.products().find(|product| product.name == name).map(|product| product.id.clone());
            driven.products.extend(id);
        }
        driven
    }

    pub fn run(&mut self, now: VenueTime, text: &str) -> Result<Decision, Rejection> {
        self.decide(now, &Command::parse(text).expect("a command"))
    }

    pub fn decide(&mut self, now: VenueTime, command: &Command) -> Result<Decision, Rejection> {
        self.decide_in(command, |id| Context::new(id, now))
    }

    /// As it was tapped at `occurred_at` without a link, and comes now.
    pub fn late(&mut self, occurred_at: VenueTime, now: VenueTime, text: &str) -> Result<Decision, Rejection> {
        let command = Command::parse(text).expect("a command");
        let at = effective_at(occurred_at, not_before(&self.venue, &command), now).at;
        self.decide_in(&command, |id| Context { late: true, ..Context::new(id, at) })
    }

    fn decide_in(
        &mut self,
        command: &Command,
        context: impl FnOnce(CommandId) -> Context,
    ) -> Result<Decision, Rejection> {
        self.commands += 1;
        let context = context(CommandId(Uuid::from_u128(self.commands)));
        let decision = decide(&self.venue, command, &context)?;
        for event in &decision.events {
            self.venue.apply(&event.changes);
            self.log.push(event.changes.clone());
        }
        Ok(decision)
    }

    pub fn sell(&mut self, now: VenueTime, band: &str, product: usize, quantity: u32) -> Result<Decision, Rejection> {
        let id = self.products[product].clone();
        let products = format!(r#"[{{"id":"{id}","quantity":{quantity}}}]"#);
        self.run(now, &format!(r#"{{"type":"session.checkin","barcodeId":"{band}","products":{products}}}"#))
    }

    pub fn gate(&mut self, now: VenueTime, verb: &str, band: &str) -> Result<Decision, Rejection> {
        self.run(now, &format!(r#"{{"type":"session.{verb}","barcodeId":"{band}"}}"#))
    }
}
