//! Peers of connections.

use std::net::IpAddr;

use crate::client_address;
use crate::network::Network;

/// Peer of connections.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Client {
    Host(client_address::Client),
    /// A trusted proxy, which stands for many clients.
    Proxy(IpAddr),
}

impl Client {
    pub(super) fn new(address: IpAddr, trusted: &[Network]) -> Self {
        if trusted.iter().any(|network| network.contains(address)) {
            return Self::Proxy(address);
        }
        Self::Host(address.into())
    }

    pub(super) fn is_proxy(self) -> bool {
        matches!(self, Self::Proxy(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_an_ipv6_network_are_one_client() {
        let client = |address: &str| Client::new(address.parse().unwrap(), &[]);
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }

    #[test]
    fn trusted_proxies_are_recognized() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let client = |address: &str| Client::new(address.parse().unwrap(), &trusted);
        assert!(client("10.0.0.1").is_proxy() && !client("192.0.2.1").is_proxy());
    }
}
