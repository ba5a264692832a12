//! Copying of images, indexes and other manifests between any two registries.
//!
//! A [`Copier`] first makes a [`Plan`]: it walks the tree of manifests and blobs at the source, and
//! looks up each of them at the target. The plan lists the content to copy, the blobs to mount, and
//! the content that is already present. Nothing is written at this stage.
//!
//! Then the plan is executed: blobs first, then manifests, children before their parents, referrers
//! before their subjects, and tags last. Therefore, a client that reads the target during the copy
//! never finds a manifest that references missing content.
//!
//! Documents (manifests and indexes) are copied byte for byte, with two exceptions: a subset of
//! platforms requires a new index ([`CopyOptions::platforms`]), and a tree can be converted to
//! another format ([`CopyOptions::conversion`]). The plan lists each digest that changes, and all
//! content that is lost.

mod blob;
mod chunks;
pub(crate) mod concurrency;
pub(crate) mod cosign;
mod execute;
mod in_flight;
mod observer;
mod order;
mod plan;
mod planner;
mod referrers;
mod resolve;
mod retry;
mod rewriting;
mod sessions;
mod subset;
#[cfg(test)]
mod tests;
mod tree;
mod upload_method;

use std::sync::Arc;

use portolan_model::convert::Conversion;
use portolan_model::{Platform, Reference};
use tokio::sync::Semaphore;

use crate::{Repository, TagUpdate};

pub use observer::{CopyEvent, CopyObserver};
pub use plan::{
    CopyOutcome, Plan, PlannedAction, PlannedBlob, PlannedDocument, RewrittenDocument, Tally,
};
pub use planner::TooDeep;
pub use sessions::{NoSessionStore, SessionStore};

use in_flight::InFlight;
use upload_method::UploadMethods;

/// One image, index or other manifest to copy.
#[derive(Clone)]
pub struct CopyRequest {
    /// Repository to copy from.
    pub source: Repository,
    /// Tag or digest in the source repository.
    pub reference: Reference,
    /// Repository to copy to.
    pub target: Repository,
    /// Tags to set in the target repository. If empty, the copy is available only by its digest.
    pub tags: Vec<TagUpdate>,
}

/// Options for a copy.
#[derive(Clone, Debug, Default)]
pub struct CopyOptions {
    /// Platforms to copy from an index. If empty, all platforms are copied.
    ///
    /// The index is rewritten without the other platforms, so its digest changes.
    pub platforms: Vec<Platform>,
    /// Conversion to another format. If `None`, documents are copied byte for byte.
    ///
    /// Referrers are not converted, but their subject is updated to the new digest.
    pub conversion: Option<Conversion>,
    /// True if content may be missing at the target. In this case, an index stays unchanged even if
    /// only [`CopyOptions::platforms`] are copied, and content that is missing at the source is
    /// skipped.
    pub sparse: bool,
    /// True if the copy includes manifests that refer to the copied manifests (distribution-spec,
    /// "Listing Referrers"), including referrers of referrers and the tags that cosign creates for
    /// signatures.
    pub referrers: bool,
    /// True if the planner looks up all content at the target. Otherwise, the planner assumes that
    /// a target with a manifest also has all content that the manifest references.
    pub recheck: bool,
}

/// Copies images, with a limit on concurrent transfers.
///
/// Transfers each blob to a registry only once, even if several requests need it.
pub struct Copier {
    jobs: usize,
    permits: Semaphore,
    in_flight: InFlight,
    upload_methods: UploadMethods,
    sessions: Arc<dyn SessionStore>,
}

impl Copier {
    /// Creates a copier that transfers up to `jobs` blobs and manifests concurrently. 0 has the
    /// effect of 1. The limit applies to all requests together. Resumes upload sessions that are
    /// stored in `sessions`.
    pub fn new(jobs: usize, sessions: Arc<dyn SessionStore>) -> Self {
        let jobs = jobs.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            jobs,
            permits: Semaphore::new(jobs),
            in_flight: InFlight::default(),
            upload_methods: UploadMethods::default(),
            sessions,
        }
    }
}
