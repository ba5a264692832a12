//! Progress events of a copy.

use portolan_model::{Digest, Finding, MediaType, Tag};

use crate::Error;

/// Progress event of a copy.
#[derive(Debug)]
pub enum CopyEvent<'a> {
    /// The transfer of a blob has started.
    BlobStarted {
        /// Digest of the blob.
        digest: &'a Digest,
        /// Size of the blob in bytes, if known.
        size: Option<u64>,
    },
    /// The target received more bytes of a blob.
    BlobMoved {
        /// Digest of the blob.
        digest: &'a Digest,
        /// Number of bytes since the last event of this kind for the blob.
        bytes: u64,
    },
    /// The upload of a blob starts or continues at `offset`. The offset may be lower than the
    /// number of bytes sent so far if bytes were lost, or higher if the session has bytes from an
    /// earlier run.
    BlobResumed {
        /// Digest of the blob.
        digest: &'a Digest,
        /// Number of bytes of the blob that the target has.
        offset: u64,
    },
    /// The transfer of a blob is complete.
    BlobDone {
        /// Digest of the blob.
        digest: &'a Digest,
        /// True if the target mounted the blob, so that no bytes were transferred.
        mounted: bool,
    },
    /// The target stored a manifest.
    ManifestDone {
        /// Digest of the manifest.
        digest: &'a Digest,
        /// Media type of the manifest, if known.
        media_type: Option<&'a MediaType>,
    },
    /// The target set a tag.
    TagSet {
        /// Tag that was set.
        tag: &'a Tag,
        /// Digest that the tag now points to.
        digest: &'a Digest,
    },
    /// The target accepted a manifest with a warning.
    Warned {
        /// Digest of the manifest.
        digest: &'a Digest,
        /// Finding that caused the warning.
        finding: &'a Finding,
    },
    /// The transfer of a blob failed in a way that may be temporary. It will be retried.
    Retried {
        /// Digest of the blob.
        digest: &'a Digest,
        /// Reason for the failure.
        error: &'a Error,
    },
}

/// Receives the progress events of a copy.
pub trait CopyObserver: Send + Sync {
    /// Handles an event. Called often, so implementations should return quickly.
    fn on_event(&self, event: CopyEvent<'_>);
}

/// Observer that ignores all events.
impl CopyObserver for () {
    fn on_event(&self, _: CopyEvent<'_>) {}
}
