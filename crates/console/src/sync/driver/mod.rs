//! Performs what [`step`](super::step::step) wants: asks the server, writes the cache, shows the rows, and
//! feeds the answers back. The only writer of the cache and of the rows in memory.

mod rows;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::FutureExt;
use gangway_domain::{ids::Position, time::VenueTime};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{
    effect::{Effect, Note, SnapshotReason},
    input::{FetchId, Input, LinkId, Moment},
    load::{self, Staged},
    message::{EventsPage, Incoming},
    state::{LinkState, State},
    step::step,
};
use crate::{
    core::{Core, waiting_for_disk},
    net::{
        EventsAfter, EventsAnswer, Signal,
        supervisor::{News, Order},
    },
    problem::Problem,
    query::rules,
    status::FoundBy,
};

/// News taken at once before the status is published: a burst is one transaction per unit, not one redraw.
const BURST: usize = 256;

/// The driver and what it is connected to.
pub(crate) struct Driver {
    pub(crate) core: Arc<Core>,
    pub(crate) state: State,
    pub(crate) news: mpsc::Receiver<News>,
    pub(crate) inputs: mpsc::UnboundedReceiver<Input>,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) applied: watch::Sender<Option<Position>>,
    pub(crate) running: Running,
}

/// The fetch that runs.
#[derive(Default)]
pub(crate) struct Running {
    task: Option<JoinHandle<()>>,
    staged: Option<Staged>,
    /// When the event that is being worked on arrived.
    arrived_us: u64,
    ups: u64,
    /// The file of a cache that could not be made.
    lost_cache: Option<std::path::PathBuf>,
}

/// What a fetch brought.
pub(crate) struct Answer {
    fetch: FetchId,
    asked_ms: u64,
    came_ms: u64,
    what: Brought,
}

enum Brought {
    Page(EventsPage),
    SnapshotRequired,
    Staged(Box<Staged>),
    Failed(Problem),
}

impl Driver {
    /// Runs until the supervisor is gone or the console closes.
    pub(crate) async fn run(mut self) {
        let (sender, mut answers) = mpsc::unbounded_channel();
        loop {
            let deadline = self.state.deadline_ms();
            // What is rare comes first, so that a flood of news holds up neither answers nor taps.
            tokio::select! {
                biased;
                Some(answer) = answers.recv() => self.on_answer(answer, &sender),
                input = self.inputs.recv() => match input {
                    Some(input) => self.take(input, &sender),
                    None => return,
                },
                news = self.news.recv() => match news {
                    Some(news) => self.on_burst(news, &sender),
                    None => return,
                },
                () = reach(&self.core, deadline) => self.take(Input::Tick, &sender),
            }
            self.publish();
        }
    }

    fn on_burst(&mut self, first: News, answers: &mpsc::UnboundedSender<Answer>) {
        self.on_news(first, answers);
        for _ in 1..BURST {
            let Ok(news) = self.news.try_recv() else { return };
            self.on_news(news, answers);
        }
        // News that never end must not hold up what is due.
        if self.state.deadline_ms().is_some_and(|at_ms| at_ms <= self.core.clock.mono_ms()) {
            self.take(Input::Tick, answers);
        }
    }

    fn on_news(&mut self, news: News, answers: &mpsc::UnboundedSender<Answer>) {
        let input = match news {
            News::Connecting => Input::Connecting,
            News::Failed(why) => {
                tracing::info!(%why, "no link");
                self.core.view_mut().problem = Some((&why).into());
                Input::ConnectFailed
            }
            News::Up(link) => {
                tracing::info!(link, "the link is up");
                self.running.ups += 1;
                self.core.view_mut().clock.ask_anew();
                if self.running.ups > 1 {
                    self.core.desk().metrics.link.reconnects += 1;
                }
                Input::Up { link }
            }
            News::Down(link) => {
                tracing::info!(link, "the link is gone");
                Input::Down { link }
            }
            News::Overflow(link) => Input::Overflow { link },
            News::Heard(link, signal) => self.heard(link, signal),
        };
        self.take(input, answers);
    }

