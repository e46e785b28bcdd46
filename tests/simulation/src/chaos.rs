//! What goes wrong: with the links, the desks and the server, until it is over.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::sleep;

use crate::{
    check::Check,
    desk::Desk,
    dice::Dice,
    machine::{Death, DiskFault, Machine},
    server::Server,
    taps::Person,
};

/// How bad it gets: how often, from 0 to 1.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many desks.
    pub desks: usize,
    /// How long things go wrong.
    pub chaos: Duration,
    /// Between two taps of a desk at most, in ms.
    pub tap_every_ms: u64,
    /// Links.
    pub links: f64,
    /// Deaths of desks.
    pub deaths: f64,
    /// Deaths of the server.
    pub server: f64,
    /// Disks.
    pub disks: f64,
    /// Clocks.
    pub clocks: f64,
    /// One outage that is much longer than all others.
    pub long_outage: bool,
    /// Another venue's server is there to be met.
    pub elsewhere: bool,
    /// Policy and places change meanwhile.
    pub settings: bool,
    /// The venue closes for a month in between.
    pub closes: bool,
    /// The server's folder is replaced by an older copy once.
    pub restore: bool,
    /// Places are leased.
    pub strict: bool,
    /// Places.
    pub places: u64,
    /// The operational day changes meanwhile.
    pub midnight: bool,
}

impl Plan {
    /// What `dice` say.
    pub fn of(dice: &Dice) -> Self {
        let some = |often: f64| if dice.chance(often) { dice.fraction() } else { 0.0 };
        let plan = Self {
            desks: usize::try_from(dice.within(2..5)).unwrap_or(2),
            chaos: Duration::from_secs(if dice.chance(0.9) { dice.within(15..80) } else { dice.within(80..300) }),
            tap_every_ms: *dice.pick(&[1_500, 3_000, 6_000]),
            links: some(0.8),
            deaths: some(0.6),
            server: some(0.6),
            disks: some(0.3),
            clocks: some(0.4),
            long_outage: dice.chance(0.05),
            restore: dice.chance(0.15),
            strict: dice.chance(0.3),
            places: dice.within(2..6),
            midnight: dice.chance(0.1),
            elsewhere: dice.chance(0.1),
            settings: dice.chance(0.25),
            closes: dice.chance(0.08),
        };
        // A copy from before the holidays is not put in place after them. A month forgets outcomes, and what becomes of
        // what is asked again then the oracle does not judge rightly yet: such runs are made where they are asked for.
        Self {
            restore: plan.restore && !plan.closes,
            midnight: plan.midnight && !plan.closes,
            closes: plan.closes && std::env::var_os("GANGWAY_SIMULATE_MONTHS").is_some(),
            ..plan
        }
    }

    /// Nothing goes wrong by itself.
    pub fn calm(desks: usize) -> Self {
        Self {
            desks,
            chaos: Duration::ZERO,
            tap_every_ms: 1_000,
            links: 0.0,
            deaths: 0.0,
            server: 0.0,
            disks: 0.0,
            clocks: 0.0,
            long_outage: false,
            elsewhere: false,
            settings: false,
            closes: false,
            restore: false,
            strict: false,
            places: 50,
            midnight: false,
        }
    }
}

/// What is counted.
#[derive(Default)]
pub struct Counts {
    /// Deaths of machines.
    pub crashes: AtomicU64,
    /// Links that were cut.
    pub cuts: AtomicU64,
    /// Older copies of the server's folder that were put in place.
    pub restores: AtomicU64,
}

/// What all of them share.
#[derive(Clone)]
pub struct Chaos {
    /// How bad it gets.
    pub plan: Arc<Plan>,
    /// What is counted.
    pub counts: Arc<Counts>,
    /// It is over.
    pub over: Arc<AtomicBool>,
}

impl Chaos {
    fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    fn counted(&self, counter: impl FnOnce(&Counts) -> &AtomicU64) {
        counter(&self.counts).fetch_add(1, Relaxed);
    }
}

/// What goes wrong with a link.
pub async fn link(desk: Desk, chaos: Chaos, dice: Dice) {
    let link = desk.link().clone();
    let often = chaos.plan.links;
    if often == 0.0 && !chaos.plan.elsewhere {
        return;
    }
    let mut long_outage = chaos.plan.long_outage;
    if dice.chance(0.3 * often) {
        link.change("begins badly", |state| state.loses = 0.3);
        sleep(dice.while_ms(1_000..10_000)).await;
        link.heal();
    }
    while !chaos.is_over() {
        sleep(dice.while_ms(500..60_000).mul_f64(1.0 - 0.9 * often)).await;
        if chaos.is_over() {
            return;
        }
        let mut lasts = dice.while_ms(50..45_000);
        if std::mem::take(&mut long_outage) {
            lasts = Duration::from_secs(dice.within(600..5_400));
        }
        break_link(&desk, &chaos, &dice, lasts).await;
        if !chaos.is_over() {
            link.heal();
        }
    }
}

