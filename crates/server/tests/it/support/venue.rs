//! A server in this process, called over HTTP.

use std::{net::SocketAddr, path::Path};

use gangway_server::{Running, ServeOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A running server on a free port of loopback, open.
pub struct Venue {
    running: Option<Running>,
    folder: Option<TempDir>,
}

/// What a call was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub json: Value,
    pub text: String,
    pub headers: Vec<(String, String)>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }
}

pub fn options(dir: &Path) -> ServeOptions {
    ServeOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: dir.to_owned(),
        insecure_open: true,
        ..ServeOptions::default()
    }
}

impl Venue {
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut venue = Self::start_with(options(folder.path()));
        venue.folder = Some(folder);
        venue
    }

    /// A server that wants tokens, and a manager's token.
    pub fn start_closed() -> (Self, String) {
        let folder = TempDir::new().expect("a folder");
        let mut venue = Self::start_with(ServeOptions { insecure_open: false, ..options(folder.path()) });
        venue.folder = Some(folder);
        let code = venue.ready().pairing_code.clone().expect("a venue without a manager shows a code");
        let paired = venue.call("POST", "/api/pair", &json!({ "code": code, "deviceName": "Office" }));
        assert_eq!(paired.status, 201, "{}", paired.text);
        (venue, paired.json["token"].as_str().expect("a token").to_owned())
    }

    /// Pairs a device of that role; what it was answered.
    pub fn pair(&self, manager: &str, role: &str) -> Value {
        let code = self.send_as(manager, "POST", "/api/devices/codes", Some(&json!({ "role": role }).to_string()));
        assert_eq!(code.status, 201, "{}", code.text);
        let paired = self.call("POST", "/api/pair", &json!({ "code": code.json["code"], "deviceName": role }));
        assert_eq!(paired.status, 201, "{}", paired.text);
        paired.json
    }

    pub fn send_as(&self, token: &str, method: &str, path: &str, body: Option<&str>) -> Answer {
        self.send(method, path, body, &[("authorization", &format!("Bearer {token}"))])
    }

    pub fn start_with(options: ServeOptions) -> Self {
        Self { running: Some(gangway_server::start(options).expect("it starts")), folder: None }
    }

    pub fn ready(&self) -> &gangway_server::Ready {
        self.running.as_ref().expect("it runs").ready()
    }

    pub fn address(&self) -> SocketAddr {
        self.ready().listen
    }

    pub fn stop(mut self) {
        if let Some(running) = self.running.take() {
            running.stop().expect("it ends in order");
        }
    }

    pub fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, path, Some(&body.to_string()), &[])
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, &[])
    }

    pub fn send(&self, method: &str, path: &str, body: Option<&str>, headers: &[(&str, &str)]) -> Answer {
        send(self.address(), method, path, body, headers)
    }

    /// Makes a product; its id.
    pub fn product(&self, price: f64, seconds: Option<u32>) -> String {
        let body = json!({ "name": "Hour", "price": price, "category": "time", "timeValueSeconds": seconds });
        let answer = self.call("POST", "/api/products", &body);
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json["id"].as_str().expect("an id").to_owned()
    }

    pub fn sell(&self, band: &str, product: &str, quantity: u32) -> Answer {
        self.call("POST", "/api/checkin", &sale(band, product, quantity))
    }

    pub fn gate(&self, act: &str, band: &str) -> Answer {
        self.call("POST", &format!("/api/sessions/{act}"), &json!({ "barcodeId": band }))
    }

    /// The whole log.
    pub fn log(&self) -> Vec<Value> {
        let page = self.get("/api/sync/events?after=0&limit=1000").json;
        page["events"].as_array().expect("events").clone()
    }

    pub fn head(&self) -> u64 {
        self.get("/api/sync/events?after=0&limit=1").json["head"].as_u64().expect("a head")
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = running.stop();
        }
    }
}

pub fn sale(band: &str, product: &str, quantity: u32) -> Value {
    json!({ "barcodeId": band, "products": [{ "id": product, "quantity": quantity }] })
}

pub fn send(at: SocketAddr, method: &str, path: &str, body: Option<&str>, headers: &[(&str, &str)]) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{at}{path}"));
    if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.unwrap_or_default().to_owned()).expect("a request");
    let mut response = agent.run(request).expect("an answer");
    let text = response.body_mut().read_to_string().unwrap_or_default();
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()));
    Answer {
        status: response.status().as_u16(),
        json: serde_json::from_str(&text).unwrap_or_default(),
        headers: headers.collect(),
        text,
    }
}
