//! Rows and log commit together; the log alone gives the rows, the hash and the figures.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use gangway_domain::{
    decide::Needs,
    event::EventName,
    hash::StateHash,
    ids::{CommandId, DeviceId, EventId, ProductId, Seq, SessionId, TransactionId, row_id},
    rows::{Change, Collection, ProductRow, Row, TransactionRow},
    time::VenueTime,
    venue::Venue as Rows,
};
use gangway_server::{
    dispatcher::mirror::Mirror,
    execute::{self, LeaseCall, Leases, Origin, Request, SeenTurn},
    store::{
        AsOf, Head, LinesOf, LoggedEvent, Purge, Reader, Store, StoreError, StoredCode, StoredCommand, StoredDevice,
        StoredRow, Transaction, View,
    },
};
use serde_json::json;

use crate::support::parts::{Bench, parse};

/// A store that fails after so many writes, and at each visit of a certain band and a product of that name.
struct Failing {
    inner: Box<dyn Store>,
    writes_left: Arc<AtomicUsize>,
    poison: &'static str,
}

struct FailingTransaction<'a> {
    inner: Box<dyn Transaction + 'a>,
    writes_left: Arc<AtomicUsize>,
    poison: &'static str,
}

impl FailingTransaction<'_> {
    fn spend(&self) -> Result<(), StoreError> {
        match self.writes_left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) {
            Ok(_) => Ok(()),
            Err(_) => Err(StoreError::Unusable("the disk is full".to_owned())),
        }
    }
}

impl Store for Failing {
    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        let writes_left = self.writes_left.clone();
        Ok(Box::new(FailingTransaction { inner: self.inner.begin()?, writes_left, poison: self.poison }))
    }
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.inner.reader()
    }
    fn close(&mut self) -> Result<(), StoreError> {
        self.inner.close()
    }
}

impl View for FailingTransaction<'_> {
    fn head(&self) -> Result<Head, StoreError> {
        self.inner.head()
    }
    fn sync_set(&self, take: &mut dyn FnMut(Collection, &str, &str) -> bool) -> Result<(), StoreError> {
        self.inner.sync_set(take)
    }
    fn events_after(&self, after: Seq, limit: usize) -> Result<Vec<LoggedEvent>, StoreError> {
        self.inner.events_after(after, limit)
    }
    fn trimmed(&self) -> Result<Seq, StoreError> {
        self.inner.trimmed()
    }
    fn event_id(&self, seq: Seq) -> Result<Option<EventId>, StoreError> {
        self.inner.event_id(seq)
    }
    fn has_event(&self, id: &EventId) -> Result<bool, StoreError> {
        self.inner.has_event(id)
    }
    fn command(&self, id: CommandId) -> Result<Option<StoredCommand>, StoreError> {
        self.inner.command(id)
    }
    fn lines(&self, of: &LinesOf, limit: usize) -> Result<Vec<TransactionRow>, StoreError> {
        self.inner.lines(of, limit)
    }
    fn line(&self, id: &TransactionId) -> Result<Option<TransactionRow>, StoreError> {
        self.inner.line(id)
    }
    fn has_session(&self, id: &SessionId) -> Result<bool, StoreError> {
        self.inner.has_session(id)
    }
    fn last_of(&self, names: &[EventName]) -> Result<Seq, StoreError> {
        self.inner.last_of(names)
    }
    fn devices(&self) -> Result<Vec<StoredDevice>, StoreError> {
        self.inner.devices()
    }
}

