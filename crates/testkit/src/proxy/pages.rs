//! What answers in the server's place.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Behaviour;

/// The longest head of a request that is read.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Reads one request and answers it with the page of `behaviour`.
pub(super) async fn answer(mut client: impl AsyncRead + AsyncWrite + Unpin, behaviour: &Behaviour) {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        match client.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(read) => head.extend_from_slice(&chunk[..read]),
        }
    }
    let (status, header, text) = match behaviour {
        Behaviour::Redirect(location) => ("302 Found", format!("location: {location}\r\n"), "Moved"),
        Behaviour::Login => ("200 OK", String::new(), "Welcome to our WLAN! Your room number?"),
        _ => ("502 Bad Gateway", String::new(), "The server behind this proxy does not answer."),
    };
    let body = format!("<!doctype html><html><body><h1>{text}</h1></body></html>");
    let length = body.len();
    let page = format!(
        "HTTP/1.1 {status}\r\n{header}content-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    if client.write_all(page.as_bytes()).await.is_ok() && client.shutdown().await.is_ok() {
        // Read on until the client has closed: closing first would reset it before it has read the page.
        while matches!(client.read(&mut chunk).await, Ok(read) if read > 0) {}
    }
}
