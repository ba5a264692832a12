//! How a host is spoken to: with TLS or without, trusting whom.
//!
//! Loopback hosts are spoken to without TLS, unless there are certificates for them. Hosts that are
//! said to be insecure are tried with TLS whoever they are, and without TLS when it is sure that they
//! have none: a host that has trouble for a moment is not sent passwords in the clear.

use std::net::Ipv4Addr;

use anyhow::Result;
use portolan_client::{Scheme, Settings};

use super::clients::Clients;

/// Whether a host, with or without port, is this machine by its name.
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

/// The settings for a host that may have any certificate, or no TLS at all.
pub(super) async fn insecurely(settings: Settings, clients: &dyn Clients) -> Result<Settings> {
    let mut encrypted = settings.clone();
    encrypted.tls.accept_any = true;
    let unencrypted = Settings {
        scheme: Scheme::Http,
        ..settings
    };
    let no_tls = !clients.speaks(&encrypted).await? && clients.speaks(&unencrypted).await?;
    Ok(if no_tls { unencrypted } else { encrypted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_by_its_names() {
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
