//! Failure of a request: the error, and whether the request can be sent again.

use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;

use portolan_registry::{Error, Kind};
use reqwest::Url;

/// Failure of one attempt to send a request.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) delivery: Delivery,
    /// Wait that the server asks for before the next attempt.
    pub(crate) wait: Option<Duration>,
}

/// Delivery of a failed request. It determines whether the request can be sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Delivery {
    /// The server did not receive the request.
    NotReceived,
    /// The server may have processed the request, so only an idempotent request can be sent again.
    Unknown,
    /// Another attempt would fail in the same way.
    Final,
}

impl Failure {
    pub(crate) fn new(error: Error, sent: Delivery) -> Self {
        Self {
            error,
            delivery: sent,
            wait: None,
        }
    }

    /// Returns whether another attempt would fail in the same way.
    pub(crate) fn is_final(&self) -> bool {
        self.delivery == Delivery::Final
    }

    /// Creates the failure for a server that was silent for longer than the idle timeout.
    pub(crate) fn timeout(url: &Url, idle: Duration) -> Self {
        let predicate = format!("sent no data for {} seconds", idle.as_secs_f64());
        let error = Error::from_host(Kind::Unavailable, authority(url), predicate);
        Self::new(error, Delivery::Unknown)
    }

    /// Creates the failure for an error of reqwest: it could not send the request, or could not
    /// parse the response.
    pub(crate) fn from_reqwest(url: &Url, error: reqwest::Error) -> Self {
        let error = error.without_url();
        let sent = match () {
            () if is_tls_failure(&error) => Delivery::Final,
            () if error.is_connect() => Delivery::NotReceived,
            () if error.is_builder() => Delivery::Final,
            () => Delivery::Unknown,
        };
        let problem = if error.is_connect() {
            "is unreachable"
        } else {
            "did not respond"
        };
        let causes = causes(&error);
        let predicate = format!("{problem}: {causes}");
        let failure = Error::from_host(Kind::Unavailable, authority(url), predicate);
        let failure = match suggestion(url, &causes) {
            Some(help) => failure.with_help(help),
            None => failure,
        };
        Self::new(failure.with_source(error), sent)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(error, Delivery::Final)
    }
}

/// Returns host and port of a URL, without the scheme's default port.
pub(crate) fn authority(url: &Url) -> String {
    let mut authority = url.host_str().unwrap_or_default().to_owned();
    if let Some(port) = url.port() {
        let _ = write!(authority, ":{port}");
    }
    authority
}

/// Returns the messages of the sources of `error`, because the message of `error` itself is
/// generic. Omits repeated texts.
pub(crate) fn causes(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !texts.iter().any(|before| before.contains(&text)) {
            texts.push(text);
        }
        cause = error.source();
    }
    if texts.is_empty() {
        error.to_string()
    } else {
        texts.join(": ")
    }
}

/// Returns whether the TLS handshake failed. Another attempt would fail in the same way: the
/// certificate would still be untrusted, or the server would still not support TLS.
fn is_tls_failure(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        // `io::Error::source` returns the source of the wrapped error and skips the wrapped error
        // itself.
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        cause = inner.map(|inner| inner as _).or_else(|| error.source());
    }
    false
}

/// TLS alerts with which a server rejects a client certificate (RFC 8446, section 6.2), as rustls
/// prints them.
const REJECTED_CERTIFICATE: [&str; 8] = [
    "BadCertificate",
    "UnsupportedCertificate",
    "CertificateRevoked",
    "CertificateExpired",
    "CertificateUnknown",
    "UnknownCA",
    "AccessDenied",
    "DecryptError",
];

// The library exposes these causes as text only.
fn suggestion(url: &Url, causes: &str) -> Option<String> {
    let has = |text: &str| causes.contains(text);
    let host = authority(url);
    let suggestion = match url.scheme() {
        "https" if has("InvalidContentType") => {
            format!("the server seems to use plain HTTP: write `http://{host}`")
        }
        "http" if has("invalid HTTP version") => {
            format!("the server seems to use TLS: write `https://{host}`")
        }
        "https" if has("invalid peer certificate: UnknownIssuer") => {
            "to trust the server, add `--ca FILE` with its certificate or its CA certificate".into()
        }
        "https" if has("received fatal alert: CertificateRequired") => format!(
            "the server demands a client certificate: add NAME.cert and NAME.key to certs.d/{host}"
        ),
        "https" if has("received fatal alert: ") && REJECTED_CERTIFICATE.into_iter().any(has) => {
            format!("the server rejected the client certificate in certs.d/{host}: replace it")
        }
        _ => return None,
    };
    Some(suggestion)
}
