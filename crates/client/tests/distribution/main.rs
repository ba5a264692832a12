//! The contract against CNCF distribution, open and with accounts.
//!
//! It needs Debian's package `docker-registry`, and so the feature `distribution`.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests fail a test as the tests themselves do"
)]

mod limits;
mod server;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portolan_client::{Client, Credential, Credentials, Retry, Scheme, Secret, Settings};
use portolan_model::RepositoryName;
use portolan_registry::contract::Subject;
use portolan_registry::{Kind, Result};
use server::{Accounts, Server};

/// The one account that there is.
struct Somebody;

#[async_trait]
impl Credentials for Somebody {
    async fn find(&self, _: &str, _: Option<&RepositoryName>) -> Result<Option<Credential>> {
        Ok(Some(Credential::Basic {
            username: "somebody".into(),
            password: Secret::new("secret"),
        }))
    }
}

fn settings(server: &Server) -> Settings {
    // It fails for moments when files change under it, and is as fast as it will be here.
    let retry = Retry {
        first_wait: Duration::from_millis(20),
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

    async fn fresh() -> Subject {
        let server = Server::start(Accounts::None);
        let client = Client::new(settings(&server)).unwrap();
        Subject::new(Arc::new(client), server).unable(limits::LIMITS)
    }

    portolan_registry::contract_tests!(fresh);
}

mod with_accounts {
    use super::*;

    async fn fresh() -> Subject {
        let server = Server::start(Accounts::Somebody);
        let client = Client::new(Settings {
            credentials: Arc::new(Somebody),
            ..settings(&server)
        })
        .unwrap();
        Subject::new(Arc::new(client), server).unable(limits::LIMITS)
    }

    portolan_registry::contract_tests!(fresh);

    #[tokio::test]
    async fn strangers_are_told_to_log_in() {
        let server = Server::start(Accounts::Somebody);
        let error = Client::new(settings(&server))
            .unwrap()
            .ping()
            .await
            .unwrap_err();
        assert_eq!(*error.kind(), Kind::Unauthorized);
        assert!(
            error
                .message()
                .contains(&format!("portolan login {}", server.address())),
            "{error}"
        );
        Client::new(Settings {
            credentials: Arc::new(Somebody),
            ..settings(&server)
        })
        .unwrap()
        .ping()
        .await
        .unwrap();
    }
}
