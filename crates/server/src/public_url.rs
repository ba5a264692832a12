//! Names of the server in the configuration: additional host names, and the public URL.

use std::fmt;
use std::str::FromStr;

use http::uri::Scheme;
use portolan_wire::HostPort;
use serde::{Deserialize, Serialize};

/// Host name in the configuration, without a port.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

/// Error for a text that is not a host name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("\"{0}\" is not a host name; write a name such as registry.example.com, without a port")]
pub struct HostNameError(String);

impl HostName {
    pub(crate) fn is_host_of(&self, request: &HostPort<'_>) -> bool {
        HostPort::parse(&self.0).is_ok_and(|name| name.is_same_host(request))
    }
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        match HostPort::parse(text) {
            Ok(name) if name.to_string() == text && name.port().is_none() => Ok(Self(text.into())),
            _ => Err(HostNameError(text.into())),
        }
    }
}

impl TryFrom<String> for HostName {
    type Error = HostNameError;

    fn try_from(text: String) -> Result<Self, HostNameError> {
        text.parse()
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

/// URL that clients use for the registry: a scheme and a host with an optional port.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl(String);

/// Error for a text that is not a public URL.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "\"{0}\" is not the URL of a registry; write https://HOST[:PORT] or http://HOST[:PORT], without a path"
)]
pub struct PublicUrlError(String);

impl PublicUrl {
    /// Returns the scheme, and the host with its port.
    pub(crate) fn origin(&self) -> Option<(Scheme, HostPort<'_>)> {
        parse_origin(&self.0)
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        let url = text.strip_suffix('/').unwrap_or(text);
        match parse_origin(url) {
            Some(_) => Ok(Self(url.into())),
            None => Err(PublicUrlError(text.into())),
        }
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = PublicUrlError;

    fn try_from(text: String) -> Result<Self, PublicUrlError> {
        text.parse()
    }
}

impl From<PublicUrl> for String {
    fn from(url: PublicUrl) -> Self {
        url.0
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Parses `http://HOST[:PORT]` or `https://HOST[:PORT]`, which is also the format of an `Origin`
/// header.
pub(crate) fn parse_origin(text: &str) -> Option<(Scheme, HostPort<'_>)> {
    let (scheme, host) = text.split_once("://")?;
    Some((parse_scheme(scheme)?, HostPort::parse(host).ok()?))
}

pub(crate) fn parse_scheme(text: &str) -> Option<Scheme> {
    [Scheme::HTTP, Scheme::HTTPS]
        .into_iter()
        .find(|scheme| scheme.as_str().eq_ignore_ascii_case(text))
}

pub(crate) fn default_port(scheme: &Scheme) -> u16 {
    if *scheme == Scheme::HTTPS { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_matches_with_any_port() {
        let name: HostName = "Registry.example".parse().unwrap();
        let matches = |text| name.is_host_of(&HostPort::parse(text).unwrap());
        assert!(matches("registry.EXAMPLE") && matches("registry.example:5000"));
        assert!(!matches("a.registry.example") && !matches("registry.example.com"));
    }

    #[test]
    fn other_names_are_rejected() {
        for text in ["", "a:5000", "a:", "https://a", "a/b", "*.a", "me@a", "::1"] {
            let error = text.parse::<HostName>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("\"{text}\" is not a host name")));
        }
        assert!("[::1]".parse::<HostName>().is_ok());
    }

    #[test]
    fn a_url_has_a_scheme_and_a_host() {
        for (text, expected) in [
            ("https://registry.example", "https://registry.example"),
            ("http://10.0.0.1:5000/", "http://10.0.0.1:5000"),
            ("HTTPS://[::1]:5000", "HTTPS://[::1]:5000"),
        ] {
            let url: PublicUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), expected);
            assert!(url.origin().is_some());
        }
    }

    #[test]
    fn other_urls_are_rejected() {
        for text in [
            "",
            "registry.example",
            "ftp://a",
            "https://",
            "https:///",
            "https://a//",
            "https://a/v2",
            "https://a?x",
            "https://a#x",
            "https://me@a",
        ] {
            let error = text.parse::<PublicUrl>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("\"{text}\" is not the URL of a registry")));
        }
    }
}
