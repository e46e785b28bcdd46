//! How a process is started: under a wrong wall clock, inside a network of its own, and who may strike it.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use tempfile::TempDir;

use crate::{
    namespace::Namespace,
    remains::{MARK, Remains, mark},
};

/// How to start a program; plain by default.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    wrapper: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    target: Target,
}

impl Launch {
    /// As it is.
    pub fn plain() -> Self {
        Self::default()
    }

    /// With the wall clock that `clock` shows.
    pub fn with_clock(mut self, clock: &FakeClock) -> Self {
        self.environment.extend(clock.environment());
        self
    }

    /// With another variable in its environment.
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// In a network of its own, which reaches nothing but the other end of its cable.
    pub fn within(mut self, namespace: &Namespace) -> Self {
        self.wrapper.extend(namespace.wrapper());
        self
    }

    /// Struck through `target` from the moment on that it runs, also before it is ready.
    pub fn as_target(mut self, target: &Target) -> Self {
        self.target = target.clone();
        self
    }

    /// Starts `program`, its streams piped.
    pub(crate) fn spawn(&self, program: &Path, arguments: &[OsString], stdin: Stdio) -> Process {
        let mut command = match self.wrapper.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.args(arguments).envs(self.environment.iter().map(|(name, value)| (name, value))).env(MARK, mark());
        let child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        *self.target.pid.lock().unwrap_or_else(PoisonError::into_inner) = Some(child.id());
        let remains = Some(Remains::new("process", child.id()));
        Process { child, target: self.target.clone(), remains }
    }
}

/// A process and whoever may strike it.
pub(crate) struct Process {
    pub(crate) child: Child,
    target: Target,
    /// None: it was waited for, and its id may be another's.
    remains: Option<Remains>,
}

impl Process {
    /// Ends it without warning, also while it is paused, and lets go of its id.
    pub(crate) fn kill(&mut self) {
        // Nobody may strike by this id once it is free for another process.
        self.target.release(self.child.id());
        let _ = self.child.kill();
        // Before its id is free again: a later process with the same one may have a fake clock, too.
        if self.remains.take().is_some() {
            forget_clock_of(self.child.id());
        }
        let _ = self.child.wait();
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let mut pid = self.target.pid.lock().unwrap_or_else(PoisonError::into_inner);
        let status = self.child.try_wait().ok().flatten();
        if status.is_some() {
            if self.remains.take().is_some() {
                forget_clock_of(self.child.id());
            }
            if *pid == Some(self.child.id()) {
                *pid = None;
            }
        }
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A handle by which another thread strikes whatever process runs under it now. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Target {
    pid: Arc<Mutex<Option<u32>>>,
}

impl Target {
    /// Under which nothing runs yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the process, unless another one runs under it by now.
    fn release(&self, process: u32) {
        let mut pid = self.pid.lock().unwrap_or_else(PoisonError::into_inner);
        if *pid == Some(process) {
            *pid = None;
        }
    }

    /// `kill -9`. Whether there was something to strike.
    pub fn kill(&self) -> bool {
        self.send("KILL")
    }

    /// SIGSTOP: it stands still, and the kernel goes on to accept its connections.
    pub fn pause(&self) -> bool {
        self.send("STOP")
    }

    /// SIGCONT: it goes on.
    pub fn go_on(&self) -> bool {
        self.send("CONT")
    }

    fn send(&self, signal: &str) -> bool {
        // Held while the signal is sent: the id stays that process's until its owner has the lock.
        let pid = self.pid.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pid) = *pid else { return false };
        let mut kill = Command::new("kill");
        kill.arg(format!("-{signal}")).arg(pid.to_string()).stderr(Stdio::null());
        kill.status().is_ok_and(|status| status.success())
    }
}

/// A wall clock that is wrong by as much as a test says, by Debian's faketime. The monotonic clock stays the machine's.
pub struct FakeClock {
    folder: TempDir,
    library: PathBuf,
}

impl FakeClock {
    /// One that is ahead by `seconds` (negative: behind).
    ///
    /// # Errors
    /// faketime is not installed.
    pub fn ahead_by(seconds: i64) -> Result<Self, String> {
        let library = library().ok_or("faketime is not installed (apt-get install faketime)")?;
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let clock = Self { folder, library };
        clock.set(seconds);
        Ok(clock)
    }

    /// Steps it, also while a process looks at it; seen within a second.
    pub fn set(&self, seconds: i64) {
        let next = self.folder.path().join("next");
        fs::write(&next, format!("{seconds:+}\n")).expect("the folder is ours");
        fs::rename(next, self.file()).expect("the folder is ours");
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    /// What a program needs in its environment to see it.
    pub(crate) fn environment(&self) -> Vec<(OsString, OsString)> {
        // Both names: versions differ in which they know.
        let mut all: Vec<(OsString, OsString)> =
            ["DONT_FAKE_MONOTONIC", "FAKETIME_DONT_FAKE_MONOTONIC", "NO_FAKE_STAT", "FAKETIME_CACHE_DURATION"]
                .map(|name| (name.into(), "1".into()))
                .to_vec();
        all.push(("LD_PRELOAD".into(), self.library.clone().into()));
        all.push(("FAKETIME_TIMESTAMP_FILE".into(), self.file().into()));
        all
    }
}

/// Removes what the library leaves in shared memory, under the id of a process that had no time to tidy up.
fn forget_clock_of(process: u32) {
    for name in [format!("sem.faketime_sem_{process}"), format!("faketime_shm_{process}")] {
        let _ = fs::remove_file(Path::new("/dev/shm").join(name));
    }
}

/// Where Debian puts the library for programs with threads.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|path| path.is_file())
}
