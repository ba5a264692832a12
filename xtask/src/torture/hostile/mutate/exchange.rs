//! Exchange of raw requests for the status of their responses.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use http::StatusCode;
use tokio::net::TcpSocket;
use tokio::runtime::Handle;

/// Time to wait for a response before the client ends its side of the connection, because the
/// server may be waiting for the rest of a body.
const PATIENCE: Duration = Duration::from_millis(500);

/// Time to wait for a response afterwards.
const LAST_PATIENCE: Duration = Duration::from_secs(20);

/// Raw connection of a client, from an address of its own, because the ports of a single address
/// would not be enough for the connections that the server closes.
pub(super) struct Exchange {
    address: SocketAddr,
    source: IpAddr,
    runtime: Handle,
    stream: Option<TcpStream>,
}

/// End of a response's body.
enum BodyEnd {
    Length(usize),
    LastChunk,
    Close,
}

impl Exchange {
    pub(super) fn new(address: SocketAddr, client: u8, runtime: Handle) -> Self {
        Self {
            address,
            source: Ipv4Addr::new(127, 0, 1, client).into(),
            runtime,
            stream: None,
        }
    }

    /// Sends a request. Returns the status of the response, or `None` if the server closed the
    /// connection without one.
    ///
    /// # Errors
    /// Returns an error if the server does not accept connections.
    pub(super) fn send(&mut self, request: &[u8]) -> Result<Option<StatusCode>> {
        let response = self.exchange(request)?;
        Ok(response.and_then(|head| status(&head)))
    }

    /// Opens an upload session and returns its target.
    pub(super) fn open_session(&mut self) -> Option<String> {
        let request = b"POST /v2/mutated/blobs/uploads/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n";
        let head = self.exchange(request).ok()??;
        header(&head, "location").map(str::to_owned)
    }

    /// Returns the head of the response.
    fn exchange(&mut self, request: &[u8]) -> Result<Option<String>> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        if stream.write_all(request).is_err() {
            // The server may respond before it has read the full request.
            return Ok(read_head(&mut stream, &mut Vec::new()));
        }
        let mut bytes = Vec::new();
        let Some(head) = read_head(&mut stream, &mut bytes) else {
            return Ok(None);
        };
        if read_body(&mut stream, request, &head, bytes) {
            self.stream = Some(stream);
        }
        Ok(Some(head))
    }

    fn connect(&self) -> Result<TcpStream> {
        let connect = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::new(self.source, 0))?;
            socket.connect(self.address).await
        };
        let stream = self
            .runtime
            .block_on(connect)
            .context("failed to connect")?
            .into_std()?;
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(LAST_PATIENCE))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }
}

/// Reads the head of the final response, and moves what follows to `bytes`.
fn read_head(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<String> {
    loop {
        let Some(end) = find(bytes, b"\r\n\r\n") else {
            read_more(stream, bytes)?;
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end + 4]).into_owned();
        bytes.drain(..end + 4);
        if !status(&head)?.is_informational() {
            return Some(head);
        }
    }
}

/// Reads the body of a response. Returns whether the connection can be used again.
fn read_body(stream: &mut TcpStream, request: &[u8], head: &str, mut bytes: Vec<u8>) -> bool {
    let end = body_end(request, head);
    loop {
        let is_complete = match end {
            BodyEnd::Length(length) => bytes.len() >= length,
            BodyEnd::LastChunk => bytes.ends_with(b"0\r\n\r\n"),
            BodyEnd::Close => false,
        };
        if is_complete {
            let is_exact = !matches!(end, BodyEnd::Length(length) if bytes.len() > length);
            return is_exact && header(head, "connection") != Some("close");
        }
        if read_more(stream, &mut bytes).is_none() {
            return false;
        }
    }
}

fn body_end(request: &[u8], head: &str) -> BodyEnd {
    let is_empty = request.starts_with(b"HEAD ")
        || status(head).is_some_and(|status| matches!(status.as_u16(), 204 | 304));
    match header(head, "content-length").and_then(|value| value.parse().ok()) {
        _ if is_empty => BodyEnd::Length(0),
        Some(length) => BodyEnd::Length(length),
        None if header(head, "transfer-encoding").is_some() => BodyEnd::LastChunk,
        None => BodyEnd::Close,
    }
}

/// Reads more bytes. Returns `None` at the end of the connection.
fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut part = [0; 8192];
    let read = stream.read(&mut part).or_else(|_| {
        stream.shutdown(Shutdown::Write)?;
        stream.set_read_timeout(Some(LAST_PATIENCE))?;
        stream.read(&mut part)
    });
    let length = read.ok().filter(|&length| length > 0)?;
    bytes.extend_from_slice(&part[..length]);
    Some(())
}

fn status(head: &str) -> Option<StatusCode> {
    head.split(' ').nth(1)?.get(..3)?.parse().ok()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";

    #[test]
    fn head_has_a_status_and_headers() {
        assert_eq!(status(HEAD), Some(StatusCode::OK));
        assert_eq!(header(HEAD, "content-length"), Some("5"));
        assert_eq!(status("nonsense"), None);
    }

    #[test]
    fn response_to_head_has_no_body() {
        assert!(matches!(body_end(b"HEAD / ", HEAD), BodyEnd::Length(0)));
        assert!(matches!(body_end(b"GET / ", HEAD), BodyEnd::Length(5)));
    }
}
