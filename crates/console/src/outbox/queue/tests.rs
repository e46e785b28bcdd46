use super::*;

/// A queue of commands, each with the keys that it shares, in the order of their numbers.
fn queue(keys: &[&[&str]]) -> Queue {
    let mut queue = Queue::new();
    let waiting = (1..).zip(keys).map(|(order, keys)| Waiting {
        order,
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        text_bytes: 100,
        ..Waiting::default()
    });
    queue.add(waiting.collect());
    queue
}

/// `n` commands on bands of their own.
fn bands(n: i64) -> Queue {
    let mut queue = Queue::new();
    queue.add((1..=n).map(band).collect());
    queue
}

fn band(order: i64) -> Waiting {
    Waiting { order, keys: vec![format!("band:{order}")], text_bytes: 100, ..Waiting::default() }
}

fn all(call: &Call) -> HashSet<i64> {
    call.orders.iter().copied().collect()
}

/// The next call, and when it begins.
fn next_when(queue: &mut Queue, mut now_ms: u64) -> (u64, Call) {
    loop {
        match queue.next(now_ms) {
            Some(call) => return (now_ms, call),
            None => now_ms = queue.due_ms(now_ms).expect("something is due"),
        }
    }
}

fn next_orders(queue: &mut Queue, now_ms: u64) -> Option<Vec<i64>> {
    queue.next(now_ms).map(|call| call.orders)
}

#[test]
fn what_shares_no_key_goes_at_once_and_what_does_goes_in_the_same_call_in_order() {
    let mut queue = queue(&[&["a"], &["b"], &["a"], &["c"]]);
    assert_eq!(next_orders(&mut queue, 0), Some(vec![1, 2, 3, 4]));
    assert_eq!(next_orders(&mut queue, 0), None);
}

#[test]
fn a_command_waits_for_every_earlier_one_under_way_that_shares_any_key() {
    let mut queue = queue(&[&["a"]]);
    let first = queue.next(0).expect("a call");
    queue.add(vec![
        Waiting { order: 2, keys: vec!["a".to_owned(), "b".to_owned()], ..Waiting::default() },
        Waiting { order: 3, keys: vec!["b".to_owned()], ..Waiting::default() },
        Waiting { order: 4, keys: vec!["c".to_owned()], ..Waiting::default() },
    ]);
    assert_eq!(next_orders(&mut queue, 0), Some(vec![4]), "3 waits for 2, which waits for 1");
    queue.answered(first.id, &all(&first), 0, 0.5);
    assert_eq!(next_orders(&mut queue, 0), Some(vec![2, 3]));
}

#[test]
fn what_reads_a_row_waits_for_who_makes_or_changes_it_and_holds_nobody_back() {
    let text = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let mut queue = Queue::new();
    queue.add(vec![
        Waiting { order: 1, made: text(&["product:new"]), ..Waiting::default() },
        Waiting { order: 2, keys: text(&["product:old"]), ..Waiting::default() },
    ]);
    let first = queue.next(0).expect("a call");
    queue.add(vec![
        Waiting { order: 3, keys: text(&["band:1"]), reads: text(&["product:new"]), ..Waiting::default() },
        Waiting { order: 4, keys: text(&["band:2"]), reads: text(&["product:old"]), ..Waiting::default() },
        Waiting { order: 5, keys: text(&["product:new"]), ..Waiting::default() },
        Waiting { order: 6, keys: text(&["band:3"]), reads: text(&["product:old"]), ..Waiting::default() },
    ]);
    assert_eq!(next_orders(&mut queue, 0), None);
    queue.answered(first.id, &all(&first), 0, 0.5);
    assert_eq!(next_orders(&mut queue, 0), Some(vec![3, 4, 5, 6]));
}

#[test]
fn a_backlog_goes_in_full_calls_and_a_few_at_once() {
    let mut queue = bands(1_000);
    let calls: Vec<Call> = std::iter::from_fn(|| queue.next(0)).collect();
    assert_eq!(calls.len(), FRESH_CALLS_MAX);
    assert!(calls.iter().all(|call| call.orders.len() == BATCH_MAX));
    let sent: HashSet<i64> = calls.iter().flat_map(|call| call.orders.clone()).collect();
    assert_eq!(sent.len(), FRESH_CALLS_MAX * BATCH_MAX, "none twice");
    queue.answered(calls[2].id, &all(&calls[2]), 0, 0.5);
    assert_eq!(next_orders(&mut queue, 0).map(|orders| orders[0]), Some(401));
}