impl Transaction for FailingTransaction<'_> {
    fn slice(&self, needs: &Needs) -> Result<Rows, StoreError> {
        self.inner.slice(needs)
    }
    fn row(&self, collection: Collection, id: &str) -> Result<Option<StoredRow>, StoreError> {
        self.inner.row(collection, id)
    }
    fn family(&self, session: &SessionId) -> Result<Vec<Row>, StoreError> {
        self.inner.family(session)
    }
    fn product_as_of(&self, id: &ProductId, moment: AsOf) -> Result<Option<ProductRow>, StoreError> {
        self.inner.product_as_of(id, moment)
    }
    fn desk_band_at(&self, device: &DeviceId, band: &str) -> Result<Option<VenueTime>, StoreError> {
        self.inner.desk_band_at(device, band)
    }
    fn put_desk_band(&mut self, device: &DeviceId, band: &str, at: VenueTime) -> Result<(), StoreError> {
        self.spend()?;
        self.inner.put_desk_band(device, band, at)
    }
    fn shares(&self) -> Result<BTreeMap<DeviceId, u32>, StoreError> {
        self.inner.shares()
    }
    fn put_share(&mut self, device: &DeviceId, share: u32) -> Result<(), StoreError> {
        self.spend()?;
        self.inner.put_share(device, share)
    }
    fn put_row(&mut self, row: &Row, json: &str) -> Result<(), StoreError> {
        self.spend()?;
        let poisoned = match row {
            Row::Session(session) => session.barcode_id.as_str() == self.poison,
            Row::Product(product) => product.name == self.poison,
            _ => false,
        };
        if poisoned {
            return Err(StoreError::Unusable("this row can't be written".to_owned()));
        }
        self.inner.put_row(row, json)
    }
    fn leave_sync_set(&mut self, collection: Collection, id: &str) -> Result<(), StoreError> {
        self.spend()?;
        self.inner.leave_sync_set(collection, id)
    }
    fn put_product_version(&mut self, row: &ProductRow, seq: Seq, time: VenueTime) -> Result<(), StoreError> {
        self.spend()?;
        self.inner.put_product_version(row, seq, time)
    }
    fn forget_product_versions(&mut self) -> Result<(), StoreError> {
        self.spend()?;
        self.inner.forget_product_versions()
    }
    fn append(&mut self, event: &LoggedEvent) -> Result<(), StoreError> {
        self.spend()?;
        self.inner.append(event)
    }
    fn put_command(&mut self, command: &StoredCommand) -> Result<(), StoreError> {
        self.spend()?;
        self.inner.put_command(command)
    }
    fn purge(&mut self, purge: &Purge) -> Result<bool, StoreError> {
        self.spend()?;
        self.inner.purge(purge)
    }
    fn set_head(&mut self, head: &Head) -> Result<(), StoreError> {
        self.spend()?;
        self.inner.set_head(head)
    }
    fn put_device(&mut self, device: &StoredDevice) -> Result<(), StoreError> {
        self.spend()?;
        self.inner.put_device(device)
    }
    fn saw_device(&mut self, id: &DeviceId, at: VenueTime) -> Result<(), StoreError> {
        self.spend()?;
        self.inner.saw_device(id, at)
    }
    fn revoke_device(&mut self, id: &DeviceId, at: VenueTime) -> Result<(), StoreError> {
        self.spend()?;
        self.inner.revoke_device(id, at)
    }
    fn put_code(&mut self, code: &StoredCode) -> Result<(), StoreError> {
        self.spend()?;
        self.inner.put_code(code)
    }
    fn take_code(&mut self, hash: &str, now: VenueTime) -> Result<Option<StoredCode>, StoreError> {
        self.spend()?;
        self.inner.take_code(hash, now)
    }
    fn mark(&mut self) -> Result<(), StoreError> {
        self.inner.mark()
    }
    fn keep(&mut self) -> Result<(), StoreError> {
        self.inner.keep()
    }
    fn undo(&mut self) -> Result<(), StoreError> {
        self.inner.undo()
    }
    fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.spend()?;
        self.inner.commit()
    }
}

#[test]
fn a_fault_at_any_write_leaves_neither_rows_nor_events() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    let writes_left = Arc::new(AtomicUsize::new(usize::MAX));
    let inner = std::mem::replace(&mut bench.store, Box::new(crate::support::parts::open(bench.dir.path())));
    bench.store = Box::new(Failing { inner, writes_left: writes_left.clone(), poison: "" });
    let products = json!([{ "id": hour, "quantity": 1 }, { "id": hour, "quantity": 2 }]);
    let command = parse(&json!({ "type": "session.checkin", "barcodeId": "B-1", "products": products }));
    let request = Request::now(CommandId(uuid::Uuid::new_v4()), command, Some(DeviceId::from("desk-1")));
    let before = state(&bench);
    let mut writes = 0;
    let executed = loop {
        writes_left.store(writes, Relaxed);
        match execute::execute(bench.store.as_mut(), &bench.ports, &request) {
            Ok(executed) => break executed,
            Err(_) => assert_eq!(state(&bench), before, "a fault at write {writes} left something behind"),
        }
        writes += 1;
        assert!(writes < 50, "it never succeeds");
    };
    assert!(writes >= 8, "rows, events, outcome, head and commit were all tried, not only {writes}");
    assert_eq!(executed.outcome.seqs().len(), 3);
    assert_ne!(state(&bench), before);
}

