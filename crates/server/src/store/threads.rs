//! The threads that hold the store: one that writes, a few that read. The async side only sends them work.
//!
//! What runs on them is written as tasks, so that a simulator can run the very same on its one thread.

use std::{
    panic::{self, AssertUnwindSafe},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Wake},
    thread::{self, Thread},
};

use futures_util::{FutureExt, future::BoxFuture};
use gangway_domain::{ids::Seq, time::VenueTime};
use tokio::{
    runtime::Handle,
    sync::{Mutex, Notify, mpsc, oneshot},
};

use super::{Head, Reader, Store, StoreError, Transaction, View};
use crate::execute::{self, Batch, EpochProof, Executed, Lease, LeaseCall, Leases, Ports, Request};

/// Readers beside the writer.
const READERS: usize = 3;
/// Commands that may wait for the writer; past it a caller is told to come back.
const WRITES_WAITING_MAX: usize = 2_048;
/// Commands on one commit, but for those of the last batch that fits.
const COMMANDS_AT_ONCE: usize = 64;
/// Reads that may wait.
const READS_WAITING_MAX: usize = 1_024;

type Read = Box<dyn FnOnce(&mut dyn Reader) + Send>;

/// Work that answers by itself.
type Change = Box<dyn FnOnce(&mut dyn Store) + Send>;

type Reply = oneshot::Sender<Result<Vec<Result<Executed, StoreError>>, StoreError>>;

enum Write {
    Execute(Batch, Reply),
    Epoch(EpochProof, oneshot::Sender<Result<Option<Head>, StoreError>>),
    Lease(Box<LeaseCall>, oneshot::Sender<Result<Lease, StoreError>>),
    Tidy(oneshot::Sender<Result<bool, StoreError>>),
    Change(Change),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// Tells the dispatcher of commits.
#[derive(Debug, Default)]
pub struct Commits {
    seq: AtomicU64,
    notify: Notify,
}

impl Commits {
    /// The last event that this node committed, or found at its start.
    pub fn seq(&self) -> Seq {
        self.seq.load(Ordering::Acquire)
    }

    /// Waits until there was a commit since the last call.
    pub async fn changed(&self) {
        self.notify.notified().await;
    }

