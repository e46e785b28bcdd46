//! reqwest behind the [`Rest`] port. An answer counts only if it is our server's: no redirect is followed,
//! and a page of HTML (a proxy, a captive portal) is no answer, whatever its status.

use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use gangway_domain::ids::{CommandId, DeviceId};
use reqwest::{
    Certificate, Client, ClientBuilder, Method, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{
    EventsAfter, EventsAnswer, LeaseCall, Lent, PairCall, Paired, Rest, RestError, SnapshotChunks, cause,
    credential::{Credential, NOT_PRIVATE, is_private},
    trust::{Pinned, SealVerifier, Sealed, Trust},
};
use crate::{error::OpenError, sync::message::EventsPage};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two pieces of an answer; a snapshot may take long as a whole.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// For an answer that is small.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// The largest answer that is read at once: a page of events.
const ANSWER_MAX_BYTES: usize = 64 << 20;
/// Events of a page.
const PAGE_EVENTS: u32 = 500;

/// The server's HTTP.
pub struct Http {
    client: RwLock<Client>,
    headers: HeaderMap,
    base: Url,
    credential: Credential,
    trust: Trust,
}

impl Http {
    /// For the server at `base`, as this device.
    ///
    /// # Errors
    /// The token can't be sent, or the machine can't do TLS.
    pub fn new(base: Url, credential: Credential, trust: Trust, device: &DeviceId) -> Result<Self, OpenError> {
        let unusable = |error: &dyn std::fmt::Display| OpenError::Tls(error.to_string());
        let mut headers = HeaderMap::new();
        let device = HeaderValue::from_str(device.as_str()).map_err(|error| unusable(&error))?;
        headers.insert("X-Device-Id", device);
        if let Some(token) = credential.token() {
            HeaderValue::from_str(&token.token).map_err(|error| unusable(&error))?;
        }
        // Another part of the process may have chosen already; ring is what the program ships with.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = trusting(&headers, &trust.pinned()).map_err(|error| unusable(&error))?;
        Ok(Self { client: RwLock::new(client), headers, base, credential, trust })
    }

    fn client(&self) -> Client {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }

    /// A call with what lets this device in.
    fn call(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.client().request(method, url);
        match self.credential.token_for(&self.base) {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn post(&self, path: &str, body: String) -> RequestBuilder {
        self.call(Method::POST, self.url(path)).header(CONTENT_TYPE, "application/json").body(body)
    }

    async fn get_events(&self, after: EventsAfter) -> Result<EventsAnswer, RestError> {
        let mut url = self.url("/api/sync/events");
        url.query_pairs_mut()
            .append_pair("after", &after.after.to_string())
            .append_pair("epoch", after.epoch.as_str())
            .append_pair("limit", &PAGE_EVENTS.to_string());
        if let Some(id) = &after.after_id {
            url.query_pairs_mut().append_pair("afterId", id.as_str());
        }
        let response = send(self.call(Method::GET, url).timeout(ANSWER_TIMEOUT)).await?;
        if response.status() == StatusCode::GONE && is_json(&response) {
            return Ok(EventsAnswer::SnapshotRequired);
        }
        let text = text(accepted(response).await?).await?;
        EventsPage::parse(&text).map(EventsAnswer::Page).map_err(|error| RestError::Malformed(error.to_string()))
    }

    async fn get_snapshot(&self, chunks: &SnapshotChunks) -> Result<(), RestError> {
        let request = self.call(Method::GET, self.url("/api/sync/snapshot")).header(ACCEPT, "application/x-ndjson");
        let mut response = accepted(send(request).await?).await?;
        while let Some(chunk) = response.chunk().await.map_err(|error| link_error(&error))? {
            if chunks.send(Ok(chunk.to_vec())).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn get_command(&self, id: CommandId) -> Result<Option<Value>, RestError> {
        let url = self.url(&format!("/api/commands/{id}"));
        let response = send(self.call(Method::GET, url).timeout(ANSWER_TIMEOUT)).await?;
        if response.status() == StatusCode::NOT_FOUND && is_json(&response) {
            return Ok(None);
        }
        let text = text(accepted(response).await?).await?;
        serde_json::from_str(&text).map(Some).map_err(|error| RestError::Malformed(error.to_string()))
    }

    async fn post_lease(&self, call: LeaseCall) -> Result<Lent, RestError> {
        let body = serde_json::to_string(&call).map_err(|error| RestError::Malformed(error.to_string()))?;
        let response = accepted(send(self.post("/api/sync/lease", body).timeout(ANSWER_TIMEOUT)).await?).await?;
        serde_json::from_str(&text(response).await?).map_err(|error| RestError::Malformed(error.to_string()))
    }

    async fn post_pair(&self, call: PairCall) -> Result<Paired, RestError> {
        if !is_private(&self.base) {
            let message = "Nothing is paired over an address without TLS.".to_owned();
            return Err(RestError::Refused { status: 0, code: NOT_PRIVATE.to_owned(), message });
        }
        let broken = |error: &dyn std::fmt::Display| RestError::Link(error.to_string());
        let Some(Sealed { code, seal }) = Sealed::parse(&call.code) else {
            let message = "This is no code.".to_owned();
            return Err(RestError::Refused { status: 0, code: "wrong_code".to_owned(), message });
        };
        let verifier = seal.map(SealVerifier::new);
        let client = match &verifier {
            None => self.client(),
            Some(verifier) => {
                let config = verifier.config().map_err(|error| broken(&error))?;
                basic(&self.headers).tls_backend_preconfigured(config).build().map_err(|error| link_error(&error))?
            }
        };
        let body = serde_json::to_string(&PairCall { code, ..call });
        let body = body.map_err(|error| RestError::Malformed(error.to_string()))?;
        // A token that counts no more is no reason to refuse a new one.
        let request = client.post(self.url("/api/pair")).header(CONTENT_TYPE, "application/json").body(body);
        let response = accepted(send(request.timeout(ANSWER_TIMEOUT)).await?).await?;
        // What is wrong with it would quote the token.
        let unreadable = |_| RestError::Malformed("the answer to pairing can't be read".to_owned());
        let mut paired: Paired = serde_json::from_str(&text(response).await?).map_err(unreadable)?;
        if HeaderValue::from_str(&paired.token).is_err() {
            return Err(RestError::Malformed("the token can't be sent".to_owned()));
        }
        paired.authority = verifier.and_then(|verifier| verifier.found());
        if let Some(authority) = &paired.authority {
            let client =
                trusting(&self.headers, &Pinned::Authority(authority.clone())).map_err(|error| link_error(&error))?;
            *self.client.write().unwrap_or_else(PoisonError::into_inner) = client;
            self.trust.pin(authority.clone());
        }
        if self.base.scheme() == "https" && self.trust.pinned() == Pinned::Nothing {
            paired.host = self.base.host_str().map(str::to_owned);
        }
        self.credential.adopt(paired.token());
        Ok(paired)
    }

    async fn post_commands(&self, body: String) -> Result<Vec<Value>, RestError> {
        #[derive(Deserialize)]
        struct Results {
            results: Vec<Value>,
        }
        let response = accepted(send(self.post("/api/commands", body).timeout(ANSWER_TIMEOUT)).await?).await?;
        let results: Results =
            serde_json::from_str(&text(response).await?).map_err(|error| RestError::Malformed(error.to_string()))?;
        Ok(results.results)
    }
}

impl Rest for Http {
    fn events(&self, after: EventsAfter) -> BoxFuture<'_, Result<EventsAnswer, RestError>> {
        self.get_events(after).boxed()
    }

    fn snapshot(&self, chunks: SnapshotChunks) -> BoxFuture<'_, ()> {
        async move {
            if let Err(error) = self.get_snapshot(&chunks).await {
                // Nobody reads any more: then nobody needs to know.
                let _ = chunks.send(Err(error)).await;
            }
        }
        .boxed()
    }

    fn commands(&self, body: String) -> BoxFuture<'_, Result<Vec<Value>, RestError>> {
        self.post_commands(body).boxed()
    }

    fn command(&self, id: CommandId) -> BoxFuture<'_, Result<Option<Value>, RestError>> {
        self.get_command(id).boxed()
    }

    fn pair(&self, call: PairCall) -> BoxFuture<'_, Result<Paired, RestError>> {
        self.post_pair(call).boxed()
    }

    fn lease(&self, call: LeaseCall) -> BoxFuture<'_, Result<Lent, RestError>> {
        self.post_lease(call).boxed()
    }
}

