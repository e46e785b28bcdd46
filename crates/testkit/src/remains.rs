//! What would be left behind by a run that is killed: processes that stand still or wait for nobody, networks, disks.
//! A shell beside it knows them, sees its end, however that comes, and tidies up.

use std::{
    io::Write,
    os::unix::process::CommandExt,
    process::{ChildStdin, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

/// What is in the environment of each process that is started here, with this one's id.
pub(crate) const MARK: &str = "GANGWAY_TEST_RUN";

/// Keeps a list of `kind:name`, `+` and `-` each a line, and ends with who writes it. A process that was not said yet
/// is found by the mark `$1`; it may have been about to start, and one that is struck may be about to make a file.
const SHELL: &str = r#"
trap '' HUP INT TERM
left=' '
while read -r line; do
    it=${line#?}
    case $line in
    +*) left="$left$it " ;;
    *) case $left in *" $it "*) left="${left%%" $it "*} ${left#*" $it "}" ;; esac ;;
    esac
done
ids=
for it in $left; do
    case $it in process:*) ids="$ids ${it#*:}"; kill -KILL "${it#*:}" ;; esac
done
for wait in 0 0.1 0.4; do
    sleep "$wait"
    for it in $(grep -lzxF -e "$1" /proc/[0-9]*/environ); do
        it=${it%/environ}
        ids="$ids ${it#/proc/}"
        kill -KILL "${it#/proc/}"
    done
    for it in $ids; do rm -f "/dev/shm/sem.faketime_sem_$it" "/dev/shm/faketime_shm_$it"; done
done
for it in $left; do
    name=${it#*:}
    case $it in
    cable:*) ip link del "$name" ;;
    network:*) ip netns del "$name" ;;
    disk:*) umount --lazy "$name"; rmdir "$name" ;;
    esac
done
"#;

/// This run's mark.
pub(crate) fn mark() -> String {
    std::process::id().to_string()
}

/// Something that must not outlive this process; without blanks. Whoever ends it drops this then.
#[derive(Debug)]
pub(crate) struct Remains(String);

impl Remains {
    /// `kind` is one that the shell knows.
    pub(crate) fn new(kind: &str, name: impl std::fmt::Display) -> Self {
        let remains = Self(format!("{kind}:{name}"));
        remains.tell('+');
        remains
    }

    fn tell(&self, sign: char) {
        static SHELL_IN: OnceLock<Option<Mutex<ChildStdin>>> = OnceLock::new();
        let Some(shell) = SHELL_IN.get_or_init(start) else { return };
        let mut shell = shell.lock().unwrap_or_else(PoisonError::into_inner);
        // A test is not worse for a shell that is gone.
        let _ = shell.write_all(format!("{sign}{}\n", self.0).as_bytes());
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        self.tell('-');
    }
}

/// In a group of its own: what is sent to the run's does not reach it.
fn start() -> Option<Mutex<ChildStdin>> {
    let mut shell = Command::new("sh");
    shell.args(["-c", SHELL, "sh", &format!("{MARK}={}", mark())]).env_remove(MARK).process_group(0);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.spawn().ok()?.stdin.take().map(Mutex::new)
}