#[test]
fn a_call_is_no_longer_than_the_server_reads() {
    let mut queue = Queue::new();
    let long = |order| Waiting { text_bytes: BODY_MAX_BYTES / 3, ..band(order) };
    queue.add((1..=4).map(long).collect());
    assert_eq!(next_orders(&mut queue, 0), Some(vec![1, 2]));
    let mut queue = Queue::new();
    queue.add(vec![Waiting { text_bytes: BODY_MAX_BYTES, ..band(1) }]);
    assert_eq!(next_orders(&mut queue, 0), Some(vec![1]), "one that is too long alone is the server's to refuse");
}

/// Answers every call until nothing is left but what `poison` spoils; says how many calls and how long it took.
fn run(queue: &mut Queue, poison: &[i64], failure: Failure) -> (u32, u64) {
    let (mut calls, mut now_ms) = (0, 0);
    while queue.entries.len() > poison.len() || queue.entries.values().any(|entry| entry.lane != Lane::Alone) {
        match queue.next(now_ms) {
            Some(call) if call.orders.iter().any(|order| poison.contains(order)) => {
                queue.failed(call.id, failure, now_ms, 0.5);
                calls += 1;
            }
            Some(call) => {
                queue.answered(call.id, &all(&call), now_ms, 0.5);
                calls += 1;
            }
            None => now_ms = queue.due_ms(now_ms).expect("something is due"),
        }
        assert!(calls < 500, "{queue:?}");
    }
    (calls, now_ms)
}

#[test]
fn one_command_that_the_server_can_not_stand_is_found_in_a_few_calls_and_the_rest_drains() {
    for poison in [1, 50, 77, 100, 4_321, 5_000] {
        let mut queue = bands(5_000);
        let (calls, took_ms) = run(&mut queue, &[poison], Failure::NoAnswer);
        assert_eq!(queue.entries.keys().copied().collect::<Vec<_>>(), [poison]);
        assert!(calls <= 50 + 25, "{poison}: {calls} calls");
        assert!(took_ms < 10_000, "{poison}: {took_ms} ms");
    }
    let mut queue = bands(5_000);
    run(&mut queue, &[3, 4, 500, 4_999], Failure::NoAnswer);
}

#[test]
fn a_poisonous_command_holds_back_what_shares_its_keys_and_nothing_else() {
    let mut queue = queue(&[&["a"], &["b"], &["a", "c"], &["c"], &["d"]]);
    let mut now_ms = 0;
    loop {
        let (at_ms, call) = next_when(&mut queue, now_ms);
        now_ms = at_ms;
        match call.orders.as_slice() {
            [1] => break queue.failed(call.id, Failure::NoAnswer, now_ms, 0.5),
            orders if orders.contains(&1) => queue.failed(call.id, Failure::NoAnswer, now_ms, 0.5),
            _ => queue.answered(call.id, &all(&call), now_ms, 0.5),
        }
    }
    queue.link_up();
    now_ms += 1;
    queue.entries.get_mut(&1).expect("kept").retry_at_ms = now_ms + 1_000;
    while let Some(call) = queue.next(now_ms) {
        assert!(!call.orders.contains(&3) && !call.orders.contains(&4), "{call:?}");
        queue.answered(call.id, &all(&call), now_ms, 0.5);
    }
    assert_eq!(queue.entries.keys().copied().collect::<Vec<_>>(), [1, 3, 4]);
    queue.add(vec![band(9)]);
    assert_eq!(next_orders(&mut queue, now_ms), Some(vec![9]), "a tap does not wait for it");
    let (due_ms, again) = next_when(&mut queue, now_ms);
    assert_eq!(again.orders, [1]);
    queue.answered(again.id, &all(&again), due_ms, 0.5);
    assert_eq!(next_orders(&mut queue, due_ms), Some(vec![3, 4]));
}

