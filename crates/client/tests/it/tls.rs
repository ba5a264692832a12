//! TLS: trusted certificates and client certificates.

use std::sync::Arc;

use futures_util::stream;
use portolan_client::{Client, Identity, Scheme, Secret, Settings, Tls};
use portolan_model::Digest;
use portolan_model::fixtures::blob;
use portolan_registry::{Body, Kind, Writer};
use portolan_testkit::InMemoryServer;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedKey, IsCa, Issuer, KeyPair, date_time_ymd,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::harness::{Listener, app, context, read_blob};
use portolan_testkit::fake::{Fake, Reply};

fn certificate() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["127.0.0.1".into()]).unwrap()
}

/// Creates a self-signed certificate for the host `name`. It is a CA certificate, like the
/// certificates from `openssl req -x509`. If `expired` is true, it has expired.
fn ca_certificate(name: &str, expired: bool) -> CertifiedKey<KeyPair> {
    let signing_key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new([name.into()]).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    if expired {
        parameters.not_after = date_time_ymd(2020, 1, 1);
    }
    let cert = parameters.self_signed(&signing_key).unwrap();
    CertifiedKey { cert, signing_key }
}

fn identity(key: &CertifiedKey<KeyPair>) -> Identity {
    Identity {
        certificates: key.cert.pem().into_bytes(),
        key: Secret::new(key.signing_key.serialize_pem()),
    }
}

fn presenting(identity: Identity) -> Tls {
    Tls {
        identity: Some(identity),
        ..Tls::default()
    }
}

fn trusting(host: String, tls: Tls) -> Client {
    Client::new(Settings {
        scheme: Scheme::Https,
        tls,
        ..Settings::new(host)
    })
    .unwrap()
}

fn root(key: &CertifiedKey<KeyPair>) -> Tls {
    Tls {
        roots: vec![key.cert.pem().into_bytes()],
        ..Tls::default()
    }
}

/// Portolan's server with a self-signed certificate.
struct Secure {
    host: String,
    key: CertifiedKey<KeyPair>,
    _served: InMemoryServer,
    _files: TempDir,
}

impl Secure {
    async fn start() -> Self {
        Self::with_key(certificate()).await
    }

    async fn with_key(key: CertifiedKey<KeyPair>) -> Self {
        let files = TempDir::new().unwrap();
        let paths = (files.path().join("cert.pem"), files.path().join("key.pem"));
        std::fs::write(&paths.0, key.cert.pem()).unwrap();
        std::fs::write(&paths.1, key.signing_key.serialize_pem()).unwrap();
        let served = InMemoryServer::start_with_tls(paths.0, paths.1)
            .await
            .unwrap();
        Self {
            host: served.address().to_string(),
            key,
            _served: served,
            _files: files,
        }
    }
}

#[tokio::test]
async fn rejects_an_untrusted_certificate_without_retries() {
    let secure = Secure::start().await;
    let listener = Arc::new(Listener::default());
    let settings = Settings {
        observer: listener.clone(),
        ..Settings::new(secure.host.clone())
    };
    let error = Client::new(settings).unwrap().ping().await.unwrap_err();
    assert_eq!((error.kind(), listener.retried()), (&Kind::Unavailable, 0));
    assert!(
        error
            .message()
            .starts_with(&format!("{} is unreachable: ", secure.host)),
        "{error}"
    );
    assert!(error.message().contains("UnknownIssuer"), "{error}");
    assert!(error.help().unwrap().contains("--ca FILE"), "{error}");
}

#[tokio::test]
async fn content_goes_both_ways_over_http_2() {
    let secure = Secure::start().await;
    let any = Tls {
        skip_verification: true,
        ..Tls::default()
    };
    for tls in [root(&secure.key), any] {
        let client = trusting(secure.host.clone(), tls);
        let digest = Digest::sha256(&blob("x"));
        client
            .put_blob(&context(), &app(), &digest, blob("x").into())
            .await
            .unwrap();
        let pieces = || stream::iter([Ok(blob("x").slice(..5)), Ok(blob("x").slice(5..))]);
        let length = blob("x").len() as u64;
        for body in [
            Body::from_stream(pieces()),
            Body::with_length(length, pieces()),
        ] {
            client
                .put_blob(&context(), &app(), &digest, body)
                .await
                .unwrap();
        }
        assert_eq!(read_blob(&client, &digest).await.unwrap(), blob("x"));
    }
}

