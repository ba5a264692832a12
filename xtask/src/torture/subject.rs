//! Server under test, and the time that it needs to restart.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::time::sleep;

use crate::load::Connection;
use crate::servers::RunningServer;

/// The expiry is long enough for a push of the load, and short enough to wait for at the end.
const PORTOLAN_CONFIGURATION: &str = "[storage.uploads]\nexpire = \"2s\"\n";

const READY_LIMIT: Duration = Duration::from_secs(30);

/// Server under test.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TestedServer {
    /// Release binary of this workspace
    Portolan,
    /// CNCF distribution, from Debian's package docker-registry
    Distribution,
}

impl TestedServer {
    /// Starts the server on `data` and returns it with the time until its first 200.
    pub(crate) async fn start(self, data: &Path) -> Result<(RunningServer, Duration)> {
        let begin = Instant::now();
        let server = match self {
            Self::Portolan => RunningServer::portolan(data, PORTOLAN_CONFIGURATION)?,
            Self::Distribution => RunningServer::distribution(data)?,
        };
        let mut connection = Connection::new(server.address());
        while !connection
            .get("/v2/")
            .await
            .is_ok_and(|response| response.status == 200)
        {
            if begin.elapsed() > READY_LIMIT {
                bail!("no 200 from /v2/ within {READY_LIMIT:?}");
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok((server, begin.elapsed()))
    }

    /// Starts the server without waiting for it.
    pub(crate) fn spawn(self, data: &Path) -> Result<Child> {
        match self {
            Self::Portolan => RunningServer::spawn_portolan(data, PORTOLAN_CONFIGURATION),
            Self::Distribution => Ok(RunningServer::spawn_distribution(data)?.0),
        }
    }

    /// Returns whether this is Portolan. Storage folders and limits are only checked for Portolan.
    pub(crate) fn is_portolan(self) -> bool {
        self == Self::Portolan
    }
}
