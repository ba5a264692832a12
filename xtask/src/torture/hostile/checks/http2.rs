//! HTTP/2 client that never opens its windows: responses do not pile up in memory.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::CertifiedKey;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::super::scene::Scene;
use crate::load::process::resident_memory;

const HOST: &str = "localhost";
const STREAMS: usize = 60;
const MANIFEST_BYTES: usize = 2_000_000;
const WINDOW: u32 = 65_535;

/// Time for which the client stalls before the memory is measured.
const STALL: Duration = Duration::from_secs(2);

/// Maximum resident memory in MiB.
const MEMORY: u64 = 128;

/// Requests different large manifests on one connection with closed windows.
pub(super) fn closed_window(scene: &Scene) -> Result<()> {
    let name = "http2-window";
    let identity = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
    let server = scene.start(name, &configuration(scene, name, &identity)?)?;
    let client = Client {
        address: server.address(),
        connector: connector(&identity)?,
    };
    let memory = scene.runtime.block_on(async {
        client.push_manifests().await?;
        let responses = client.request_manifests().await?;
        sleep(STALL).await;
        let memory = resident_memory(server.pid())? >> 20;
        drop(responses);
        anyhow::Ok(memory)
    })?;
    ensure!(
        memory <= MEMORY,
        "memory (MiB) with {STREAMS} stalled streams: measured {memory}, limit {MEMORY}"
    );
    Ok(())
}

struct Client {
    address: SocketAddr,
    connector: TlsConnector,
}

impl Client {
    async fn connect(&self, window: u32) -> Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.address).await?;
        let host = ServerName::try_from(HOST)?;
        let stream = self.connector.connect(host, stream).await?;
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .initial_stream_window_size(window)
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn push_manifests(&self) -> Result<()> {
        let mut sender = self.connect(WINDOW).await?;
        for number in 0..STREAMS {
            let manifest = format!(r#"{{"a":"{number}{}"}}"#, "x".repeat(MANIFEST_BYTES));
            let request = request(Method::PUT, number, manifest.into())?;
            let status = sender.send_request(request).await?.status();
            ensure!(status == 201, "a push was answered with {status}");
        }
        Ok(())
    }

    async fn request_manifests(&self) -> Result<Vec<Response<Incoming>>> {
        let mut sender = self.connect(0).await?;
        let mut responses = Vec::new();
        for number in 0..STREAMS {
            let request = request(Method::GET, number, Bytes::new())?;
            let response = sender.send_request(request);
            // A server may delay a response until others have been read.
            if let Ok(response) = tokio::time::timeout(Duration::from_secs(1), response).await {
                responses.push(response?);
            } else {
                break;
            }
        }
        Ok(responses)
    }
}

fn request(method: Method, number: usize, body: Bytes) -> Result<Request<Full<Bytes>>> {
    Ok(Request::builder()
        .method(method)
        .uri(format!("https://{HOST}/v2/a/manifests/t{number}"))
        .header(http::header::CONTENT_TYPE, "a/b")
        .body(Full::new(body))?)
}

/// Writes the certificate and the key, and returns the configuration that names them.
fn configuration(
    scene: &Scene,
    name: &str,
    identity: &CertifiedKey<rcgen::KeyPair>,
) -> Result<String> {
    let data = scene.data(name);
    fs::create_dir_all(&data)?;
    let certificate = data.with_extension("crt");
    let key = data.with_extension("key");
    fs::write(&certificate, identity.cert.pem())?;
    fs::write(&key, identity.signing_key.serialize_pem())?;
    Ok(format!(
        "[server.tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        certificate.display(),
        key.display()
    ))
}

fn connector(identity: &CertifiedKey<rcgen::KeyPair>) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(identity.cert.der().clone())?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