async fn break_link(desk: &Desk, chaos: &Chaos, dice: &Dice, lasts: Duration) {
    let link = desk.link();
    // A desk that has met no venue yet belongs to the first that it meets.
    let has_a_venue = desk.status().is_some_and(|status| status.cursor > Some(0));
    if chaos.plan.elsewhere && dice.chance(0.3) && has_a_venue {
        link.change("leads elsewhere", |state| {
            state.elsewhere = true;
            state.resets += 1;
        });
        return sleep(lasts).await;
    }
    if chaos.plan.links == 0.0 {
        return;
    }
    let kind = dice.within(0..10);
    if kind < 7 {
        chaos.counted(|counts| &counts.cuts);
    }
    match kind {
        0 => link.change("is reset", |state| state.resets += 1),
        1 => link.change("refuses", |state| {
            state.refuses = true;
            state.resets += 1;
        }),
        2 => link.change("is cut both ways", |state| (state.to_server, state.to_desk) = (false, false)),
        3 | 4 => link.change("takes nothing to the desk", |state| state.to_desk = false),
        5 => link.change("takes nothing to the server", |state| state.to_server = false),
        6 => {
            for _ in 0..dice.within(3..12) {
                link.change("flaps", |state| state.resets += 1);
                sleep(dice.while_ms(10..3_000)).await;
            }
            return;
        }
        7 => {
            let slowest_ms = dice.within(100..6_000);
            link.change("is slow", |state| state.slowest_ms = slowest_ms);
        }
        8 => {
            let (loses, doubles) = (0.5 * dice.fraction(), 0.3 * dice.fraction());
            link.change("loses and doubles", |state| (state.loses, state.doubles) = (loses, doubles));
        }
        _ => link.change("meets a portal", |state| {
            state.portal = true;
            state.resets += 1;
        }),
    }
    sleep(lasts).await;
}

/// A desk's day: taps, restarts, deaths.
pub async fn desk(desk: Desk, mut person: Person, chaos: Chaos, dice: Dice) {
    let plan = chaos.plan.clone();
    switch_on(&desk, &dice).await;
    while !chaos.is_over() {
        if plan.deaths > 0.0 && dice.chance(plan.deaths / 15.0) {
            desk.machine().die_after(dice.within(1..600), a_death(&dice));
        }
        tokio::select! {
            biased;
            _ = desk.machine().died() => {
                chaos.counted(|counts| &counts.crashes);
                desk.bury().await;
                sleep(dice.while_ms(10..20_000)).await;
                switch_on(&desk, &dice).await;
            }
            () = sleep(dice.while_ms(0..plan.tap_every_ms)) => act(&desk, &mut person, &plan, &dice).await,
        }
    }
    desk.machine().spare();
    desk.machine().disk_fault(DiskFault::None);
    if desk.machine().death().is_some() {
        desk.bury().await;
    }
    switch_on(&desk, &dice).await;
}

async fn act(desk: &Desk, person: &mut Person, plan: &Plan, dice: &Dice) {
    let machine = desk.machine();
    if dice.chance(0.01) {
        desk.stop().await;
        if machine.death().is_none() {
            sleep(dice.while_ms(10..10_000)).await;
            if dice.chance(0.3) {
                desk.spoil_cache();
            }
            switch_on(desk, dice).await;
        }
        return;
    }
    if plan.clocks > 0.0 && dice.chance(plan.clocks / 20.0) {
        let by_ms = *dice.pick(&[-7_200_000, -90_000, -3_000, 2_500, 60_000, 5_400_000]);
        machine.say(format_args!("its clock is set by {by_ms} ms"));
        desk.clock().jump(by_ms);
    }
    if plan.disks > 0.0 && dice.chance(plan.disks / 10.0) {
        let fault = a_disk_fault(dice);
        machine.say(format_args!("disk: {fault:?}"));
        machine.disk_fault(fault);
    }
    person.tap(desk);
}

