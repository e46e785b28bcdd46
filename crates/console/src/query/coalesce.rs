//! Many updates, one message: the last update of each topic wins until the frame is over.

use std::collections::HashMap;

use super::{
    key::Topic,
    rules::{Given, Op, Update},
};

/// What waits for the next push.
#[derive(Debug, Default)]
pub struct Pending {
    order: Vec<Topic>,
    ops: HashMap<Topic, Op>,
    /// When the first of the events behind it arrived, in microseconds.
    since_us: Option<u64>,
}

impl Pending {
    /// Adds the updates of one event that arrived at `at_us`; without a moment they are of no event, and nobody
    /// measures how long they take.
    pub fn add(&mut self, updates: Vec<Update>, at_us: Option<u64>) {
        if updates.is_empty() {
            return;
        }
        if let Some(at_us) = at_us {
            self.since_us = Some(self.since_us.map_or(at_us, |since| since.min(at_us)));
        }
        for Update { topic, op } in updates {
            match self.ops.remove(&topic) {
                Some(before) => {
                    self.ops.insert(topic, then(before, op));
                }
                None => {
                    self.order.push(topic.clone());
                    self.ops.insert(topic, op);
                }
            }
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Takes what waits, in the order in which the topics were first touched, and since when.
    pub fn take(&mut self) -> (Vec<Update>, Option<u64>) {
        let mut ops = std::mem::take(&mut self.ops);
        let updates = std::mem::take(&mut self.order)
            .into_iter()
            .filter_map(|topic| ops.remove(&topic).map(|op| Update { topic, op }))
            .collect();
        (updates, self.since_us.take())
    }
}

/// One update after another as a single one.
fn then(before: Op, after: Op) -> Op {
    match (before, after) {
        (Op::Set(Given::Data(mut data)), Op::Set(Given::Part(part))) => {
            if let Some(object) = data.as_object_mut() {
                object.extend(part);
            }
            Op::Set(Given::Data(data))
        }
        (Op::Set(Given::Part(mut earlier)), Op::Set(Given::Part(part))) => {
            earlier.extend(part);
            Op::Set(Given::Part(earlier))
        }
        // What a part would be merged into is out of date: it stays to be asked for.
        (Op::Invalidate { fallback }, Op::Set(Given::Part(_))) => Op::Invalidate { fallback },
        (_, after) => after,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn part(value: Value) -> Op {
        Op::Set(Given::Part(value.as_object().cloned().expect("an object")))
    }

    fn check(ops: Vec<Op>, expect: Op) {
        let mut pending = Pending::default();
        for (at, op) in (10..).zip(ops) {
            pending.add(vec![Update { topic: Topic::DashboardStats, op }], Some(at));
        }
        let (updates, since) = pending.take();
        assert_eq!(updates, [Update { topic: Topic::DashboardStats, op: expect }]);
        assert_eq!(since, Some(10), "latency counts from the first event");
        assert!(pending.is_empty());
    }

    #[test]
    fn the_last_update_of_a_topic_wins() {
        let data = |n: i32| Op::Set(Given::Data(json!({ "a": n })));
        check(vec![data(1), data(2)], data(2));
        check(vec![data(1), Op::Invalidate { fallback: false }], Op::Invalidate { fallback: false });
        check(vec![Op::Invalidate { fallback: false }, data(2)], data(2));
        check(vec![data(1), Op::Set(Given::Rows)], Op::Set(Given::Rows));
    }

    #[test]
    fn parts_add_up() {
        check(vec![part(json!({"a": 1, "b": 1})), part(json!({"b": 2}))], part(json!({"a": 1, "b": 2})));
        check(
            vec![Op::Set(Given::Data(json!({"a": 1, "b": 1}))), part(json!({"b": 2}))],
            Op::Set(Given::Data(json!({"a": 1, "b": 2}))),
        );
    }

    #[test]
    fn a_part_does_not_hide_that_its_base_is_out_of_date() {
        check(vec![Op::Invalidate { fallback: true }, part(json!({"b": 2}))], Op::Invalidate { fallback: true });
    }

    #[test]
    fn topics_keep_the_order_in_which_they_were_first_touched() {
        let mut pending = Pending::default();
        let update = |topic| Update { topic, op: Op::Set(Given::Rows) };
        pending.add(vec![update(Topic::DashboardStats), update(Topic::ActiveSessions)], Some(1));
        pending.add(vec![update(Topic::Products), update(Topic::DashboardStats)], Some(2));
        let topics: Vec<_> = pending.take().0.into_iter().map(|update| update.topic).collect();
        assert_eq!(topics, [Topic::DashboardStats, Topic::ActiveSessions, Topic::Products]);
    }
}
