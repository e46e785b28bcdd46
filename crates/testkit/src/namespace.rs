//! A network namespace at the end of a cable that can be pulled.

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr},
    process::Command,
    sync::atomic::{AtomicU8, Ordering},
};

use crate::remains::Remains;

/// A network of its own, joined to the machine by one virtual cable; gone when dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    cable: String,
    host: Ipv4Addr,
    _remains: [Remains; 2],
}

impl Namespace {
    /// Makes one.
    ///
    /// # Errors
    /// It is not permitted here (it takes root), or `ip` is not installed.
    pub fn new() -> Result<Self, String> {
        static MADE: AtomicU8 = AtomicU8::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed) % 64;
        let process = std::process::id();
        // Apart from those of other processes, as well as an interface's 15 characters and a /30 allow.
        let (name, cable) = (format!("gangway-{process}-{number}"), format!("gw{process}n{number}"));
        let net = |last: u8| Ipv4Addr::new(10, 224 + ((process >> 8) & 15) as u8, (process & 255) as u8, last);
        let _remains = [Remains::new("cable", &cable), Remains::new("network", &name)];
        let made = Self { name, cable, host: net(number * 4 + 1), _remains };
        let (name, cable, inside) = (&made.name, &made.cable, format!("{}i", made.cable));
        for step in [
            format!("netns add {name}"),
            format!("link add {cable} type veth peer name {inside}"),
            format!("link set {inside} netns {name}"),
            format!("addr add {}/30 dev {cable}", made.host),
            format!("link set {cable} up"),
            format!("-n {name} addr add {}/30 dev {inside}", net(number * 4 + 2)),
            format!("-n {name} link set {inside} up"),
            format!("-n {name} link set lo up"),
        ] {
            ip(&step)?;
        }
        Ok(made)
    }

    /// The machine's end of the cable: where what runs inside finds it.
    pub fn host(&self) -> IpAddr {
        self.host.into()
    }

    /// Pulls the cable: connections fall silent, and new ones find no way.
    pub fn down(&self) {
        ip(&format!("link set {} down", self.cable)).expect("it is ours");
    }

    /// Plugs it in again.
    pub fn up(&self) {
        ip(&format!("link set {} up", self.cable)).expect("it is ours");
    }

    pub(crate) fn wrapper(&self) -> Vec<OsString> {
        ["ip", "netns", "exec", &self.name].map(OsString::from).to_vec()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Either may be missing when making it failed half way.
        let _ = ip(&format!("link del {}", self.cable));
        let _ = ip(&format!("netns del {}", self.name));
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split(' ')).output().map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {arguments}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