/// Nobody leaves a desk off: what stops it from starting is put right after a while.
pub async fn switch_on(desk: &Desk, dice: &Dice) {
    for failures in 0.. {
        if desk.machine().is_alive() && desk.console().is_some() {
            return;
        }
        match desk.start() {
            Ok(()) if desk.machine().is_alive() => return,
            Ok(()) => {}
            Err(error) => desk.machine().say(format_args!("can't start: {error}")),
        }
        put_right(desk.machine(), failures);
        if desk.machine().death().is_some() {
            desk.bury().await;
        } else {
            desk.machine().switch_off().await;
        }
        sleep(dice.while_ms(100..3_000)).await;
    }
}

fn put_right(machine: &Machine, failures: u32) {
    match failures {
        0..3 => {}
        3..50 => machine.disk_fault(DiskFault::None),
        50 => machine.fail(Check::Starts, "it can't be started any more"),
        _ => {}
    }
}

fn a_death(dice: &Dice) -> Death {
    *dice.pick(&[Death::Kill, Death::Kill, Death::Power])
}

fn a_disk_fault(dice: &Dice) -> DiskFault {
    match dice.within(0..7) {
        0 => DiskFault::Full,
        1 => DiskFault::Failing(0.1 + 0.9 * dice.fraction()),
        2 => DiskFault::Slow(dice.within(5..3_000)),
        3 => DiskFault::ReadOnly,
        _ => DiskFault::None,
    }
}

/// The server's day.
pub async fn server(server: Server, chaos: Chaos, copy: PathBuf, dice: Dice) {
    let plan = chaos.plan.clone();
    let machine = server.machine().clone();
    let (mut copied, mut restored) = (false, false);
    while !chaos.is_over() {
        if plan.server > 0.0 && dice.chance(plan.server / 3.0) {
            machine.die_after(dice.within(1..800), a_death(&dice));
        }
        tokio::select! {
            biased;
            _ = machine.died() => {
                chaos.counted(|counts| &counts.crashes);
                server.bury().await;
                sleep(dice.while_ms(10..30_000)).await;
                serve(&server, &dice).await;
            }
            () = sleep(dice.while_ms(500..15_000)) => {
                if plan.restore && !copied {
                    server.copy_to(&copy).expect("a copy");
                    machine.say("its folder is copied");
                    copied = true;
                } else if copied && !restored && dice.chance(0.4) {
                    server.stop().await;
                    if machine.death().is_some() {
                        server.bury().await;
                    }
                    server.replace_by(&copy).expect("the copy");
                    machine.say("an older copy of its folder is put in place");
                    restored = true;
                    chaos.counted(|counts| &counts.restores);
                    serve(&server, &dice).await;
                } else {
                    disturb(&server, &plan, &dice).await;
                }
            }
        }
    }
    machine.spare();
    machine.disk_fault(DiskFault::None);
    server.emission_fails(0.0);
    if machine.death().is_some() {
        server.bury().await;
    }
    serve(&server, &dice).await;
}

async fn disturb(server: &Server, plan: &Plan, dice: &Dice) {
    let machine = server.machine();
    if plan.server > 0.0 && dice.chance(plan.server / 8.0) {
        server.stop().await;
        if machine.death().is_none() {
            sleep(dice.while_ms(10..20_000)).await;
            serve(server, dice).await;
        }
        return;
    }
    if plan.server > 0.0 && dice.chance(plan.server / 4.0) {
        let often = *dice.pick(&[0.0, 0.0, 0.3, 1.0]);
        machine.say(format_args!("emission fails: {often}"));
        server.emission_fails(often);
    }
    if plan.clocks > 0.0 && dice.chance(plan.clocks / 8.0) {
        let by_ms = *dice.pick(&[-3_600_000, -5_000, 4_000, 1_800_000]);
        machine.say(format_args!("its clock is set by {by_ms} ms"));
        server.clock().jump(by_ms);
    }
    if plan.disks > 0.0 && dice.chance(plan.disks / 6.0) {
        let fault = a_disk_fault(dice);
        machine.say(format_args!("disk: {fault:?}"));
        machine.disk_fault(fault);
    }
}

/// Starts the server, whatever it takes.
pub async fn serve(server: &Server, dice: &Dice) {
    for failures in 0.. {
        if server.is_up() {
            return;
        }
        match server.start() {
            Ok(()) if server.is_up() => return,
            Ok(()) => {}
            Err(error) => server.machine().say(format_args!("can't start: {error}")),
        }
        put_right(server.machine(), failures);
        if server.machine().death().is_some() {
            server.bury().await;
        } else {
            server.machine().switch_off().await;
        }
        sleep(dice.while_ms(100..3_000)).await;
    }
}
