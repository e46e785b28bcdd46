//! A thousand desks whose server goes away and comes back: the console's real supervisor of the link and its real
//! `step`, without the rest of a desk, against a server of which only the door is there.
//!
//! What bounds them is in `docs/sync.md`, 5: a wait before a try is anything up to a bound that doubles to 15 s, and at
//! least 0.1 s. A desk so tries every 7.55 s on average while its server is away for long, and a thousand try 132 times
//! a second all together, whenever the server comes back.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use gangway_console::{
    net::{
        Chance, Connection, Inbox, LinkError, Realtime, Signal,
        supervisor::{News, Order, Supervisor},
    },
    sync::{
        effect::Effect,
        input::{Input, Moment},
        message::{EventsPage, Incoming},
        state::{Held, LinkState, State},
        step::step,
    },
};
use gangway_domain::ids::{Epoch, EventId, Position};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until},
};

use crate::{clock::DeskChance, dice::Dice};

/// How often the server's heart beats.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// What everybody holds while the server is away, and what it has when it is back.
const HELD: u64 = 10;
const HEAD: u64 = 12;
const HASH: &str = "00";

/// What is tried.
#[derive(Clone, Debug)]
pub struct Herd {
    /// Its seed.
    pub seed: u64,
    /// How many desks.
    pub desks: usize,
    /// How long the server is away.
    pub away: Duration,
    /// Calls that it takes in a second when it is back; more are told 503. None: as many as come.
    pub takes: Option<u64>,
    /// How long it may take until all are live again.
    pub within: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Tries to connect in each second since the server went away, until all were back.
    pub tries: Vec<u64>,
    /// Calls in each tenth of a second since it came back: connecting and asking for what was missed.
    pub calls: Vec<u64>,
    /// Calls that were told 503.
    pub refused: u64,
    /// How many desks are live and in sync.
    pub live: usize,
    /// How long after its return the last one was.
    pub last_ms: u64,
}

/// The server's door.
struct Door {
    dice: Dice,
    began: Instant,
    takes: Option<u64>,
    state: Mutex<DoorState>,
    live: AtomicU64,
    last_live_ms: AtomicU64,
}

struct DoorState {
    is_up: bool,
    inboxes: Vec<Inbox>,
    head: u64,
    /// Tries to connect, and calls, by when.
    tries_ms: Vec<u64>,
    calls_ms: Vec<u64>,
    refused: u64,
    /// Calls taken in the running second.
    second: u64,
    taken: u64,
}

/// Lets the server go away and come back.
pub fn run(herd: &Herd) -> Told {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(play(herd))
}

async fn play(herd: &Herd) -> Told {
    let dice = Dice::of(herd.seed, "herd");
    let state = DoorState {
        is_up: true,
        inboxes: Vec::new(),
        head: HELD,
        tries_ms: Vec::new(),
        calls_ms: Vec::new(),
        refused: 0,
        second: 0,
        taken: 0,
    };
    let door = Arc::new(Door {
        dice: dice.clone(),
        began: Instant::now(),
        takes: herd.takes,
        state: Mutex::new(state),
        live: AtomicU64::new(0),
        last_live_ms: AtomicU64::new(0),
    });
    for desk in 0..herd.desks {
        tokio::spawn(attend(door.clone(), Dice::of(herd.seed, &format!("desk-{desk}"))));
    }
    tokio::spawn(beat(door.clone()));
    let all = herd.desks as u64;
    // The morning: no limit yet, so that all are there when it begins.
    while door.live.load(Relaxed) < all && door.now_ms() < 600_000 {
        sleep(HEARTBEAT).await;
    }
    let gone_ms = door.go_away();
    sleep(herd.away).await;
    let back_ms = door.come_back();
    let until = Instant::now() + herd.within;
    while door.live.load(Relaxed) < all && Instant::now() < until {
        sleep(Duration::from_millis(100)).await;
    }
    door.told(gone_ms, back_ms)
}

