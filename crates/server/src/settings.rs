//! What can be set about a server, as plain data.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that can be set; the default is a registry on a free loopback port without TLS.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address to listen on; port 0 is any free one.
    pub listen: SocketAddr,
    /// Where the certificate is; without one the server speaks plain HTTP/1.1.
    pub tls: Option<TlsFiles>,
    /// How much of everything.
    pub limits: Limits,
    /// How long for everything.
    pub timeouts: Timeouts,
}

/// A certificate and its key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    /// PEM file with the certificate, and behind it those that lead to its root.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// How much one client, and all of them together, may take.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Most bytes of a manifest that is pushed.
    pub manifest_bytes: usize,
    /// Most bytes of a request's line and headers.
    pub header_bytes: usize,
    /// Most header lines of a request.
    pub header_lines: usize,
    /// Most connections at once. Further ones wait to be accepted.
    pub connections: usize,
    /// Most pushes of blobs, pieces of blobs and manifests at once, checks of manifests among them.
    /// Further ones are answered 429.
    pub uploads: usize,
    /// Most answers at once that are made of a whole tree of manifests. Further ones are answered 429.
    pub trees: usize,
    /// Most manifests of a tree that are read for one answer.
    pub tree_documents: usize,
    /// Most items on a page of a list, and how many there are when a request does not say.
    pub page: usize,
    /// Most bytes of a refused request's body that are read and dropped, so that the client sees
    /// the refusal instead of a connection that breaks while it sends.
    pub drained_bytes: u64,
}

/// How long the server waits. No limit is set on a whole request: a slow large layer is legitimate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Timeouts {
    /// For all of a request's line and headers; it also ends a connection that waits for its next
    /// request.
    pub header: Duration,
    /// For the next piece of a request's body.
    pub body: Duration,
    /// For a client to take the next piece of an answer.
    pub write: Duration,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For what is under way when the server is told to stop.
    pub drain: Duration,
    /// For the body of a request that was refused.
    pub refused_body: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest_bytes: 4 << 20,
            header_bytes: 64 << 10,
            header_lines: 100,
            connections: 10_000,
            uploads: 1_000,
            trees: 4,
            tree_documents: 10_000,
            page: 1_000,
            drained_bytes: 32 << 20,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header: Duration::from_mins(1),
            body: Duration::from_mins(1),
            write: Duration::from_mins(1),
            handshake: Duration::from_secs(10),
            drain: Duration::from_secs(30),
            refused_body: Duration::from_secs(10),
        }
    }
}
