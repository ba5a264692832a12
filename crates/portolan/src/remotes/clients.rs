//! Creation of clients, behind the trait [`Clients`], so that tests can replace it.

use std::error::Error;
use std::io;
use std::iter::successors;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use portolan_client::{Anonymous, Client, NullObserver, Retry, Scheme, Settings};
use portolan_registry::Registry;

/// Factory for clients. Can also probe which protocol a host supports.
#[async_trait]
pub(in crate::remotes) trait Clients: Send + Sync {
    /// Creates a client with these settings.
    fn connect(&self, settings: Settings) -> Result<Arc<dyn Registry>>;

    /// Returns whether the host supports the protocol in `settings` (HTTPS or plain HTTP). Sends a
    /// single request without credentials.
    ///
    /// The result is `false` if the host refuses the connection, or does not respond with TLS to a
    /// TLS handshake. Any other failure may be temporary, so the result is `true`.
    async fn accepts_protocol(&self, settings: &Settings) -> Result<bool>;
}

/// Factory for [`Client`]s.
pub(super) struct HttpClients;

#[async_trait]
impl Clients for HttpClients {
    fn connect(&self, settings: Settings) -> Result<Arc<dyn Registry>> {
        Ok(Arc::new(Client::new(settings)?))
    }

    async fn accepts_protocol(&self, settings: &Settings) -> Result<bool> {
        let retry = Retry {
            attempts: 1,
            ..settings.retry
        };
        let client = Client::new(Settings {
            credentials: Arc::new(Anonymous),
            observer: Arc::new(NullObserver),
            retry,
            ..settings.clone()
        })?;
        Ok(!client
            .ping()
            .await
            .is_err_and(|error| is_from_host(&error, settings) && is_protocol_mismatch(&error)))
    }
}

/// Error message of rustls for bytes that are not TLS. The code compares the text, because the
/// error type is not available here.
const NO_TLS: &str = "received corrupt message of type InvalidContentType";

/// Returns whether the error comes from the host itself, and not from another host that it refers
/// to, such as its token server. The origin of an error may omit the default port of the protocol.
fn is_from_host(error: &portolan_registry::Error, settings: &Settings) -> bool {
    let default_port = if settings.scheme == Scheme::Https {
        ":443"
    } else {
        ":80"
    };
    let authority = settings
        .host
        .strip_suffix(default_port)
        .unwrap_or(&settings.host);
    error
        .origin()
        .is_some_and(|origin| origin.as_str() == authority)
}

/// Returns whether an error or one of its causes is a refused connection, or a response to the TLS
/// handshake that is not TLS.
fn is_protocol_mismatch(error: &(dyn Error + 'static)) -> bool {
    let causes = successors(Some(error), |error: &&(dyn Error + 'static)| {
        (*error).source()
    });
    let mut failures = causes.filter_map(|cause| cause.downcast_ref::<io::Error>());
    failures.any(|cause| {
        cause.kind() == io::ErrorKind::ConnectionRefused || cause.to_string().starts_with(NO_TLS)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use portolan_client::Tls;
    use tokio::net::TcpListener;

    use super::super::tests::answering;
    use super::*;

    const FAILURE: &str =
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    async fn speaks(host: &str, scheme: Scheme) -> bool {
        let tls = Tls {
            skip_verification: true,
            ..Tls::default()
        };
        HttpClients
            .accepts_protocol(&Settings {
                scheme,
                tls,
                ..Settings::new(host)
            })
            .await
            .unwrap()
    }

    async fn refusing() -> String {
        TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string()
    }

    #[tokio::test]
    async fn detects_an_answer_that_is_not_tls() {
        let host = answering(FAILURE).await;
        assert!(!speaks(&host, Scheme::Https).await);
        assert!(speaks(&host, Scheme::Http).await, "a failure is an answer");
    }

    #[tokio::test]
    async fn a_connection_closed_without_an_answer_proves_nothing() {
        let host = answering("").await;
        assert!(speaks(&host, Scheme::Https).await);
    }

    #[tokio::test]
    async fn a_failure_of_another_host_proves_nothing() {
        let unreachable = refusing().await;
        let redirect = format!(
            "HTTP/1.1 307 Go\r\nlocation: http://{unreachable}/v2/\r\ncontent-length: 0\r\n\r\n"
        );
        let ask = "HTTP/1.1 401 Who\r\ncontent-length: 0\r\nwww-authenticate: Bearer realm=";
        for answer in [
            redirect,
            format!("{ask}\"http://{unreachable}/token\"\r\n\r\n"),
        ] {
            assert!(speaks(&answering(answer).await, Scheme::Http).await);
        }
    }

    #[tokio::test]
    async fn a_timeout_proves_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let settings = Settings {
            idle_timeout: Duration::from_millis(50),
            ..Settings::new(host)
        };
        assert!(HttpClients.accepts_protocol(&settings).await.unwrap());
    }

    #[tokio::test]
    async fn refused_connections_support_no_protocol() {
        let host = refusing().await;
        assert!(!speaks(&host, Scheme::Https).await);
        assert!(!speaks(&host, Scheme::Http).await);
    }
}
