use std::sync::Mutex;

use futures_util::{FutureExt, future::BoxFuture};
use gangway_domain::ids::Epoch;

use super::*;
use crate::net::LinkError;

#[test]
fn waits_double_up_to_an_end_and_chance_takes_any_part_of_them() {
    assert_eq!(delay(0, 0.0), DELAY_MIN);
    assert!(delay(0, 0.999) <= DELAY_FIRST);
    let longest = |failures| delay(failures, 0.999_999);
    for failures in 0..4 {
        let ratio = longest(failures + 1).as_secs_f64() / longest(failures).as_secs_f64();
        assert!((1.9..2.1).contains(&ratio), "{failures}: {ratio}");
    }
    assert!(longest(60) <= DELAY_MAX);
    assert_eq!(delay(60, 0.0), DELAY_MIN, "full jitter: any wait is possible");
}

/// The middle of every chance.
struct Half;

impl Chance for Half {
    fn fraction(&self) -> f64 {
        0.5
    }
    fn command_id(&self) -> uuid::Uuid {
        uuid::Uuid::nil()
    }
}

/// Connects or not, as told; keeps the inboxes.
#[derive(Default)]
struct Fake {
    tries: Mutex<Vec<Instant>>,
    refuses: bool,
    inboxes: Mutex<Vec<Inbox>>,
    acks: Mutex<Vec<Position>>,
}

struct FakeConnection(Arc<Fake>);

impl Connection for FakeConnection {
    fn ack(&self, position: Position) -> BoxFuture<'_, Result<(), LinkError>> {
        self.0.acks.lock().expect("a lock").push(position);
        async { Ok(()) }.boxed()
    }
}

struct Port(Arc<Fake>);

impl Realtime for Port {
    fn connect(&self, inbox: Inbox) -> BoxFuture<'_, Result<Box<dyn Connection>, LinkError>> {
        let fake = self.0.clone();
        async move {
            fake.tries.lock().expect("a lock").push(Instant::now());
            if fake.refuses {
                return Err(LinkError("refused".to_owned()));
            }
            fake.inboxes.lock().expect("a lock").push(inbox);
            Ok(Box::new(FakeConnection(fake.clone())) as Box<dyn Connection>)
        }
        .boxed()
    }
}

struct Bench {
    fake: Arc<Fake>,
    news: mpsc::Receiver<News>,
    orders: mpsc::Sender<Order>,
    applied: watch::Sender<Option<Position>>,
}

fn start(fake: Fake) -> Bench {
    let fake = Arc::new(fake);
    let (news, news_out) = mpsc::channel(64);
    let (orders, orders_in) = mpsc::channel(8);
    let (applied, applied_out) = watch::channel(None);
    let realtime = Arc::new(Port(fake.clone()));
    let supervisor = Supervisor { realtime, chance: Arc::new(Half), news, orders: orders_in, applied: applied_out };
    tokio::spawn(supervisor.run());
    Bench { fake, news: news_out, orders, applied }
}

impl Bench {
    async fn next(&mut self) -> String {
        format!("{:?}", self.news.recv().await.expect("news"))
    }

    fn inbox(&self) -> Inbox {
        self.fake.inboxes.lock().expect("a lock").last().expect("a connection").clone()
    }
}

fn signal(name: &str) -> Signal {
    Signal::Event { name: name.to_owned(), args: Vec::new(), at_us: 0 }
}

#[tokio::test(start_paused = true)]
async fn tries_go_on_for_a_day_and_never_come_close_together() {
    let mut bench = start(Fake { refuses: true, ..Fake::default() });
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(86_400) {
        bench.next().await;
    }
    let tries = bench.fake.tries.lock().expect("a lock").clone();
    assert!(tries.len() > 10_000, "it never gives up: {}", tries.len());
    assert!(tries.windows(2).all(|two| two[1] - two[0] >= DELAY_MIN));
    let hour = tries.iter().filter(|at| **at - begin > Duration::from_secs(82_800)).count();
    assert!(hour < 500, "{hour} in the last hour");
}

#[tokio::test(start_paused = true)]
async fn what_is_heard_is_passed_on_in_order_and_the_end_comes_last() {
    let mut bench = start(Fake::default());
    assert_eq!(bench.next().await, "Connecting");
    assert_eq!(bench.next().await, "Up(1)");
    let inbox = bench.inbox();
    inbox.put(signal("a"));
    inbox.put(Signal::NotText { name: "b".to_owned() });
    inbox.close();
    assert!(bench.next().await.contains("\"a\""));
    assert!(bench.next().await.contains("NotText"));
    assert_eq!(bench.next().await, "Down(1)");
    assert_eq!(bench.next().await, "Connecting");
    assert_eq!(bench.next().await, "Up(2)", "a fresh connection with a name of its own");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_said_once() {
    let mut bench = start(Fake::default());
    bench.next().await;
    bench.next().await;
    let inbox = bench.inbox();
    for _ in 0..INBOX_SIGNALS + 10 {
        inbox.put(signal("a"));
    }
    let mut overflows = 0;
    for _ in 0..=INBOX_SIGNALS {
        overflows += u32::from(bench.next().await.starts_with("Overflow"));
    }
    assert_eq!(overflows, 1);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_called_dead_is_replaced_and_an_old_order_means_nothing() {
    let mut bench = start(Fake::default());
    bench.next().await;
    bench.next().await;
    bench.orders.send(Order::Drop(99)).await.expect("sent");
    bench.orders.send(Order::Drop(1)).await.expect("sent");
    assert_eq!(bench.next().await, "Down(1)");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_and_closes_is_tried_less_and_less_until_a_link_worked() {
    let mut bench = start(Fake::default());
    let mut waits = Vec::new();
    let mut last = Instant::now();
    for round in 0..8 {
        while !bench.next().await.starts_with("Up") {}
        waits.push(last.elapsed());
        last = Instant::now();
        if round == 6 {
            bench.orders.send(Order::Confirm).await.expect("sent");
            tokio::task::yield_now().await;
        }
        bench.inbox().close();
    }
    assert!(waits[5] > waits[2] * 3, "{waits:?}");
    assert!(waits[7] < waits[5], "a link that worked begins anew: {waits:?}");
}

#[tokio::test(start_paused = true)]
async fn how_far_is_applied_is_told_at_most_once_a_second_and_the_last_always() {
    let mut bench = start(Fake::default());
    bench.next().await;
    bench.next().await;
    let begin = Instant::now();
    for seq in 1..=100 {
        bench.applied.send_replace(Some(Position { epoch: Epoch::from("e"), seq }));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let acks = bench.fake.acks.lock().expect("a lock").clone();
    assert!(acks.len() as u64 <= begin.elapsed().as_secs() + 1, "{}", acks.len());
    assert_eq!(acks.last().map(|ack| ack.seq), Some(100));
}

#[tokio::test(start_paused = true)]
async fn whoever_was_let_in_meanwhile_does_not_wait_for_the_next_try() {
    let mut bench = start(Fake { refuses: true, ..Fake::default() });
    for _ in 0..8 {
        while !bench.next().await.starts_with("Failed") {}
    }
    let begin = Instant::now();
    bench.orders.send(Order::Retry).await.expect("sent");
    assert_eq!(bench.next().await, "Connecting");
    assert_eq!(begin.elapsed(), Duration::ZERO);
}
