//! Places whatever the network does to the calls about them: lost answers, calls that come late, restarts, older copies
//! (`sync.md` rule 21).

use std::collections::{BTreeMap, BTreeSet};

use gangway_domain::{
    ids::{CommandId, DeviceId, EventId, PlaceId},
    venue::Venue,
};
use gangway_server::{
    dispatcher::mirror::Mirror,
    execute::{self, EpochProof, Executed, Lease, LeaseCall, Leases, Origin, Outcome, Request, SeenTurn},
};
use serde_json::json;

use crate::support::parts::{Bench, parse};

/// A venue of `max` places with one desk in mind.
struct Park {
    bench: Bench,
    leases: Leases,
    live: BTreeSet<DeviceId>,
}

fn park(max: u32, bands: usize) -> Park {
    let mut bench = Bench::new();
    let day = bench.product(10.0, Some(86_400));
    for band in 0..bands {
        bench.sell(&format!("B-{band}"), &day);
    }
    let settings = json!({ "maxOccupancy": max, "capacityPolicy": "strict" });
    bench.accept(json!({ "type": "settings.update", "changes": settings }));
    Park { bench, leases: Leases::default(), live: BTreeSet::new() }
}

fn places(ids: &[&PlaceId]) -> BTreeSet<PlaceId> {
    ids.iter().map(|id| (*id).clone()).collect()
}

fn has(turn: &str) -> SeenTurn {
    SeenTurn::Answer(turn.to_owned())
}

impl Park {
    fn call(&self, device: &str, held: &BTreeSet<PlaceId>, spent: &BTreeSet<PlaceId>, seen: SeenTurn) -> LeaseCall {
        let device = DeviceId::from(device);
        let mut live = self.live.clone();
        live.insert(device.clone());
        LeaseCall { device, held: held.clone(), spent: spent.clone(), seen, live, wanted: 0 }
    }

    fn answer(&mut self, call: &LeaseCall) -> Lease {
        self.leases.answer(self.bench.store.as_mut(), &self.bench.ports, call).expect("the store works")
    }

    /// A call of a desk that has the last answer.
    fn ask(&mut self, device: &str, held: &BTreeSet<PlaceId>, spent: &BTreeSet<PlaceId>) -> Lease {
        let call = self.call(device, held, spent, SeenTurn::Unsaid);
        self.answer(&call)
    }

    fn play(&mut self, device: &str, band: &str, place: Option<&PlaceId>) -> Executed {
        let play = parse(&json!({ "type": "session.play", "barcodeId": band }));
        let now = Request::now(CommandId(uuid::Uuid::new_v4()), play, Some(DeviceId::from(device)));
        self.bench.run(&Request { origin: Origin::Queue, place: place.cloned(), ..now })
    }

    fn venue(&self) -> Venue {
        self.bench.view(|view| Mirror::load(view).expect("rows").venue)
    }

    fn lent(&self) -> u32 {
        self.venue().lent()
    }
}

#[test]
fn a_call_that_comes_late_gives_back_nothing() {
    let mut park = park(4, 0);
    let none = BTreeSet::new();
    let first = park.ask("d", &none, &none);
    let stale = park.call("d", &none, &none, has(&first.turn));
    let (held, turn) = (first.places.iter().collect::<Vec<_>>(), first.turn.as_str());
    let call = park.call("d", &places(&held), &none, has(turn));
    assert_eq!(park.answer(&call).places.len(), 4);
    // It was sent before the desk had put its places down, and comes twice now.
    for _ in 0..2 {
        assert_eq!(park.answer(&stale).places, [], "what it does not name is not offered again");
        assert_eq!(park.lent(), 4, "the desk may still fill what it was lent");
    }
    let call = park.call("d", &places(&held), &none, has(turn));
    let told = park.answer(&call);
    assert_eq!((told.places.as_slice(), park.lent()), ([].as_slice(), 4));
    let call = park.call("d", &none, &none, has(&told.turn));
    assert_eq!(park.answer(&call).places.len(), 4, "it knows that they left, and gets others");
    assert_eq!(park.lent(), 4);
}

