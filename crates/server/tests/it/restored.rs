//! The epoch that a restored venue begins: it knows where it left the old one, and who may hold a place.

use gangway_domain::ids::{Epoch, Position};
use gangway_server::execute::{self, Leases};
use serde_json::json;

use crate::{
    restore::{boarding, filled, lend, older_copy},
    support::parts::Bench,
};

#[test]
fn it_begins_where_the_copy_ends_and_each_desk_counts_as_holding_its_share() {
    let mut lost = Bench::new();
    let day = lost.product(10.0, Some(86_400));
    lost.sell("B-1", &day);
    lost.accept(json!({ "type": "settings.update", "changes": { "maxOccupancy": 3, "capacityPolicy": "strict" } }));
    let places = lend(&mut lost, &mut Leases::default(), "desk-1");
    let seen = Position { epoch: Epoch::from("first"), seq: lost.head().seq };
    lost.run(&boarding("desk-1", "B-1", Some(places[0].as_str()), &seen));
    let mut bench = older_copy(&lost);
    let (copied, share) = (bench.head(), u32::try_from(places.len()).expect("few"));
    assert_eq!(filled(&bench), (1, share - 1), "one of its places is spent");
    let head = execute::start_restored(bench.store.as_mut(), &bench.ports).expect("the store works");
    assert_ne!(head.epoch, copied.epoch);
    assert_eq!(head.epoch_base, Some(Position { seq: copied.seq, ..seen }));
    // It may have been told so again by the log that is lost.
    assert_eq!((bench.head(), filled(&bench)), (head, (1, share)), "nobody else is let in on its places");
}
