//! Sends what waits in the outbox while there is a link, until each command is answered. Which go out next, and
//! together, is for the [`queue`](super::queue) to say.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use gangway_domain::ids::{CommandId, Epoch, Seq};
use gangway_plants::Plant;
use serde::Serialize;
use tokio::sync::watch;

use super::{
    Outbox, OutboxError, Outcome, Unanswered,
    queue::{Call, Failure, Queue, RETRY_MAX_MS, wait_ms},
    wire::{self, AnswerError},
};
use crate::{core::Core, net::RestError, sync::input::Input};

/// How long a call may take. The port has bounds of its own; whatever stands behind it, nothing waits for ever.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// How often what was answered long ago is looked for, beside when a link comes up.
const PURGE_EVERY_MS: u64 = 3_600_000;

/// A backlog that is being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Drain {
    /// Commands that waited when the link came up, or when the venue's log was replaced.
    pub total: usize,
    /// Those of them that are not answered yet.
    pub left: usize,
}

/// Runs until the console closes.
pub(crate) async fn run(core: Arc<Core>) {
    let link = core.link_changes();
    let (queue, calls) = (Queue::new(), FuturesUnordered::new());
    let backlog = Backlog::default();
    let sender = Sender { core, link, is_up: false, queue, calls, last: 0, resends: 0, backlog, purge_at_ms: 0 };
    sender.run().await;
}

struct Sender {
    core: Arc<Core>,
    link: watch::Receiver<bool>,
    is_up: bool,
    queue: Queue,
    calls: FuturesUnordered<BoxFuture<'static, Ended>>,
    /// The last command that was read.
    last: i64,
    /// As of so many times that answered commands went back.
    resends: u64,
    backlog: Backlog,
    purge_at_ms: u64,
}

/// What waited when the link came up, or when answered commands went back.
#[derive(Clone, Copy, Default)]
struct Backlog {
    total: usize,
    through: i64,
    /// As of so many times that they did.
    resends: u64,
}

/// A call that is over.
struct Ended {
    call: u64,
    /// Those that were sent.
    sent: Vec<Unanswered>,
    /// Those that the body had no room for.
    left_out: Vec<i64>,
    /// Those that are not to be sent any more.
    gone: Vec<i64>,
    end: Result<Answers, Failure>,
}

type Answers = Vec<(CommandId, Outcome)>;

impl Sender {
    async fn run(mut self) {
        let mut failures = 0;
        loop {
            let up = *self.link.borrow_and_update();
            if up != std::mem::replace(&mut self.is_up, up) {
                self.link_moved().await;
            }
            let read = (!up || self.put_right().await) && self.read_news().await;
            if read && failures > 0 {
                self.core.outbox_written(None);
            }
            failures = if read { 0 } else { failures + 1 };
            if up && read {
                self.begin_calls();
                self.purge().await;
            }
            let wait_ms = if read { self.due_ms() } else { Some(wait_ms(failures, RETRY_MAX_MS, 0.5)) };
            let core = self.core.clone();
            tokio::select! {
                biased;
                changed = self.link.changed() => if changed.is_err() { return },
                Some(ended) = self.calls.next() => self.end(ended),
                () = core.tapped.notified() => {}
                () = after(wait_ms) => {}
            }
        }
    }

    /// Reads what was tapped since, and what went back to the unanswered.
    async fn read_news(&mut self) -> bool {
        let (after, resends) = (self.last, self.resends);
        match self.core.outbox_blocking(move |outbox| outbox.news(after, resends)).await {
            Ok(news) => {
                if self.calls.is_empty() {
                    self.resends = news.resends;
                }
                // Otherwise they are read once more: one that went back may be on its way still, and its end would
                // take it for answered.
                self.last = news.waiting.last().map_or(self.last, |waiting| waiting.order.max(self.last));
                self.queue.add(news.waiting);
                if self.is_up && news.resends != self.backlog.resends {
                    self.begin_backlog(news.resends);
                }
                true
            }
            Err(error) => {
                tracing::error!(%error, "the outbox can't be read; it is tried again");
                self.core.outbox_written(Some(&error));
                false
            }
        }
    }

    fn due_ms(&self) -> Option<u64> {
        let now_ms = self.core.clock.mono_ms();
        self.queue.due_ms(now_ms).filter(|_| self.is_up).map(|at_ms| at_ms - now_ms)
    }

    /// With a link, what waited for it goes at once.
    async fn link_moved(&mut self) {
        self.backlog = Backlog::default();
        if self.is_up {
            self.core.put_right_due.store(true, Ordering::Relaxed);
            self.queue.link_up();
            if self.put_right().await && self.read_news().await {
                self.begin_backlog(self.backlog.resends);
            }
        }
        self.show_drain();
    }

