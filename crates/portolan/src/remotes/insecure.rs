//! Choice between TLS and plain HTTP for a host.
//!
//! Loopback hosts without configured certificates, and hosts that are configured as insecure, are
//! probed with TLS first. They use plain HTTP only if the probe shows that they do not support TLS,
//! because a temporary failure must not cause passwords to be sent unencrypted. For a host that is
//! configured as insecure, TLS accepts any certificate.

use std::net::Ipv4Addr;

use anyhow::Result;
use portolan_client::{Scheme, Settings};

use super::clients::Clients;

/// Protocols that may be used for a host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Protocol {
    /// Only this protocol.
    Only(Scheme),
    /// TLS, or plain HTTP if the host does not support TLS.
    Any,
}

/// Returns whether a host, with or without port, is a loopback address.
pub(super) fn is_loopback(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix("[::1]") {
        return rest.is_empty() || rest.starts_with(':');
    }
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    name == "localhost"
        || name
            .parse::<Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Returns the settings with the scheme that the host supports. Sends requests if several protocols
/// may be used.
pub(super) async fn choose_scheme(
    settings: Settings,
    protocol: Protocol,
    clients: &dyn Clients,
) -> Result<Settings> {
    let with = |scheme| Settings {
        scheme,
        ..settings.clone()
    };
    let scheme = match protocol {
        Protocol::Only(scheme) => scheme,
        Protocol::Any => {
            let no_tls = !clients.accepts_protocol(&with(Scheme::Https)).await?
                && clients.accepts_protocol(&with(Scheme::Http)).await?;
            if no_tls { Scheme::Http } else { Scheme::Https }
        }
    };
    Ok(with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_loopback_names() {
        for host in [
            "localhost",
            "localhost:5000",
            "127.0.0.1",
            "127.8.9.1:80",
            "[::1]",
            "[::1]:5000",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "localhost.example.com",
            "128.0.0.1",
            "[::2]",
            "[::1].example.com",
            "127.0.0.1.example.com",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