#[test]
fn a_fault_at_any_write_leaves_neither_an_outcome_nor_its_entry() {
    let mut bench = Bench::new();
    let writes_left = Arc::new(AtomicUsize::new(usize::MAX));
    let inner = std::mem::replace(&mut bench.store, Box::new(crate::support::parts::open(bench.dir.path())));
    bench.store = Box::new(Failing { inner, writes_left: writes_left.clone(), poison: "" });
    let command = parse(&json!({ "type": "session.play", "barcodeId": "B-1" }));
    let device = Some(DeviceId::from("desk-1"));
    let now = Request::now(CommandId(uuid::Uuid::new_v4()), command, device);
    let request = Request { origin: Origin::Queue, ..now };
    let before = state(&bench);
    let mut writes = 0;
    let executed = loop {
        writes_left.store(writes, Relaxed);
        match execute::execute(bench.store.as_mut(), &bench.ports, &request) {
            Ok(executed) => break executed,
            Err(_) => {
                assert_eq!(state(&bench), before, "a fault at write {writes} left something behind");
                let kept = bench.view(|view| view.command(request.command_id).expect("read"));
                assert!(kept.is_none(), "a fault at write {writes} left an outcome behind");
            }
        }
        writes += 1;
        assert!(writes < 50, "it never succeeds");
    };
    assert!(writes >= 6, "desk, row, event, outcome, head and commit were all tried, not only {writes}");
    assert_eq!((executed.outcome.name(), executed.head), ("rejected", before.0.seq + 1));
    assert!(executed.logged, "whoever waits for the log hears of the entry");
}

#[test]
fn a_fault_at_any_write_promises_no_place() {
    let mut bench = Bench::new();
    bench.accept(json!({ "type": "settings.update", "changes": { "maxOccupancy": 2, "capacityPolicy": "strict" } }));
    let writes_left = Arc::new(AtomicUsize::new(usize::MAX));
    let inner = std::mem::replace(&mut bench.store, Box::new(crate::support::parts::open(bench.dir.path())));
    bench.store = Box::new(Failing { inner, writes_left: writes_left.clone(), poison: "" });
    let device = DeviceId::from("desk-1");
    let live = BTreeSet::from([device.clone()]);
    let (held, spent) = (BTreeSet::new(), BTreeSet::new());
    let call = LeaseCall { device, held, spent, seen: SeenTurn::None, live, wanted: 0 };
    let (before, mut leases, mut writes) = (state(&bench), Leases::default(), 0);
    let lease = loop {
        writes_left.store(writes, Relaxed);
        match leases.answer(bench.store.as_mut(), &bench.ports, &call) {
            Ok(lease) => break lease,
            Err(_) => assert_eq!(state(&bench), before, "a fault at write {writes} left something behind"),
        }
        writes += 1;
        assert!(writes < 50, "it never succeeds");
    };
    assert!(writes >= 6, "two rows, event, head, share and commit were all tried, not only {writes}");
    assert_eq!((lease.places.len(), lease.head), (2, before.0.seq + 1));
}

#[test]
fn a_row_that_is_settled_is_stored_as_it_was_settled() {
    let mut bench = Bench::new();
    bench.accept(json!({ "type": "attention.raise", "kind": "unreadable", "message": "torn" }));
    let venue = bench.view(|view| Mirror::load(view).expect("rows").venue);
    let entry = venue.attention().next().expect("an entry").id.clone();
    let dismiss =
        json!({ "type": "attention.resolve", "entryId": entry.as_str(), "action": "dismiss", "reason": "seen" });
    bench.accept(dismiss);
    let transaction = bench.store.begin().expect("a transaction");
    let row = transaction.row(Collection::Attention, entry.as_str()).expect("read").expect("it is stored");
    assert!(!row.in_sync && row.json.contains("dismiss"), "{row:?}");
}

