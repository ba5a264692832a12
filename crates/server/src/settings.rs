//! Server settings as plain data: the tables `[server]`, `[server.tls]`, `[server.limits]` and
//! `[server.timeouts]` of the configuration. Durations are strings such as `90s` or `1m`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::listen_address;
use crate::network::Network;
use crate::public_url::{HostName, PublicUrl};
use crate::tls::{self, TlsError};

/// All server settings. The default is a registry on port 5000 of the loopback address, without
/// TLS.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address and port to listen on. Port 0 selects any free port. The configuration may contain
    /// any text that [`parse_listen_address`](crate::parse_listen_address) accepts, or a port
    /// number.
    #[serde(deserialize_with = "listen_address::deserialize")]
    pub listen: SocketAddr,
    /// True to allow anonymous access on an address that other hosts can reach. The caller of
    /// [`Server::bind`](crate::Server::bind) checks this, not the server.
    pub anonymous: bool,
    /// URL that clients use for the registry. If absent, it is the host of each request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<PublicUrl>,
    /// Host names that are accepted on a loopback address, in addition to loopback addresses,
    /// `localhost`, names below `localhost`, and the host of `url`. On other addresses, all names
    /// are accepted.
    pub hosts: Vec<HostName>,
    /// Proxies whose `X-Forwarded-For` and `Forwarded` headers contain the address of the client,
    /// and whose `X-Forwarded-Host` and `X-Forwarded-Proto` headers contain the host and the scheme
    /// that it has used. These headers are ignored in requests from all other peers.
    pub trusted_proxies: Vec<Network>,
    /// Certificate and key. Without them, the server uses plain HTTP/1.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFiles>,
    /// Limits on sizes and counts.
    pub limits: Limits,
    /// Limits on waiting times.
    pub timeouts: Timeouts,
}

/// Paths of a certificate and its key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// PEM file with the certificate, followed by the intermediate certificates of its chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Checks that both files can be read and that the key belongs to the certificate.
    ///
    /// # Errors
    /// Returns the error that [`Server::bind`](crate::Server::bind) would return for these files.
    pub fn check(&self) -> Result<(), TlsError> {
        tls::acceptor(self).map(drop)
    }
}

/// Limits on sizes and counts, for one client or for all clients together.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Maximum size of a pushed manifest, in bytes.
    pub manifest_bytes: usize,
    /// Maximum size of a request line and its headers, in bytes.
    pub header_bytes: usize,
    /// Maximum number of header lines in a request.
    pub header_lines: usize,
    /// Maximum number of concurrent connections. Further connections wait, and close idle ones of
    /// clients that have more.
    pub connections: usize,
    /// Maximum number of connections that wait, at most `connections`. Beyond it, the client with
    /// the most of them loses its newest. Not configurable.
    #[serde(skip)]
    pub waiting_connections: usize,
    /// Maximum memory for all incomplete request heads, without the first 8 KiB of each, in bytes.
    /// Beyond it, the client with the most memory loses its largest head. Not configurable.
    #[serde(skip)]
    pub head_memory: usize,
    /// Maximum number of concurrent pushes of blobs, chunks and manifests, including checks of
    /// manifests. Up to as many more wait for [`Timeouts::share`], and further ones get 429.
    pub uploads: usize,
    /// Minimum rate of a request body in bytes per second, as an average of 30 seconds. It applies
    /// only while another client waits for a slot or for memory, and during the shutdown. A slower body
    /// ends with 408.
    pub body_rate: u64,
    /// Maximum memory for manifests that are being received or pushed, in bytes. Further bytes wait
    /// for [`Timeouts::share`]. It is never less than [`Limits::manifest_bytes`].
    pub manifest_memory_bytes: usize,
    /// Maximum memory for responses above 64 KiB that are in memory until their clients have received
    /// them, in bytes. Further ones wait for [`Timeouts::share`]. Not configurable.
    #[serde(skip)]
    pub response_memory: usize,
    /// Maximum number of concurrent tree requests. Up to as many more wait for [`Timeouts::share`],
    /// and further ones get 429.
    pub trees: usize,
    /// Maximum number of manifests that are read for one tree request.
    pub tree_documents: usize,
    /// Maximum total size of the documents in heavy work, in bytes: pushes and checks of manifests
    /// above 64 KiB, trees, and responses above 64 KiB that are built in memory. A tree counts as a
    /// manifest of the maximum size, and a document of many small values counts for more than its
    /// size. Further work waits.
    pub lane_bytes: usize,
    /// Maximum total size of the documents that wait for heavy work, in bytes. Further requests get
    /// 429.
    pub lane_queue_bytes: usize,
    /// Maximum number of items on a page of a list, and the default if a request states no limit.
    pub page: usize,
    /// Maximum number of bytes that are read and discarded from the body of a rejected request, so
    /// that the client sees the error response instead of a broken connection. Not configurable.
    #[serde(skip)]
    pub drained_bytes: u64,
}

