//! Setup of the HTTP client (reqwest): TLS, proxies, timeouts, and features that must stay off.

mod identity;
mod verifier;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use portolan_registry::{Error, Kind, Result};
use reqwest::{Url, redirect};
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::SingleCertAndKey;
use webpki::anchor_from_trusted_cert;

use crate::{Settings, Tls};

use verifier::{AnyCertificate, CertificateVerifier};

/// Maximum idle time of a connection before the client closes it. It is shorter than the timeout of
/// typical servers, so that a server does not close a connection just when the client reuses it.
const IDLE_CONNECTION_LIFETIME: Duration = Duration::from_secs(15);

/// Flow-control window of an HTTP/2 stream: maximum number of bytes that the server sends before
/// the client reads them.
///
/// The window of a connection has room for the windows of all concurrent requests. With a smaller
/// window, responses that are not being read would block other responses.
const WINDOW: u32 = 2 << 20;

/// Maximum flow-control window in HTTP/2 (RFC 9113, section 6.9.1).
const MAX_WINDOW: u32 = (1 << 31) - 1;

const USER_AGENT: &str = concat!("portolan/", env!("CARGO_PKG_VERSION"));

/// Creates the HTTP client for the host at `base`.
///
/// It follows no redirects, because `redirect` decides which hosts receive credentials, and
/// decompresses nothing, because digests apply to the stored bytes.
///
/// # Errors
/// Returns [`Kind::Internal`](portolan_registry::Kind::Internal) if a certificate or key cannot be
/// parsed.
pub(crate) fn client_for_host(settings: &Settings, base: &Url) -> Result<reqwest::Client> {
    build_client(settings, is_loopback(base))
}

/// Creates the HTTP client for other origins that the host points to, such as token endpoints and
/// redirect targets.
///
/// It does not present the client certificate, verifies certificates unless
/// [`Tls::skip_verification_of_other_origins`] is set, and always applies proxy settings, even if
/// the host itself is a loopback address.
///
/// # Errors
/// Returns the errors of [`client_for_host`].
pub(crate) fn client_for_other_origins(settings: &Settings) -> Result<reqwest::Client> {
    let tls = Tls {
        identity: None,
        skip_verification: settings.tls.skip_verification_of_other_origins,
        ..settings.tls.clone()
    };
    build_client(
        &Settings {
            tls,
            ..settings.clone()
        },
        false,
    )
}

fn build_client(settings: &Settings, direct: bool) -> Result<reqwest::Client> {
    let all_windows = u32::try_from(settings.connections.max(2))
        .ok()
        .and_then(|count| WINDOW.checked_mul(count));
    let builder = reqwest::Client::builder()
        .http2_initial_stream_window_size(WINDOW)
        .http2_initial_connection_window_size(
            all_windows.map_or(MAX_WINDOW, |all| all.min(MAX_WINDOW)),
        )
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .connect_timeout(settings.idle_timeout)
        .pool_idle_timeout(IDLE_CONNECTION_LIFETIME)
        .tls_backend_preconfigured(tls_config(&settings.tls)?);
    let builder = if direct { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| {
        Error::internal(format!("failed to set up TLS for {}", settings.host), error)
    })
}

impl Tls {
    /// Checks that the certificates and the key can be used.
    ///
    /// # Errors
    /// Returns [`Kind::Internal`](portolan_registry::Kind::Internal) with the reason if a
    /// certificate or key cannot be parsed, or if the client certificate belongs to another key,
    /// has expired, or is not valid yet.
    pub fn check(&self) -> Result<()> {
        tls_config(self).map(drop)
    }
}

fn tls_config(tls: &Tls) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let roots = parse_roots(tls)?;
    let verifier: Arc<dyn ServerCertVerifier> = if tls.skip_verification {
        Arc::new(AnyCertificate(Arc::clone(&provider)))
    } else {
        Arc::new(CertificateVerifier::new(roots, &provider))
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal("failed to set up TLS", error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &tls.identity {
        Some(identity) => {
            let key = identity::load(identity, &provider)?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Parses the additional certificates. Skips unusable certificates, but each bundle must contain a
/// usable one.
fn parse_roots(tls: &Tls) -> Result<Vec<CertificateDer<'static>>> {
    let mut roots = Vec::new();
    for pem in &tls.roots {
        let usable = CertificateDer::pem_slice_iter(pem)
            .filter_map(Result::ok)
            .filter(|certificate| anchor_from_trusted_cert(certificate).is_ok());
        let before = roots.len();
        roots.extend(usable);
        if roots.len() == before {
            return Err(Error::new(
                Kind::Internal,
                "the file to trust contains no valid PEM certificate",
            ));
        }
    }
    Ok(roots)
}

/// Returns whether the host is a loopback address. Loopback addresses are accessed without a proxy.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
