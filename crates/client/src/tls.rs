//! The HTTP library, set up: whom it trusts, and what it must not do by itself.

use std::net::IpAddr;
use std::time::Duration;

use portolan_registry::{Error, Result};
use reqwest::{Certificate, ClientBuilder, Identity, Url, redirect};

use crate::{Scheme, Settings, Tls};

/// How long a connection is kept for the next request: less than servers keep theirs, so that none
/// is closed just when it is used again.
const KEPT: Duration = Duration::from_secs(15);

/// How far an answer over HTTP/2 may run ahead of its reader, in bytes. All answers together may run
/// ahead as far as all of them may, or those that nobody reads just now would stop the others.
const WINDOW: u32 = 2 << 20;

/// The most that HTTP/2 knows (RFC 9113, section 6.9.1).
const LARGEST_WINDOW: u32 = (1 << 31) - 1;

const USER_AGENT: &str = concat!("portolan/", env!("CARGO_PKG_VERSION"));

/// The library for requests to the host at `base`.
///
/// It follows no redirect, since credentials must not go with one, and unpacks no content, since
/// digests are those of content as it is stored.
///
/// # Errors
/// A certificate or key that cannot be read.
pub(crate) fn http(settings: &Settings, base: &Url) -> Result<reqwest::Client> {
    build(settings, is_loopback(base))
}

/// The library for other origins that the host leads to. They are not shown who one is there, and are
/// reached through a proxy though the host may not be.
///
/// # Errors
/// As [`http`].
pub(crate) fn http_abroad(settings: &Settings) -> Result<reqwest::Client> {
    let tls = Tls {
        identity: None,
        ..settings.tls.clone()
    };
    build(
        &Settings {
            tls,
            ..settings.clone()
        },
        false,
    )
}

fn build(settings: &Settings, direct: bool) -> Result<reqwest::Client> {
    // Whoever comes second finds one installed, and that one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = roots(&settings.tls)?;
    let built = builder(settings, direct)?
        .tls_certs_merge(roots.clone())
        .build();
    let built = match (built, settings.scheme) {
        // A machine without any authorities can still speak to a registry that needs none.
        (Err(_), Scheme::Http) => builder(settings, direct)?.tls_certs_only(roots).build(),
        (built, _) => built,
    };
    built.map_err(|error| Error::internal(format!("preparing TLS for {}", settings.host), error))
}

fn builder(settings: &Settings, direct: bool) -> Result<ClientBuilder> {
    let all_windows = u32::try_from(settings.connections.max(2))
        .ok()
        .and_then(|count| WINDOW.checked_mul(count));
    let builder = reqwest::Client::builder()
        .http2_initial_stream_window_size(WINDOW)
        .http2_initial_connection_window_size(
            all_windows.map_or(LARGEST_WINDOW, |all| all.min(LARGEST_WINDOW)),
        )
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .connect_timeout(settings.idle_timeout)
        .pool_idle_timeout(KEPT)
        .tls_danger_accept_invalid_certs(settings.tls.accept_any);
    let builder = if direct { builder.no_proxy() } else { builder };
    Ok(match identity(&settings.tls)? {
        Some(identity) => builder.identity(identity),
        None => builder,
    })
}

fn roots(tls: &Tls) -> Result<Vec<Certificate>> {
    let mut roots = Vec::new();
    for pem in &tls.roots {
        let found = Certificate::from_pem_bundle(pem);
        roots.extend(
            found.map_err(|error| Error::internal("reading the authorities to trust", error))?,
        );
    }
    Ok(roots)
}

fn identity(tls: &Tls) -> Result<Option<Identity>> {
    let Some(identity) = &tls.identity else {
        return Ok(None);
    };
    let pem = [
        &identity.certificates,
        &b"\n"[..],
        identity.key.reveal().as_bytes(),
    ]
    .concat();
    let read = Identity::from_pem(&pem);
    read.map(Some)
        .map_err(|error| Error::internal("reading the client's certificate and key", error))
}

/// This machine is never reached through a proxy.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
