//! Why a request got no answer, in words, and whether it may be sent again.

use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;

use portolan_registry::{Error, Kind};
use reqwest::Url;

/// A request without an answer that could be used.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) sent: Sent,
    /// How long the other side wants to be left alone.
    pub(crate) wait: Option<Duration>,
}

/// Whether the other side may have done what was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sent {
    /// It heard nothing.
    No,
    /// Nobody knows.
    Perhaps,
    /// It is of no use to ask again.
    Enough,
}

impl Failure {
    pub(crate) fn new(error: Error, sent: Sent) -> Self {
        Self {
            error,
            sent,
            wait: None,
        }
    }

    /// Whether it is of no use to ask again.
    pub(crate) fn is_final(&self) -> bool {
        self.sent == Sent::Enough
    }

    /// Nothing came from `url` for too long.
    pub(crate) fn silence(url: &Url, idle: Duration) -> Self {
        let message = format!(
            "{} has said nothing for {} seconds",
            authority(url),
            idle.as_secs_f64()
        );
        Self::new(Error::new(Kind::Unavailable, message), Sent::Perhaps)
    }

    /// The library could not send to `url`, or got no answer that it understands.
    pub(crate) fn of_library(url: &Url, error: reqwest::Error) -> Self {
        let error = error.without_url();
        let sent = match () {
            () if concerns_trust(&error) => Sent::Enough,
            () if error.is_connect() => Sent::No,
            () if error.is_builder() => Sent::Enough,
            () => Sent::Perhaps,
        };
        let what = if error.is_connect() {
            "cannot be reached"
        } else {
            "has not answered"
        };
        let causes = causes(&error);
        let message = format!(
            "{} {what}: {causes}{}",
            authority(url),
            advice(url, &causes)
        );
        Self::new(
            Error::new(Kind::Unavailable, message).with_source(error),
            sent,
        )
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(error, Sent::Enough)
    }
}

/// Host and port, as a person writes them.
pub(crate) fn authority(url: &Url) -> String {
    let mut authority = url.host_str().unwrap_or_default().to_owned();
    if let Some(port) = url.port() {
        let _ = write!(authority, ":{port}");
    }
    authority
}

/// What lies below an error of the library, whose own words say little; nothing is said twice.
pub(crate) fn causes(error: &reqwest::Error) -> String {
    let mut told: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !told.iter().any(|before| before.contains(&text)) {
            told.push(text);
        }
        cause = error.source();
    }
    if told.is_empty() {
        error.to_string()
    } else {
        told.join(": ")
    }
}

/// A certificate that is not believed now will not be a second later, and who speaks no TLS will not
/// learn it.
fn concerns_trust(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        // An error of input and output passes over what it holds when it tells its source.
        let held = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        cause = held.map(|held| held as _).or_else(|| error.source());
    }
    false
}

fn advice(url: &Url, causes: &str) -> &'static str {
    let says = |text: &str| causes.contains(text);
    match url.scheme() {
        "https" if says("InvalidContentType") => {
            "; it seems to speak plain HTTP, which --plain-http allows"
        }
        "https" if says("invalid peer certificate") => {
            "; if it is to be trusted, put the certificate of its authority into certs.d"
        }
        "http" if says("invalid HTTP version") => {
            "; it seems to speak HTTPS, so leave out --plain-http"
        }
        _ => "",
    }
}