#[test]
fn a_turn_of_another_start_proves_nothing() {
    let mut park = park(2, 0);
    let none = BTreeSet::new();
    let lost = park.ask("d", &none, &none);
    let turn = format!("{}99", lost.turn);
    park.leases = Leases::default();
    for _ in 0..3 {
        let call = park.call("d", &none, &none, has(&turn));
        assert_eq!((park.answer(&call).places.len(), park.lent()), (0, 2));
    }
    let call = park.call("d", &none, &none, has("what is this"));
    let told = park.answer(&call).turn;
    let call = park.call("d", &none, &none, has(&told));
    assert_eq!(park.answer(&call).places.len(), 2);
}

#[test]
fn a_spent_place_is_lent_until_its_play_comes_or_is_given_up() {
    let mut park = park(3, 1);
    let none = BTreeSet::new();
    let lent = park.ask("d", &none, &none).places;
    let (a, b, c) = (&lent[0], &lent[1], &lent[2]);
    let told = park.ask("d", &places(&[c]), &places(&[a, b]));
    assert_eq!((told.places.as_slice(), park.lent()), (std::slice::from_ref(c), 3));
    assert_eq!(park.play("d", "B-0", Some(a)).outcome.name(), "accepted");
    assert_eq!(park.lent(), 2, "its play takes it in its own transaction");
    assert_eq!(park.play("d", "none", Some(b)).outcome.name(), "rejected");
    assert_eq!(park.lent(), 2, "a play that is refused takes none");
    let told = park.ask("d", &places(&[c]), &none);
    assert_eq!(
        (told.places.as_slice(), park.lent()),
        (std::slice::from_ref(c), 2),
        "nor is it the desk's to use again"
    );
    let told = park.ask("d", &places(&[c]), &none);
    assert_eq!((told.places.len(), park.lent()), (2, 2), "it is free again, so the desk has another for it");
    assert!(!told.places.contains(b));
}

#[test]
fn only_the_desk_that_a_place_is_lent_to_may_fill_it() {
    let mut park = park(1, 2);
    let none = BTreeSet::new();
    let lent = park.ask("d", &none, &none).places;
    let Outcome::Rejected { rejection } = park.play("other", "B-0", Some(&lent[0])).outcome else { panic!("let in") };
    assert_eq!((rejection.code.as_str(), &rejection.details), ("venue_full", &json!({ "maxOccupancy": 1, "lent": 1 })));
    let told = park.ask("other", &places(&[&lent[0]]), &none);
    assert_eq!((told.places.len(), park.lent()), (0, 1), "naming another's does not make it one's own");
    assert_eq!(park.play("d", "B-0", Some(&lent[0])).outcome.name(), "accepted");
}

#[test]
fn fewer_places_are_lent_at_the_next_calls_where_the_limit_went_down() {
    let mut park = park(6, 1);
    let none = BTreeSet::new();
    let lent = park.ask("d", &none, &none).places;
    park.bench.accept(json!({ "type": "settings.update", "changes": { "maxOccupancy": 2 } }));
    let told = park.ask("d", &places(&lent.iter().collect::<Vec<_>>()), &none);
    assert_eq!((told.places.len(), park.lent()), (2, 6));
    let kept = places(&told.places.iter().collect::<Vec<_>>());
    let told = park.ask("d", &kept, &none);
    assert_eq!((told.places.into_iter().collect(), park.lent()), (kept, 2));
}

#[test]
fn after_a_restore_a_desk_counts_as_holding_its_last_share_until_it_is_heard() {
    let mut park = park(4, 4);
    let none = BTreeSet::new();
    let lent = park.ask("d", &none, &none).places;
    for (band, place) in lent.iter().enumerate() {
        park.play("d", &format!("B-{band}"), Some(place));
        park.bench.accept(json!({ "type": "session.pause", "barcodeId": format!("B-{band}") }));
    }
    assert_eq!(park.lent(), 0, "where the copy was made it held none, and got four more since");
    let head = park.bench.head();
    let proof = EpochProof { epoch: head.epoch, after: head.seq + 9, after_id: Some(EventId::from("lost")) };
    let started =
        execute::start_epoch(park.bench.store.as_mut(), &park.bench.ports, &proof, head.seq, None).expect("a store");
    let head = started.expect("a new epoch");
    assert_eq!((park.lent(), head.seq), (4, park.bench.head().seq));
    let Outcome::Rejected { rejection } = park.play("other", "B-0", None).outcome else { panic!("let in") };
    assert_eq!(rejection.code, "venue_full");
    let held: BTreeSet<PlaceId> = ["x", "y"].into_iter().map(PlaceId::from).collect();
    park.ask("d", &held, &none);
    assert!(park.lent() >= 4);
    park.ask("d", &none, &none);
    park.ask("d", &none, &none);
    assert_eq!(park.lent(), 4, "it was heard and has what everybody alone gets");
    assert!(park.venue().places().all(|place| !held.contains(&place.id)));
}

