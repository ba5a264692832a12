//! HTTP/1.1 as bytes: requests that no client library sends, and servers that give one answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// Time limit for a response. No case waits for anything.
const LIMIT: Duration = Duration::from_secs(10);

/// Response with its headers as text.
#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl RawResponse {
    /// Reads a response to the end of the connection.
    pub(crate) fn read(stream: &mut TcpStream) -> Result<Self> {
        stream.set_read_timeout(Some(LIMIT))?;
        let mut bytes = Vec::new();
        stream
            .read_to_end(&mut bytes)
            .context("no response within the time limit")?;
        let split = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = split.context("the response has no end of its head")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Ok(Self {
            status: status.with_context(|| format!("no status in {head:?}"))?,
            head,
            body: bytes.split_off(end + 4),
        })
    }

    /// Returns the values of a header.
    pub(crate) fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// Sends a request, whose lines before the body are `head`, and returns the response.
pub(crate) fn exchange(address: SocketAddr, head: &str, body: &[u8]) -> Result<RawResponse> {
    let mut stream = TcpStream::connect(address)?;
    let head = head.replace('\n', "\r\n");
    let length = body.len();
    write!(
        stream,
        "{head}\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )?;
    stream.write_all(body)?;
    RawResponse::read(&mut stream)
}

/// Starts a server that answers every request with the same response and closes the connection. It
/// ends with this process.
pub(crate) fn answer_all(response: &'static str) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines();
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let _ = (&stream).write_all(response.replace('\n', "\r\n").as_bytes());
        }
    });
    Ok(address)
}
