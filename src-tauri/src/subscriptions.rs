//! Which keys each window looks at, as the shell knows it.
//!
//! The core decides what to push; this record is for the moment when the core can't know: a venue is opened
//! under a page that already shows something.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gangway_console::QueryKey;

/// Keys by window label, each as often as it was asked for: the core counts as well.
#[derive(Debug, Default)]
pub struct Subscriptions(Mutex<HashMap<String, Vec<QueryKey>>>);

impl Subscriptions {
    pub fn add(&self, window: &str, keys: &[QueryKey]) {
        self.lock().entry(window.to_owned()).or_default().extend_from_slice(keys);
    }

    pub fn remove(&self, window: &str, keys: &[QueryKey]) {
        let mut windows = self.lock();
        let Some(held) = windows.get_mut(window) else { return };
        for key in keys {
            if let Some(place) = held.iter().position(|one| one == key) {
                held.swap_remove(place);
            }
        }
    }

    pub fn forget(&self, window: &str) {
        self.lock().remove(window);
    }

    pub fn all(&self) -> Vec<(String, Vec<QueryKey>)> {
        self.lock().iter().map(|(window, keys)| (window.clone(), keys.clone())).collect()
    }

    /// A panic elsewhere can't leave a list half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<QueryKey>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
