//! Settings of a client, as plain data. In a document, durations are strings such as `250ms` or
//! `1m`.

use std::sync::Arc;
use std::time::Duration;

use portolan_registry::Error;
use serde::{Deserialize, Deserializer};

use crate::{Anonymous, Credentials, Secret};

/// Settings of a [`Client`](crate::Client).
///
/// Everything except `host` has a default. `credentials` and `observer` are objects that the caller
/// supplies. They cannot be deserialized, so a document never contains them.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Host and optional port of the registry, as in references: `quay.io`, `127.0.0.1:5000`. For
    /// Docker Hub, this is `docker.io`; the client translates it to the host of its registry.
    pub host: String,
    /// Protocol to access the host with.
    #[serde(default)]
    pub scheme: Scheme,
    /// Trusted certificates and client certificate.
    #[serde(default)]
    pub tls: Tls,
    /// Source of credentials.
    #[serde(skip, default = "no_credentials")]
    pub credentials: Arc<dyn Credentials>,
    /// Maximum number of concurrent requests to the host. A request counts until the body of its
    /// response ends. A value below two has the effect of two, so that a copy within the host can
    /// upload while it downloads.
    #[serde(default = "default_connections")]
    pub connections: usize,
    /// Retry policy for temporary failures.
    #[serde(default)]
    pub retry: Retry,
    /// Maximum time without progress while connecting, waiting for a response, or reading its body.
    #[serde(default = "default_idle_timeout", with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// Receiver of registry warnings and of retry events.
    #[serde(skip, default = "no_observer")]
    pub observer: Arc<dyn Observer>,
    /// Configured items that the caller could not use, such as certificates, each with its place
    /// and the reason. If the host is unreachable or denies access, the error message lists them.
    #[serde(skip)]
    pub skipped: Vec<String>,
}

impl Settings {
    /// Returns the default settings for `host`: HTTPS, the system's trusted certificates, no
    /// credentials, 8 concurrent requests.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            scheme: Scheme::default(),
            tls: Tls::default(),
            credentials: no_credentials(),
            connections: default_connections(),
            retry: Retry::default(),
            idle_timeout: default_idle_timeout(),
            observer: no_observer(),
            skipped: Vec::new(),
        }
    }
}

fn default_connections() -> usize {
    8
}

fn default_idle_timeout() -> Duration {
    Duration::from_mins(1)
}

fn no_credentials() -> Arc<dyn Credentials> {
    Arc::new(Anonymous)
}

fn no_observer() -> Arc<dyn Observer> {
    Arc::new(NullObserver)
}

/// Protocol of a host.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// HTTP with TLS.
    #[default]
    Https,
    /// Plain HTTP.
    Http,
}

impl Scheme {
    /// Returns the scheme as it is written in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

/// TLS settings: trusted certificates and client certificate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Additional certificates (PEM) to trust. Each is a CA certificate or the certificate of the
    /// server itself.
    #[serde(deserialize_with = "pem_list")]
    pub roots: Vec<Vec<u8>>,
    /// Client certificate to present to the registry.
    pub identity: Option<Identity>,
    /// True to accept any certificate of the host. In this case, the connection is encrypted, but
    /// the identity of the server is not verified.
    pub skip_verification: bool,
    /// True to accept any certificate of other origins, such as token servers, which receive
    /// credentials, and targets of redirects.
    pub skip_verification_of_other_origins: bool,
}

/// Client certificate and its key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Certificate followed by its intermediate certificates, in PEM.
    #[serde(deserialize_with = "pem")]
    pub certificates: Vec<u8>,
    /// Private key, in PEM.
    #[serde(deserialize_with = "secret")]
    pub key: Secret,
}

fn pem_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    Ok(texts.into_iter().map(String::into_bytes).collect())
}

fn pem<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    String::deserialize(deserializer).map(String::into_bytes)
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

/// Retry policy for temporary failures: a connection error, or status 408, 429, 500, 502, 503 or
/// 504.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Maximum number of attempts, including the first.
    pub attempts: u32,
    /// Upper bound of the random wait before the second attempt. The bound doubles with each
    /// further attempt, up to `max_wait`.
    #[serde(with = "humantime_serde")]
    pub initial_wait: Duration,
    /// Upper bound of every wait. If the registry asks for a longer wait with `Retry-After`, the
    /// request fails without another attempt.
    #[serde(with = "humantime_serde")]
    pub max_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            initial_wait: Duration::from_millis(250),
            max_wait: Duration::from_mins(2),
        }
    }
}

/// Receiver of events that no return value reports: warnings of a registry, and retries.
pub trait Observer: Send + Sync {
    /// Reports a warning of a registry (`Warning: 299`, distribution-spec "Warnings"). A client
    /// reports each distinct text once.
    fn warning(&self, host: &str, text: &str);

    /// Reports that a request failed temporarily with `error` and is retried after `wait`.
    fn retry(&self, host: &str, error: &Error, wait: Duration);
}

/// Observer that ignores all events.
#[derive(Clone, Copy, Debug)]
pub struct NullObserver;

impl Observer for NullObserver {
    fn warning(&self, _: &str, _: &str) {}

    fn retry(&self, _: &str, _: &Error, _: Duration) {}
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(document: Value) -> Result<Settings, serde_json::Error> {
        serde_json::from_value(document)
    }

    #[test]
    fn missing_keys_have_their_defaults() {
        let (read, default) = (
            read(json!({"host": "registry.test"})).unwrap(),
            Settings::new("registry.test"),
        );
        assert_eq!(
            (
                read.host,
                read.scheme,
                read.connections,
                read.retry,
                read.idle_timeout
            ),
            (
                default.host,
                default.scheme,
                default.connections,
                default.retry,
                default.idle_timeout
            )
        );
        assert!(read.tls.roots.is_empty() && read.tls.identity.is_none());
        assert!(!read.tls.skip_verification);
    }

    #[test]
    fn reads_every_key() {
        let settings = read(json!({
            "host": "127.0.0.1:5000",
            "scheme": "http",
            "tls": {
                "roots": ["CA"],
                "identity": {"certificates": "CERTIFICATE", "key": "KEY"},
                "skip_verification": true,
                "skip_verification_of_other_origins": true,
            },
            "connections": 3,
            "retry": {"attempts": 2, "initial_wait": "10ms", "max_wait": "2s"},
            "idle_timeout": "90s",
        }))
        .unwrap();
        assert_eq!((settings.scheme, settings.connections), (Scheme::Http, 3));
        assert_eq!(settings.idle_timeout, Duration::from_secs(90));
        let retry = Retry {
            attempts: 2,
            initial_wait: Duration::from_millis(10),
            max_wait: Duration::from_secs(2),
        };
        assert_eq!(settings.retry, retry);
        let identity = settings.tls.identity.unwrap();
        assert_eq!(settings.tls.roots, [b"CA"]);
        assert_eq!(identity.certificates, b"CERTIFICATE");
        assert_eq!(identity.key.reveal(), "KEY");
        assert!(settings.tls.skip_verification);
        assert!(settings.tls.skip_verification_of_other_origins);
    }

    #[test]
    fn unknown_keys_are_rejected() {
        for document in [
            json!({"host": "a.test", "hosts": []}),
            json!({"host": "a.test", "credentials": {}}),
            json!({"host": "a.test", "tls": {"root": []}}),
            json!({"host": "a.test", "retry": {"attempt": 1}}),
        ] {
            let error = read(document.clone()).err().unwrap();
            assert!(
                error.to_string().contains("unknown field"),
                "{document}: {error}"
            );
        }
    }
}