#[test]
fn of_commands_on_one_commit_a_failed_one_leaves_nothing_and_holds_back_only_what_shares_a_key_in_its_batch() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    for band in ["B-1", "B-2", "B-3"] {
        bench.sell(band, &hour);
    }
    let inner = std::mem::replace(&mut bench.store, Box::new(crate::support::parts::open(bench.dir.path())));
    let writes_left = Arc::new(AtomicUsize::new(usize::MAX));
    bench.store = Box::new(Failing { inner, writes_left: writes_left.clone(), poison: "B-1" });
    let request = |command: serde_json::Value| Request::now(CommandId(uuid::Uuid::new_v4()), parse(&command), None);
    let act = |act: &str, band: &str| request(json!({ "type": format!("session.{act}"), "barcodeId": band }));
    let line = |band: &str| json!({ "barcodeId": band, "productId": hour, "quantity": 1 });
    let group = request(json!({ "type": "sale.create", "lines": [line("B-1"), line("B-2")] }));
    let batches = [
        vec![
            act("play", "B-1"),
            act("play", "B-3"),
            group,
            act("play", "B-2"),
            act("pause", "B-1"),
            act("end", "none"),
        ],
        vec![act("play", "B-2"), act("pause", "B-3")],
    ];
    let before = bench.head().seq;
    let results = execute::execute_batches(bench.store.as_mut(), &bench.ports, &batches);
    let names: Vec<Vec<&str>> = results
        .iter()
        .map(|batch| batch.iter().map(|done| done.as_ref().map_or("retry", |done| done.outcome.name())).collect())
        .collect();
    assert_eq!(names[0], ["retry", "accepted", "retry", "retry", "retry", "rejected"]);
    assert_eq!(names[1], ["accepted", "accepted"], "another desk's commands are not held back");
    let events = bench.view(|view| view.events_after(before, 100).expect("events"));
    let seqs: Vec<_> = events.iter().map(|event| event.seq - before).collect();
    assert_eq!(seqs, [1, 2, 3], "what failed left no hole");
    let kept = bench.view(|view| view.command(batches[0][0].command_id).expect("read"));
    assert!(kept.is_none(), "a command that was not decided has no outcome");
}

#[test]
fn what_names_a_row_waits_for_the_command_that_makes_it_and_what_only_reads_it_holds_nobody_back() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, Some(3600));
    bench.sell("B-2", &hour);
    let inner = std::mem::replace(&mut bench.store, Box::new(crate::support::parts::open(bench.dir.path())));
    let writes_left = Arc::new(AtomicUsize::new(usize::MAX));
    bench.store = Box::new(Failing { inner, writes_left, poison: "POISON" });
    let request = |command: serde_json::Value| Request::now(CommandId(uuid::Uuid::new_v4()), parse(&command), None);
    let sale = |band: &str, product: &str| {
        let products = json!([{ "id": product, "quantity": 1 }]);
        request(json!({ "type": "session.checkin", "barcodeId": band, "products": products }))
    };
    let product = json!({ "name": "POISON", "price": 1, "category": "time", "timeValueSeconds": 60 });
    let made = request(json!({ "type": "product.create", "product": product }));
    let of_made = sale("B-1", &row_id(made.command_id, "product", 0));
    let failed = sale("POISON", &hour);
    let line = row_id(failed.command_id, "transaction", 0);
    let refund = json!({ "type": "transaction.correct", "transactionId": line, "status": "refunded", "reason": "no" });
    let batches = [vec![
        made,
        of_made,
        request(json!({ "type": "session.play", "barcodeId": "B-1" })),
        failed,
        request(refund),
        request(json!({ "type": "product.update", "productId": hour, "changes": { "price": 2 } })),
        sale("B-2", &hour),
    ]];
    let results = execute::execute_batches(bench.store.as_mut(), &bench.ports, &batches).remove(0);
    let names: Vec<&str> =
        results.iter().map(|done| done.as_ref().map_or("retry", |done| done.outcome.name())).collect();
    assert_eq!(names, ["retry", "retry", "retry", "retry", "retry", "accepted", "accepted"]);
}

#[test]
fn a_commit_that_fails_keeps_none_of_its_commands() {
    let mut bench = Bench::new();
    let hour = bench.product(10.0, None);
    let inner = std::mem::replace(&mut bench.store, Box::new(crate::support::parts::open(bench.dir.path())));
    let writes_left = Arc::new(AtomicUsize::new(usize::MAX));
    bench.store = Box::new(Failing { inner, writes_left: writes_left.clone(), poison: "" });
    let update = |price: u32| {
        let command = json!({ "type": "product.update", "productId": hour, "changes": { "price": price } });
        vec![Request::now(CommandId(uuid::Uuid::new_v4()), parse(&command), None)]
    };
    let batches = [update(1), update(2)];
    let before = state(&bench);
    // A row, its version, an event, the outcome and the head for each; the commit is the eleventh.
    writes_left.store(10, Relaxed);
    let results = execute::execute_batches(bench.store.as_mut(), &bench.ports, &batches);
    assert!(results.iter().flatten().all(Result::is_err), "none may be told that it was accepted");
    assert_eq!(state(&bench), before);
    writes_left.store(usize::MAX, Relaxed);
    let results = execute::execute_batches(bench.store.as_mut(), &bench.ports, &batches);
    assert!(results.iter().flatten().all(Result::is_ok), "they can be tried again");
}