/// Limits on waiting times. The total time of a request has no limit, because the transfer of a
/// large layer may take long.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// Time to receive a request line and all headers. It also bounds the wait for the next request
    /// on a connection.
    #[serde(with = "humantime_serde")]
    pub header: Duration,
    /// Time to receive the next chunk of a request body.
    #[serde(with = "humantime_serde")]
    pub body: Duration,
    /// Time for a client to accept the next chunk of a response.
    #[serde(with = "humantime_serde")]
    pub write: Duration,
    /// Time that a request waits for a slot, for memory or for the lane before it gets 429.
    #[serde(with = "humantime_serde")]
    pub share: Duration,
    /// Time for the TLS handshake.
    #[serde(with = "humantime_serde")]
    pub handshake: Duration,
    /// Time for requests in progress to finish after shutdown begins.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
    /// Time to drain the body of a rejected request. Not configurable.
    #[serde(skip)]
    pub rejected_body: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 5000)),
            anonymous: false,
            url: None,
            hosts: Vec::new(),
            trusted_proxies: Vec::new(),
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
            waiting_connections: 256,
            head_memory: 16 << 20,
            uploads: 1_000,
            body_rate: 16 << 10,
            manifest_memory_bytes: 40 << 20,
            response_memory: 24 << 20,
            trees: 4,
            tree_documents: 10_000,
            lane_bytes: 8 << 20,
            lane_queue_bytes: 32 << 20,
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
            share: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            drain: Duration::from_secs(30),
            rejected_body: Duration::from_secs(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn missing_keys_have_their_defaults() {
        let read: Settings = serde_json::from_value(json!({
            "limits": {"trees": 7},
            "timeouts": {"drain": "90s"},
        }))
        .unwrap();
        let mut expected = Settings::default();
        expected.limits.trees = 7;
        expected.timeouts.drain = Duration::from_secs(90);
        assert_eq!(read, expected);
    }

    #[test]
    fn the_address_may_be_a_port() {
        for listen in [json!(5001), json!("5001"), json!("localhost:5001")] {
            let read: Settings = serde_json::from_value(json!({"listen": listen})).unwrap();
            assert_eq!(read.listen, "127.0.0.1:5001".parse().unwrap());
        }
    }

    #[test]
    fn settings_round_trip() {
        let settings = Settings {
            anonymous: true,
            url: Some("https://registry.example.com".parse().unwrap()),
            hosts: vec!["registry.internal".parse().unwrap()],
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            tls: Some(TlsFiles {
                certificate: "tls.crt".into(),
                key: "tls.key".into(),
            }),
            ..Settings::default()
        };
        let written = serde_json::to_value(&settings).unwrap();
        assert_eq!(
            serde_json::from_value::<Settings>(written).unwrap(),
            settings
        );
    }

    #[test]
    fn unknown_keys_are_rejected() {
        for document in [
            json!({"lisen": "127.0.0.1:1"}),
            json!({"tls": {"certificate": "a", "key": "b", "chain": "c"}}),
            json!({"limits": {"drained_bytes": 1}}),
            json!({"timeouts": {"rejected_body": "1s"}}),
        ] {
            let error = serde_json::from_value::<Settings>(document.clone()).unwrap_err();
            assert!(
                error.to_string().contains("unknown field"),
                "{document}: {error}"
            );
        }
    }
}
