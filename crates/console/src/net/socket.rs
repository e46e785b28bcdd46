//! rust_socketio behind the [`Realtime`] port, with its defects covered: its own reconnect is off, only the
//! websocket transport is used, each try has a timeout and a fresh client, handlers parse nothing and never
//! wait, closing happens in a task of its own, and nothing relies on an acknowledgement.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use gangway_domain::ids::{DeviceId, Position};
use native_tls::TlsConnector;
use rust_socketio::{
    Event, Payload, TransportType,
    asynchronous::{Client, ClientBuilder},
};
use rustls::pki_types::CertificateDer;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use url::Url;

use super::{
    Clock, Connection, Inbox, LinkError, Realtime, Signal, cause,
    credential::Credential,
    trust::{Pinned, Trust},
};

/// How long the handshake may take: a server that accepts and says nothing would block for ever.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long closing may take; it can hang.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens connections to one server.
pub struct SocketIo {
    base: Url,
    url: String,
    device: DeviceId,
    credential: Credential,
    trust: Trust,
    clock: Arc<dyn Clock>,
}

impl SocketIo {
    /// For the server at `base`, as this device.
    pub fn new(base: &Url, (credential, trust): (Credential, Trust), device: &DeviceId, clock: Arc<dyn Clock>) -> Self {
        let mut url = base.clone();
        url.set_path(&format!("{}/socket.io/", base.path().trim_end_matches('/')));
        url.set_query(Some("profile=lean"));
        Self { base: base.clone(), url: url.to_string(), device: device.clone(), credential, trust, clock }
    }

    /// What it says of itself; the token is the one that it has now.
    fn auth(&self) -> Value {
        let mut auth = Map::from_iter([("deviceId".to_owned(), json!(self.device))]);
        if let Some(token) = self.credential.token_for(&self.base) {
            auth.insert("token".to_owned(), json!(token));
        }
        Value::Object(auth)
    }

    async fn open(&self, inbox: Inbox) -> Result<Box<dyn Connection>, LinkError> {
        // The client returns before the server has let it in: what it hears first decides.
        let (first, mut verdict) = mpsc::channel(1);
        let client = self.builder(&inbox, &first)?.connect().await.map_err(|error| LinkError(cause(&error)))?;
        let open = OpenSocket { client, inbox };
        match verdict.recv().await {
            Some(Ok(())) => Ok(Box::new(open)),
            Some(Err(why)) => Err(why),
            None => Err(LinkError("the connection closed".to_owned())),
        }
    }

    fn builder(&self, inbox: &Inbox, first: &mpsc::Sender<Result<(), LinkError>>) -> Result<ClientBuilder, LinkError> {
        let (closing, failing) = (inbox.clone(), inbox.clone());
        let (on_open, on_close, on_error) = (first.clone(), first.clone(), first.clone());
        let (hearing, clock) = (inbox.clone(), self.clock.clone());
        let builder = match self.trust.pinned() {
            Pinned::Nothing => ClientBuilder::new(self.url.clone()),
            Pinned::Authority(authority) => ClientBuilder::new(self.url.clone()).tls_config(believing(&authority)?),
            Pinned::Unreadable => {
                return Err(LinkError("the certificate of the venue's authority can't be read".to_owned()));
            }
        };
        Ok(builder
            .transport_type(TransportType::Websocket)
            .reconnect(false)
            .reconnect_on_disconnect(false)
            .auth(self.auth())
            .on(Event::Connect, move |_, _| {
                let _ = on_open.try_send(Ok(()));
                async {}.boxed()
            })
            .on(Event::Close, move |_, _| {
                let _ = on_close.try_send(Err(LinkError("the server closed the connection".to_owned())));
                closing.close();
                async {}.boxed()
            })
            .on(Event::Error, move |payload, _| {
                // After an error the client is not to be trusted: a fresh one is cheap.
                let _ = on_error.try_send(Err(error(&payload)));
                failing.close();
                async {}.boxed()
            })
            .on_any(move |event, payload, _| {
                let name = event.as_str().to_owned();
                hearing.put(match payload {
                    Payload::Text(args) => Signal::Event { name, args, at_us: clock.mono_us() },
                    _ => Signal::NotText { name },
                });
                async {}.boxed()
            }))
    }
}

/// The library has a TLS of its own: it believes `authority` alone.
fn believing(authority: &CertificateDer<'_>) -> Result<TlsConnector, LinkError> {
    let unusable = |error: native_tls::Error| LinkError(format!("the venue's authority can't be used: {error}"));
    let authority = native_tls::Certificate::from_der(authority).map_err(unusable)?;
    let connector = TlsConnector::builder().disable_built_in_roots(true).add_root_certificate(authority).build();
    connector.map_err(unusable)
}

fn error(payload: &Payload) -> LinkError {
    let text = match payload {
        Payload::Text(args) => {
            let texts = args.iter().map(|arg| arg.as_str().map_or_else(|| arg.to_string(), str::to_owned));
            texts.collect::<Vec<_>>().join(" ")
        }
        _ => "unreadable".to_owned(),
    };
    match refusal(&text) {
        Some(code) => LinkError::refused(&code),
        None => LinkError(format!("the connection failed: {}", text.chars().take(200).collect::<String>())),
    }
}

/// The code of a server that does not let this device in. The client gives the packet as text after its own words.
fn refusal(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
    }
    let (_, packet) = text.split_once("ConnectError frame: ")?;
    let Refusal { message } = serde_json::from_str(packet).ok()?;
    let is_code = message.len() <= 64 && message.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_code.then_some(message)
}

impl Realtime for SocketIo {
    fn connect(&self, inbox: Inbox) -> BoxFuture<'_, Result<Box<dyn Connection>, LinkError>> {
        async move {
            match tokio::time::timeout(CONNECT_TIMEOUT, self.open(inbox)).await {
                Ok(result) => result,
                Err(_) => Err(LinkError("the server accepted and said nothing".to_owned())),
            }
        }
        .boxed()
    }
}

/// A connection that closes when it is dropped.
struct OpenSocket {
    client: Client,
    inbox: Inbox,
}

impl Connection for OpenSocket {
    fn ack(&self, position: Position) -> BoxFuture<'_, Result<(), LinkError>> {
        async move {
            let result = self.client.emit("sync:ack", json!(position)).await;
            result.map_err(|error| LinkError(error.to_string()))
        }
        .boxed()
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.inbox.close();
        let client = self.client.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // Whatever becomes of it: the client is not used again.
                let _ = tokio::time::timeout(CLOSE_TIMEOUT, client.disconnect()).await;
            });
        }
    }
}
