//! Connections that owe the rest of a request: bounded per address, the oldest make room.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use super::connection::Connection;

/// Connections of one address whose request is not complete (`contract.md`, Bounds).
const UNFINISHED_MAX: usize = 50;
/// What one past that bound has left to finish.
const UNFINISHED_GRACE: Duration = Duration::from_secs(1);

/// A connection that waits for the rest of a request, and which of its waits that is.
type Waiting = (Weak<Connection>, u64);

/// The connections that wait for the rest of a request, by address, oldest first.
#[derive(Default)]
pub struct Unfinished {
    by_address: Mutex<HashMap<IpAddr, VecDeque<Waiting>>>,
}

impl Unfinished {
    /// Counts in that `connection` began its wait number `wait`; past the bound the oldest unfinished ones of
    /// its address go, so that somebody who opens many never keeps out the others.
    pub fn add(&self, connection: &Arc<Connection>, wait: u64) {
        let surplus = self.push(connection, wait);
        if !surplus.is_empty() {
            tokio::spawn(close_unfinished(surplus));
        }
    }

    fn push(&self, connection: &Arc<Connection>, wait: u64) -> Vec<(Arc<Connection>, u64)> {
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        by_address.retain(|_, waiting| {
            waiting.retain(|(connection, wait)| connection.upgrade().is_some_and(|known| known.is_waiting(*wait)));
            !waiting.is_empty()
        });
        let waiting = by_address.entry(connection.peer()).or_default();
        waiting.push_back((Arc::downgrade(connection), wait));
        let surplus = waiting.len().saturating_sub(UNFINISHED_MAX);
        waiting.drain(..surplus).filter_map(|(oldest, wait)| Some((oldest.upgrade()?, wait))).collect()
    }
}

/// Closes connections that are still unfinished after a moment: what one of a burst owes may have arrived
/// and only wait for its turn to be read.
async fn close_unfinished(connections: Vec<(Arc<Connection>, u64)>) {
    tokio::time::sleep(UNFINISHED_GRACE).await;
    // Those that became readable while the thread was busy get their turn first.
    tokio::task::yield_now().await;
    for (connection, _) in connections.iter().filter(|(connection, wait)| connection.is_waiting(*wait)) {
        tracing::debug!(peer = %connection.peer(), "an unfinished connection makes room for a newer one");
        connection.close();
    }
}
