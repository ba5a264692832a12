//! Parsing of the client certificate, and checks that find its faults before a server rejects it.

use std::time::{Duration, UNIX_EPOCH};

use portolan_registry::{Error, Kind, Result};
use rustls::InconsistentKeys;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;
use webpki::{EndEntityCert, KeyUsage};

use crate::Identity;

/// Parses a client certificate and its key.
///
/// A certificate that is not X.509 version 3 is accepted, because many servers accept it. Its dates
/// are not checked.
///
/// # Errors
/// Returns [`Kind::Internal`] if a part cannot be parsed, if the key does not match, or if the
/// certificate has expired or is not valid yet.
pub(super) fn load(identity: &Identity, provider: &CryptoProvider) -> Result<CertifiedKey> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&identity.certificates)
        .collect::<Result<_, _>>()
        .map_err(|error| Error::internal("the client certificate is not valid PEM", error))?;
    let Some(own) = certificates.first() else {
        return Err(fault("the client certificate is not PEM"));
    };
    check_dates(own, UnixTime::now())?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.reveal().as_bytes()).map_err(|_| {
        fault(
            "the key of the client certificate is not PEM, or is encrypted, which is not supported",
        )
    })?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|error| {
            Error::internal("the key of the client certificate is not supported", error)
        })?;
    let certified = CertifiedKey::new(certificates, key);
    match certified.keys_match() {
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(fault("the client certificate belongs to another key"))
        }
        _ => Ok(certified),
    }
}

fn check_dates(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<()> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else {
        return Ok(());
    };
    // Without a trust anchor, the verification always fails. It checks the dates before the issuer,
    // so an invalid date is always reported.
    let checked = certificate.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[],
        &[],
        now,
        KeyUsage::client_auth(),
        None,
        None,
    );
    match checked {
        Err(webpki::Error::CertExpired { not_after, .. }) => Err(fault(format!(
            "the client certificate expired on {}",
            format_date(not_after)
        ))),
        Err(webpki::Error::CertNotValidYet { not_before, .. }) => Err(fault(format!(
            "the client certificate is not valid before {}",
            format_date(not_before)
        ))),
        _ => Ok(()),
    }
}

fn format_date(time: UnixTime) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(time.as_secs()))
}

fn fault(message: impl Into<String>) -> Error {
    Error::new(Kind::Internal, message)
}
