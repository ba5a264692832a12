//! How a client reaches its host: plain data.

use std::sync::Arc;
use std::time::Duration;

use portolan_registry::Error;

use crate::{Anonymous, Credentials, Secret};

/// Everything that a [`Client`](crate::Client) has to know.
#[derive(Clone)]
pub struct Settings {
    /// Host and port as they stand in references; Docker Hub is `docker.io`, wherever its registry is.
    pub host: String,
    /// How the host is spoken to.
    pub scheme: Scheme,
    /// Whom to trust, and how to prove who one is, below HTTP.
    pub tls: Tls,
    /// Whom the host is told that one is.
    pub credentials: Arc<dyn Credentials>,
    /// Most requests to the host at the same time, body and all; at least two, so that one can write
    /// what another reads.
    pub connections: usize,
    /// What is done about failures that may pass.
    pub retry: Retry,
    /// Longest silence while connecting, waiting for an answer or reading one.
    pub idle_timeout: Duration,
    /// Told what happens besides the answers.
    pub observer: Arc<dyn Observer>,
}

impl Settings {
    /// The usual ones for `host`: HTTPS, the system's roots, nobody in particular, 8 requests at a time.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            scheme: Scheme::Https,
            tls: Tls::default(),
            credentials: Arc::new(Anonymous),
            connections: 8,
            retry: Retry::default(),
            idle_timeout: Duration::from_mins(1),
            observer: Arc::new(Silent),
        }
    }
}

/// How a host is spoken to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// With TLS.
    Https,
    /// Without.
    Http,
}

/// Whom to trust, and how to prove who one is.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Certificates in PEM that are trusted besides the system's.
    pub roots: Vec<Vec<u8>>,
    /// The client's own certificate.
    pub identity: Option<Identity>,
    /// Whether any certificate is taken: the connection is encrypted, but nobody knows with whom.
    pub accept_any: bool,
}

/// A client certificate.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate and those between it and a root, in PEM.
    pub certificates: Vec<u8>,
    /// Its key, in PEM.
    pub key: Secret,
}

/// What is done about failures that may pass: no connection, 408, 429, 500, 502, 503, 504.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// How often a request is sent at most, the first time included.
    pub attempts: u32,
    /// The wait before the second attempt; doubled each time, with jitter.
    pub first_wait: Duration,
    /// The longest wait, also when the registry asks for more with `Retry-After`: longer is an error.
    pub longest_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_mins(2),
        }
    }
}

/// Is told what happens besides the answers to calls.
pub trait Observer: Send + Sync {
    /// A registry has something to say (`Warning: 299`, distribution-spec "Warnings"): once a text.
    fn warning(&self, host: &str, text: &str);

    /// A request failed in a way that may pass, and is sent again after `wait`.
    fn retry(&self, host: &str, error: &Error, wait: Duration);
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Observer for Silent {
    fn warning(&self, _: &str, _: &str) {}

    fn retry(&self, _: &str, _: &Error, _: Duration) {}
}
