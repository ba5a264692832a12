//! Parsing of the address to listen on.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::de::{Deserializer, Error, Visitor};

/// IP address for `localhost`, and for an address without a host.
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Error for a text that is not an address to listen on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("\"{0}\" is not an address to listen on; expected IP:PORT, localhost:PORT or PORT")]
pub struct ListenAddressError(String);

/// Parses an address to listen on: `IP:PORT`, `localhost:PORT`, `:PORT` or `PORT`. Without an IP
/// address, the result is the loopback address 127.0.0.1, because other hosts cannot reach it.
///
/// # Errors
/// Returns an error for any other text. Other host names are not supported, because a name may have
/// several addresses.
pub fn parse_listen_address(text: &str) -> Result<SocketAddr, ListenAddressError> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let is_loopback = host.is_empty() || host.eq_ignore_ascii_case("localhost");
    // `parse` also accepts a sign.
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if is_loopback && is_number => Ok(SocketAddr::new(LOOPBACK, port)),
        _ => Err(ListenAddressError(text.to_owned())),
    }
}

/// Deserializes an address to listen on from a string, or from a number (the port).
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SocketAddr, D::Error> {
    deserializer.deserialize_any(AddressVisitor)
}

struct AddressVisitor;

impl Visitor<'_> for AddressVisitor {
    type Value = SocketAddr;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an address to listen on, such as \"127.0.0.1:5000\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SocketAddr, E> {
        parse_listen_address(text).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, port: u64) -> Result<SocketAddr, E> {
        self.visit_str(&port.to_string())
    }

    fn visit_i64<E: Error>(self, port: i64) -> Result<SocketAddr, E> {
        self.visit_str(&port.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_spellings_are_accepted() {
        for (text, expected) in [
            ("127.0.0.1:5001", "127.0.0.1:5001"),
            ("0.0.0.0:5001", "0.0.0.0:5001"),
            ("[::1]:5001", "[::1]:5001"),
            ("localhost:5001", "127.0.0.1:5001"),
            ("LOCALHOST:0", "127.0.0.1:0"),
            (":5001", "127.0.0.1:5001"),
            ("5001", "127.0.0.1:5001"),
        ] {
            assert_eq!(
                parse_listen_address(text),
                Ok(expected.parse().unwrap()),
                "{text}"
            );
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in [
            "",
            ":",
            "localhost",
            "localhost:",
            "127.0.0.1",
            "::1",
            "everywhere:5001",
            "70000",
            ":+5001",
            "-1",
            "http://127.0.0.1:5001",
        ] {
            let error = parse_listen_address(text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("\"{text}\" is not an address")),
                "{error}"
            );
        }
    }
}
