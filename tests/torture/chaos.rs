//! What strikes, at random moments.

use std::{
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use gangway_testkit::{Behaviour, Namespace, Point, Proxy, Target, Trap, Way};

/// The longest wait between two strikes.
const QUIET: Duration = Duration::from_millis(130);
/// How long a pause or a bad link lasts at most.
const LASTS: Duration = Duration::from_millis(700);

/// What can be struck of a desk, while another thread taps at it.
#[derive(Clone)]
pub(super) struct Handle {
    pub(super) link: Arc<Proxy>,
    pub(super) target: Target,
    pub(super) cable: Option<Arc<Namespace>>,
}

/// How often it struck.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strikes {
    pub(super) kills: u64,
    pub(super) pulls: u64,
    pub(super) pauses: u64,
}

/// What ends a strike that lasts.
enum Relief {
    GoOn(Target),
    Link(usize),
    Plug(usize),
    Light(usize),
}

pub(super) struct Chaos<'a> {
    pub(super) desks: &'a [Handle],
    pub(super) server: &'a Target,
    pub(super) chance: fastrand::Rng,
    pub(super) strikes: Strikes,
    reliefs: Vec<(Instant, Relief)>,
    /// Desks that have no link at all for a good part of the round.
    dark: Vec<usize>,
}

impl<'a> Chaos<'a> {
    pub(super) fn new(desks: &'a [Handle], server: &'a Target, chance: fastrand::Rng) -> Self {
        Self { desks, server, chance, strikes: Strikes::default(), reliefs: Vec::new(), dark: Vec::new() }
    }

    /// Strikes for so long, and then heals everything.
    pub(super) fn rage(mut self, lasts: Duration) -> Strikes {
        let (began, end) = (Instant::now(), Instant::now() + lasts);
        for desk in 0..self.desks.len() {
            if self.chance.u8(..4) == 0 {
                self.desks[desk].link.set(Behaviour::Refuse);
                self.dark.push(desk);
                // What they have kept is sent while others are still struck.
                let until = began + lasts.mul_f64(0.6 + 0.4 * self.chance.f64());
                self.reliefs.push((until, Relief::Light(desk)));
            }
        }
        while Instant::now() < end {
            sleep(QUIET.mul_f64(self.chance.f64()));
            self.relieve(Instant::now());
            self.strike();
        }
        self.relieve(Instant::now() + LASTS);
        self.strikes
    }

    fn relieve(&mut self, now: Instant) {
        let (due, later) = std::mem::take(&mut self.reliefs).into_iter().partition(|(until, _)| *until <= now);
        self.reliefs = later;
        let due: Vec<(Instant, Relief)> = due;
        for (_, relief) in due {
            match relief {
                Relief::GoOn(target) => drop(target.go_on()),
                Relief::Link(desk) | Relief::Light(desk) => {
                    self.dark.retain(|dark| *dark != desk);
                    self.desks[desk].link.trap(None);
                    self.desks[desk].link.set(Behaviour::Pass);
                }
                Relief::Plug(desk) => {
                    if let Some(cable) = &self.desks[desk].cable {
                        cable.up();
                    }
                }
            }
        }
    }

    fn later(&mut self, relief: Relief) {
        let until = Instant::now() + LASTS.mul_f64(self.chance.f64());
        self.reliefs.push((until, relief));
    }

    fn kill(&mut self, target: &Target) {
        self.strikes.kills += u64::from(target.kill());
    }

    fn pause(&mut self, target: &Target) {
        self.strikes.pauses += u64::from(target.pause());
        self.later(Relief::GoOn(target.clone()));
    }

    fn strike(&mut self) {
        let desk = self.chance.usize(..self.desks.len());
        let (console, server) = (self.desks[desk].target.clone(), self.server.clone());
        match self.chance.u32(..100) {
            0..34 => self.kill(&console),
            34..50 => self.kill(&server),
            50..54 => {
                self.kill(&console);
                self.kill(&server);
            }
            54..59 => self.pause(&console),
            59..64 => self.pause(&server),
            64..74 => self.desks[desk].link.cut(),
            74..78 => {
                if let Some(cable) = &self.desks[desk].cable {
                    cable.down();
                    self.strikes.pulls += 1;
                    self.later(Relief::Plug(desk));
                }
            }
            78.. if self.dark.contains(&desk) => {}
            78..86 => {
                let points = [Point::BeforeRequest, Point::MidRequest, Point::BeforeAnswer, Point::MidAnswer];
                let point = points[self.chance.usize(..points.len())];
                self.desks[desk].link.trap(Some(Trap { request: "POST /api/commands", point }));
                self.later(Relief::Link(desk));
            }
            _ => {
                let behaviour = self.behaviour();
                self.desks[desk].link.set(behaviour);
                self.later(Relief::Link(desk));
            }
        }
    }

    fn behaviour(&mut self) -> Behaviour {
        let way = if self.chance.bool() { Way::Up } else { Way::Down };
        match self.chance.u32(..10) {
            0 => Behaviour::Delay(Duration::from_millis(self.chance.u64(1..200))),
            1 => Behaviour::Stall,
            2 => Behaviour::HalfOpen,
            3 => Behaviour::OneWay { silent: way },
            4 | 5 => Behaviour::CutAfter { way, bytes: self.chance.usize(..6_000) },
            6 => Behaviour::Refuse,
            7 => Behaviour::BadGateway,
            8 => Behaviour::Login,
            _ => Behaviour::DropEvery(self.chance.u64(2..4)),
        }
    }
}
