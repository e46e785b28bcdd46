//! The desk's ports over a link: what a request, an answer and a socket meet on their way.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use gangway_console::{
    net::{
        Clock, Connection, EventsAfter, EventsAnswer, Inbox, LeaseCall, Lent, LinkError, Realtime, Rest, RestError,
        Signal, SnapshotChunks,
    },
    sync::message::EventsPage,
};
use gangway_domain::ids::{DeviceId, Position};
use serde_json::Value;
use tokio::{
    sync::{oneshot, watch},
    time::{sleep, sleep_until, timeout},
};

use crate::{
    clock::{DeskClock, TrueTime},
    ledger::Ledger,
    link::{Link, Way},
    machine::{Death, Machine},
    server::{Ask, Gone, Message, Reply, Server, Socket},
};

/// As long as the shipped desk waits for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// As long as it waits for the next piece of one.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// As long as it waits for a socket.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// After so long a server gives a socket up whose other end says nothing.
const PING_TIMEOUT: Duration = Duration::from_secs(45);

/// The venue's server, and another venue's that a link may lead to by mistake.
pub struct Servers {
    /// The venue's own.
    pub own: Server,
    /// The other one.
    pub other: Option<Server>,
}

/// What a desk's ports need.
#[derive(Clone)]
pub struct Line {
    /// The way.
    pub link: Link,
    /// Where it leads.
    pub servers: Arc<Servers>,
    /// Whose.
    pub device: DeviceId,
    /// Where the desk runs.
    pub machine: Machine,
    /// Its clock.
    pub clock: Arc<DeskClock>,
    /// The true time.
    pub time: TrueTime,
    /// Where it is written down when the server has done something.
    pub ledger: Ledger,
}

impl Line {
    fn server(&self) -> &Server {
        match &self.servers.other {
            Some(other) if self.link.state().elsewhere => other,
            _ => &self.servers.own,
        }
    }

    /// Asks the server. What is under way goes on when the desk is gone: it can't be called back.
    async fn ask(&self, ask: Ask) -> Result<Reply, RestError> {
        let (reply, answered) = oneshot::channel();
        tokio::spawn(carry(self.clone(), ask, reply));
        match timeout(ANSWER_TIMEOUT, answered).await {
            Ok(Ok(reply)) => reply.map_err(RestError::Link),
            Ok(Err(_)) => Err(RestError::Link("connection reset".to_owned())),
            Err(_) => Err(RestError::Link("timed out".to_owned())),
        }
    }