impl Door {
    fn lock(&self) -> MutexGuard<'_, DoorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn go_away(&self) -> u64 {
        let mut state = self.lock();
        state.is_up = false;
        state.tries_ms.clear();
        state.inboxes.drain(..).for_each(|inbox| inbox.close());
        self.now_ms()
    }

    fn come_back(&self) -> u64 {
        let mut state = self.lock();
        (state.is_up, state.head) = (true, HEAD);
        state.calls_ms.clear();
        state.refused = 0;
        self.now_ms()
    }

    /// A call comes; says whether it is answered with more than "not now".
    fn takes(&self) -> bool {
        let now_ms = self.now_ms();
        let mut state = self.lock();
        state.calls_ms.push(now_ms);
        if state.second != now_ms / 1_000 {
            (state.second, state.taken) = (now_ms / 1_000, 0);
        }
        state.taken += 1;
        let is_busy = self.takes.is_some_and(|takes| state.head == HEAD && state.taken > takes);
        state.refused += u64::from(is_busy);
        !is_busy
    }

    fn told(&self, gone_ms: u64, back_ms: u64) -> Told {
        let state = self.lock();
        let counted = |moments: &[u64], since_ms: u64, each_ms: u64| {
            let mut counts = Vec::new();
            for at_ms in moments {
                let place = usize::try_from((at_ms - since_ms) / each_ms).unwrap_or(usize::MAX);
                counts.resize(counts.len().max(place + 1), 0);
                counts[place] += 1;
            }
            counts
        };
        Told {
            tries: counted(&state.tries_ms, gone_ms, 1_000),
            calls: counted(&state.calls_ms, back_ms, 100),
            refused: state.refused,
            live: usize::try_from(self.live.load(Relaxed)).unwrap_or(0),
            last_ms: self.last_live_ms.load(Relaxed).saturating_sub(back_ms),
        }
    }
}

async fn beat(door: Arc<Door>) {
    loop {
        sleep(HEARTBEAT).await;
        let state = door.lock();
        let at_us = door.now_ms() * 1_000;
        for inbox in &state.inboxes {
            inbox.put(Signal::Event { name: "sync:head".to_owned(), args: vec![head(state.head)], at_us });
        }
    }
}

fn head(seq: u64) -> Value {
    json!({ "epoch": "e", "head": seq, "seq": seq, "stateHash": HASH, "intervalMs": 5_000,
        "serverTime": "2026-11-24T10:00:00.000Z" })
}

/// The events that a desk missed.
fn page(after: u64, head: u64) -> EventsPage {
    let event = |seq: u64| {
        json!({ "seq": seq, "prev": seq - 1, "last": seq, "id": format!("event-{seq}"), "name": "sync:rows",
            "payload": {}, "changes": [], "emittedAt": "2026-11-24T10:00:00.000Z", "commandId": null })
    };
    let events: Vec<Value> = (after + 1..=head).map(event).collect();
    let page = json!({ "epoch": "e", "head": head, "through": head, "events": events });
    EventsPage::parse(&page.to_string()).expect("a page")
}

/// A desk's way to the door.
struct Way {
    door: Arc<Door>,
    dice: Dice,
}

impl Realtime for Way {
    fn connect(&self, inbox: Inbox) -> BoxFuture<'_, Result<Box<dyn Connection>, LinkError>> {
        async move {
            self.door.lock().tries_ms.push(self.door.now_ms());
            sleep(self.dice.while_ms(1..8)).await;
            if !self.door.lock().is_up {
                return Err(LinkError("connection refused".to_owned()));
            }
            if !self.door.takes() {
                return Err(LinkError("503".to_owned()));
            }
            let mut state = self.door.lock();
            let at_us = self.door.now_ms() * 1_000;
            inbox.put(Signal::Event { name: "sync:head".to_owned(), args: vec![head(state.head)], at_us });
            state.inboxes.push(inbox);
            Ok(Box::new(Stands) as Box<dyn Connection>)
        }
        .boxed()
    }
}

struct Stands;

impl Connection for Stands {
    fn ack(&self, _: Position) -> BoxFuture<'_, Result<(), LinkError>> {
        async { Ok(()) }.boxed()
    }
}

/// A desk, as far as its link goes.
struct Desk {
    door: Arc<Door>,
    chance: DeskChance,
    state: State,
    orders: mpsc::Sender<Order>,
    inputs: mpsc::UnboundedSender<Input>,
    is_live: bool,
}

