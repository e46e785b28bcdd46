//! Who × how × when.
//!
//! The write is a sale and the band's boarding at desk 0; desk 1 goes on with its own bands. *When* is where the
//! fault meets the write: `before` anything of it has reached the server, when half of the request has (`half_sent`),
//! when the server has done it and the desk does not know (`unanswered`), and `after` the desk knows.

use std::time::Duration;

use gangway_testkit::{Behaviour, Namespace, Point, Trap, Way, until};

use super::{
    floor::{Floor, Setup, gate},
    pool::{Cell, Ran},
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Console,
    Server,
    Both,
    Link,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Killed,
    Cut,
    Paused,
    Stalled,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Before,
    HalfSent,
    Unanswered,
    After,
}

/// The four moments of a fault.
macro_rules! moments {
    ($who:ident, $how:ident, $module:literal) => {
        use super::super::{How, When, Who, strike};
        cells! { $module,
            before => || strike(Who::$who, How::$how, When::Before),
            half_sent => || strike(Who::$who, How::$how, When::HalfSent),
            unanswered => || strike(Who::$who, How::$how, When::Unanswered),
            after => || strike(Who::$who, How::$how, When::After),
        }
    };
}

/// The four faults of somebody.
macro_rules! faults_of {
    ($module:ident, $who:ident, $killed:literal, $cut:literal, $paused:literal, $stalled:literal) => {
        mod $module {
            pub mod killed {
                moments!($who, Killed, $killed);
            }
            pub mod cut {
                moments!($who, Cut, $cut);
            }
            pub mod paused {
                moments!($who, Paused, $paused);
            }
            pub mod stalled {
                moments!($who, Stalled, $stalled);
            }
        }
    };
}

faults_of!(
    console,
    Console,
    "matrix::console::killed",
    "matrix::console::cut",
    "matrix::console::paused",
    "matrix::console::stalled"
);
faults_of!(
    server,
    Server,
    "matrix::server::killed",
    "matrix::server::cut",
    "matrix::server::paused",
    "matrix::server::stalled"
);
faults_of!(both, Both, "matrix::both::killed", "matrix::both::cut", "matrix::both::paused", "matrix::both::stalled");
faults_of!(link, Link, "matrix::link::killed", "matrix::link::cut", "matrix::link::paused", "matrix::link::stalled");

pub fn cells() -> Vec<&'static Cell> {
    // Those that wait longest come first, so that they do not come last.
    let all = [
        link::killed::CELLS,
        console::stalled::CELLS,
        server::stalled::CELLS,
        both::stalled::CELLS,
        link::stalled::CELLS,
        link::cut::CELLS,
        link::paused::CELLS,
        console::killed::CELLS,
        console::cut::CELLS,
        console::paused::CELLS,
        server::killed::CELLS,
        server::cut::CELLS,
        server::paused::CELLS,
        both::killed::CELLS,
        both::cut::CELLS,
        both::paused::CELLS,
    ];
    all.into_iter().flatten().collect()
}

/// Lets the fault meet the write, goes on at both desks while it lasts, heals it, and compares with the ledger.
fn strike(who: Who, how: How, when: When) -> Ran {
    let cable = match (who, how) {
        (Who::Link, How::Killed) => match Namespace::new() {
            Ok(cable) => Some(cable),
            Err(why) => return Ran::Skipped(why),
        },
        _ => None,
    };
    let mut floor = Floor::with(vec![Setup { cable, ..Setup::default() }, Setup::default()]);
    let written = write(&mut floor, when);
    begin(&mut floor, who, how);
    meanwhile(&mut floor, who, how, &written);
    heal(&mut floor, who, how);
    for desk in &mut floor.desks {
        desk.comes_back();
    }
    let life = [floor.sell_and_board(0), floor.sell_and_board(1)];
    floor.desks[1].sees(&life[0], "playing");
    floor.acknowledged(1, &gate("pause", &life[0]));
    let audit = floor.check();
    assert!(audit.rejected.is_empty(), "nothing of this breaks a rule of the venue: {audit}");
    assert_eq!(audit.accepted, audit.acknowledged + audit.unanswered, "{audit}");
    Ran::Whole
}

