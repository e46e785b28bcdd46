//! The shipped edges, against servers that are not what they should be. Real sockets on loopback.

use std::sync::Arc;

use gangway_console::{
    Console, Options,
    net::{
        Clock, EventsAfter, EventsAnswer, Inbox, Realtime, Rest, RestError,
        clock::SystemClock,
        credential::{Credential, Token},
        rest::{Http, server_url},
        socket::SocketIo,
        trust::Trust,
    },
};
use gangway_domain::ids::{DeviceId, Epoch};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

/// A server that answers every request with `answer`, and what it was asked.
async fn server(answer: &'static str) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (asked, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 65_536];
            let length = stream.read(&mut request).await.unwrap_or(0);
            let _ = asked.send(String::from_utf8_lossy(&request[..length]).into_owned());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (address, requests)
}

fn http(address: &str, token: Option<&str>) -> Http {
    let credential = Credential::new(token.map(|token| Token::given(token.to_owned())));
    Http::new(server_url(address).expect("an address"), credential, Trust::default(), &DeviceId::from("device-7"))
        .expect("a client")
}

fn after() -> EventsAfter {
    EventsAfter { after: 7, after_id: Some("id 7".into()), epoch: Epoch::from("e/1") }
}

async fn events(answer: &'static str) -> Result<EventsAnswer, RestError> {
    let (address, _requests) = server(answer).await;
    http(&address, None).events(after()).await
}

fn is_link(result: Result<EventsAnswer, RestError>) -> bool {
    matches!(result, Err(RestError::Link(_)))
}

#[tokio::test]
async fn a_page_is_asked_for_with_what_the_server_needs_to_check() {
    let (address, mut requests) = server(concat!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\nconnection: close\r\n\r\n",
        r#"{"epoch":"e/1","head":7,"through":7,"events":[]}"#
    ))
    .await;
    let answer = http(&format!("{address}/under/"), Some("secret")).events(after()).await;
    assert!(matches!(answer, Ok(EventsAnswer::Page(page)) if page.head == 7));
    let request = requests.recv().await.expect("a request").to_lowercase();
    assert!(request.starts_with("get /under/api/sync/events?after=7&epoch=e%2f1&limit=500&afterid=id+7 "), "{request}");
    assert!(request.contains("authorization: bearer secret"), "{request}");
    assert!(request.contains("x-device-id: device-7"), "{request}");
}

#[tokio::test]
async fn another_history_is_not_a_failure() {
    let answer = "HTTP/1.1 410 Gone\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"code\":\"snapshot_required\"}";
    assert!(matches!(events(answer).await, Ok(EventsAnswer::SnapshotRequired)));
}

#[tokio::test]
async fn what_something_else_answers_is_no_link_whatever_its_status() {
    assert!(is_link(
        events("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>log in</html>").await
    ));
    assert!(is_link(events("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}").await), "no type at all");
    assert!(is_link(
        events("HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>").await
    ));
    assert!(is_link(events("HTTP/1.1 410 Gone\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>").await));
    assert!(is_link(
        events("HTTP/1.1 503 Busy\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{}").await
    ));
    assert!(is_link(events("nonsense\r\n\r\n").await));
    assert!(is_link(events("").await));
}

#[tokio::test]
async fn a_redirect_to_a_portal_is_not_followed() {
    let (portal, mut visits) =
        server("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{}").await;
    let answer: &'static str = format!(
        "HTTP/1.1 302 Found\r\nlocation: {portal}/\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{{}}"
    )
    .leak();
    assert!(is_link(events(answer).await));
    assert!(visits.try_recv().is_err(), "nobody asked the portal");
}

#[tokio::test]
async fn a_refusal_says_why() {
    let answer = concat!(
        "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n",
        r#"{"error":"This desk was removed.","code":"forbidden","details":{}}"#
    );
    let refused = events(answer).await.expect_err("refused");
    let expect =
        RestError::Refused { status: 403, code: "forbidden".to_owned(), message: "This desk was removed.".to_owned() };
    assert_eq!(refused, expect);
}

#[tokio::test]
async fn an_answer_of_another_shape_is_malformed() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"epoch\":7}";
    assert!(matches!(events(answer).await, Err(RestError::Malformed(_))));
}

#[tokio::test]
async fn a_snapshot_that_is_cut_off_ends_with_a_fault() {
    let (address, _requests) = server(concat!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-length: 500\r\nconnection: close\r\n\r\n",
        "{\"epoch\":\"e\",\"seq\":1}\n"
    ))
    .await;
    let http = http(&address, None);
    let (chunks, mut received) = mpsc::channel(16);
    http.snapshot(chunks).await;
    let mut last = None;
    while let Some(chunk) = received.recv().await {
        last = Some(chunk);
    }
    assert!(matches!(last, Some(Err(RestError::Link(_)))), "{last:?}");
}

#[tokio::test]
async fn nobody_at_the_address_is_no_link() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    assert!(is_link(http(&address, None).events(after()).await));
    assert!(connect(&address).await.is_err());
}

async fn connect(address: &str) -> Result<(), String> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let socket =
        SocketIo::new(&server_url(address).expect("an address"), Default::default(), &DeviceId::from("d"), clock);
    let (inbox, _outlet) = Inbox::new(16);
    socket.connect(inbox).await.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_web_page_in_the_place_of_the_socket_is_no_link() {
    let (address, _requests) =
        server("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>").await;
    assert!(connect(&address).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_and_says_nothing_does_not_hold_the_desk_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let refused = connect(&address).await.expect_err("no link");
    assert!(refused.contains("said nothing"), "{refused}");
    held.abort();
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_in_one_sentence() {
    for bad in ["", "venue", "ftp://venue", "http://", "mailto:a@b"] {
        let folder = tempfile::tempdir().expect("a folder");
        let data_dir = folder.path().to_owned();
        let options = Options { server: bad.to_owned(), token: None, data_dir, device_name: None };
        let refused = Console::open(options).await.err().expect("refused");
        assert!(refused.to_string().contains("address"), "{bad}: {refused}");
    }
}