fn basic(headers: &HeaderMap) -> ClientBuilder {
    Client::builder()
        .default_headers(headers.clone())
        .redirect(Policy::none())
        // The socket knows none either, and a token is not for whoever stands between.
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
}

/// A client that believes who is pinned, or whom the system believes.
fn trusting(headers: &HeaderMap, pinned: &Pinned) -> reqwest::Result<Client> {
    match pinned {
        Pinned::Nothing => basic(headers).build(),
        Pinned::Authority(authority) => basic(headers).tls_certs_only([Certificate::from_der(authority)?]).build(),
        Pinned::Unreadable => basic(headers).tls_certs_only([]).build(),
    }
}

async fn send(request: RequestBuilder) -> Result<Response, RestError> {
    request.send().await.map_err(|error| link_error(&error))
}

fn link_error(error: &reqwest::Error) -> RestError {
    RestError::Link(cause(error))
}

fn is_json(response: &Response) -> bool {
    let content = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = content.split(';').next().unwrap_or_default().trim();
    matches!(kind, "application/json" | "application/x-ndjson" | "application/ndjson" | "application/jsonl")
}

/// Whether somebody on the way asks for time: our server, or what stands before it. A page that says no more than
/// that there is no server is no such answer.
fn busy(response: &Response) -> Option<RestError> {
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let after_ms = asked.and_then(|text| text.trim().parse::<u64>().ok()).map(|seconds| seconds.saturating_mul(1_000));
    match response.status() {
        StatusCode::TOO_MANY_REQUESTS => Some(RestError::Busy { after_ms }),
        StatusCode::SERVICE_UNAVAILABLE if after_ms.is_some() => Some(RestError::Busy { after_ms }),
        _ => None,
    }
}

