//! TLS: whom the client believes, and who it says it is below HTTP.

use std::sync::Arc;

use futures_util::stream;
use portolan_client::{Client, Identity, Scheme, Secret, Settings, Tls};
use portolan_model::Digest;
use portolan_model::fixtures::blob;
use portolan_registry::{Body, Kind, Writer};
use portolan_testkit::Served;
use rcgen::{CertifiedKey, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::fake::{Fake, Reply};
use crate::harness::{Listener, app, context, read_blob};

fn certificate() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["127.0.0.1".into()]).unwrap()
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

/// Portolan's server behind a certificate of its own.
struct Secure {
    host: String,
    key: CertifiedKey<KeyPair>,
    _served: Served,
    _files: TempDir,
}

impl Secure {
    async fn start() -> Self {
        let (key, files) = (certificate(), TempDir::new().unwrap());
        let paths = (files.path().join("cert.pem"), files.path().join("key.pem"));
        std::fs::write(&paths.0, key.cert.pem()).unwrap();
        std::fs::write(&paths.1, key.signing_key.serialize_pem()).unwrap();
        let served = Served::over_tls(paths.0, paths.1).await.unwrap();
        Self {
            host: served.address().to_string(),
            key,
            _served: served,
            _files: files,
        }
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_at_once() {
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
            .starts_with(&format!("{} cannot be reached: ", secure.host)),
        "{error}"
    );
    assert!(error.message().contains("UnknownIssuer"), "{error}");
    assert!(
        error
            .message()
            .ends_with("put the certificate of its authority into certs.d"),
        "{error}"
    );
}

#[tokio::test]
async fn content_goes_both_ways_over_http_2() {
    let secure = Secure::start().await;
    let any = Tls {
        accept_any: true,
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
        for body in [Body::stream(pieces()), Body::sized(length, pieces())] {
            client
                .put_blob(&context(), &app(), &digest, body)
                .await
                .unwrap();
        }
        assert_eq!(read_blob(&client, &digest).await.unwrap(), blob("x"));
    }
}

/// Answers 200 to whoever shows the certificate of `client`.
async fn asking_for_a_certificate(
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
async fn a_certificate_of_ones_own_is_shown_where_it_is_asked_for() {
    let (own, client) = (certificate(), certificate());
    let (host, _running) = asking_for_a_certificate(&own, &client).await;
    let identity = Identity {
        certificates: client.cert.pem().into_bytes(),
        key: Secret::new(client.signing_key.serialize_pem()),
    };
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
async fn a_certificate_of_ones_own_is_shown_to_nobody_else() {
    let (own, client) = (certificate(), certificate());
    let (host, _running) = asking_for_a_certificate(&own, &client).await;
    let away = format!("https://{host}/elsewhere");
    let fake = Fake::start(move |_| Reply::new(307).header("Location", &away)).await;
    let identity = Identity {
        certificates: client.cert.pem().into_bytes(),
        key: Secret::new(client.signing_key.serialize_pem()),
    };
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
        "whoever wants one gets none: {error}"
    );
}

#[tokio::test]
async fn what_is_no_certificate_is_refused() {
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
