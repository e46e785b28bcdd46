//! A virtual display, so that no test needs a screen or disturbs one.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// An Xvfb on a number that it found free; ends when dropped.
pub(crate) struct Display {
    server: Child,
    name: String,
}

impl Display {
    /// # Panics
    /// Xvfb is missing or does not start.
    pub(crate) fn open() -> Self {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1920x1080x24", "-nolisten", "tcp"]);
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut server = spawned.expect("Xvfb is installed (scripts/test does it)");
        let mut number = String::new();
        let stdout = server.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut number).expect("Xvfb names its display");
        assert!(!number.trim().is_empty(), "Xvfb did not start");
        Self { server, name: format!(":{}", number.trim()) }
    }

    /// For `DISPLAY`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // Nothing is lost with it, and what still draws on it ends as well.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