    fn publish(&self, seq: Seq) {
        self.seq.fetch_max(seq, Ordering::AcqRel);
        self.notify.notify_one();
    }
}

/// Where the store's workers run.
pub trait Workers: Send + Sync {
    /// Runs a worker beside the others until it ends.
    ///
    /// # Errors
    /// The machine has no room for it.
    fn spawn(&self, name: String, worker: BoxFuture<'static, ()>) -> Result<(), StoreError>;

    /// Waits within a read for what others do meanwhile on `runtime`. Where a read can't wait, what is not so at
    /// once is false.
    fn wait(&self, runtime: &Handle, future: BoxFuture<'_, bool>) -> bool;

    /// How much a read may put down for others of whom it would wait to take `few` at a time.
    fn waiting_max(&self, few: usize) -> usize {
        few
    }
}

/// A thread for each, so that waiting for the disk holds nobody up.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnThreads;

impl Workers for OwnThreads {
    fn spawn(&self, name: String, worker: BoxFuture<'static, ()>) -> Result<(), StoreError> {
        let thread = thread::Builder::new().name(name).spawn(move || block_on(worker));
        thread.map(drop).map_err(|error| StoreError::Unusable(format!("A thread can't be started: {error}.")))
    }

    fn wait(&self, runtime: &Handle, future: BoxFuture<'_, bool>) -> bool {
        runtime.block_on(future)
    }
}

/// Polls `future` to its end on this thread. Not a runtime's way, so that within it one may wait for a runtime.
fn block_on(future: impl Future<Output = ()>) {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    while future.as_mut().poll(&mut context).is_pending() {
        thread::park();
    }
}

/// The venue's store on its threads.
#[derive(Clone)]
pub struct StoreThreads {
    writer: mpsc::Sender<Write>,
    reader: mpsc::Sender<Read>,
    commits: Arc<Commits>,
    workers: Arc<dyn Workers>,
}

impl StoreThreads {
    /// Starts the threads.
    ///
    /// # Errors
    /// A reader can't be opened, or the machine has no thread left.
    pub fn start(store: Box<dyn Store>, ports: Ports, head: &Head) -> Result<Self, StoreError> {
        Self::start_on(Arc::new(OwnThreads), store, ports, head)
    }

    /// Starts the workers on `workers`.
    ///
    /// # Errors
    /// A reader can't be opened, or `workers` takes no more.
    pub fn start_on(
        workers: Arc<dyn Workers>,
        store: Box<dyn Store>,
        ports: Ports,
        head: &Head,
    ) -> Result<Self, StoreError> {
        let commits = Arc::new(Commits::default());
        commits.publish(head.seq);
        let (reader, reads) = mpsc::channel(READS_WAITING_MAX);
        let reads = Arc::new(Mutex::new(reads));
        for index in 0..READERS {
            workers.spawn(format!("store-read-{index}"), read(store.reader()?, reads.clone()).boxed())?;
        }
        let (writer, writes) = mpsc::channel(WRITES_WAITING_MAX);
        let thread = WriterThread {
            store,
            ports,
            commits: commits.clone(),
            head_at_start: head.seq,
            last_epoch_at: None,
            leases: Leases::default(),
        };
        workers.spawn("store-write".to_owned(), thread.run(writes).boxed())?;
        Ok(Self { writer, reader, commits, workers })
    }

    /// Where its workers run.
    pub fn workers(&self) -> &Arc<dyn Workers> {
        &self.workers
    }

    /// Tells of commits.
    pub fn commits(&self) -> &Arc<Commits> {
        &self.commits
    }

    /// Executes a command on the writer's thread.
    ///
    /// # Errors
    /// The store failed or has too much to do: nothing is kept, and it may be tried again.
    pub async fn execute(&self, request: Request) -> Result<Executed, StoreError> {
        self.execute_batch(vec![request]).await.pop().unwrap_or(Err(StoreError::Busy))
    }

    /// Executes commands in order; each has its own end.
    pub async fn execute_batch(&self, batch: Batch) -> Vec<Result<Executed, StoreError>> {
        let count = batch.len();
        let executed = self.write(|reply| Write::Execute(batch, reply)).await;
        executed.unwrap_or_else(|_| (0..count).map(|_| Err(StoreError::Busy)).collect())
    }

    /// Starts a new epoch if `proof` proves that it is due.
    ///
    /// # Errors
    /// The store failed.
    pub async fn start_epoch(&self, proof: EpochProof) -> Result<Option<Head>, StoreError> {
        self.write(|reply| Write::Epoch(proof, reply)).await
    }

    /// Says which places a desk may fill.
    ///
    /// # Errors
    /// The store failed; nothing was promised.
    pub async fn lease(&self, call: LeaseCall) -> Result<Lease, StoreError> {
        self.write(|reply| Write::Lease(Box::new(call), reply)).await
    }

    /// Deletes a part of what nobody needs any more; says whether there may be more.
    ///
    /// # Errors
    /// The store failed.
    pub async fn tidy(&self) -> Result<bool, StoreError> {
        self.write(Write::Tidy).await
    }

    /// Runs `work` in a transaction of its own; for what is no part of the log.
    ///
    /// # Errors
    /// The store failed, or `work` did: nothing is kept.
    pub async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write(|reply| {
            Write::Change(Box::new(move |store| {
                // Whoever asked may have gone away.
                let _ = reply.send(changed(store, work));
            }))
        })
        .await
    }

    /// Ends the writer, with everything on disk. What is sent afterwards is refused.
    ///
    /// # Errors
    /// The store failed.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.write(Write::Close).await
    }

    async fn write<T>(
        &self,
        work: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Write,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.writer.try_send(work(reply)).map_err(|_| StoreError::Busy)?;
        answer.await.unwrap_or(Err(StoreError::Busy))
    }

