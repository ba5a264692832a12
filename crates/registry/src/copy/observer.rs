//! What a copy tells while it goes on.

use portolan_model::{Digest, Finding, MediaType, Tag};

use crate::Error;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A blob is on its way.
    BlobStarted {
        /// Which.
        digest: &'a Digest,
        /// Its size in bytes, where that is known.
        size: Option<u64>,
    },
    /// So many more of its bytes have gone to the target.
    BlobMoved {
        /// Which.
        digest: &'a Digest,
        /// Number of bytes since the last such event.
        bytes: u64,
    },
    /// Bytes that had gone are lost, or need not go since a session had them: it stands at `offset`.
    BlobResumed {
        /// Which.
        digest: &'a Digest,
        /// Number of bytes that the target has.
        offset: u64,
    },
    /// The target has it.
    BlobDone {
        /// Which.
        digest: &'a Digest,
        /// Whether no bytes moved for it.
        mounted: bool,
    },
    /// The target has a manifest.
    ManifestDone {
        /// Which.
        digest: &'a Digest,
        /// Its type, where that was known.
        media_type: Option<&'a MediaType>,
    },
    /// A tag points to it.
    TagSet {
        /// The tag.
        tag: &'a Tag,
        /// What it points to.
        digest: &'a Digest,
    },
    /// The target has something to say about a manifest that it took.
    Warned {
        /// Which.
        digest: &'a Digest,
        /// What it says.
        finding: &'a Finding,
    },
    /// Moving a blob failed in a way that may pass, and is tried again.
    Retried {
        /// Which.
        digest: &'a Digest,
        /// Why.
        error: &'a Error,
    },
}

/// Is told what happens.
pub trait Observer: Send + Sync {
    /// Takes note. It is called often and should be quick.
    fn notice(&self, event: Event<'_>);
}

/// Takes note of nothing.
impl Observer for () {
    fn notice(&self, _: Event<'_>) {}
}
