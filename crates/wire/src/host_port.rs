//! Host and port of a request: the value of a `Host` header, or the authority of a request target
//! or of an origin.

use core::net::{IpAddr, Ipv6Addr};
use std::fmt;

/// Maximum length of a host, in bytes. DNS names are shorter.
const MAX_HOST: usize = 255;

/// Host with an optional port, borrowed from the text of a request (RFC 9110, section 7.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HostPort<'a> {
    /// Host as written. An IPv6 address is in brackets.
    host: &'a str,
    address: Option<IpAddr>,
    port: Option<u16>,
}

/// Error for a text that is not a host with an optional port.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HostPortError {
    /// The text contains a user name.
    #[error("user information is not allowed here")]
    UserInfo,
    /// The text has another format.
    #[error("expected a host name or an IP address, with an optional port")]
    Malformed,
}

impl<'a> HostPort<'a> {
    /// Parses `HOST` or `HOST:PORT`. A name consists of ASCII letters, digits, `-`, `.`, `_` and
    /// `~`, and has at most 255 characters.
    ///
    /// # Errors
    /// Returns [`HostPortError`] for any other text, also for an empty one.
    pub fn parse(text: &'a str) -> Result<Self, HostPortError> {
        if text.contains('@') {
            return Err(HostPortError::UserInfo);
        }
        let end = match text.find(']') {
            Some(end) => end + 1,
            None => text.find(':').unwrap_or(text.len()),
        };
        let (host, port) = text.split_at(end);
        let address = parse_address(host);
        if address.is_none() && !is_name(host) {
            return Err(HostPortError::Malformed);
        }
        let port = parse_port(port)?;
        Ok(Self {
            host,
            address,
            port,
        })
    }

    /// Returns the IP address, unless the host is a name. An IPv4 address that is written as an
    /// IPv6 address is returned as IPv4.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Returns the port, if the text contains one.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Returns whether both values have the same host. The case of names is ignored.
    pub fn is_same_host(&self, other: &HostPort<'_>) -> bool {
        match (self.address, other.address) {
            (Some(one), Some(two)) => one == two,
            _ => self.host.eq_ignore_ascii_case(other.host),
        }
    }

    /// Returns whether both values have the same host and port. A missing port is `default_port`.
    pub fn is_same(&self, other: &HostPort<'_>, default_port: u16) -> bool {
        let port = |value: &HostPort<'_>| value.port.unwrap_or(default_port);
        self.is_same_host(other) && port(self) == port(other)
    }

    /// Returns whether the host is a loopback address, `localhost`, or a name below `localhost`.
    pub fn is_loopback(&self) -> bool {
        if let Some(address) = self.address {
            return address.is_loopback();
        }
        let last = self.host.rsplit('.').next().unwrap_or_default();
        last.eq_ignore_ascii_case("localhost")
    }
}

impl fmt::Display for HostPort<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(formatter, "{}:{port}", self.host),
            None => formatter.write_str(self.host),
        }
    }
}

fn parse_address(host: &str) -> Option<IpAddr> {
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match bracketed {
        Some(address) => Some(IpAddr::V6(address.parse::<Ipv6Addr>().ok()?).to_canonical()),
        None => host.parse().ok(),
    }
}

fn is_name(host: &str) -> bool {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (1..=MAX_HOST).contains(&host.len()) && host.bytes().all(is_valid)
}

/// Parses the text after the host: nothing, or a colon with an optional number.
fn parse_port(text: &str) -> Result<Option<u16>, HostPortError> {
    if text.is_empty() || text == ":" {
        return Ok(None);
    }
    let digits = text.strip_prefix(':').unwrap_or_default();
    // `parse` also accepts a sign.
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(port) if is_number => Ok(Some(port)),
        _ => Err(HostPortError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> HostPort<'_> {
        HostPort::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn hosts_with_and_without_a_port_are_accepted() {
        for (text, host, port) in [
            ("registry.example", "registry.example", None),
            ("my_registry:5000", "my_registry", Some(5000)),
            ("registry.example:", "registry.example", None),
            ("127.0.0.1:5000", "127.0.0.1", Some(5000)),
            ("[::1]:5000", "[::1]", Some(5000)),
            ("[2001:db8::1]", "[2001:db8::1]", None),
        ] {
            let parsed = parse(text);
            assert_eq!((parsed.host, parsed.port), (host, port), "{text}");
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in [
            "",
            ":",
            ":5000",
            "a/b",
            "a b",
            "a,b",
            "a\\b",
            "a?b",
            "a%20b",
            "ä",
            "::1",
            "[::1",
            "[a]",
            "[]",
            "[127.0.0.1]",
            "[::1]5000",
            "a:5000:5000",
            "a:-1",
            "a:+1",
            "a:65536",
            "a:b",
            "a]:5000",
            "http://a",
        ] {
            assert_eq!(
                HostPort::parse(text),
                Err(HostPortError::Malformed),
                "{text}"
            );
        }
        assert!(HostPort::parse(&"a".repeat(255)).is_ok());
        assert!(HostPort::parse(&"a".repeat(256)).is_err());
        for text in ["user@a", "user:secret@a:5000", "@a", "a@"] {
            assert_eq!(
                HostPort::parse(text),
                Err(HostPortError::UserInfo),
                "{text}"
            );
        }
    }

    #[test]
    fn loopback_hosts_are_found() {
        for text in [
            "127.0.0.1:5000",
            "127.1.2.3",
            "[::1]",
            "[::ffff:127.0.0.1]:80",
            "LocalHost:5000",
            "registry.localhost",
        ] {
            assert!(parse(text).is_loopback(), "{text}");
        }
        for text in [
            "0.0.0.0",
            "10.0.0.1",
            "[::]",
            "localhost.example",
            "notlocalhost",
            "127.0.0.1.example",
            "localhost.",
        ] {
            assert!(!parse(text).is_loopback(), "{text}");
        }
    }

    #[test]
    fn the_same_host_can_be_written_differently() {
        let same = |one, two| parse(one).is_same(&parse(two), 80);
        assert!(same("A.example", "a.EXAMPLE:80") && same("[::1]:5", "[0:0::1]:5"));
        assert!(same("[::ffff:10.0.0.1]", "10.0.0.1"));
        assert!(!same("a:80", "a:443") && !same("a", "b") && !same("a", "a:8080"));
    }
}