    async fn snapshot_chunks(&self, chunks: &SnapshotChunks) -> Result<(), RestError> {
        let resets = self.link.state().resets;
        let reply = accepted(self.ask(Ask::get("/api/sync/snapshot", Some(&self.device))).await?)?;
        let mut rest = &reply.body[..];
        while !rest.is_empty() {
            let length = usize::try_from(self.link.dice().within(1..8_192)).unwrap_or(1).min(rest.len());
            let (piece, after) = rest.split_at(length);
            rest = after;
            let broke = || RestError::Link("broken off".to_owned());
            let state = self.link.state();
            if self.link.chance(state.loses) {
                return Err(broke());
            }
            match timeout(READ_TIMEOUT, self.link.pass(Way::ToDesk, resets)).await {
                Ok(passed) => passed.map_err(|_| broke())?,
                Err(_) => return Err(RestError::Link("timed out".to_owned())),
            }
            if chunks.send(Ok(piece.to_vec())).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// A request's way, and its answer's.
async fn carry(line: Line, ask: Ask, mut reply: oneshot::Sender<Result<Reply, String>>) {
    let (link, state) = (line.link.clone(), line.link.state());
    let what = format!("{} {}", ask.method, ask.target.split('?').next().unwrap_or_default());
    if state.refuses || state.portal {
        sleep(link.delay()).await;
        let why = if state.portal { "200 without JSON: something else answered" } else { "connection refused" };
        let _ = reply.send(Err(why.to_owned()));
        return;
    }
    if link.chance(state.loses) {
        link.say(format_args!("{what}: the request is lost"));
        return reply.closed().await;
    }
    if link.chance(state.doubles) {
        let (again, late) = (ask.clone(), link.dice().while_ms(0..20_000));
        let line = line.clone();
        tokio::spawn(async move {
            sleep(late).await;
            if line.link.open(Way::ToServer, line.link.state().resets).await.is_ok() {
                line.link.say("a request arrives again");
                // Nobody waits for this answer.
                let _ = line.server().ask(again).await;
            }
        });
    }
    if link.pass(Way::ToServer, state.resets).await.is_err() {
        return;
    }
    let answer = line.server().ask(ask).await;
    let lost = link.chance(link.state().loses);
    let told = match answer {
        Ok(answer) => {
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            for result in body["results"].as_array().into_iter().flatten().filter(|it| it["outcome"] == "accepted") {
                line.ledger.accepted(result["commandId"].as_str().unwrap_or_default(), line.time.now_ms());
            }
            let (status, results) = (answer.status, results(&body));
            link.say(format_args!("{what}: {status}{results}{}", if lost { ", and the answer is lost" } else { "" }));
            Ok(answer)
        }
        Err(Gone::Refused) => Err("connection refused".to_owned()),
        Err(Gone::Broken) => Err("connection reset".to_owned()),
        Err(Gone::Silent) => return reply.closed().await,
    };
    if lost {
        return reply.closed().await;
    }
    if link.pass(Way::ToDesk, state.resets).await.is_ok() {
        // The desk may have given up.
        let _ = reply.send(told);
    }
}

/// What became of commands, for the trace.
fn results(body: &Value) -> String {
    let result = |result: &Value| {
        let text = |name: &str| result[name].as_str().unwrap_or_default();
        let id: String = text("commandId").chars().take(8).collect();
        format!(" {id} {} {}{}", text("outcome"), result["seqs"], result["rejection"]["code"])
    };
    body["results"].as_array().into_iter().flatten().map(result).collect()
}

/// The answer, if it says yes. As the shipped desk reads it.
fn accepted(reply: Reply) -> Result<Reply, RestError> {
    let Reply { status, is_json, .. } = reply;
    match status {
        _ if !is_json => Err(RestError::Link(format!("{status} without JSON: something else answered"))),
        200..=299 => Ok(reply),
        429 | 503 => Err(RestError::Busy { after_ms: None }),
        408 | 500.. => Err(RestError::Link(format!("the server answered {status}"))),
        _ => {
            let refusal: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            let text = |name: &str| refusal[name].as_str().unwrap_or_default().to_owned();
            Err(RestError::Refused { status, code: text("code"), message: text("error") })
        }
    }
}

fn text(reply: &Reply) -> Result<&str, RestError> {
    std::str::from_utf8(&reply.body).map_err(|error| RestError::Malformed(error.to_string()))
}

impl Rest for Line {
    fn events(&self, after: EventsAfter) -> BoxFuture<'_, Result<EventsAnswer, RestError>> {
        async move {
            let EventsAfter { after, after_id, epoch } = after;
            let mut target = format!("/api/sync/events?after={after}&epoch={epoch}&limit=500");
            if let Some(id) = after_id {
                target.push_str(&format!("&afterId={id}"));
            }
            let reply = self.ask(Ask::get(target, Some(&self.device))).await?;
            if reply.status == 410 && reply.is_json {
                return Ok(EventsAnswer::SnapshotRequired);
            }
            let reply = accepted(reply)?;
            let page = EventsPage::parse(text(&reply)?);
            page.map(EventsAnswer::Page).map_err(|error| RestError::Malformed(error.to_string()))
        }
        .boxed()
    }

    fn snapshot(&self, chunks: SnapshotChunks) -> BoxFuture<'_, ()> {
        async move {
            if let Err(error) = self.snapshot_chunks(&chunks).await {
                let _ = chunks.send(Err(error)).await;
            }
        }
        .boxed()
    }

    fn commands(&self, body: String) -> BoxFuture<'_, Result<Vec<Value>, RestError>> {
        async move {
            let reply = accepted(self.ask(Ask::post("/api/commands", Some(&self.device), body)).await?)?;
            let mut answer: Value =
                serde_json::from_slice(&reply.body).map_err(|error| RestError::Malformed(error.to_string()))?;
            match answer["results"].take() {
                Value::Array(results) => Ok(results),
                _ => Err(RestError::Malformed("no results".to_owned())),
            }
        }
        .boxed()
    }