#[test]
fn an_undecided_command_waits_by_itself_and_those_behind_it_keep_their_order() {
    let mut queue = queue(&[&["a"], &["b"], &["a"], &["c"]]);
    let call = queue.next(0).expect("a call");
    queue.answered(call.id, &HashSet::from([2, 4]), 0, 0.5);
    queue.add(vec![band(5)]);
    assert_eq!(next_orders(&mut queue, 0), Some(vec![5]), "a tap goes at once");
    let (first_ms, again) = next_when(&mut queue, 0);
    assert!((RETRY_MIN_MS..2 * RETRY_MIN_MS).contains(&first_ms), "{first_ms}");
    assert_eq!(again.orders, [1, 3]);
    queue.answered(again.id, &HashSet::new(), first_ms, 0.5);
    let (second_ms, again) = next_when(&mut queue, first_ms);
    assert_eq!(again.orders, [1, 3]);
    assert!(second_ms - first_ms > first_ms, "the wait grows: {first_ms}, {second_ms}");
}

#[test]
fn calls_of_commands_that_were_sent_before_keep_a_distance() {
    let mut queue = bands(300);
    let calls: Vec<Call> = std::iter::from_fn(|| queue.next(0)).collect();
    for (call, fraction) in calls.iter().zip([0.1, 0.15, 0.2]) {
        queue.answered(call.id, &HashSet::new(), 0, fraction);
    }
    let mut begun_ms = Vec::new();
    let mut now_ms = 0;
    while begun_ms.len() < 3 {
        now_ms = queue.due_ms(now_ms).expect("due");
        begun_ms.extend(queue.next(now_ms).map(|_| now_ms));
    }
    assert!(begun_ms.windows(2).all(|pair| pair[1] - pair[0] >= RETRY_MIN_MS), "{begun_ms:?}");
}

#[test]
fn a_server_that_does_not_answer_is_asked_less_and_less_and_a_new_link_at_once() {
    let mut queue = bands(1_000);
    let (mut now_ms, mut begun) = (0, 0);
    while now_ms < 60_000 {
        match queue.next(now_ms) {
            Some(call) => {
                begun += 1;
                queue.failed(call.id, Failure::NoAnswer, now_ms, 0.99);
            }
            None => now_ms = queue.due_ms(now_ms).expect("due"),
        }
    }
    assert!(begun < 60, "{begun} calls in a minute");
    queue.link_up();
    assert!(queue.next(now_ms).is_some());
    // What was doubted for nothing is cleared in calls that grow.
    let mut calls = 0;
    while let Some(call) = queue.next(now_ms + 1) {
        queue.answered(call.id, &all(&call), now_ms + 1, 0.5);
        calls += 1;
    }
    assert!(calls < 40, "{calls} calls");
}

#[test]
fn a_server_that_asks_for_time_gets_it_and_not_all_desks_come_back_in_one_moment() {
    let waits: Vec<u64> = [0.0, 0.3, 0.9]
        .into_iter()
        .map(|fraction| {
            let mut queue = bands(3);
            let call = queue.next(0).expect("a call");
            queue.failed(call.id, Failure::Busy { after_ms: Some(7_000) }, 0, fraction);
            let due_ms = queue.due_ms(0).expect("due");
            queue.add(vec![band(9)]);
            assert_eq!(next_orders(&mut queue, due_ms - 1), None);
            assert_eq!(next_orders(&mut queue, due_ms), Some(vec![1, 2, 3, 9]), "nothing is wrong with them");
            due_ms
        })
        .collect();
    assert!(waits[0] >= 7_000 && waits.is_sorted() && waits[0] < waits[2], "{waits:?}");
    let mut queue = bands(1);
    let call = queue.next(0).expect("a call");
    queue.failed(call.id, Failure::Busy { after_ms: Some(u64::MAX) }, 0, 0.0);
    assert!(queue.due_ms(0).expect("due") <= BUSY_MAX_MS + RETRY_MIN_MS, "nobody may silence a desk");
}

#[test]
fn what_a_body_had_no_room_for_goes_next_and_what_is_gone_never() {
    let mut queue = bands(3);
    let call = queue.next(0).expect("a call");
    queue.left_out(call.id, &[3]);
    queue.gone(call.id, &[1]);
    assert_eq!(next_orders(&mut queue, 0), Some(vec![3]));
    queue.failed(call.id, Failure::NoAnswer, 0, 0.5);
    assert_eq!(queue.entries.keys().copied().collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn waits_grow_have_a_floor_and_an_end() {
    assert_eq!(wait_ms(1, RETRY_MAX_MS, 0.0), RETRY_MIN_MS);
    assert!(wait_ms(3, RETRY_MAX_MS, 0.5) > wait_ms(1, RETRY_MAX_MS, 0.5));
    assert!(wait_ms(99, RETRY_MAX_MS, 0.999) <= RETRY_MAX_MS);
}
