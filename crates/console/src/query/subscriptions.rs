//! Who looks at what: only keys that somebody subscribes to are pushed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::key::{QueryKey, Topic};

/// Most keys of one subscriber; a window that asks for more has a fault, and the first ones stay.
pub const KEYS_PER_SUBSCRIBER: usize = 1_000;

/// Counted per subscriber and key: a key that two components of a page need is kept until both let go.
#[derive(Debug, Default)]
pub struct Subscriptions {
    subscribers: HashMap<String, BTreeMap<QueryKey, u32>>,
    topics: HashMap<Topic, BTreeMap<QueryKey, u32>>,
}

impl Subscriptions {
    /// `subscriber` looks at `keys` too. Says how many were too many and are not pushed.
    pub fn add(&mut self, subscriber: &str, keys: Vec<QueryKey>) -> usize {
        let mut too_many = 0;
        let of_subscriber = self.subscribers.entry(subscriber.to_owned()).or_default();
        for key in keys {
            if of_subscriber.len() >= KEYS_PER_SUBSCRIBER && !of_subscriber.contains_key(&key) {
                too_many += 1;
                continue;
            }
            *of_subscriber.entry(key.clone()).or_default() += 1;
            for topic in key.topics() {
                *self.topics.entry(topic.clone()).or_default().entry(key.clone()).or_default() += 1;
            }
        }
        too_many
    }

    /// `subscriber` lets go of `keys`, once each; of one that it does not hold nothing happens.
    pub fn remove(&mut self, subscriber: &str, keys: &[QueryKey]) {
        let Some(of_subscriber) = self.subscribers.get_mut(subscriber) else { return };
        for key in keys {
            let Some(count) = of_subscriber.get_mut(key) else { continue };
            *count -= 1;
            if *count == 0 {
                of_subscriber.remove(key);
            }
            drop_from_topics(&mut self.topics, key, 1);
        }
        if of_subscriber.is_empty() {
            self.subscribers.remove(subscriber);
        }
    }

    /// `subscriber` is gone: a closed or reloaded page.
    pub fn forget(&mut self, subscriber: &str) {
        for (key, count) in self.subscribers.remove(subscriber).unwrap_or_default() {
            drop_from_topics(&mut self.topics, &key, count);
        }
    }

    /// The keys that an update of `topic` concerns.
    pub fn keys_of(&self, topic: &Topic) -> BTreeSet<&QueryKey> {
        match topic {
            Topic::EveryHistory => {
                let histories = self.topics.iter().filter(|(topic, _)| matches!(topic, Topic::HistoryOf(_)));
                histories.flat_map(|(_, keys)| keys.keys()).collect()
            }
            topic => self.topics.get(topic).into_iter().flat_map(BTreeMap::keys).collect(),
        }
    }

    /// Every topic that somebody looks at.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.keys()
    }
}

fn drop_from_topics(topics: &mut HashMap<Topic, BTreeMap<QueryKey, u32>>, key: &QueryKey, count: u32) {
    for topic in key.topics() {
        let Some(keys) = topics.get_mut(topic) else { continue };
        if let Some(held) = keys.get_mut(key) {
            *held = held.saturating_sub(count);
            if *held == 0 {
                keys.remove(key);
            }
        }
        if keys.is_empty() {
            topics.remove(topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parts: &[&str]) -> QueryKey {
        QueryKey::parse(parts.iter().map(|part| (*part).to_owned()).collect()).expect("a key")
    }

    #[test]
    fn a_key_is_pushed_until_the_last_who_looks_lets_go() {
        let mut subscriptions = Subscriptions::default();
        let products = key(&["products"]);
        subscriptions.add("a", vec![products.clone(), products.clone()]);
        subscriptions.add("b", vec![products.clone()]);
        subscriptions.remove("a", std::slice::from_ref(&products));
        subscriptions.forget("b");
        assert_eq!(subscriptions.keys_of(&Topic::Products).len(), 1, "one component of a still looks");
        subscriptions.remove("a", std::slice::from_ref(&products));
        assert_eq!(subscriptions.topics().count(), 0);
        subscriptions.remove("a", &[products]);
    }

    #[test]
    fn a_band_is_found_however_its_code_was_written() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.add("a", vec![key(&["playerSession", "b-7"]), key(&["playerSession", "B-7 "])]);
        let band = gangway_domain::band::BarcodeId::parse("B-7").expect("a band");
        assert_eq!(subscriptions.keys_of(&Topic::Band(band)).len(), 2, "each key is pushed as it was written");
    }

    #[test]
    fn when_it_is_unknown_whose_history_changed_every_one_is_meant() {
        let mut subscriptions = Subscriptions::default();
        subscriptions
            .add("a", vec![key(&["checkinHistory", "B-1"]), key(&["checkinHistory", "B-2"]), key(&["products"])]);
        assert_eq!(subscriptions.keys_of(&Topic::EveryHistory).len(), 2);
    }

    #[test]
    fn a_subscriber_holds_a_bounded_number_of_keys() {
        let mut subscriptions = Subscriptions::default();
        let many = (0..KEYS_PER_SUBSCRIBER + 5).map(|n| key(&["playerSession", &format!("B-{n}")])).collect();
        subscriptions.add("a", many);
        assert_eq!(subscriptions.subscribers["a"].len(), KEYS_PER_SUBSCRIBER);
    }
}
