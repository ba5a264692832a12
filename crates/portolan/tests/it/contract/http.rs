//! A client that shows answers as they are: one request on each connection.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

/// An answer of a server.
pub(super) struct Answer {
    pub(super) status: u16,
    /// By their names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The body, if it is JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// A request in the making.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) target: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

impl Request<'_> {
    pub(super) fn send(&self, host: &str) -> Answer {
        let mut stream = TcpStream::connect(host).unwrap();
        let length = self.body.len().to_string();
        let fixed = [
            ("host", host),
            ("connection", "close"),
            ("content-length", &length),
        ];
        write!(stream, "{} {} HTTP/1.1\r\n", self.method, self.target).unwrap();
        for (name, value) in fixed.iter().chain(self.headers) {
            write!(stream, "{name}: {value}\r\n").unwrap();
        }
        stream.write_all(b"\r\n").unwrap();
        stream.write_all(self.body).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        parse(&bytes)
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|part| part == b"\r\n\r\n");
    let (head, body) = bytes.split_at(end.unwrap() + 4);
    let head = std::str::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Answer {
        status: status.parse().unwrap(),
        headers: headers.collect(),
        body: body.into(),
    }
}
