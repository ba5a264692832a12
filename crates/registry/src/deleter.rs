//! Deleting tags, manifests and blobs (distribution-spec, "Content Management").

use async_trait::async_trait;
use portolan_model::{Digest, RepositoryName, Tag};
use serde::Serialize;

use crate::{Context, Result};

/// Removes things from a repository. What another repository holds is never touched.
#[async_trait]
pub trait Deleter: Send + Sync {
    /// Removes a tag; the manifest stays.
    ///
    /// # Errors
    /// [`Kind::ManifestUnknown`](crate::Kind::ManifestUnknown).
    async fn delete_tag(
        &self,
        context: &Context,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<()>;

    /// Removes a manifest and each tag on it.
    ///
    /// # Errors
    /// [`Kind::ManifestUnknown`](crate::Kind::ManifestUnknown);
    /// [`Kind::Referenced`](crate::Kind::Referenced) with the parents in the detail.
    async fn delete_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()>;

    /// Removes a blob. A manifest is never removed by this.
    ///
    /// # Errors
    /// [`Kind::BlobUnknown`](crate::Kind::BlobUnknown);
    /// [`Kind::Referenced`](crate::Kind::Referenced) with the parents in the detail.
    async fn delete_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()>;
}

/// What happens to content that a stored manifest of the repository names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Deletion {
    /// It stays, and the call is refused.
    Guarded,
    /// It goes, and leaves the manifest without it.
    Forced,
}

/// A stored manifest, and where in it some content is named.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Parent {
    /// The manifest.
    pub digest: Digest,
    /// Where the descriptor stands, as a JSON pointer.
    pub pointer: String,
}

impl Parent {
    /// Most parents that one error names: a popular layer has thousands.
    pub const MOST_TOLD: usize = 100;
}
