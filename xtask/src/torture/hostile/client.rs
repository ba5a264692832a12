//! Hostile client: complete requests on one connection, and bytes on raw connections.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{Method, StatusCode};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use tokio::time::timeout;

use super::field::Field;
use crate::load::{Connection, Payload, Random, ReceivedResponse};

/// Estimated bytes of a request's headers.
const HEAD: usize = 200;

/// Receive buffer of raw connections: small, so that the server cannot hand its response to the
/// system.
const RECEIVE_BUFFER: usize = 4096;

/// Time limit for a single write or read of a raw connection.
const RAW_LIMIT: Duration = Duration::from_secs(2);

/// Hostile client.
pub(super) struct HostileClient<'a> {
    field: &'a Field,
    connection: Connection,
    /// Random numbers of the client.
    pub(super) random: Random,
}

impl<'a> HostileClient<'a> {
    pub(super) fn new(field: &'a Field, random: Random) -> Self {
        Self {
            field,
            connection: Connection::new(field.address),
            random,
        }
    }

    /// Sends a request, and waits for its response until the attack ends.
    pub(super) fn send(
        &mut self,
        method: Method,
        target: &str,
        media_type: &str,
        body: Bytes,
    ) -> Result<ReceivedResponse> {
        self.field.count_sent(target.len() + HEAD + body.len());
        let name = format!("{method} {target}");
        let remaining = self.field.ends.saturating_duration_since(Instant::now());
        let request = self
            .connection
            .send(method, target, media_type, Payload::from_bytes(body));
        let response = self
            .field
            .runtime
            .block_on(async { timeout(remaining, request).await })
            .context("the attack is over")??;
        self.field.judge(&name, response.status);
        Ok(response)
    }

    /// Sends a request without a body.
    pub(super) fn get(&mut self, target: &str) -> Result<ReceivedResponse> {
        self.send(Method::GET, target, "", Bytes::new())
    }

    /// Pushes a manifest.
    pub(super) fn put_manifest(
        &mut self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<ReceivedResponse> {
        let target = format!("/v2/{repository}/manifests/{reference}");
        self.send(Method::PUT, &target, media_type, bytes)
    }

    /// Pushes a blob with one request.
    pub(super) fn push_blob(
        &mut self,
        repository: &str,
        digest: &str,
        bytes: Bytes,
    ) -> Result<ReceivedResponse> {
        let target = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        self.send(Method::POST, &target, "application/octet-stream", bytes)
    }

    /// Opens a raw connection.
    pub(super) fn open(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.field.address, RAW_LIMIT)?;
        set_socket_recv_buffer_size(&stream, RECEIVE_BUFFER)?;
        self.field.count_connection();
        stream.set_write_timeout(Some(RAW_LIMIT))?;
        stream.set_read_timeout(Some(RAW_LIMIT))?;
        Ok(stream)
    }

    /// Writes bytes to a raw connection.
    pub(super) fn write(&self, stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
        self.field.count_sent(bytes.len());
        Ok(stream.write_all(bytes)?)
    }

    /// Reads the status of the response on a raw connection.
    pub(super) fn read_status(&self, stream: &mut TcpStream, request: &str) -> Result<StatusCode> {
        let mut line = [0; 12];
        stream.read_exact(&mut line)?;
        let status = StatusCode::from_bytes(&line[9..])?;
        self.field.judge(request, status);
        Ok(status)
    }

    /// Opens as many connections as a turn may, each of which sends what `begin` returns for its
    /// number.
    ///
    /// # Errors
    /// Returns an error if the server accepts none.
    pub(super) fn open_burst(
        &mut self,
        begin: impl Fn(usize) -> Vec<u8>,
    ) -> Result<Vec<TcpStream>> {
        let mut streams = Vec::new();
        for number in 0..self.field.burst {
            if self.field.is_over() {
                break;
            }
            let Ok(mut stream) = self.open() else {
                continue;
            };
            if self.write(&mut stream, &begin(number)).is_ok() {
                streams.push(stream);
            }
        }
        ensure!(!streams.is_empty(), "no connection was accepted");
        Ok(streams)
    }

    /// Waits as long as a turn holds its connections, and calls `each` once per second.
    pub(super) fn hold(&self, mut each: impl FnMut()) {
        let begin = Instant::now();
        while begin.elapsed() < self.field.hold && !self.field.is_over() {
            let rest = self.field.ends.saturating_duration_since(Instant::now());
            thread::sleep(rest.min(Duration::from_secs(1)));
            each();
        }
    }
}
