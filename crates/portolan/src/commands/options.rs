//! Options shared by all commands that connect to registries.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::failure::{Failure, Outcome};
use crate::output::Console;
use crate::remotes;
use crate::resolve::Resolver;

/// Options for connections and messages.
#[derive(Args)]
pub(crate) struct CommonOptions {
    /// Use plain HTTP for every registry
    ///
    /// To use it for one registry, write the scheme before
    /// its host. Loopback hosts without TLS use plain HTTP
    /// by default.
    #[arg(long, help_heading = "Connection")]
    plain_http: bool,
    /// Do not verify TLS certificates.
    #[arg(long, help_heading = "Connection")]
    insecure: bool,
    /// CA certificates (PEM) to trust, in addition to the system's.
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    ca: Option<PathBuf>,
    /// Print only errors and important warnings.
    #[arg(short, long)]
    quiet: bool,
}

impl CommonOptions {
    /// Creates a resolver for registries, folders and archives with these options.
    pub(crate) fn resolver(&self) -> Outcome<Resolver> {
        self.places_for(None)
    }

    /// Creates a resolver, like [`CommonOptions::resolver`], with up to `connections` concurrent
    /// requests to each host. A number below the default has no effect.
    pub(crate) fn places_for(&self, connections: Option<NonZeroUsize>) -> Outcome<Resolver> {
        if let Some(file) = self.ca.as_deref().filter(|file| !file.exists()) {
            return Err(Failure::missing_file(file));
        }
        let options = remotes::RemoteOptions {
            plain_http: self.plain_http,
            skip_tls_verification: self.insecure,
            ca_certificates: self.ca.clone(),
            connections,
        };
        Resolver::new(options, Arc::new(Console::new(self.quiet)))
    }
}