    fn lease(&self, call: LeaseCall) -> BoxFuture<'_, Result<Lent, RestError>> {
        async move {
            let malformed = |error: serde_json::Error| RestError::Malformed(error.to_string());
            let body = serde_json::to_string(&call).map_err(malformed)?;
            let reply = accepted(self.ask(Ask::post("/api/sync/lease", Some(&self.device), body)).await?)?;
            serde_json::from_slice(&reply.body).map_err(malformed)
        }
        .boxed()
    }
}

impl Realtime for Line {
    fn connect(&self, inbox: Inbox) -> BoxFuture<'_, Result<Box<dyn Connection>, LinkError>> {
        async move {
            match timeout(CONNECT_TIMEOUT, self.open(inbox)).await {
                Ok(opened) => opened.map_err(|why| LinkError(why.to_owned())),
                Err(_) => Err(LinkError("the server accepted and said nothing".to_owned())),
            }
        }
        .boxed()
    }
}

impl Line {
    async fn open(&self, inbox: Inbox) -> Result<Box<dyn Connection>, &'static str> {
        let state = self.link.state();
        let resets = state.resets;
        if state.refuses || state.portal {
            sleep(self.link.delay()).await;
            return Err("connection refused");
        }
        self.link.pass(Way::ToServer, resets).await.map_err(|_| "connection reset")?;
        let server = self.server().clone();
        let socket = match server.connect(&self.device) {
            Ok(socket) => socket,
            Err(Gone::Silent) => std::future::pending().await,
            Err(Gone::Refused | Gone::Broken) => return Err("connection refused"),
        };
        let (gone, desk_gone) = watch::channel(false);
        let open = Open { id: socket.id.clone(), line: self.clone(), server: server.clone(), resets, gone };
        tokio::spawn(wire(self.clone(), server, socket, resets, inbox, desk_gone));
        self.link.pass(Way::ToDesk, resets).await.map_err(|_| "connection reset")?;
        Ok(Box::new(open))
    }
}

/// Takes to the desk what the server sends, in order, until one end is gone and the other knows.
async fn wire(
    line: Line,
    server: Server,
    socket: Socket,
    resets: u64,
    inbox: Inbox,
    mut desk_gone: watch::Receiver<bool>,
) {
    let Socket { id, mut messages } = socket;
    let link = &line.link;
    let carry = async {
        while let Some(Message { name, args, at }) = messages.recv().await {
            sleep_until(at + link.delay()).await;
            if link.open(Way::ToDesk, resets).await.is_err() {
                return;
            }
            inbox.put(Signal::Event { name: name.to_owned(), args, at_us: line.clock.mono_us() });
        }
        match server.gone() {
            Gone::Silent => std::future::pending().await,
            Gone::Broken | Gone::Refused => drop(link.pass(Way::ToDesk, resets).await),
        }
    };
    tokio::select! {
        biased;
        // The desk's end tells the server by itself.
        _ = desk_gone.wait_for(|gone| *gone) => {}
        () = link.reset(resets) => {
            server.disconnect(&id);
            inbox.close();
        }
        () = carry => inbox.close(),
    }
}

/// A socket that stands.
struct Open {
    id: String,
    line: Line,
    server: Server,
    resets: u64,
    gone: watch::Sender<bool>,
}

impl Connection for Open {
    fn ack(&self, position: Position) -> BoxFuture<'_, Result<(), LinkError>> {
        let (link, server, id, resets) = (self.line.link.clone(), self.server.clone(), self.id.clone(), self.resets);
        tokio::spawn(async move {
            if link.pass(Way::ToServer, resets).await.is_ok() {
                server.acknowledge(&id, position);
            }
        });
        async { Ok(()) }.boxed()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.gone.send_replace(true);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (link, server, id, resets) = (self.line.link.clone(), self.server.clone(), self.id.clone(), self.resets);
        let is_told = self.line.machine.death() != Some(Death::Power);
        runtime.spawn(async move {
            let told = async {
                if !is_told || link.pass(Way::ToServer, resets).await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let _ = timeout(PING_TIMEOUT, told).await;
            server.disconnect(&id);
        });
    }
}