#[test]
fn a_desk_that_was_written_off_is_audited_and_counts_no_more_after_a_restore_either() {
    let mut park = park(3, 1);
    let none = BTreeSet::new();
    let lent = park.ask("gone", &none, &none).places;
    let command = json!({ "type": "place.writeOff", "lostDeviceId": "gone", "reason": "It fell into the pool" });
    let request = Request::now(CommandId(uuid::Uuid::new_v4()), parse(&command), Some(DeviceId::from("manager")));
    park.bench.run(&request);
    assert_eq!(park.lent(), 0);
    let stored = park.bench.view(|view| view.command(request.command_id).expect("read")).expect("it is kept");
    assert_eq!(stored.reason.as_deref(), Some("It fell into the pool"));
    assert_eq!(stored.device_id, Some(DeviceId::from("manager")));
    assert_eq!(park.play("gone", "B-0", Some(&lent[0])).outcome.name(), "accepted");
    let head = park.bench.head();
    let proof = EpochProof { epoch: head.epoch, after: head.seq + 9, after_id: Some(EventId::from("lost")) };
    execute::start_epoch(park.bench.store.as_mut(), &park.bench.ports, &proof, head.seq, None).expect("a new epoch");
    assert_eq!(park.lent(), 0);
    park.bench.clock.pass(32 * 86_400_000);
    while execute::tidy(park.bench.store.as_mut(), &park.bench.ports).expect("the store works") {}
    assert!(park.bench.view(|view| view.command(request.command_id).expect("read")).is_some(), "for good");
}

#[test]
fn a_desk_can_not_claim_more_places_than_there_are() {
    let mut park = park(3, 0);
    let claimed: BTreeSet<PlaceId> = (0..9).map(|index| PlaceId(format!("claimed-{index}"))).collect();
    let told = park.ask("d", &claimed, &BTreeSet::new());
    assert_eq!((told.places.as_slice(), park.lent()), ([].as_slice(), 3));
    park.ask("e", &BTreeSet::new(), &claimed);
    assert!(park.lent() <= 6, "nor does another, whose plays may be inside already: {}", park.lent());
}

#[test]
fn what_is_spent_is_not_shared_again() {
    let mut park = park(6, 0);
    let none = BTreeSet::new();
    let lent = park.ask("d-0", &none, &none).places;
    park.live = ["d-0", "d-1"].map(DeviceId::from).into();
    let held = places(&lent[1..].iter().collect::<Vec<_>>());
    let spent = places(&[&lent[0]]);
    let kept = park.ask("d-0", &held, &spent).places;
    assert_eq!(kept.len(), 2, "half of the five that nobody was let in on");
    park.ask("d-0", &places(&kept.iter().collect::<Vec<_>>()), &spent);
    assert_eq!(park.ask("d-1", &none, &none).places.len(), 2, "and half for the other");
}

#[test]
fn what_a_play_waits_for_is_lent_to_nobody() {
    let mut park = park(2, 0);
    let none = BTreeSet::new();
    let call = LeaseCall { wanted: 1, ..park.call("d", &none, &none, SeenTurn::Unsaid) };
    assert_eq!(park.answer(&call).places.len(), 1);
    let lent = park.answer(&LeaseCall { wanted: 0, ..call.clone() });
    assert_eq!(lent.places.len(), 1, "the one that it does not name is leaving");
    let held = places(&[&lent.places[0]]);
    let told = park.answer(&LeaseCall { held, wanted: 2, ..call });
    assert_eq!(told.places, [], "and it is asked for what it has");
}

