//! Contract tests against CNCF distribution, without and with authentication.
//!
//! They require Debian's package `docker-registry`, and therefore the feature `distribution`.
#![expect(
    clippy::unwrap_used,
    reason = "test helpers panic in the same way as tests"
)]

mod limits;
mod server;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portolan_client::{Client, Credential, Credentials, Lookup, Retry, Scheme, Secret, Settings};
use portolan_model::RepositoryName;
use portolan_registry::contract::TestedRegistry;
use portolan_registry::{Host, Kind};
use server::{Accounts, Server};

/// Credentials of the only account.
struct Account;

#[async_trait]
impl Credentials for Account {
    async fn find(&self, _: &str, _: Option<&RepositoryName>) -> Lookup {
        Some(Credential::Basic {
            username: "somebody".into(),
            password: Secret::new("secret"),
        })
        .into()
    }
}

fn settings(server: &Server) -> Settings {
    // The registry rewrites files in place, and answers 500 to whoever reads them meanwhile: 3.6 % of
    // the reads of a tag that changes, and far more while the disk is slow.
    let retry = Retry {
        attempts: 12,
        initial_wait: Duration::from_millis(20),
        max_wait: Duration::from_millis(500),
        ..Retry::default()
    };
    Settings {
        scheme: Scheme::Http,
        retry,
        ..Settings::new(server.address().to_string())
    }
}

mod open {
    use super::*;

    async fn fresh() -> TestedRegistry {
        let server = Server::start(Accounts::None);
        let client = Client::new(settings(&server)).unwrap();
        TestedRegistry::new(Arc::new(client), server).with_limits(limits::LIMITS)
    }

    portolan_registry::contract_tests!(fresh);
}

mod with_accounts {
    use super::*;

    async fn fresh() -> TestedRegistry {
        let server = Server::start(Accounts::Somebody);
        let client = Client::new(Settings {
            credentials: Arc::new(Account),
            ..settings(&server)
        })
        .unwrap();
        TestedRegistry::new(Arc::new(client), server).with_limits(limits::LIMITS)
    }

    portolan_registry::contract_tests!(fresh);

    #[tokio::test]
    async fn rejections_of_anonymous_clients_name_the_registry() {
        let server = Server::start(Accounts::Somebody);
        let error = Client::new(settings(&server))
            .unwrap()
            .ping()
            .await
            .unwrap_err();
        assert_eq!(*error.kind(), Kind::Unauthorized);
        let address = server.address().to_string();
        assert_eq!(error.origin().map(Host::as_str), Some(address.as_str()));
        Client::new(Settings {
            credentials: Arc::new(Account),
            ..settings(&server)
        })
        .unwrap()
        .ping()
        .await
        .unwrap();
    }
}