/// The response, if it is an answer of our server and says yes.
async fn accepted(response: Response) -> Result<Response, RestError> {
    let status = response.status();
    if let Some(busy) = busy(&response) {
        return Err(busy);
    }
    if !is_json(&response) {
        return Err(RestError::Link(format!("{status} without JSON: something else answered")));
    }
    if status.is_success() {
        return Ok(response);
    }
    if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Refusal {
            error: String,
            code: String,
        }
        let refusal: Refusal = serde_json::from_str(&text(response).await?).unwrap_or_default();
        return Err(RestError::Refused { status: status.as_u16(), code: refusal.code, message: refusal.error });
    }
    Err(RestError::Link(format!("the server answered {status}")))
}

async fn text(mut response: Response) -> Result<String, RestError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| link_error(&error))? {
        if bytes.len() + chunk.len() > ANSWER_MAX_BYTES {
            return Err(RestError::Malformed("the answer is too large".to_owned()));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|error| RestError::Malformed(error.to_string()))
}

/// The address of a server as somebody wrote it.
///
/// # Errors
/// It is none of HTTP.
pub fn server_url(text: &str) -> Result<Url, OpenError> {
    let wrong = || OpenError::Server(text.to_owned());
    let mut url = Url::parse(text.trim()).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong());
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}