#[test]
fn a_free_place_that_a_play_waits_for_is_not_lent_as_a_desks_part() {
    let mut park = park(2, 0);
    let none = BTreeSet::new();
    assert_eq!(park.ask("e", &none, &none).places.len(), 2);
    park.bench.accept(json!({ "type": "settings.update", "changes": { "maxOccupancy": 3 } }));
    park.live = BTreeSet::from([DeviceId::from("e")]);
    let call = LeaseCall { wanted: 1, ..park.call("d", &none, &none, SeenTurn::Unsaid) };
    assert_eq!(park.answer(&call).places, [], "its part is one of two, and there is none but that");
    assert_eq!(park.answer(&LeaseCall { wanted: 0, ..call }).places.len(), 1);
}

/// The desk's side, as it stands on its disk.
#[derive(Default)]
struct Holder {
    held: BTreeSet<PlaceId>,
    /// Who was let in on which place, and is not known to the server yet.
    inside: BTreeMap<PlaceId, String>,
    turn: Option<String>,
    /// Calls that may still come, whoever waits for their answers.
    under_way: Vec<LeaseCall>,
}

/// A small generator, so that a seed is the same run everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("small") % sides
    }
}

const SEEDS: u64 = 24;
const MAX: u32 = 5;
const BANDS: usize = 12;

fn step(park: &mut Park, desks: &mut [Holder], dice: &mut Dice) {
    const NAMES: [&str; 3] = ["d-0", "d-1", "d-2"];
    let index = dice.below(desks.len());
    let (name, desk) = (NAMES[index], &mut desks[index]);
    let call = park.call(
        name,
        &desk.held,
        &desk.inside.keys().cloned().collect(),
        desk.turn.as_deref().map_or(SeenTurn::None, has),
    );
    let band = format!("B-{}", dice.below(BANDS));
    match dice.below(9) {
        0..=2 => {
            let lease = park.answer(&call);
            desk.held = lease.places.into_iter().collect();
            desk.turn = Some(lease.turn);
        }
        3 => {
            park.answer(&call);
            desk.under_way.push(call);
        }
        4 => desk.under_way.push(call),
        5 if !desk.under_way.is_empty() => {
            let late = desk.under_way[dice.below(desk.under_way.len())].clone();
            park.answer(&late);
        }
        6 => {
            let waits = !desk.inside.values().any(|inside| *inside == band);
            if let Some(place) = desk.held.pop_first().filter(|_| waits) {
                desk.inside.insert(place, band);
            }
        }
        7 => {
            if let Some((place, band)) = desk.inside.pop_first() {
                let Outcome::Rejected { rejection } = park.play(name, &band, Some(&place)).outcome else { return };
                assert_ne!(rejection.code, "venue_full", "{name} let {band} in on a place of its own");
            }
        }
        _ => match dice.below(4) {
            0 => park.leases = Leases::default(),
            1 => drop(park.play("gate", &band, None)),
            _ => drop(park.bench.give(json!({ "type": "session.pause", "barcodeId": band }))),
        },
    }
}

#[test]
fn who_is_inside_and_who_may_be_let_in_never_exceed_the_venue() {
    let mut boarded = 0;
    for seed in 1..=SEEDS {
        let mut park = park(MAX, BANDS);
        let mut desks = [Holder::default(), Holder::default(), Holder::default()];
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15 ^ seed);
        park.live = ["d-0", "d-1", "d-2"].into_iter().take(dice.below(4)).map(DeviceId::from).collect();
        for turn in 0..120 {
            park.bench.clock.pass(1_000);
            step(&mut park, &mut desks, &mut dice);
            let venue = park.venue();
            let promised: usize = desks.iter().map(|desk| desk.held.len() + desk.inside.len()).sum();
            let promised = u32::try_from(promised).expect("few");
            boarded = boarded.max(venue.playing() + promised);
            let all = format!("{} inside, {promised} promised, seed {seed}, step {turn}", venue.playing());
            assert!(venue.playing() + promised <= MAX, "{all}");
            assert!(venue.playing() + venue.lent() <= MAX, "{all}, {} lent", venue.lent());
        }
    }
    assert_eq!(boarded, MAX, "all places are used at some time");
}
