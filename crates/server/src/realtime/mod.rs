//! Socket.IO: rooms by profile, server to client only (`contract.md`, Socket.IO).
//!
//! A socket joins its room in the connect middleware, which does not yield: between the join and its
//! CONNECT packet no batch can slip in, and the first `sync:head` follows at once.

mod profile;
pub mod sockets;

use std::{collections::HashSet, str::FromStr, sync::Arc, time::Duration};

use futures_util::FutureExt;
use gangway_domain::ids::{DeviceId, Epoch, Position};
use serde::Deserialize;
use socketioxide::{
    BroadcastError, SendError, SocketError, SocketIo,
    extract::{SocketRef, State, TryData},
    handler::ConnectHandler,
    layer::SocketIoLayer,
};
use thiserror::Error;
use tokio::sync::watch;

pub use profile::Profile;

use self::sockets::{Entry, Sockets};
use crate::{
    access::{Access, Denied, table},
    clock::Clock,
    dispatcher::{
        head_packet,
        mirror::Place,
        packet::Packet,
        queue::{EmitError, Emitter, Sent},
    },
    metrics::Metrics,
    net::connection::Connection,
};

/// Packets that may wait for one socket.
const CHANNEL: usize = 4_000;
/// The largest message that a client may send, in bytes; the longest that means anything has about 100.
pub const MESSAGE_MAX: usize = 64 << 10;
/// What one poll carries at most. A burst of events with all live visits is some megabytes, and a polling
/// client gets no more than this each time it asks.
const POLL_MAX: u64 = 1 << 20;
/// How long a connection may be there without having said who it is.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest `deviceId`.
const DEVICE_ID_MAX: usize = 64;

/// What the handlers need.
#[derive(Clone)]
pub struct Shared {
    /// All sockets.
    pub sockets: Arc<Sockets>,
    /// What was emitted so far.
    pub emitted: Arc<watch::Sender<Place>>,
    /// Venue time.
    pub clock: Arc<dyn Clock>,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// Who may listen.
    pub access: Arc<Access>,
}

/// The socket layer: what axum wraps its router with, and what emits.
pub fn build(shared: Shared) -> (SocketIoLayer, SocketIo) {
    let (layer, io) = SocketIo::builder()
        .max_buffer_size(CHANNEL)
        .max_payload(POLL_MAX)
        .ws_max_message_size(MESSAGE_MAX)
        .ws_max_frame_size(MESSAGE_MAX)
        .connect_timeout(CONNECT_TIMEOUT)
        .with_state(shared)
        .build_layer();
    io.ns("/", on_connect.with(join));
    (layer, io)
}

/// Why a socket is not let in. The text is what a stock client finds in its `connect_error`.
#[derive(Debug, Error)]
enum Refused {
    #[error("profile has to be full or lean")]
    UnknownProfile,
    #[error("unauthorized")]
    Unauthorized,
    #[error("revoked")]
    Revoked,
    #[error("too_many_requests")]
    TooMany,
    #[error("forbidden")]
    Forbidden,
    #[error("wrong_device")]
    WrongDevice,
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthorized => Self::Unauthorized,
            Denied::Revoked => Self::Revoked,
            Denied::TooMany => Self::TooMany,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Auth {
    token: Option<String>,
    device_id: Option<String>,
}

/// Puts a socket into its room before it hears that it is connected.
async fn join(socket: SocketRef, TryData(auth): TryData<Auth>, State(shared): State<Shared>) -> Result<(), Refused> {
    let parts = socket.req_parts();
    let profile = match query(parts.uri.query(), "profile") {
        Some(name) => Profile::parse(name).ok_or(Refused::UnknownProfile)?,
        None => Profile::Full,
    };
    let Auth { token, device_id } = auth.unwrap_or_default();
    let identity = shared.access.identify(token.as_deref())?;
    let room = table::room(identity.role, profile).ok_or(Refused::Forbidden)?;
    let said = device_id.filter(|id| id.len() <= DEVICE_ID_MAX).map(DeviceId);
    let device_id = match (&identity.device, said) {
        (Some(device), Some(said)) if *device != said => return Err(Refused::WrongDevice),
        (device, said) => device.clone().or(said),
    };
    let by_websocket = query(parts.uri.query(), "transport") == Some("websocket");
    let transport = parts.extensions.get::<Arc<Connection>>().filter(|_| by_websocket).cloned();
    let leaver = socket.clone();
    let leave = move || {
        leaver.leave_all();
        // Its connection is broken next, if its channel takes not even this.
        let _ = leaver.clone().disconnect();
    };
    shared.sockets.add(&socket.id.to_string(), Entry::new(room, device_id, transport).leaving(leave));
    // Removed while it joined: then nobody closed it.
    if !shared.access.counts(&identity) {
        shared.sockets.remove(&socket.id.to_string());
        return Err(Refused::Revoked);
    }
    socket.join(room.as_str());
    shared.metrics.socket_connected(room);
    Ok(())
}

async fn on_connect(socket: SocketRef, State(shared): State<Shared>) {
    socket.on("sync:ack", on_ack);
    socket.on_fallback(async |State(shared): State<Shared>| shared.metrics.message_ignored());
    socket.on_disconnect(async |socket: SocketRef, State(shared): State<Shared>| {
        shared.sockets.remove(&socket.id.to_string());
    });
    let Some(entry) = shared.sockets.get(&socket.id.to_string()) else { return };
    let place = shared.emitted.borrow().clone();
    let sent = head_packet(&place, entry.profile, shared.clock.now())
        .map_err(|error| error.to_string())
        .and_then(|packet| socket.emit(packet.name, &packet.payload).map_err(|error| error.to_string()));
    if let Err(error) = sent {
        // The next heartbeat says the same within seconds.
        tracing::debug!(error, "the first heartbeat could not be sent");
    }
}

#[derive(Deserialize)]
struct Ack {
    epoch: String,
    seq: u64,
}

async fn on_ack(socket: SocketRef, TryData(ack): TryData<Ack>, State(shared): State<Shared>) {
    let entry = shared.sockets.get(&socket.id.to_string());
    let counted = match (ack, entry) {
        (Ok(ack), Some(entry)) => {
            let position = Position { epoch: Epoch(ack.epoch), seq: ack.seq };
            let counted = entry.acknowledge(position.clone());
            let desk = entry.device_id.as_ref().filter(|_| counted && entry.profile == Profile::Lean);
            desk.into_iter().for_each(|device| shared.metrics.applied(device, &position));
            counted
        }
        _ => false,
    };
    if !counted {
        shared.metrics.message_ignored();
    }
}

/// The value of `name` in a query.
pub fn query<'q>(query: Option<&'q str>, name: &str) -> Option<&'q str> {
    query?.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
}