/// Everything that could be left behind.
fn state(bench: &Bench) -> (Head, usize, usize, usize) {
    let rows = bench.view(|view| {
        let mut rows = 0;
        view.sync_set(&mut |_, _, _| {
            rows += 1;
            true
        })
        .expect("rows");
        rows
    });
    let events = bench.view(|view| view.events_after(0, 100).expect("events").len());
    let lines = bench.view(|view| view.lines(&LinesOf::Everything, 100).expect("lines").len());
    (bench.head(), rows, events, lines)
}

/// A day with everything in it.
fn busy(bench: &mut Bench) {
    let hour = bench.product(10.25, Some(3600));
    let socks = bench.product(2.0, None);
    for band in 0..12 {
        let band = format!("B-{band}");
        let sold = bench.sell(&band, if band.ends_with('3') { &socks } else { &hour });
        bench.clock.pass(61_000);
        bench.give(json!({ "type": "session.play", "barcodeId": band }));
        bench.clock.pass(200_000);
        match band.len() % 3 {
            0 => drop(bench.give(json!({ "type": "session.pause", "barcodeId": band }))),
            1 => drop(bench.give(json!({ "type": "session.end", "barcodeId": band }))),
            _ => drop(bench.sell(&band, &hour)),
        }
        let line = &sold["transactions"][0]["id"];
        let fix = json!({ "type": "transaction.correct", "transactionId": line, "quantity": 2, "reason": "two" });
        bench.give(fix);
        if band.ends_with('5') {
            let refund =
                json!({ "type": "transaction.correct", "transactionId": line, "status": "refunded", "reason": "no" });
            bench.accept(refund);
        }
    }
    bench.accept(json!({ "type": "product.update", "productId": hour, "changes": { "price": 11 } }));
    bench.accept(json!({ "type": "product.delete", "productId": socks }));
    bench.accept(json!({ "type": "settings.update", "changes": { "maxOccupancy": 7 } }));
}

#[test]
fn the_log_replayed_is_the_rows_the_hash_and_the_figures() {
    let mut bench = Bench::new();
    let mut replayed = bench.view(|view| Mirror::load(view).expect("rows")).venue;
    replayed.keep_totals(gangway_server::clock::Clock::now(bench.clock.as_ref()));
    busy(&mut bench);
    let now = gangway_server::clock::Clock::now(bench.clock.as_ref());
    let events = bench.view(|view| view.events_after(0, 10_000).expect("events"));
    assert!(events.len() > 50, "the day is busy: {}", events.len());
    for event in &events {
        let changes: Vec<Change> = serde_json::from_str(&event.changes).expect("changes");
        replayed.apply(&changes);
        if let Some(hash) = event.state_hash {
            assert_eq!(StateHash::of_rows(replayed.rows()).expect("rows"), hash, "the hash after {}", event.seq);
        }
    }
    let stored = bench.view(|view| Mirror::load(view).expect("rows"));
    let kept = bench.head().state_hash;
    assert_eq!(StateHash::of_rows(stored.venue.rows()).expect("rows"), kept, "the kept hash is the rows'");
    assert_eq!(StateHash::of_rows(replayed.rows()).expect("rows"), kept, "the log gives the rows");
    let counted = stored.venue.dashboard_stats(now);
    assert_eq!(replayed.dashboard_stats(now), counted, "figures kept event by event are those counted at once");
    assert!(counted.total_transactions > 10);
}

#[test]
fn each_event_has_an_id_of_its_own_and_the_head_names_the_last() {
    let mut bench = Bench::new();
    busy(&mut bench);
    let events = bench.view(|view| view.events_after(0, 10_000).expect("events"));
    let ids: std::collections::BTreeSet<_> = events.iter().map(|event| event.id.clone()).collect();
    assert_eq!(ids.len(), events.len());
    assert_eq!(bench.head().event_id, events.last().map(|event| event.id.clone()));
    assert_eq!(bench.head().seq, events.last().map_or(0, |event| event.seq));
}