    /// Checks what was heard before anything is done with it.
    fn heard(&mut self, link: LinkId, signal: Signal) -> Input {
        let (name, args, at_us) = match signal {
            Signal::Event { name, args, at_us } => (name, args, at_us),
            Signal::NotText { name } => return self.malformed(link, &name, "not JSON text"),
        };
        self.running.arrived_us = at_us;
        self.core.desk().metrics.count_event(&name, &args);
        match Incoming::parse(&name, &args) {
            Ok(incoming) => {
                match &incoming {
                    Incoming::Head(head) if self.state.is_own_server() => {
                        self.heard_head_time(head.server_time, at_us / 1_000)
                    }
                    Incoming::Stats(stats) => {
                        let updates = rules::stats_updates(stats, &rows::KnownRows(&self.core.view()));
                        self.show(updates, false);
                    }
                    Incoming::Lease => self.core.lease_due.notify_one(),
                    Incoming::Event { .. } | Incoming::Head(_) | Incoming::Cart => {}
                }
                Input::Heard { link, incoming }
            }
            Err(why) => self.malformed(link, &name, &why.0),
        }
    }

    fn heard_head_time(&self, server: Option<VenueTime>, came_ms: u64) {
        if let Some(server) = server {
            self.core.view_mut().clock.heard(server, came_ms);
        }
    }

    fn malformed(&self, link: LinkId, name: &str, why: &str) -> Input {
        tracing::warn!(name = %name.chars().take(64).collect::<String>(), why, "a malformed event: asking the log");
        self.core.desk().metrics.link.malformed += 1;
        Input::Malformed { link }
    }

    fn on_answer(&mut self, answer: Answer, answers: &mpsc::UnboundedSender<Answer>) {
        let Answer { fetch, asked_ms, came_ms, what } = answer;
        self.running.arrived_us = came_ms * 1_000;
        let input = match what {
            Brought::Page(page) => {
                if let Some(server) = page.server_time {
                    self.core.view_mut().clock.answered(server, asked_ms, came_ms);
                }
                self.core.view_mut().problem = None;
                Input::Page { fetch, page }
            }
            Brought::SnapshotRequired => Input::SnapshotRequired { fetch },
            Brought::Staged(staged) => {
                if let Some((server, header_ms)) = staged.server_time {
                    self.core.view_mut().clock.answered(server, asked_ms, header_ms);
                }
                let (held, hash, named) = (staged.held.clone(), staged.hash.to_hex(), staged.named.clone());
                self.running.staged = Some(*staged);
                Input::SnapshotStaged { fetch, held, hash, named }
            }
            Brought::Failed(why) => {
                tracing::warn!(%why, "catching up failed; it is tried again");
                self.core.view_mut().problem = Some(why);
                Input::FetchFailed { fetch }
            }
        };
        self.take(input, answers);
    }

