//! A machine that may die between any two of its steps.
//!
//! Everything that a console or a server does runs as tasks of its machine. A step ends where a task waits, and
//! at each operation of the disk; the machine numbers them, and dies at the one that it was told to. From there on
//! none of its tasks is polled again and nothing reaches its disk. Then it is buried: the tasks are dropped without
//! having closed anything, and it may start again on its files.

use std::{
    fmt::Display,
    future::Future,
    panic::{self, AssertUnwindSafe},
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_util::{FutureExt, future::BoxFuture};
use gangway_console::net::Executor;
use gangway_faulty_disk::{Disk, Operation, Verdict};
use gangway_server::store::{StoreError, threads::Workers};
use tokio::{
    runtime::Handle,
    sync::Notify,
    task::{AbortHandle, JoinHandle},
};

use crate::{check::Check, dice::Dice, trace::Trace};

/// How a machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// The program is killed: the system keeps what it took, and tells the other ends of its connections.
    Kill,
    /// The power is gone: what was not synced may be gone, and nobody is told.
    Power,
}

/// What is wrong with a machine's disk.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum DiskFault {
    /// Nothing.
    #[default]
    None,
    /// No room.
    Full,
    /// It may only be read.
    ReadOnly,
    /// Each operation fails this often.
    Failing(f64),
    /// Work with it takes up to this many ms.
    Slow(u64),
}

/// A machine. Clones are the same one.
#[derive(Clone)]
pub struct Machine(Arc<Inner>);

struct Inner {
    name: String,
    trace: Trace,
    dice: Dice,
    died: Notify,
    state: Mutex<State>,
}

struct State {
    /// Counts the lives; none while it is off.
    life: u64,
    alive: bool,
    steps: u64,
    dies_at: Option<(u64, Death)>,
    death: Option<Death>,
    disk: Option<Arc<Disk>>,
    fault: DiskFault,
    tasks: Vec<AbortHandle>,
}