/// Emits to the rooms of a [`SocketIo`].
pub struct RoomEmitter {
    /// The socket layer.
    pub io: SocketIo,
    /// What the handlers share.
    pub shared: Shared,
}

impl Emitter for RoomEmitter {
    fn emit(&self, packet: &Packet) -> Result<Sent, EmitError> {
        let bytes = u64::try_from(packet.bytes()).unwrap_or(u64::MAX);
        let (receivers, slow) = self.shared.sockets.queue(packet.room, bytes);
        if receivers == 0 {
            return Ok(Sent { receivers });
        }
        let room = self.io.to(packet.room.as_str());
        // The local adapter queues at once: there is nothing to wait for.
        let emitted = match &packet.meta {
            Some(meta) => room.emit(packet.name, &(&packet.payload, meta)).now_or_never(),
            None => room.emit(packet.name, &packet.payload).now_or_never(),
        };
        let mut lost: HashSet<String> = slow.into_iter().collect();
        match emitted {
            Some(Ok(())) => {}
            Some(Err(BroadcastError::Socket(errors))) => {
                if errors.iter().any(|error| matches!(error, SocketError::InternalChannelFull)) {
                    lost.extend(self.full(packet.room));
                }
            }
            Some(Err(error)) => return Err(EmitError(error.to_string())),
            None => return Err(EmitError("the socket layer did not answer".to_owned())),
        }
        lost.iter().for_each(|sid| self.give_up(sid));
        Ok(Sent { receivers: receivers.saturating_sub(lost.len()) })
    }

    fn rooms(&self) -> Vec<Profile> {
        self.shared.access.rooms()
    }

    fn receivers(&self, room: Profile) -> usize {
        self.shared
            .sockets
            .prune(|sid| socketioxide::socket::Sid::from_str(sid).is_ok_and(|sid| self.io.get_socket(sid).is_none()));
        self.shared.sockets.count(room)
    }

    fn backlog(&self) -> u64 {
        self.shared.sockets.most_unsent()
    }
}

impl RoomEmitter {
    /// The sockets of a room whose channel takes no more. The layer doesn't say which they are, so each is
    /// asked with a heartbeat, which does no harm to the others.
    fn full(&self, room: Profile) -> Vec<String> {
        let place = self.shared.emitted.borrow().clone();
        let Ok(head) = head_packet(&place, room, self.shared.clock.now()) else { return Vec::new() };
        let mut full = self.shared.sockets.of(room);
        full.retain(|sid| {
            let socket = socketioxide::socket::Sid::from_str(sid).ok().and_then(|sid| self.io.get_socket(sid));
            let sent = socket.map(|socket| socket.emit(head.name, &head.payload));
            matches!(sent, Some(Err(SendError::Socket(SocketError::InternalChannelFull))))
        });
        full
    }

    /// Closes a socket that does not read: it comes back and catches up from the log.
    fn give_up(&self, sid: &str) {
        tracing::warn!(sid, "a socket does not read what it is sent; closing it");
        self.shared.metrics.socket_too_slow();
        self.shared.sockets.give_up(sid);
        let socket = socketioxide::socket::Sid::from_str(sid).ok().and_then(|sid| self.io.get_socket(sid));
        if let Some(socket) = socket {
            socket.leave_all();
            if let Err(error) = socket.disconnect() {
                tracing::debug!(%error, sid, "its channel is full, so its connection is broken instead");
            }
        }
    }
}
