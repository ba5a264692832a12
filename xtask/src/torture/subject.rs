//! The server that is tortured, and the time it needs to come back.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::time::sleep;

use crate::load::Connection;
use crate::servers::Server;

/// Long enough for a push of the load, short enough to wait for at the end.
const PORTOLAN_CONFIGURATION: &str = "[storage.uploads]\nexpire = \"2s\"\n";

const READY_LIMIT: Duration = Duration::from_secs(30);

/// Which server.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Subject {
    /// The release binary of this workspace.
    Portolan,
    /// CNCF distribution, Debian's `docker-registry`.
    Distribution,
}

impl Subject {
    /// Starts the server on `data` and answers it with the time until its first 200.
    pub(crate) async fn start(self, data: &Path) -> Result<(Server, Duration)> {
        let begin = Instant::now();
        let server = match self {
            Self::Portolan => Server::portolan(data, PORTOLAN_CONFIGURATION)?,
            Self::Distribution => Server::distribution(data)?,
        };
        let mut connection = Connection::new(server.address());
        while !connection
            .get("/v2/")
            .await
            .is_ok_and(|answer| answer.status == 200)
        {
            if begin.elapsed() > READY_LIMIT {
                bail!("no 200 at /v2/ within {READY_LIMIT:?}");
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok((server, begin.elapsed()))
    }

    /// Begins a start without waiting for it.
    pub(crate) fn spawn(self, data: &Path) -> Result<Child> {
        match self {
            Self::Portolan => Server::spawn_portolan(data, PORTOLAN_CONFIGURATION),
            Self::Distribution => Ok(Server::spawn_distribution(data)?.0),
        }
    }

    /// The folders and limits of our own storage are checked on our own server only.
    pub(crate) fn is_portolan(self) -> bool {
        self == Self::Portolan
    }
}