/// Starts a server that sends 200 to clients with the certificate `client`.
async fn requiring_a_client_certificate(
    own: &CertifiedKey<KeyPair>,
    client: &CertifiedKey<KeyPair>,
) -> (String, JoinSet<()>) {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(client.cert.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
        .build()
        .unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = config
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let (acceptor, listener) = (
        TlsAcceptor::from(Arc::new(config)),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let host = listener.local_addr().unwrap().to_string();
    let mut running = JoinSet::new();
    running.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                .await;
        }
    });
    (host, running)
}

#[tokio::test]
async fn presents_the_client_certificate_on_request() {
    let (own, client) = (certificate(), certificate());
    let (host, _running) = requiring_a_client_certificate(&own, &client).await;
    let identity = identity(&client);
    trusting(
        host.clone(),
        Tls {
            identity: Some(identity),
            ..root(&own)
        },
    )
    .ping()
    .await
    .unwrap();
    let error = trusting(host, root(&own)).ping().await.unwrap_err();
    assert_eq!(*error.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn does_not_present_the_client_certificate_to_other_origins() {
    let (own, client) = (certificate(), certificate());
    let (host, _running) = requiring_a_client_certificate(&own, &client).await;
    let away = format!("https://{host}/elsewhere");
    let fake = Fake::start(move |_| Reply::new(307).header("Location", &away)).await;
    let identity = identity(&client);
    let tls = Tls {
        identity: Some(identity),
        ..root(&own)
    };
    let error = Client::new(Settings {
        tls,
        ..fake.settings()
    })
    .unwrap()
    .ping()
    .await
    .unwrap_err();
    assert_eq!(
        *error.kind(),
        Kind::Unavailable,
        "the server requires a certificate and gets none: {error}"
    );
}

#[tokio::test]
async fn certificates_of_other_origins_are_verified() {
    let secure = Secure::start().await;
    let away = format!("https://{}/v2/", secure.host);
    let fake = Fake::start(move |_| Reply::new(307).header("Location", &away)).await;
    let ping = async |tls| {
        let settings = Settings {
            tls,
            ..fake.settings()
        };
        Client::new(settings).unwrap().ping().await
    };
    let skipping = Tls {
        skip_verification: true,
        ..Tls::default()
    };
    let error = ping(skipping.clone()).await.unwrap_err();
    assert!(error.message().contains("UnknownIssuer"), "{error}");
    let answered = ping(Tls {
        skip_verification_of_other_origins: true,
        ..skipping
    });
    assert!(answered.await.is_ok());
}

#[tokio::test]
async fn a_trusted_certificate_may_be_a_ca_certificate() {
    let secure = Secure::with_key(ca_certificate("127.0.0.1", false)).await;
    let trusting_it = trusting(secure.host.clone(), root(&secure.key));
    trusting_it.ping().await.unwrap();
    let error = trusting(secure.host.clone(), Tls::default())
        .ping()
        .await
        .unwrap_err();
    assert!(error.message().contains("UnknownIssuer"), "{error}");
}

#[tokio::test]
async fn a_trusted_certificate_needs_no_trusted_issuer() {
    let authority = ca_certificate("ca", false);
    let issuer = Issuer::new(
        CertificateParams::new(["ca".into()]).unwrap(),
        &authority.signing_key,
    );
    let signing_key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(["127.0.0.1".into()]).unwrap();
    let cert = parameters.signed_by(&signing_key, &issuer).unwrap();
    let secure = Secure::with_key(CertifiedKey { cert, signing_key }).await;
    trusting(secure.host.clone(), root(&secure.key))
        .ping()
        .await
        .unwrap();
}

#[tokio::test]
async fn dates_and_names_of_a_trusted_certificate_have_to_match() {
    for (key, fault) in [
        (ca_certificate("127.0.0.1", true), "expired"),
        (ca_certificate("other.test", false), "not valid for name"),
    ] {
        let secure = Secure::with_key(key).await;
        let error = trusting(secure.host.clone(), root(&secure.key))
            .ping()
            .await
            .unwrap_err();
        assert!(error.message().contains(fault), "{error}");
        assert!(!error.message().contains("certs.d"), "{error}");
    }
}

#[tokio::test]
async fn a_rejected_client_certificate_is_reported_as_ours() {
    let (own, accepted) = (certificate(), certificate());
    let (host, _running) = requiring_a_client_certificate(&own, &accepted).await;
    let version_1 = Identity {
        certificates: include_bytes!("tls/version-1.crt").to_vec(),
        key: Secret::new(include_str!("tls/version-1.key")),
    };
    for rejected in [identity(&certificate()), version_1] {
        let tls = Tls {
            identity: Some(rejected),
            ..root(&own)
        };
        let error = trusting(host.clone(), tls).ping().await.unwrap_err();
        assert!(!error.message().contains("peer certificate"), "{error}");
        assert!(
            error
                .help()
                .is_some_and(|help| help.starts_with("the server rejected the client certificate")),
            "{error}"
        );
    }
    let error = trusting(host, root(&own)).ping().await.unwrap_err();
    assert!(
        error
            .help()
            .is_some_and(|help| help.starts_with("the server demands a client certificate")),
        "{error}"
    );
}

#[test]
fn checks_find_faults_of_the_client_certificate() {
    let other = Identity {
        key: Secret::new(certificate().signing_key.serialize_pem()),
        ..identity(&certificate())
    };
    let no_key = Identity {
        key: Secret::new("y"),
        ..identity(&certificate())
    };
    let no_certificate = Identity {
        certificates: b"x".to_vec(),
        ..identity(&certificate())
    };
    for (identity, fault) in [
        (
            identity(&ca_certificate("a.test", true)),
            "the client certificate expired on Wed, 01 Jan 2020",
        ),
        (other, "the client certificate belongs to another key"),
        (no_key, "the key of the client certificate is not PEM"),
        (no_certificate, "the client certificate is not PEM"),
    ] {
        let error = presenting(identity).check().unwrap_err();
        assert!(error.message().starts_with(fault), "{error}");
    }
    presenting(identity(&certificate())).check().unwrap();
}

#[test]
fn a_bundle_may_contain_certificates_that_cannot_be_used() {
    let invalid = "-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----\n";
    let bundle = [invalid, &certificate().cert.pem()].concat();
    for (pem, usable) in [(bundle.as_str(), true), (invalid, false), ("", false)] {
        let tls = Tls {
            roots: vec![pem.as_bytes().to_vec()],
            ..Tls::default()
        };
        assert_eq!(tls.check().is_ok(), usable, "{pem}");
    }
}

#[tokio::test]
async fn failures_name_configured_items_that_could_not_be_used() {
    let secure = Secure::start().await;
    let settings = Settings {
        skipped: vec!["ca.crt was not used: it is a folder".into()],
        ..Settings::new(secure.host.clone())
    };
    let error = Client::new(settings).unwrap().ping().await.unwrap_err();
    assert!(
        error
            .message()
            .ends_with("; ca.crt was not used: it is a folder"),
        "{error}"
    );
}

#[tokio::test]
async fn rejects_invalid_certificates() {
    for tls in [
        Tls {
            roots: vec![b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n".to_vec()],
            ..Tls::default()
        },
        Tls {
            identity: Some(Identity {
                certificates: b"x".to_vec(),
                key: Secret::new("y"),
            }),
            ..Tls::default()
        },
    ] {
        let error = Client::new(Settings {
            tls,
            ..Settings::new("127.0.0.1:1")
        })
        .unwrap_err();
        assert_eq!(*error.kind(), Kind::Internal, "{error}");
    }
}
