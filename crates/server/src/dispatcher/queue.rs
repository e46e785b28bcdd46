//! Packets on their way out, in order; one that fails is tried again and then given up, so that a socket
//! layer in trouble delays nothing but itself (`sync.md` rule 7).

use std::{collections::VecDeque, time::Duration};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use thiserror::Error;

use super::packet::Packet;
use crate::realtime::Profile;

/// Tries after the first; with the delays below all of them are within 2 s.
const RETRIES: usize = 5;
/// First delay; jitter may double each.
const DELAY_MIN: Duration = Duration::from_millis(40);
/// Longest delay before jitter.
const DELAY_MAX: Duration = Duration::from_millis(400);
/// Bytes that are given to the sockets before they get a turn to write them.
const CHUNK_BYTES: usize = 1 << 20;
/// Packets that may wait behind one that fails; past it nothing is tried again, the log heals what is lost.
const WAITING_MAX: usize = 2_048;

/// Why nothing could be emitted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct EmitError(pub String);

/// What an emission reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Sockets that it was queued for.
    pub receivers: usize,
}

/// The socket layer.
pub trait Emitter: Send + Sync {
    /// Queues a packet for every socket of its room, without waiting.
    ///
    /// # Errors
    /// It reached nobody; it may be tried again.
    fn emit(&self, packet: &Packet) -> Result<Sent, EmitError>;

    /// The rooms that packets are made for.
    fn rooms(&self) -> Vec<Profile> {
        Profile::ALL.to_vec()
    }

    /// How many sockets the room has.
    fn receivers(&self, room: Profile) -> usize;

    /// The unsent bytes of the socket that has most of them.
    fn backlog(&self) -> u64;
}

/// What happened to a packet.
#[derive(Debug)]
pub enum Emission {
    /// It went out.
    Sent(Packet, Sent),
    /// It failed and stays first; `wait` says how long.
    Failed {
        /// Its name.
        name: &'static str,
        /// Why.
        error: EmitError,
        /// Until the next try.
        wait: Duration,
    },
    /// It failed for good.
    Skipped(Packet, EmitError),
}

/// The queue.
#[derive(Default)]
pub struct EmissionQueue {
    waiting: VecDeque<Packet>,
    backoff: Option<ExponentialBackoff>,
}

impl EmissionQueue {
    /// Puts a packet last.
    pub fn push(&mut self, packet: Packet) {
        self.waiting.push_back(packet);
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Emits from the front until a chunk of bytes is out, one fails, or nothing is left; `seen` is told of
    /// each. Returns how long to wait where one failed.
    pub fn pump(&mut self, emitter: &dyn Emitter, seen: &mut dyn FnMut(Emission)) -> Option<Duration> {
        let mut bytes = 0;
        while bytes < CHUNK_BYTES {
            let packet = self.waiting.pop_front()?;
            match emitter.emit(&packet) {
                Ok(sent) => {
                    self.backoff = None;
                    bytes += packet.bytes();
                    seen(Emission::Sent(packet, sent));
                }
                Err(error) => match self.next_delay() {
                    Some(wait) => {
                        seen(Emission::Failed { name: packet.name, error, wait });
                        self.waiting.push_front(packet);
                        return Some(wait);
                    }
                    None => {
                        self.backoff = None;
                        seen(Emission::Skipped(packet, error));
                    }
                },
            }
        }
        None
    }

    fn next_delay(&mut self) -> Option<Duration> {
        if self.waiting.len() > WAITING_MAX {
            return None;
        }
        self.backoff.get_or_insert_with(delays).next()
    }
}

fn delays() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(DELAY_MIN)
        .with_max_delay(DELAY_MAX)
        .with_factor(2.0)
        .with_max_times(RETRIES)
        .with_jitter()
        .build()
}