    /// What was dated by a guess is dated anew, and what the server's log lost goes again. Nothing is sent before that
    /// is on disk: sent as it is, it would be too old, or in the wrong place.
    async fn put_right(&mut self) -> bool {
        // What becomes due meanwhile is due again.
        if !self.core.put_right_due.swap(false, Ordering::Relaxed) {
            return true;
        }
        let core = self.core.clone();
        let put_right = move |outbox: &mut Outbox| core.date_anew(outbox).and_then(|()| core.resend_lost(outbox));
        let done = self.core.outbox_blocking(put_right).await;
        if let Err(error) = &done {
            tracing::error!(%error, "the outbox can't be written; nothing is sent before it can");
            self.core.put_right_due.store(true, Ordering::Relaxed);
            self.core.outbox_written(Some(error));
        }
        done.is_ok()
    }

    /// All that waits now is a backlog.
    fn begin_backlog(&mut self, resends: u64) {
        self.backlog = Backlog { total: self.queue.left(self.last), through: self.last, resends };
        self.show_drain();
    }

    /// Forgets what was answered longer ago than it is kept. Only with a link: before it, venue time is a guess.
    async fn purge(&mut self) {
        let now_ms = self.core.clock.mono_ms();
        if now_ms < self.purge_at_ms {
            return;
        }
        self.purge_at_ms = now_ms + PURGE_EVERY_MS;
        let now = self.core.venue_now();
        if let Err(error) = self.core.outbox_blocking(move |outbox| outbox.purge(now)).await {
            tracing::error!(%error, "the outbox can't be written");
        }
    }

    fn begin_calls(&mut self) {
        while let Some(call) = self.queue.next(self.core.clock.mono_ms()) {
            self.calls.push(perform(self.core.clone(), call).boxed());
        }
    }

    fn end(&mut self, ended: Ended) {
        let Ended { call, sent, left_out, gone, end } = ended;
        self.queue.left_out(call, &left_out);
        self.queue.gone(call, &gone);
        let (now_ms, fraction) = (self.core.clock.mono_ms(), self.core.chance.fraction());
        match end {
            Ok(answers) => {
                let answered: HashSet<CommandId> = answers.iter().map(|(id, _)| *id).collect();
                let decided = sent.iter().filter(|command| answered.contains(&command.id));
                let decided: HashSet<i64> = decided.map(|command| command.order).collect();
                self.queue.answered(call, &decided, now_ms, fraction);
            }
            Err(failure) => {
                tracing::warn!(?failure, commands = sent.len(), "commands were not answered; they are sent again");
                self.queue.failed(call, failure, now_ms, fraction);
            }
        }
        self.show_drain();
    }

    fn show_drain(&mut self) {
        let Backlog { total, through, .. } = self.backlog;
        let left = if total == 0 { 0 } else { self.queue.left(through) };
        if left == 0 {
            self.backlog.total = 0;
        }
        self.core.set_drain((left > 0).then_some(Drain { total, left }));
    }
}

async fn after(wait_ms: Option<u64>) {
    match wait_ms {
        Some(wait_ms) => tokio::time::sleep(Duration::from_millis(wait_ms)).await,
        None => std::future::pending().await,
    }
}

/// Sends the commands of a call, and writes down what the server says.
async fn perform(core: Arc<Core>, Call { id: call, orders }: Call) -> Ended {
    let mut ended = Ended { call, sent: Vec::new(), left_out: Vec::new(), gone: Vec::new(), end: Ok(Vec::new()) };
    let (desk, wanted) = (core.clone(), orders.clone());
    let read = core.outbox_blocking(move |outbox| {
        desk.date_anew(outbox)?;
        outbox.unanswered(&wanted)
    });
    let mut commands = match read.await {
        Ok(commands) => commands,
        Err(error) => {
            tracing::error!(%error, "the outbox can't be read, or what it holds not be dated anew");
            ended.end = Err(Failure::NotNow);
            return ended;
        }
    };
    let found: HashSet<i64> = commands.iter().map(|command| command.order).collect();
    ended.gone = orders.into_iter().filter(|order| !found.contains(order)).collect();
    let held = core.view().held.clone();
    ended.end = match wire::body(&mut commands, held.as_ref()) {
        _ if commands.is_empty() => Ok(Vec::new()),
        Ok(body) if Plant::NewIdOnRetry.is_planted() => {
            let body = with_new_ids(&core, &commands, body);
            exchange(&core, &commands, body).await
        }
        Ok(body) => exchange(&core, &commands, body).await,
        Err(error) => {
            tracing::error!(%error, "a stored command was bent since it was read");
            part_unreadable(&core).await;
            Err(Failure::NotNow)
        }
    };
    let kept: HashSet<i64> = commands.iter().map(|command| command.order).collect();
    ended.left_out = found.difference(&kept).copied().collect();
    ended.sent = commands;
    ended
}

