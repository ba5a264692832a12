//! Outcomes: the operation that a peer performs on an image, and how it ends.

use anyhow::{Context, Result};
use portolan_model::compat::Operation;

use crate::interop::document::Kind;
use crate::interop::reference::TaggedReference;
use crate::interop::registry::RegistryConnection;
use crate::interop::sandbox::ClientFailure;

/// Outcome of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PeerOutcome {
    /// The peer succeeded, and the content arrived byte for byte.
    Works,
    /// The peer rejected the image with this message.
    Rejected(String),
    /// The peer reported success, but the check of the content failed with this message.
    FalseSuccess(String),
}

impl PeerOutcome {
    /// Determines the outcome from the peer's result, and from `check`, which checks the content if
    /// the peer reports success.
    ///
    /// # Errors
    ///
    /// Returns an error if the peer neither succeeded nor rejected the image.
    pub(crate) fn determine(
        result: Result<(), ClientFailure>,
        check: impl FnOnce() -> Result<()>,
    ) -> Result<Self> {
        match result {
            Ok(()) => Ok(check().map_or_else(
                |error| Self::FalseSuccess(format!("{error:#}")),
                |()| Self::Works,
            )),
            Err(ClientFailure::Rejected(words)) => Ok(Self::Rejected(words)),
            Err(ClientFailure::Broken(error)) => Err(error),
        }
    }
}

/// Operation that a peer performs on a kind.
pub(crate) struct Task<'a> {
    pub(crate) operation: Operation,
    pub(crate) kind: &'a Kind,
    /// Location of the kind.
    pub(crate) from: &'a TaggedReference,
    /// Destination of a push or copy.
    pub(crate) to: &'a TaggedReference,
}

impl Task<'_> {
    /// Checks that the destination holds the full kind.
    pub(crate) fn check_destination(&self) -> Result<()> {
        RegistryConnection::new(&self.to.host)?.compare(self.kind, &self.kind.top, self.to)
    }

    /// Returns a name for a folder of the client.
    pub(crate) fn folder_name(&self) -> String {
        format!(
            "pull-{}-{}",
            self.kind.name,
            self.kind.platform.replace('/', "-")
        )
    }

    /// Returns what a client stores that pulls one platform: the image, or the kind itself if it is
    /// not an index.
    pub(crate) fn one_image(&self) -> Result<Kind> {
        let single = || Some(self.kind.clone()).filter(|kind| !kind.is_list());
        self.kind
            .reduce_to_image()
            .or_else(single)
            .context("the client accepted content that is not an image")
    }
}

/// Program whose behavior is compared with the table.
pub(crate) trait Peer: Sync {
    /// Returns the common name of the program.
    fn name(&self) -> &'static str;

    /// Returns the table's target for the installed version.
    fn target(&self) -> &'static str;

    /// Returns the supported operations.
    fn operations(&self) -> &'static [Operation];

    /// Performs the operation.
    ///
    /// # Errors
    ///
    /// Returns an error if the outcome shows nothing about the kind, because the peer does not run.
    fn attempt(&self, task: &Task) -> Result<PeerOutcome>;
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn works_only_if_the_content_arrived() {
        assert_eq!(
            PeerOutcome::determine(Ok(()), || Ok(())).unwrap(),
            PeerOutcome::Works
        );
        assert_eq!(
            PeerOutcome::determine(Ok(()), || Err(anyhow!("empty"))).unwrap(),
            PeerOutcome::FalseSuccess("empty".into())
        );
        let refused = Err(ClientFailure::Rejected("no".into()));
        assert_eq!(
            PeerOutcome::determine(refused, || Ok(())).unwrap(),
            PeerOutcome::Rejected("no".into())
        );
    }

    #[test]
    fn peer_without_response_is_an_error() {
        assert!(
            PeerOutcome::determine(Err(anyhow!("timed out after 60 seconds").into()), || Ok(()))
                .is_err()
        );
    }
}