/// Brings the write to the moment of the fault; its band.
fn write(floor: &mut Floor, when: When) -> String {
    let point = match when {
        When::Before => Some(Point::BeforeRequest),
        When::HalfSent => Some(Point::MidRequest),
        When::Unanswered => Some(Point::BeforeAnswer),
        When::After => None,
    };
    floor.desks[0].link.trap(point.map(|point| Trap { request: "POST /api/commands", point }));
    let band = floor.band();
    let sale = floor.checkin(&band, 1);
    floor.acknowledged(0, &sale);
    let play = floor.acknowledged(0, &gate("play", &band));
    match point {
        Some(_) => until("the write is on its way", || (floor.desks[0].link.trapped() > 0).then_some(())),
        None => drop(floor.settled(0, &play)),
    }
    band
}

fn begin(floor: &mut Floor, who: Who, how: How) {
    let (console, server) = (who == Who::Console || who == Who::Both, who == Who::Server || who == Who::Both);
    match (how, who) {
        (How::Killed, Who::Link) => floor.desks[0].cable.as_ref().expect("a cable").down(),
        (How::Killed, _) => {
            if server {
                floor.server.kill();
            }
            if console {
                floor.desks[0].console.kill();
            }
        }
        (How::Cut, Who::Link) => floor.desks[0].link.set(Behaviour::OneWay { silent: Way::Up }),
        (How::Cut, Who::Both) => {
            for desk in &floor.desks {
                desk.link.set(Behaviour::CutAfter { way: Way::Down, bytes: 700 });
                desk.link.cut();
            }
        }
        (How::Cut, _) => behave(floor, server, &Behaviour::Refuse),
        (How::Paused, Who::Link) => floor.desks[0].link.set(Behaviour::Delay(Duration::from_millis(300))),
        (How::Paused, _) => {
            if server {
                floor.server_target.pause();
            }
            if console {
                floor.desks[0].target.pause();
            }
        }
        (How::Stalled, Who::Console | Who::Server) => behave(floor, server, &Behaviour::HalfOpen),
        (How::Stalled, Who::Both | Who::Link) => behave(floor, server, &Behaviour::Stall),
    }
}

/// Desk 0's link behaves so, or every desk's.
fn behave(floor: &Floor, all: bool, behaviour: &Behaviour) {
    let desks = if all { floor.desks.len() } else { 1 };
    for desk in &floor.desks[..desks] {
        desk.link.set(behaviour.clone());
    }
}

/// Both desks go on, as far as they can, until the fault has shown.
fn meanwhile(floor: &mut Floor, who: Who, how: How, written: &str) {
    let here = who == Who::Server || who == Who::Link || matches!(how, How::Cut | How::Stalled);
    let alone = who == Who::Server || who == Who::Both;
    let band = floor.band();
    let sale = floor.checkin(&band, 2);
    floor.acknowledged(1, &sale);
    let play = floor.acknowledged(1, &gate("play", &band));
    if !alone {
        floor.settled(1, &play);
    }
    if here {
        floor.acknowledged(0, &gate("pause", written));
        floor.desks[0].sees(written, "paused");
    }
    match (how, who) {
        (How::Killed, Who::Console | Who::Both) | (How::Paused, _) => {}
        (How::Killed, _) | (How::Cut, Who::Console | Who::Server) => floor.desks[0].notices(),
        (How::Cut, Who::Link) => {
            floor.desks[0].sees(&band, "playing");
            // Now the other way: what it sends arrives, and it does not hear so.
            floor.desks[0].link.set(Behaviour::OneWay { silent: Way::Down });
            floor.desks[0].link.trap(None);
            floor.desks[1].sees_band(written);
        }
        (How::Cut, Who::Both) => {
            let desk = &floor.desks[0];
            let before = desk.link.resets();
            until("a connection begins and breaks", || (desk.link.resets() > before).then_some(()));
            desk.link.set(Behaviour::CutAfter { way: Way::Up, bytes: 100 });
            let before = desk.link.resets();
            until("and breaks the other way", || (desk.link.resets() > before).then_some(()));
        }
        (How::Stalled, Who::Link) => {}
        (How::Stalled, _) => floor.desks[0].notices(),
    }
}

fn heal(floor: &mut Floor, who: Who, how: How) {
    for desk in &floor.desks {
        desk.link.set(Behaviour::Pass);
        desk.link.trap(None);
        if let Some(cable) = &desk.cable {
            cable.up();
        }
    }
    match how {
        How::Killed => {
            if who == Who::Server || who == Who::Both {
                floor.restart_server();
            }
            if who == Who::Console || who == Who::Both {
                floor.desks[0].restart();
            }
        }
        How::Paused => {
            floor.server_target.go_on();
            floor.desks[0].target.go_on();
        }
        How::Cut | How::Stalled => {}
    }
}