/// A deliberate bug, for tests.
fn with_new_ids(core: &Core, commands: &[Unanswered], body: String) -> String {
    let was_sent = |command: &&Unanswered| {
        let fate = core.with_outbox(|outbox| outbox.fate(command.id));
        fate.is_ok_and(|fate| fate.is_some_and(|fate| fate.sent_at.is_some()))
    };
    let again = commands.iter().filter(was_sent);
    again.fold(body, |body, command| body.replace(&command.id.to_string(), &core.chance.command_id().to_string()))
}

/// Sets apart what can't be read any more: it shows no longer, and what is on the attention list for it does.
async fn part_unreadable(core: &Arc<Core>) {
    let (desk, at) = (core.clone(), core.venue_now());
    let parted = core.outbox_blocking(move |outbox| {
        if outbox.part_unreadable(at)? {
            desk.read_pending_of(outbox)?;
        }
        Ok(())
    });
    match parted.await {
        Ok(()) => {
            core.show_everything();
            core.tapped.notify_one();
        }
        Err(error) => tracing::error!(%error, "the outbox can't be written"),
    }
}

async fn exchange(core: &Arc<Core>, sent: &[Unanswered], body: String) -> Result<Answers, Failure> {
    let (marked, at) = (sent.to_vec(), core.venue_now());
    if let Err(error) = core.outbox_blocking(move |outbox| outbox.mark_sent(&marked, at)).await {
        // When it was sent is only for people; the answer matters more than a full disk.
        tracing::warn!(%error, "when commands were sent could not be kept");
    }
    // What the answers name is looked for in the log that was held when they were asked for: were it replaced
    // meanwhile, they are asked for again.
    let epoch = core.epoch();
    let Ok(answer) = tokio::time::timeout(CALL_TIMEOUT, core.rest.commands(body)).await else {
        return Err(Failure::NoAnswer);
    };
    let answers = match (answer, sent) {
        (Err(refusal), [alone]) if is_unread(&refusal) => vec![(alone.id, wire::rejected(&refusal))],
        (Err(refusal), _) => return Err(failure(&refusal)),
        (Ok(results), sent) => wire::answers(sent, results).map_err(|error| garbled(&error))?,
    };
    let kept = settle(core, &answers, &epoch).await;
    core.outbox_written(kept.as_ref().err());
    kept.map_err(|error| {
        tracing::error!(%error, "answers could not be kept; they are asked for again");
        Failure::NotNow
    })?;
    Ok(answers)
}

async fn settle(core: &Arc<Core>, answers: &[(CommandId, Outcome)], epoch: &Epoch) -> Result<(), OutboxError> {
    let (desk, kept, of, at) = (core.clone(), answers.to_vec(), epoch.clone(), core.venue_now());
    core.outbox_blocking(move |outbox| {
        outbox.settle(&kept, &of, at)?;
        desk.answered(&kept, &of);
        if desk.log().is_some_and(|(held, _)| held != of) {
            // The rows of the new log were put in place before these answers were here to be looked at.
            desk.resend_lost(outbox)?;
        }
        Ok(())
    })
    .await?;
    core.fates_changed();
    let last = answers.iter().filter_map(|(_, outcome)| last_seq(outcome)).max();
    if let Some(seq) = last {
        core.input(Input::HeadKnown { seq });
    }
    Ok(())
}

fn last_seq(outcome: &Outcome) -> Option<Seq> {
    match outcome {
        Outcome::Accepted { seqs, .. } => seqs.iter().max().copied(),
        Outcome::Rejected { .. } => None,
    }
}

fn garbled(error: &AnswerError) -> Failure {
    tracing::warn!(%error, "an answer to commands can't be used");
    Failure::NoAnswer
}

/// Whether the server can't even read the commands: another try of the same ones changes nothing.
fn is_unread(error: &RestError) -> bool {
    match error {
        RestError::Refused { status, code, .. } => *status == 413 || (*status == 400 && code == "invalid_batch"),
        RestError::Link(_) | RestError::Malformed(_) | RestError::Busy { .. } => false,
    }
}

fn failure(error: &RestError) -> Failure {
    match error {
        _ if is_unread(error) => Failure::Unread,
        RestError::Busy { after_ms } => Failure::Busy { after_ms: *after_ms },
        // Who this desk is, or what it may: nothing about the commands.
        RestError::Refused { status: 401 | 403, .. } => Failure::NotNow,
        RestError::Refused { .. } | RestError::Link(_) | RestError::Malformed(_) => Failure::NoAnswer,
    }
}
