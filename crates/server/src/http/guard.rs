//! Around every call: who may, from where, how often, how long it took, and that errors are JSON.

use std::{sync::Arc, time::Instant};

use axum::{
    body::{Body, HttpBody},
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::Limited;
use thiserror::Error;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::{app::App, error::ApiError};
use crate::{
    access::{
        Identity,
        table::{self, Who},
    },
    net::connection::Connection,
    realtime::{MESSAGE_MAX, Profile, query},
};

/// Where the socket layer answers.
const SOCKET_PATH: &str = "/socket.io";
/// How long a browser may remember a preflight, in seconds.
const PREFLIGHT_S: u64 = 600;

/// What `--allow-origin` was given is no origin.
#[derive(Debug, Error)]
#[error("{0:?} is no origin such as https://desk.example")]
pub struct InvalidOrigin(String);

/// Where browsers may call from.
#[derive(Clone, Debug)]
pub struct Origins(Arc<[HeaderValue]>);

impl Origins {
    /// Reads what `--allow-origin` was given.
    ///
    /// # Errors
    /// One of them is no origin.
    pub fn parse(origins: &[String]) -> Result<Self, InvalidOrigin> {
        let parse = |origin: &String| {
            let invalid = || InvalidOrigin(origin.clone());
            let uri: http::Uri = origin.parse().map_err(|_| invalid())?;
            let bare = uri.scheme().is_some() && uri.authority().is_some() && !origin.ends_with('/');
            if !bare || uri.path() != "/" || uri.query().is_some() {
                return Err(invalid());
            }
            HeaderValue::from_str(origin).map_err(|_| invalid())
        };
        Ok(Self(origins.iter().map(parse).collect::<Result<_, _>>()?))
    }

    pub(super) fn cors(&self) -> Option<CorsLayer> {
        if self.0.is_empty() {
            return None;
        }
        let named = |name: &'static str| HeaderName::from_static(name);
        let headers = [header::AUTHORIZATION, header::CONTENT_TYPE, named("idempotency-key"), named("x-device-id")];
        Some(
            CorsLayer::new()
                .allow_origin(AllowOrigin::list(self.0.iter().cloned()))
                .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
                .allow_headers(headers)
                .expose_headers([header::RETRY_AFTER])
                .max_age(std::time::Duration::from_secs(PREFLIGHT_S)),
        )
    }
}

/// A page of another origin may neither write nor listen: without tokens nothing else would stop a page
/// that somebody opens in a browser of the same machine.
pub(super) async fn origin(State(origins): State<Origins>, request: Request, next: Next) -> Response {
    let from = request.headers().get(header::ORIGIN);
    let foreign = from.is_some_and(|origin| !origins.0.contains(origin));
    let harmless = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        && !request.uri().path().starts_with(SOCKET_PATH);
    if foreign && !harmless {
        let sentence = "Pages of this origin may not call the server; see --allow-origin.";
        return ApiError::new(StatusCode::FORBIDDEN, "origin_not_allowed", sentence).into_response();
    }
    next.run(request).await
}

/// Who calls, and how often. A socket says who it is in its handshake, so it is let through to there.
pub(super) async fn access(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<Arc<Connection>>();
    if connection.is_some_and(|connection| !connection.allow()) {
        return ApiError::too_many().into_response();
    }
    let path = request.uri().path();
    if path.starts_with(SOCKET_PATH) || table::is_anybodys(path) {
        return next.run(request).await;
    }
    let identity = match app.access.identify(bearer(request.headers())) {
        Ok(identity) => identity,
        Err(denied) => return ApiError::from(denied).into_response(),
    };
    if let (Some(device), Some(said)) = (&identity.device, request.headers().get("x-device-id"))
        && said.as_bytes().trim_ascii() != device.as_str().as_bytes()
    {
        let sentence = "This token is another device's.";
        return ApiError::new(StatusCode::FORBIDDEN, "wrong_device", sentence).into_response();
    }
    request.extensions_mut().insert(identity);
    next.run(request).await
}

/// The token of `Authorization: Bearer TOKEN`.
fn bearer(headers: &http::HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether the table lets the caller's role make this call. What has no row is nobody's.
pub(super) async fn authorise(request: Request, next: Next) -> Response {
    let Some(path) = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()) else {
        return ApiError::not_found("not_found", "There is nothing at this address.").into_response();
    };
    let Some(who) = table::call(request.method().as_str(), &path) else {
        let mut allowed = table::methods(&path);
        if allowed.contains(&"GET") {
            allowed.push("HEAD");
        }
        let response = StatusCode::METHOD_NOT_ALLOWED.into_response();
        let allow = HeaderValue::from_str(&allowed.join(","));
        return allow.map_or_else(
            |_| StatusCode::METHOD_NOT_ALLOWED.into_response(),
            |allow| ([(header::ALLOW, allow)], response).into_response(),
        );
    };
    let may = match (who, request.extensions().get::<Identity>()) {
        (Who::Anybody, _) => true,
        (Who::Only(roles), Some(identity)) => roles.contains(&identity.role),
        (Who::Only(_), None) => false,
    };
    if may { next.run(request).await } else { ApiError::forbidden().into_response() }
}

/// Keeps account of what each socket was sent over which connection.
pub(super) async fn socket_traffic(State(app): State<App>, request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with(SOCKET_PATH) {
        return next.run(request).await;
    }
    // Here and not only at CONNECT: a refused CONNECT leaves its connection open for a while.
    if query(request.uri().query(), "profile").is_some_and(|name| Profile::parse(name).is_none()) {
        return ApiError::bad("invalid_query", "profile is full or lean.").into_response();
    }
    let Some(sid) = query(request.uri().query(), "sid").map(str::to_owned) else { return next.run(request).await };
    if app.sockets.is_given_up(&sid) {
        return ApiError::bad("unknown_socket", "This socket did not read what it was sent and was closed.")
            .into_response();
    }
    let by_websocket = query(request.uri().query(), "transport") == Some("websocket");
    if let Some(connection) = request.extensions().get::<Arc<Connection>>().filter(|_| by_websocket) {
        app.sockets.upgrade(&sid, connection);
    }
    // The socket layer knows one bound for both ways.
    let request = request.map(|body| Body::new(Limited::new(body, MESSAGE_MAX)));
    let response = next.run(request).await;
    if !by_websocket {
        app.sockets.polled(&sid, response.body().size_hint().exact().unwrap_or(0));
    }
    response
}

/// Counts calls and how long they took, by route.
pub(super) async fn measure(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = known_method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    app.metrics.http(method, &route, response.status().as_u16(), started.elapsed());
    response
}

/// A method's name for the figures. Callers may make up any, and each name is kept for ever.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Gives a refusal that some layer wrote in its own words the form of the contract.
pub(super) async fn json_errors(response: Response) -> Response {
    let status = response.status();
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !(status.is_client_error() || status.is_server_error()) || is_json {
        return response;
    }
    let (code, sentence) = match status {
        StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "This address can't be called with this method."),
        StatusCode::NOT_FOUND => ("not_found", "There is nothing at this address."),
        StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "The body is too large."),
        _ if status.is_server_error() => ("internal", "The server failed; nothing is known of what it did."),
        _ => ("bad_request", "This can't be read."),
    };
    let mut refusal = ApiError::new(status, code, sentence).into_response();
    if let Some(allow) = response.headers().get(header::ALLOW) {
        refusal.headers_mut().insert(header::ALLOW, allow.clone());
    }
    refusal
}
