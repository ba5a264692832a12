//! The options of all commands that speak to registries.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::failure::Outcome;
use crate::hosts;
use crate::output::Talk;
use crate::places::Places;

/// How registries are reached, and how much is said meanwhile.
#[derive(Args)]
pub(crate) struct Options {
    /// Speak to all registries without TLS; loopback hosts are spoken to so anyway.
    #[arg(long, help_heading = "Connection")]
    plain_http: bool,
    /// Take any certificate: the connection is encrypted, but nobody knows with whom.
    #[arg(long, help_heading = "Connection")]
    insecure: bool,
    /// Trust these authorities (PEM) besides the system's.
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    ca: Option<PathBuf>,
    /// Say nothing on standard error unless something fails.
    #[arg(short, long)]
    quiet: bool,
}

impl Options {
    /// What images are reached through.
    pub(crate) fn places(&self) -> Outcome<Places> {
        self.places_for(None)
    }

    /// The same for so many requests to a host at the same time, if those are more than usual.
    pub(crate) fn places_for(&self, connections: Option<NonZeroUsize>) -> Outcome<Places> {
        let options = hosts::Options {
            plain_http: self.plain_http,
            accept_any_certificate: self.insecure,
            authorities: self.ca.clone(),
            connections,
        };
        Places::new(options, Arc::new(Talk::new(self.quiet)))
    }
}
