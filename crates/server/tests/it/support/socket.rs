//! The least of Socket.IO over a websocket: enough to see every byte that the server sends.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::PATIENCE;

/// A connected socket.
pub struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Events that were read and not asked for yet.
    pub events: Vec<Event>,
    pings: usize,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub name: String,
    pub args: Vec<Value>,
}

impl Event {
    pub fn is_logged(&self) -> bool {
        !["sync:head", "dashboard:stats:updated", "cart:updated"].contains(&self.name.as_str())
    }

    pub fn meta(&self, name: &str) -> u64 {
        self.args[1][name].as_u64().unwrap_or_else(|| panic!("{} has no {name}: {:?}", self.name, self.args.get(1)))
    }
}

/// Sends the upgrade request; the answer's head.
pub fn upgrade(at: SocketAddr, query: &str, headers: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(at).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let request = format!(
        "GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nhost: {at}\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count > 0) {
        head.push(byte[0]);
    }
    (stream, String::from_utf8(head).expect("text"))
}

impl Socket {
    /// Connects with more of a query, such as `&profile=lean`.
    pub fn connect(at: SocketAddr, query: &str) -> Self {
        Self::connect_as(at, query, "desk-1")
    }

    /// Connects as that desk.
    pub fn connect_as(at: SocketAddr, query: &str, device: &str) -> Self {
        Self::open(at, query, &format!("{{\"deviceId\":\"{device}\"}}")).connected()
    }

    /// Connects as a stock client does, which says nothing of itself.
    pub fn connect_nameless(at: SocketAddr) -> Self {
        Self::open(at, "", "").connected()
    }

    /// Connects with what a client says of itself; the server's reason where it does not let it in.
    pub fn try_connect(at: SocketAddr, query: &str, auth: &Value) -> Result<Self, String> {
        let mut socket = Self::open(at, query, &auth.to_string());
        let answer = socket.wait("the answer to CONNECT", |socket| {
            let message = socket.message()?;
            (message.starts_with("40") || message.starts_with("44")).then_some(message)
        });
        match answer.strip_prefix("44") {
            None => Ok(socket),
            Some(refusal) => {
                let refusal: Value = serde_json::from_str(refusal).expect("JSON");
                Err(refusal["message"].as_str().unwrap_or_default().to_owned())
            }
        }
    }

    fn connected(mut self) -> Self {
        self.wait("the answer to CONNECT", |socket| socket.message()?.starts_with("40").then_some(()));
        self
    }

    /// Connects and reads nothing after the upgrade.
    pub fn connect_silent(at: SocketAddr, query: &str) -> Self {
        Self::open(at, query, r#"{"deviceId":"desk-1"}"#)
    }

    fn open(at: SocketAddr, query: &str, auth: &str) -> Self {
        let (stream, head) = upgrade(at, query, "");
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let mut socket = Self { stream, buffer: Vec::new(), events: Vec::new(), pings: 0 };
        socket.send(&format!("40{auth}"));
        socket
    }

    /// Sends an engine.io packet.
    pub fn send(&mut self, text: &str) {
        assert!(self.try_send(text), "the server reads");
    }

    /// Sends an engine.io packet, if the connection is still there.
    pub fn try_send(&mut self, text: &str) -> bool {
        let mut frame = vec![0x81];
        match text.len() {
            length @ 0..=125 => frame.push(0x80 | u8::try_from(length).expect("short")),
            length @ 126..=65_535 => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(length).expect("fits").to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend(u64::try_from(length).expect("fits").to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.stream.write_all(&frame).is_ok()
    }

    /// The next text message, if it is complete; answers pings.
    fn message(&mut self) -> Option<String> {
        loop {
            let (length, start) = match self.buffer.get(1)? & 0x7f {
                126 => (usize::from(u16::from_be_bytes(self.buffer.get(2..4)?.try_into().ok()?)), 4),
                127 => (usize::try_from(u64::from_be_bytes(self.buffer.get(2..10)?.try_into().ok()?)).ok()?, 10),
                length => (usize::from(length), 2),
            };
            self.buffer.get(start..start + length)?;
            let frame: Vec<u8> = self.buffer.drain(..start + length).collect();
            let text = String::from_utf8(frame[start..].to_vec()).unwrap_or_default();
            match (frame[0] & 0x0f, text.as_str()) {
                (1, "2") => {
                    self.pings += 1;
                    self.send("3");
                }
                (1, _) => return Some(text),
                _ => {}
            }
        }
    }

    fn parse(message: &str) -> Option<Event> {
        let mut args: Vec<Value> = serde_json::from_str(message.strip_prefix("42")?).ok()?;
        let name = args.remove(0).as_str()?.to_owned();
        Some(Event { name, args })
    }

    /// Reads what has come within `patience`; false once the connection is gone.
    fn read_some(&mut self, patience: Duration) -> bool {
        self.stream.set_read_timeout(Some(patience)).expect("a timeout");
        let mut piece = vec![0; 64 << 10];
        match self.stream.read(&mut piece) {
            Ok(0) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&piece[..count]);
                true
            }
            Err(error) => matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
        }
    }

    fn wait<T>(&mut self, what: &str, mut found: impl FnMut(&mut Self) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(value) = found(self) {
                return value;
            }
            assert!(Instant::now() < end, "did not come: {what}; had {:?}", self.names());
            assert!(self.read_some(Duration::from_millis(50)), "the server hung up before {what}");
        }
    }

    fn names(&self) -> Vec<&str> {
        self.events.iter().map(|event| event.name.as_str()).collect()
    }

    fn take_in(&mut self) {
        while let Some(message) = self.message() {
            self.events.extend(Self::parse(&message));
        }
    }

    /// Waits until `wanted` finds something in all events so far.
    pub fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&[Event]) -> Option<T>) -> T {
        self.wait(what, |socket| {
            socket.take_in();
            wanted(&socket.events)
        })
    }

    /// Reads, without looking closer, until so many events came whose text begins with `name`.
    pub fn skim(&mut self, name: &str, count: usize) {
        let mut seen = 0;
        self.wait(name, |socket| {
            while let Some(message) = socket.message() {
                seen += usize::from(message.get(3..).is_some_and(|text| text.starts_with(name)));
            }
            (seen >= count).then_some(())
        });
    }

    /// The first event of that name so far, waited for.
    pub fn event(&mut self, name: &str) -> Event {
        self.until(name, |events| events.iter().find(|event| event.name == name).cloned())
    }

    /// All logged events up to and with the one at `seq`, waited for.
    pub fn logged_to(&mut self, seq: u64) -> Vec<Event> {
        self.until(&format!("the event at {seq}"), |events| {
            let logged: Vec<Event> = events.iter().filter(|event| event.is_logged()).cloned().collect();
            logged.last().is_some_and(|event| event.meta("seq") >= seq).then_some(logged)
        })
    }

    /// Waits for the server's first ping, which it sends by itself at the start.
    pub fn pinged(&mut self) {
        self.wait("a ping", |socket| {
            socket.take_in();
            (socket.pings > 0).then_some(())
        });
    }

    /// Waits until the server hangs up.
    pub fn closed(&mut self) {
        let end = Instant::now() + PATIENCE;
        while self.read_some(Duration::from_millis(50)) {
            assert!(Instant::now() < end, "the server keeps a connection that it should close");
        }
    }
}