    /// Runs `work` on the venue as it stands at one moment, on a reader's thread.
    ///
    /// # Errors
    /// The store failed, or `work` did.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let read: Read = Box::new(move |reader| {
            let mut work = Some(work);
            let mut result = Err(StoreError::Busy);
            let viewed = reader.view(&mut |view| {
                if let Some(work) = work.take() {
                    result = work(view);
                }
                Ok(())
            });
            // Whoever asked may have gone away.
            let _ = reply.send(viewed.and(result));
        });
        self.reader.try_send(read).map_err(|_| StoreError::Busy)?;
        answer.await.unwrap_or(Err(StoreError::Busy))
    }
}

fn changed<T>(
    store: &mut dyn Store,
    work: impl FnOnce(&mut dyn Transaction) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut transaction = store.begin()?;
    let result = work(transaction.as_mut())?;
    transaction.commit()?;
    Ok(result)
}

async fn read(mut reader: Box<dyn Reader>, reads: Arc<Mutex<mpsc::Receiver<Read>>>) {
    loop {
        let work = reads.lock().await.recv().await;
        let Some(work) = work else { return };
        // Dropping the reply answers whoever asked; the worker goes on with the next.
        if panic::catch_unwind(AssertUnwindSafe(|| work(reader.as_mut()))).is_err() {
            tracing::error!("a read broke");
        }
    }
}

struct WriterThread {
    store: Box<dyn Store>,
    ports: Ports,
    commits: Arc<Commits>,
    head_at_start: Seq,
    last_epoch_at: Option<VenueTime>,
    leases: Leases,
}

impl WriterThread {
    async fn run(mut self, mut writes: mpsc::Receiver<Write>) {
        let mut next = None;
        loop {
            let write = match next.take() {
                Some(write) => write,
                None => match writes.recv().await {
                    Some(write) => write,
                    None => return,
                },
            };
            // A caller that went away does not undo what was committed.
            match write {
                Write::Execute(batch, reply) => next = self.execute(batch, reply, &mut writes),
                Write::Epoch(proof, reply) => {
                    let _ = reply.send(self.start_epoch(&proof));
                }
                Write::Lease(call, reply) => {
                    let _ = reply.send(self.lease(&call));
                }
                Write::Tidy(reply) => {
                    let _ = reply.send(execute::tidy(self.store.as_mut(), &self.ports));
                }
                Write::Change(change) => change(self.store.as_mut()),
                Write::Close(reply) => {
                    let _ = reply.send(self.store.close());
                    return;
                }
            }
        }
    }

    /// Executes `batch` together with what waits behind it, and answers when all is on disk. Gives back
    /// what waits and is no command.
    fn execute(&mut self, batch: Batch, reply: Reply, writes: &mut mpsc::Receiver<Write>) -> Option<Write> {
        let mut next = None;
        let mut count = batch.len();
        let mut batches = vec![batch];
        let mut replies = vec![reply];
        while count < COMMANDS_AT_ONCE && next.is_none() {
            match writes.try_recv() {
                Ok(Write::Execute(batch, reply)) => {
                    count += batch.len();
                    batches.push(batch);
                    replies.push(reply);
                }
                Ok(other) => next = Some(other),
                Err(_) => break,
            }
        }
        let results = execute::execute_batches(self.store.as_mut(), &self.ports, &batches);
        let logged = results.iter().flatten().flatten().filter(|executed| executed.logged);
        if let Some(head) = logged.map(|executed| executed.head).max() {
            self.commits.publish(head);
        }
        for (reply, results) in replies.into_iter().zip(results) {
            let _ = reply.send(Ok(results));
        }
        next
    }

    fn lease(&mut self, call: &LeaseCall) -> Result<Lease, StoreError> {
        let answered = self.leases.answer(self.store.as_mut(), &self.ports, call);
        if let Some(lease) = answered.as_ref().ok().filter(|lease| lease.logged) {
            self.commits.publish(lease.head);
        }
        answered
    }

    fn start_epoch(&mut self, proof: &EpochProof) -> Result<Option<Head>, StoreError> {
        let started =
            execute::start_epoch(self.store.as_mut(), &self.ports, proof, self.head_at_start, self.last_epoch_at)?;
        if let Some(head) = &started {
            tracing::warn!(epoch = %head.epoch, seq = head.seq, "a desk has seen events that this log lacks: new epoch");
            self.last_epoch_at = Some(head.last_time);
            self.commits.publish(head.seq);
        }
        Ok(started)
    }
}
