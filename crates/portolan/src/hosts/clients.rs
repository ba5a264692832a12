//! Makes clients: the one place that knows which kind they are.

use std::error::Error;
use std::io;
use std::iter::successors;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use portolan_client::{Anonymous, Client, Retry, Scheme, Settings};
use portolan_registry::Registry;

/// Makes clients, and looks whether one would be understood.
#[async_trait]
pub(super) trait Clients: Send + Sync {
    /// A client with these settings.
    fn connect(&self, settings: Settings) -> Result<Arc<dyn Registry>>;

    /// Whether what these settings say is spoken there, with TLS or without: not where connections are
    /// refused, or where the answer to a TLS handshake is something else. Any other failure may pass,
    /// and says nothing about it. It is asked once, and not told who asks.
    async fn speaks(&self, settings: &Settings) -> Result<bool>;
}

/// Clients that speak HTTP.
pub(super) struct HttpClients;

#[async_trait]
impl Clients for HttpClients {
    fn connect(&self, settings: Settings) -> Result<Arc<dyn Registry>> {
        Ok(Arc::new(Client::new(settings)?))
    }

    async fn speaks(&self, settings: &Settings) -> Result<bool> {
        let retry = Retry {
            attempts: 1,
            ..settings.retry
        };
        let client = Client::new(Settings {
            credentials: Arc::new(Anonymous),
            retry,
            ..settings.clone()
        })?;
        Ok(!client
            .ping()
            .await
            .is_err_and(|error| concerns(&error, settings) && is_not_spoken(&error)))
    }
}

/// What the TLS library says of bytes that are no TLS; only its text comes through to here.
const NO_TLS: &str = "received corrupt message of type InvalidContentType";

/// Whether the host itself has failed, and not one that it has sent the client to, such as whoever
/// gives out its tokens. The client begins with whom it means, without a port that goes without saying.
fn concerns(error: &portolan_registry::Error, settings: &Settings) -> bool {
    let usual = if settings.scheme == Scheme::Https {
        ":443"
    } else {
        ":80"
    };
    let authority = settings.host.strip_suffix(usual).unwrap_or(&settings.host);
    error
        .message()
        .strip_prefix(authority)
        .is_some_and(|rest| rest.starts_with(' '))
}

/// Whether an error, or what caused it, is a refused connection or an answer to a handshake that is no TLS.
fn is_not_spoken(error: &(dyn Error + 'static)) -> bool {
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
            accept_any: true,
            ..Tls::default()
        };
        HttpClients
            .speaks(&Settings {
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
    async fn an_answer_that_is_no_tls_is_known() {
        let host = answering(FAILURE).await;
        assert!(!speaks(&host, Scheme::Https).await);
        assert!(speaks(&host, Scheme::Http).await, "a failure is an answer");
    }

    #[tokio::test]
    async fn a_connection_that_ends_without_an_answer_says_nothing() {
        let host = answering("").await;
        assert!(speaks(&host, Scheme::Https).await);
    }

    #[tokio::test]
    async fn a_failure_of_somebody_else_says_nothing() {
        let gone = refusing().await;
        let redirect =
            format!("HTTP/1.1 307 Go\r\nlocation: http://{gone}/v2/\r\ncontent-length: 0\r\n\r\n");
        let ask = "HTTP/1.1 401 Who\r\ncontent-length: 0\r\nwww-authenticate: Bearer realm=";
        for answer in [redirect, format!("{ask}\"http://{gone}/token\"\r\n\r\n")] {
            assert!(speaks(&answering(answer).await, Scheme::Http).await);
        }
    }

    #[tokio::test]
    async fn a_silence_says_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let settings = Settings {
            idle_timeout: Duration::from_millis(50),
            ..Settings::new(host)
        };
        assert!(HttpClients.speaks(&settings).await.unwrap());
    }

    #[tokio::test]
    async fn where_connections_are_refused_nothing_is_spoken() {
        let host = refusing().await;
        assert!(!speaks(&host, Scheme::Https).await);
        assert!(!speaks(&host, Scheme::Http).await);
    }
}
