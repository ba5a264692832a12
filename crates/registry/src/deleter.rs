//! Deleting tags, manifests, blobs (distribution-spec, "Content Management") and repositories.

use async_trait::async_trait;
use portolan_model::{Digest, RepositoryName, Tag};
use serde::{Deserialize, Serialize};

use crate::{Context, Result};

/// Removes content from a repository. Never affects the content of other repositories.
#[async_trait]
pub trait Deleter: Send + Sync {
    /// Removes a tag. The manifest remains.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestUnknown`](crate::Kind::ManifestUnknown) if the tag does not exist.
    async fn delete_tag(
        &self,
        context: &Context,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<()>;

    /// Removes a manifest and all tags that point to it.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestUnknown`](crate::Kind::ManifestUnknown) if the manifest does not
    /// exist, and [`Kind::Referenced`](crate::Kind::Referenced) with a [`Parent`] for each
    /// reference if other manifests reference it and `deletion` is [`Deletion::Guarded`].
    async fn delete_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()>;

    /// Removes a blob. Never removes a manifest.
    ///
    /// # Errors
    /// Returns [`Kind::BlobUnknown`](crate::Kind::BlobUnknown) if the blob does not exist, and
    /// [`Kind::Referenced`](crate::Kind::Referenced) with a [`Parent`] for each reference if
    /// manifests reference it and `deletion` is [`Deletion::Guarded`].
    async fn delete_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()>;

    /// Removes a repository: all its tags, manifests and blobs. Content that is pushed at the same
    /// time may remain.
    ///
    /// # Errors
    /// Returns [`Kind::RepositoryUnknown`](crate::Kind::RepositoryUnknown) if the repository does
    /// not exist, and [`Kind::Unsupported`](crate::Kind::Unsupported) if the registry cannot delete
    /// a repository in one call: the distribution specification has no such operation.
    async fn delete_repository(&self, context: &Context, repository: &RepositoryName)
    -> Result<()>;
}

/// Behavior of a deletion if a stored manifest of the repository references the content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Deletion {
    /// The deletion fails with [`Kind::Referenced`](crate::Kind::Referenced), and the content
    /// remains.
    Guarded,
    /// The content is deleted. The manifest that references it becomes incomplete.
    Forced,
}

/// Reference that prevents the deletion of content: the stored manifest that references the
/// content, and the location of the reference in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Parent {
    /// Digest of the manifest that references the content.
    pub digest: Digest,
    /// Location of the descriptor in the manifest, as a JSON pointer such as `/layers/0`.
    pub pointer: String,
}

impl Parent {
    /// Maximum number of parents in one error. Thousands of manifests may reference a popular
    /// layer.
    pub const MAX_LISTED: usize = 100;
}