    /// Takes an input in, does what it leads to, and takes in what comes of that.
    fn take(&mut self, input: Input, answers: &mpsc::UnboundedSender<Answer>) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let moment = Moment { now_ms: self.core.clock.mono_ms(), fraction: self.core.chance.fraction() };
            let mut stuck = false;
            for effect in step(&mut self.state, moment, input) {
                // Rows never go on top of rows that could not be written.
                if stuck && matches!(effect, Effect::Apply { .. } | Effect::Swap { .. }) {
                    continue;
                }
                let comes = self.perform(effect, answers);
                stuck |= matches!(comes, Some(Input::ApplyFailed { .. }));
                inputs.extend(comes);
            }
        }
    }

    fn perform(&mut self, effect: Effect, answers: &mpsc::UnboundedSender<Answer>) -> Option<Input> {
        match effect {
            Effect::FetchEvents { fetch, after } => self.start(fetch_events(self.core.clone(), fetch, after, answers)),
            Effect::FetchSnapshot { fetch, reason } => {
                waiting_for_disk(|| self.make_lost_cache());
                tracing::info!(?reason, "loading a snapshot");
                self.start(fetch_snapshot(self.core.clone(), fetch, reason, answers));
            }
            Effect::CancelFetch => self.cancel(),
            Effect::Apply { units, held } => return Some(waiting_for_disk(|| self.apply(&units, &held))),
            Effect::Swap { held } => return waiting_for_disk(|| self.swap(&held)),
            Effect::CheckFile => waiting_for_disk(|| self.contact()),
            Effect::DropLink { link } => {
                // The channel is never full: the supervisor takes orders before anything else.
                let _ = self.orders.try_send(Order::Drop(link));
            }
            Effect::ConfirmLink => {
                let _ = self.orders.try_send(Order::Confirm);
            }
            Effect::Note(note) => self.note(note),
        }
        None
    }

    fn start(&mut self, fetch: impl Future<Output = ()> + Send + 'static) {
        self.cancel();
        self.running.task = Some(self.core.executor.spawn(fetch.boxed()));
    }

    fn cancel(&mut self) {
        if let Some(task) = self.running.task.take() {
            task.abort();
        }
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Gap => {
                tracing::info!(cursor = self.state.cursor(), "events are missing");
                self.core.desk().metrics.link.gaps += 1;
            }
            Note::Impossible(what) => {
                tracing::warn!(%what, "an event that can't be: asking the log");
                self.core.desk().metrics.link.malformed += 1;
            }
            Note::OtherEpoch(epoch) => tracing::info!(%epoch, "something of another log was heard"),
            Note::Silence => tracing::warn!("nothing was heard for too long; the link is given up"),
            Note::HashMismatch { seq, ours, theirs } => {
                tracing::error!(seq, %ours, %theirs, "the rows are not the server's; they are fetched anew");
                let now = self.core.venue_now();
                self.core.view_mut().found(FoundBy::StateHash, now);
                self.core.desk().metrics.link.hash_mismatches += 1;
            }
        }
    }

    /// A heartbeat was heard: the moment to look whether the file is still as it was left.
    fn contact(&self) {
        self.core.look_at_clocks();
        let contact = self.core.contact_now();
        self.core.check_file();
        self.core.view_mut().last_sync_at = Some(contact.at);
        if let Some(cache) = self.core.cache().as_mut()
            && let Err(error) = cache.note_contact(contact)
        {
            tracing::warn!(%error, "the time of the last contact was not kept");
        }
        self.core.lease_due.notify_one();
        self.core.status_moved();
    }

    /// Shows how the synchronisation stands.
    fn publish(&self) {
        let link = self.state.link_state();
        let now = self.core.venue_now();
        let (moved, can_send) = {
            let mut view = self.core.view_mut();
            let before = (view.link, view.agreed, view.head);
            let was_up = view.is_up();
            view.link = link;
            view.is_own_server = self.state.is_own_server();
            view.agreed = self.state.in_sync();
            view.head = self.state.head;
            if view.is_up() {
                view.problem = view.problem.take().filter(|_| link != LinkState::Live);
                view.offline_since = None;
            } else if was_up || view.offline_since.is_none() {
                view.offline_since = Some(now);
            }
            (before != (view.link, view.agreed, view.head), view.can_send())
        };
        let position = self.state.held.as_ref().map(|held| held.position.clone());
        self.applied.send_if_modified(|before| {
            let moved = *before != position;
            *before = position;
            moved
        });
        self.core.set_link(can_send);
        if moved {
            self.core.status_moved();
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.cancel();
    }
}

async fn reach(core: &Core, deadline_ms: Option<u64>) {
    match deadline_ms {
        Some(at_ms) => tokio::time::sleep(Duration::from_millis(at_ms.saturating_sub(core.clock.mono_ms()))).await,
        None => std::future::pending().await,
    }
}

fn fetch_events(
    core: Arc<Core>,
    fetch: FetchId,
    after: EventsAfter,
    answers: &mpsc::UnboundedSender<Answer>,
) -> impl Future<Output = ()> + Send + 'static {
    let answers = answers.clone();
    async move {
        let asked_ms = core.clock.mono_ms();
        let what = match core.rest.events(after).await {
            Ok(EventsAnswer::Page(page)) => Brought::Page(page),
            Ok(EventsAnswer::SnapshotRequired) => Brought::SnapshotRequired,
            Err(error) => Brought::Failed((&error).into()),
        };
        // Nobody listens any more: then nobody needs it.
        let _ = answers.send(Answer { fetch, asked_ms, came_ms: core.clock.mono_ms(), what });
    }
}

fn fetch_snapshot(
    core: Arc<Core>,
    fetch: FetchId,
    reason: SnapshotReason,
    answers: &mpsc::UnboundedSender<Answer>,
) -> impl Future<Output = ()> + Send + 'static {
    let answers = answers.clone();
    async move {
        let asked_ms = core.clock.mono_ms();
        let what = match load::load(core.clone(), reason).await {
            Ok(staged) => Brought::Staged(Box::new(staged)),
            Err(error) => Brought::Failed((&error).into()),
        };
        // Nobody listens any more: then nobody needs it.
        let _ = answers.send(Answer { fetch, asked_ms, came_ms: core.clock.mono_ms(), what });
    }
}