async fn attend(door: Arc<Door>, dice: Dice) {
    let position = Position { epoch: Epoch("e".to_owned()), seq: HELD };
    let held = Held { position, event_id: Some(EventId(format!("event-{HELD}"))) };
    let (news, mut heard) = mpsc::channel(64);
    let (orders, orders_out) = mpsc::channel(64);
    let (_applied, applied) = watch::channel(None);
    let (inputs, mut inputs_out) = mpsc::unbounded_channel();
    let way = Way { door: door.clone(), dice: dice.clone() };
    let chance: Arc<dyn Chance> = Arc::new(DeskChance(dice.clone()));
    tokio::spawn(Supervisor { realtime: Arc::new(way), chance, news, orders: orders_out, applied }.run());
    let state = State::new(Some(held), HASH, false);
    let mut desk = Desk { door, chance: DeskChance(dice), state, orders, inputs, is_live: false };
    loop {
        let due = desk.state.deadline_ms().map(|at_ms| desk.door.began + Duration::from_millis(at_ms));
        let tick = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let input = tokio::select! {
            biased;
            Some(input) = inputs_out.recv() => input,
            news = heard.recv() => match news {
                Some(News::Connecting) => Input::Connecting,
                Some(News::Failed(_)) => Input::ConnectFailed,
                Some(News::Up(link)) => Input::Up { link },
                Some(News::Down(link)) => Input::Down { link },
                Some(News::Overflow(link)) => Input::Overflow { link },
                Some(News::Heard(link, signal)) => match incoming(&signal) {
                    Some(incoming) => Input::Heard { link, incoming },
                    None => Input::Malformed { link },
                },
                None => return,
            },
            () = tick => Input::Tick,
        };
        desk.take(input);
    }
}

fn incoming(signal: &Signal) -> Option<Incoming> {
    match signal {
        Signal::Event { name, args, .. } => Incoming::parse(name, args).ok(),
        Signal::NotText { .. } => None,
    }
}

impl Desk {
    fn take(&mut self, input: Input) {
        let moment = Moment { now_ms: self.door.now_ms(), fraction: self.chance.fraction() };
        for effect in step(&mut self.state, moment, input) {
            match effect {
                Effect::FetchEvents { fetch, after } => self.fetch(fetch, after.after),
                Effect::FetchSnapshot { .. } => unreachable!("the log has all that was missed"),
                Effect::Apply { units, .. } => {
                    let last = units.last().and_then(|unit| unit.0.last()).map(|event| event.seq);
                    let hashes = last.map(|seq| (seq, HASH.to_owned())).into_iter().collect();
                    // Its own channel.
                    let _ = self.inputs.send(Input::Applied { hashes });
                }
                Effect::DropLink { link } => drop(self.orders.try_send(Order::Drop(link))),
                Effect::ConfirmLink => drop(self.orders.try_send(Order::Confirm)),
                Effect::CancelFetch | Effect::Swap { .. } | Effect::CheckFile | Effect::Note(_) => {}
            }
        }
        let is_live = self.state.link_state() == LinkState::Live && self.state.in_sync();
        match (std::mem::replace(&mut self.is_live, is_live), is_live) {
            (false, true) => {
                self.door.live.fetch_add(1, Relaxed);
                self.door.last_live_ms.store(self.door.now_ms(), Relaxed);
            }
            (true, false) => drop(self.door.live.fetch_sub(1, Relaxed)),
            _ => {}
        }
    }

    fn fetch(&self, fetch: u64, after: u64) {
        let (door, inputs, delay) = (self.door.clone(), self.inputs.clone(), self.door.dice.while_ms(1..8));
        tokio::spawn(async move {
            sleep(delay).await;
            let head = Some(door.lock()).filter(|state| state.is_up).map(|state| state.head);
            let input = match head.filter(|_| door.takes()) {
                Some(head) => Input::Page { fetch, page: page(after, head) },
                None => Input::FetchFailed { fetch },
            };
            // The desk outlives its call.
            let _ = inputs.send(input);
        });
    }
}
