//! Verification of server certificates.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;
use webpki::{EndEntityCert, KeyUsage};

/// Verifier that trusts the system's CA certificates and additional certificates.
///
/// An additional certificate may also be the certificate of the server itself, as in OpenSSL and
/// Go. In this case, it needs no issuer and may be a CA certificate. Its dates and names must
/// match.
#[derive(Debug)]
pub(super) struct CertificateVerifier {
    /// Verifier of certificate chains, or the error that occurred when it was created, for example
    /// because the system has no CA certificates.
    chains: Result<Verifier, Error>,
    trusted: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl CertificateVerifier {
    /// Creates a verifier with additional certificates to trust.
    pub(super) fn new(
        trusted: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Self {
        Self {
            chains: Verifier::new_with_extra_roots(trusted.clone(), Arc::clone(provider)),
            trusted,
            provider: Arc::clone(provider),
        }
    }

    /// Returns whether a certificate is one of the additional certificates and is valid at `now`.
    fn is_trusted(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
        self.trusted.contains(certificate)
            && EndEntityCert::try_from(certificate).is_ok_and(|certificate| {
                let checked = certificate.verify_for_usage(
                    self.provider.signature_verification_algorithms.all,
                    &[],
                    &[],
                    now,
                    KeyUsage::server_auth(),
                    None,
                    None,
                );
                // Without a trust anchor, the verification always fails. It checks the dates first,
                // so these two errors mean that the dates are valid.
                matches!(
                    checked,
                    Err(webpki::Error::UnknownIssuer | webpki::Error::CaUsedAsEndEntity)
                )
            })
    }
}

impl ServerCertVerifier for CertificateVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.is_trusted(end_entity, now) {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        let chains = self.chains.as_ref().map_err(Clone::clone)?;
        chains
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| {
                if is_ca_certificate(&error) {
                    CertificateError::UnknownIssuer.into()
                } else {
                    error
                }
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// Returns whether a server certificate was rejected because it is a CA certificate. The user gets
/// the error for an unknown issuer instead, because the certificate would be accepted if it was
/// trusted.
fn is_ca_certificate(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else {
        return false;
    };
    matches!(
        other.0.downcast_ref(),
        Some(webpki::Error::CaUsedAsEndEntity)
    )
}

/// Verifier that accepts any certificate.
#[derive(Debug)]
pub(super) struct AnyCertificate(pub(super) Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
