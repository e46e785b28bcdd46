//! Keeps one link alive: a fresh connection for each try, full jitter between the tries, and what is heard
//! passed on in order. What it means is for [`crate::sync`] to say.

use std::{sync::Arc, time::Duration};

use gangway_domain::ids::Position;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until},
};

use super::{Chance, Connection, INBOX_SIGNALS, Inbox, LinkError, Outlet, Realtime, Signal};
use crate::sync::input::LinkId;

/// Shortest wait between two tries; also what bounds a server that accepts and closes at once.
const DELAY_MIN: Duration = Duration::from_millis(100);
/// The first wait is anything up to this.
const DELAY_FIRST: Duration = Duration::from_millis(500);
/// No wait is longer.
const DELAY_MAX: Duration = Duration::from_secs(15);
/// `sync:ack` at most this often (`contract.md`).
const ACK_EVERY: Duration = Duration::from_secs(1);
/// How long an emit may hang before the link counts as dead.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

/// The wait before a try: full jitter up to a bound that doubles with each failure (`fraction` in `[0, 1)`),
/// so that a thousand desks whose server comes back do not come in one moment.
pub fn delay(failures: u32, fraction: f64) -> Duration {
    let longest = DELAY_FIRST.saturating_mul(1 << failures.min(16)).min(DELAY_MAX);
    DELAY_MIN + longest.saturating_sub(DELAY_MIN).mul_f64(fraction)
}

/// What the supervisor says.
#[derive(Debug)]
pub enum News {
    /// A connection is being tried.
    Connecting,
    /// The try failed, for this reason.
    Failed(LinkError),
    /// It stands.
    Up(LinkId),
    /// Heard on it.
    Heard(LinkId, Signal),
    /// Signals were lost on it.
    Overflow(LinkId),
    /// It is gone.
    Down(LinkId),
}

/// What the supervisor is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// This link is dead, whatever the connection says.
    Drop(LinkId),
    /// The link works: waits begin short again.
    Confirm,
    /// Something changed that may let it in: the next try is now.
    Retry,
}

/// One console's link.
pub struct Supervisor {
    /// Where connections come from.
    pub realtime: Arc<dyn Realtime>,
    /// The jitter.
    pub chance: Arc<dyn Chance>,
    /// Who hears.
    pub news: mpsc::Sender<News>,
    /// Who commands.
    pub orders: mpsc::Receiver<Order>,
    /// How far is applied; told to the server now and then.
    pub applied: watch::Receiver<Option<Position>>,
}

impl Supervisor {
    /// Runs until nobody hears any more.
    pub async fn run(mut self) {
        let mut failures = 0;
        for link in 1.. {
            if self.news.send(News::Connecting).await.is_err() {
                return;
            }
            let (inbox, outlet) = Inbox::new(INBOX_SIGNALS);
            match self.realtime.connect(inbox).await {
                Ok(connection) => match self.attend(link, connection.as_ref(), outlet).await {
                    Ended::NobodyHears => return,
                    Ended::Gone { confirmed } => failures = if confirmed { 0 } else { failures + 1 },
                },
                Err(error) => {
                    failures += 1;
                    if self.news.send(News::Failed(error)).await.is_err() {
                        return;
                    }
                }
            }
            if self.pause(delay(failures, self.chance.fraction())).await.is_err() {
                return;
            }
        }
    }

    /// Waits, or less if it is told to; orders about links that are gone mean nothing.
    async fn pause(&mut self, delay: Duration) -> Result<(), ()> {
        let until = sleep(delay);
        tokio::pin!(until);
        loop {
            tokio::select! {
                biased;
                () = &mut until => return Ok(()),
                order = self.orders.recv() => match order {
                    None => return Err(()),
                    Some(Order::Retry) => return Ok(()),
                    Some(Order::Drop(_) | Order::Confirm) => {}
                },
            }
        }
    }

    async fn attend(&mut self, link: LinkId, connection: &dyn Connection, mut outlet: Outlet) -> Ended {
        if self.news.send(News::Up(link)).await.is_err() {
            return Ended::NobodyHears;
        }
        let mut confirmed = false;
        let mut next_ack = Instant::now() + ACK_EVERY;
        let mut acked: Option<Position> = None;
        let mut closed = outlet.closed();
        loop {
            let wants_ack = self.applied.borrow().as_ref().is_some_and(|applied| acked.as_ref() != Some(applied));
            let news = tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    None => return Ended::NobodyHears,
                    Some(Order::Confirm) => { confirmed = true; continue }
                    Some(Order::Drop(dead)) if dead == link => break,
                    Some(Order::Drop(_) | Order::Retry) => continue,
                },
                signal = outlet.signals.recv() => match signal {
                    Some(signal) => News::Heard(link, signal),
                    None => break,
                },
                () = gone(&mut closed) => break,
                () = sleep_until(next_ack), if wants_ack => {
                    let applied = self.applied.borrow_and_update().clone();
                    next_ack = Instant::now() + ACK_EVERY;
                    if !ack(connection, applied.clone()).await { break }
                    acked = applied;
                    continue;
                }
                changed = self.applied.changed(), if !wants_ack => {
                    if changed.is_err() { return Ended::NobodyHears }
                    continue;
                }
            };
            if self.news.send(news).await.is_err() {
                return Ended::NobodyHears;
            }
            if outlet.take_overflow() && self.news.send(News::Overflow(link)).await.is_err() {
                return Ended::NobodyHears;
            }
        }
        match self.news.send(News::Down(link)).await {
            Ok(()) => Ended::Gone { confirmed },
            Err(_) => Ended::NobodyHears,
        }
    }
}

/// Waits until the connection is gone; its inbox being dropped means the same.
async fn gone(closed: &mut watch::Receiver<bool>) {
    let _ = closed.wait_for(|closed| *closed).await;
}

enum Ended {
    NobodyHears,
    Gone {
        /// It worked for a while.
        confirmed: bool,
    },
}

/// Says how far is applied; `false` when the connection can't even be written to.
async fn ack(connection: &dyn Connection, applied: Option<Position>) -> bool {
    let Some(applied) = applied else { return true };
    matches!(tokio::time::timeout(ACK_TIMEOUT, connection.ack(applied)).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests;