impl Machine {
    /// A machine that is off.
    pub fn new(name: &str, trace: &Trace, dice: Dice) -> Self {
        let state = State {
            life: 0,
            alive: false,
            steps: 0,
            dies_at: None,
            death: None,
            disk: None,
            fault: DiskFault::None,
            tasks: Vec::new(),
        };
        let name = name.to_owned();
        Self(Arc::new(Inner { name, trace: trace.clone(), dice, died: Notify::new(), state: Mutex::new(state) }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Something happened on it.
    pub fn say(&self, what: impl Display) {
        self.0.trace.say(&self.0.name, what);
    }

    /// Something happened on it that must not.
    pub fn fail(&self, check: Check, what: impl Display) {
        self.0.trace.fail(&self.0.name, check, what);
    }

    /// Makes `folder` its disk.
    pub fn mount(&self, folder: &Path) {
        // The machine owns the disk, so the disk only borrows the machine.
        let inner = Arc::downgrade(&self.0);
        let judge = move |operation, path: &Path| {
            inner.upgrade().map_or(Verdict::Dead, |inner| Self(inner).judge(operation, path))
        };
        let disk = Disk::new(folder, judge);
        self.lock().disk = Some(Arc::new(disk));
    }

    /// Whether it runs.
    pub fn is_alive(&self) -> bool {
        self.lock().alive
    }

    /// Starts it.
    pub fn boot(&self) {
        let disk = {
            let mut state = self.lock();
            state.life += 1;
            state.alive = true;
            state.death = None;
            state.disk.clone()
        };
        disk.iter().for_each(|disk| disk.revive());
    }

    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.lock().steps
    }

    /// It will die after so many more steps.
    pub fn die_after(&self, steps: u64, death: Death) {
        let mut state = self.lock();
        state.dies_at = Some((state.steps + steps.max(1), death));
    }

    /// It won't. Says whether it would have.
    pub fn spare(&self) -> bool {
        self.lock().dies_at.take().is_some()
    }

    /// How often it was started.
    pub fn life(&self) -> u64 {
        self.lock().life
    }

    /// What is wrong with its disk from now on.
    pub fn disk_fault(&self, fault: DiskFault) {
        self.lock().fault = fault;
    }

    /// It dies now.
    pub fn die(&self, death: Death) {
        let disk = {
            let mut state = self.lock();
            if !state.alive {
                return;
            }
            state.alive = false;
            state.death = Some(death);
            state.dies_at = None;
            state.disk.clone()
        };
        disk.iter().for_each(|disk| disk.die());
        self.0.died.notify_waiters();
    }

    /// Waits until it has died; says how.
    pub async fn died(&self) -> Death {
        loop {
            let notified = self.0.died.notified();
            if let Some(death) = self.lock().death {
                return death;
            }
            notified.await;
        }
    }

    /// How it died, if it did.
    pub fn death(&self) -> Option<Death> {
        self.lock().death
    }

    /// Ends all its tasks, without letting them do anything more.
    pub async fn bury(&self) {
        let tasks = std::mem::take(&mut self.lock().tasks);
        tasks.iter().for_each(AbortHandle::abort);
        while !tasks.iter().all(AbortHandle::is_finished) {
            tokio::task::yield_now().await;
        }
    }

    /// It is switched off in order, after its programs have ended.
    pub async fn switch_off(&self) {
        self.lock().alive = false;
        self.bury().await;
    }

    /// After a death, with no file open any more: what the power cut cost.
    pub fn lose_unsynced(&self) {
        let Some(disk) = self.lock().disk.clone() else { return };
        let keep = self.0.dice.fraction();
        match disk.lose_unsynced(&mut || self.0.dice.chance(keep)) {
            Ok(lost) => self.say(format_args!("lost {lost} writes")),
            Err(error) => self.fail(Check::Runs, format_args!("the disk can't be changed: {error}")),
        }
    }

    /// Runs a task on it.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let mortal = Mortal { machine: self.clone(), life: self.lock().life, task: task.boxed() };
        let handle = tokio::spawn(mortal);
        let mut state = self.lock();
        if state.tasks.len() > 256 {
            state.tasks.retain(|task| !task.is_finished());
        }
        state.tasks.push(handle.abort_handle());
        handle
    }

    /// A step is over. Says whether the machine died of it.
    fn step(&self) -> Option<Death> {
        let mut state = self.lock();
        state.steps += 1;
        let (at, death) = state.dies_at?;
        (state.alive && state.steps >= at).then_some(death)
    }

    fn judge(&self, operation: Operation, path: &Path) -> Verdict {
        let death = self.step();
        let name = path.file_name().unwrap_or_default().display();
        self.0.trace.detail(&self.0.name, format_args!("step {} {operation:?} {name}", self.steps()));
        if let Some(death) = death {
            let mut state = self.lock();
            state.alive = false;
            state.death = Some(death);
            state.dies_at = None;
            drop(state);
            self.say(format_args!("dies at {operation:?}"));
            self.0.died.notify_waiters();
            return Verdict::Dead;
        }
        let fault = self.lock().fault;
        match (fault, operation) {
            (DiskFault::Full, Operation::Write) => Verdict::Full,
            (DiskFault::ReadOnly, _) => Verdict::ReadOnly,
            (DiskFault::Failing(often), _) if self.0.dice.chance(often) => Verdict::Fails,
            _ => Verdict::Done,
        }
    }

    /// A moment that work with the disk may take before or after.
    async fn disk_moment(&self) {
        let DiskFault::Slow(most) = self.lock().fault else {
            tokio::task::yield_now().await;
            return;
        };
        tokio::time::sleep(self.0.dice.while_ms(0..most.max(1))).await;
    }
}

/// A task of a machine.
struct Mortal {
    machine: Machine,
    life: u64,
    task: BoxFuture<'static, ()>,
}

impl Future for Mortal {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        {
            let state = self.machine.lock();
            if !state.alive || state.life != self.life {
                return Poll::Pending;
            }
        }
        let polled = panic::catch_unwind(AssertUnwindSafe(|| self.task.as_mut().poll(context)));
        let polled = polled.unwrap_or_else(|_| {
            self.machine.fail(Check::Runs, "a task broke");
            Poll::Ready(())
        });
        let death = self.machine.step();
        self.machine.0.trace.detail(self.machine.name(), format_args!("step {}", self.machine.steps()));
        if let Some(death) = death {
            self.machine.say("dies between two steps");
            self.machine.die(death);
        }
        // What the task did in the step in which its machine died is done; that it ended is nobody's to know.
        if self.machine.is_alive() { polled } else { Poll::Pending }
    }
}

impl Executor for Machine {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> JoinHandle<()> {
        Self::spawn(self, task)
    }

    fn blocking(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        let machine = self.clone();
        let done = Self::spawn(self, async move {
            machine.disk_moment().await;
            work();
            machine.disk_moment().await;
        });
        done.map(drop).boxed()
    }
}

impl Workers for Machine {
    fn spawn(&self, _name: String, worker: BoxFuture<'static, ()>) -> Result<(), StoreError> {
        Self::spawn(self, worker);
        Ok(())
    }

    fn wait(&self, _runtime: &Handle, future: BoxFuture<'_, bool>) -> bool {
        // The one thread can't wait for itself.
        future.now_or_never().unwrap_or(false)
    }

    fn waiting_max(&self, _few: usize) -> usize {
        1 << 20
    }
}
