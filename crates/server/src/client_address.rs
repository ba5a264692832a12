//! Address of the client of a request, which may be behind proxies.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header};

use crate::network::Network;

pub(crate) use portolan_registry::ClientNetwork as Client;

/// Header in which proxies list the address of the client and of earlier proxies, the nearest last.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Address of a client. Each request has it as an extension.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ClientAddress {
    pub(crate) address: IpAddr,
    /// Address of the proxy that forwarded the request, if `address` comes from the headers of this
    /// proxy.
    pub(crate) proxy: Option<IpAddr>,
}

/// Drops the port. Converts the address of an IPv4 client of an IPv6 socket to IPv4, so that a
/// client has one address regardless of the socket that it connects to.
impl From<SocketAddr> for ClientAddress {
    fn from(address: SocketAddr) -> Self {
        Self {
            address: address.ip().to_canonical(),
            proxy: None,
        }
    }
}

impl ClientAddress {
    /// Returns the address of the peer that sent the request: the client, or its last proxy.
    pub(crate) fn peer(&self) -> IpAddr {
        self.proxy.unwrap_or(self.address)
    }

    /// Returns the address of the client from the `headers` of a request that trusted proxies have
    /// forwarded, or `self` if the peer is not a trusted proxy.
    ///
    /// Each proxy appends the address of its peer at the right. Therefore, the headers are read
    /// from right to left, up to the first address that is not a trusted proxy. Addresses to the
    /// left of it may be forged.
    pub(crate) fn behind_proxies(self, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let is_trusted = |address| trusted.iter().any(|network| network.contains(address));
        let mut address = self.address;
        for forwarded in forwarded_addresses(headers) {
            let Some(forwarded) = forwarded.filter(|_| is_trusted(address)) else {
                break;
            };
            address = forwarded;
        }
        if address == self.address {
            return self;
        }
        Self {
            address,
            proxy: Some(self.address),
        }
    }
}

/// Returns the addresses in `X-Forwarded-For`, or in `Forwarded` (RFC 7239) if the first header is
/// missing, from right to left. Yields `None` for an entry that is not an address.
fn forwarded_addresses(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let (name, parse): (_, fn(&str) -> Option<IpAddr>) = if headers.contains_key(X_FORWARDED_FOR) {
        (X_FORWARDED_FOR, parse_node)
    } else {
        (header::FORWARDED, parse_element)
    };
    let lines = headers.get_all(name).iter().rev();
    lines.flat_map(move |line| {
        let entries = line.to_str().unwrap_or_default().rsplit(',');
        entries.map(move |entry| parse(entry.trim()))
    })
}

/// Parses an element of `Forwarded`, as in `for=192.0.2.1;proto=https`.
fn parse_element(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    parse_node(node.trim().trim_matches('"'))
}

/// Parses an address with or without a port. An IPv6 address may be in brackets.
fn parse_node(node: &str) -> Option<IpAddr> {
    let bare = node
        .strip_prefix('[')
        .and_then(|node| node.strip_suffix(']'));
    let address = bare.unwrap_or(node).parse().ok();
    address
        .or_else(|| Some(node.parse::<SocketAddr>().ok()?.ip()))
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn address(text: &str) -> ClientAddress {
        ClientAddress::from(text.parse::<SocketAddr>().unwrap())
    }

    /// Returns the address of the client of a request from the proxy 10.0.0.1, and the address of
    /// the proxy.
    fn client(lines: &[(HeaderName, &'static str)]) -> (String, Option<String>) {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }
        let client = address("10.0.0.1:4711").behind_proxies(&headers, &trusted);
        let proxy = client.proxy.map(|proxy| proxy.to_string());
        (client.address.to_string(), proxy)
    }

    #[test]
    fn a_client_has_one_address() {
        assert_eq!(
            address("[::ffff:192.0.2.1]:4711"),
            address("192.0.2.1:4712")
        );
        assert_eq!(
            address("[2001:db8::1]:4711").address.to_string(),
            "2001:db8::1"
        );
    }

    #[test]
    fn a_client_is_an_address_or_a_network() {
        let client = |text| Client::from(address(text).address);
        assert_eq!(client("[2001:db8::1]:1"), client("[2001:db8::2:3]:1"));
        assert_ne!(client("[2001:db8::1]:1"), client("[2001:db8:0:1::1]:1"));
        assert_eq!(client("192.0.2.1:1"), client("[::ffff:192.0.2.1]:2"));
        assert_ne!(client("192.0.2.1:1"), client("192.0.2.2:1"));
    }

    #[test]
    fn trusted_proxies_name_the_client() {
        let forwarded = |value| client(&[(X_FORWARDED_FOR, value)]);
        for (value, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("198.51.100.1, 192.0.2.1", "192.0.2.1"),
            ("198.51.100.1, 192.0.2.1,10.0.0.2, fd00::1", "192.0.2.1"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1, unknown, 10.0.0.2", "10.0.0.2"),
        ] {
            assert_eq!(
                forwarded(value),
                (expected.into(), Some("10.0.0.1".into())),
                "{value}"
            );
        }
        for value in ["", "unknown", "10.0.0.1", ",", "192.0.2.1, _hidden"] {
            assert_eq!(forwarded(value), ("10.0.0.1".into(), None), "{value}");
        }
    }

    #[test]
    fn lines_are_read_from_the_last_one() {
        let lines = [
            (X_FORWARDED_FOR, "198.51.100.1"),
            (X_FORWARDED_FOR, "192.0.2.1"),
        ];
        assert_eq!(client(&lines).0, "192.0.2.1");
    }

    #[test]
    fn the_standard_header_counts_if_it_is_alone() {
        let standard = (
            header::FORWARDED,
            "for=198.51.100.1, proto=https;For=\"[2001:db8::1]:4711\";by=10.0.0.1",
        );
        assert_eq!(client(std::slice::from_ref(&standard)).0, "2001:db8::1");
        assert_eq!(
            client(&[standard, (X_FORWARDED_FOR, "192.0.2.1")]).0,
            "192.0.2.1"
        );
    }

    #[test]
    fn headers_of_other_peers_do_not_count() {
        let headers =
            HeaderMap::from_iter([(X_FORWARDED_FOR, HeaderValue::from_static("192.0.2.1"))]);
        let peer = address("203.0.113.1:80");
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(peer.behind_proxies(&headers, &trusted), peer);
        assert_eq!(peer.behind_proxies(&headers, &[]), peer);
    }
}
