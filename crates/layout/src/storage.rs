//! What a layout is kept in: a folder, or an archive that is read or written.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::{Algorithm, Digest, Manifest, RepositoryName};
use portolan_registry::{Body, PutManifest, Result, Upload, UploadId};

use crate::content::Content;
use crate::index::Index;

/// Keeps an index and blobs. What is not `async` waits for the disk.
///
/// Whatever cannot be written to answers [`Kind::Unsupported`](portolan_registry::Kind::Unsupported).
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// What it is and where, for messages.
    fn what(&self) -> String;

    /// The annotation that holds the names by which people know the manifests here.
    fn named_by(&self) -> &'static str;

    /// The index as it is now; the same `Arc` as before if nobody has changed it.
    fn index(&self) -> Result<Arc<Index>>;

    /// Puts another index in its place, in one step that lasts.
    fn replace_index(&self, index: Index) -> Result<()>;

    /// The bytes under a digest.
    fn find(&self, digest: &Digest) -> Result<Option<Content>>;

    /// Whether there is a blob at all.
    fn holds_anything(&self) -> Result<bool>;

    /// Says why a manifest cannot be kept here, before anything is written.
    fn accept(&self, manifest: &Manifest, options: &PutManifest) -> Result<()>;

    /// Says why nothing can be removed here, before anything is written.
    fn accept_deletions(&self) -> Result<()>;

    /// Keeps the bytes of a manifest, whose digest is known to be right.
    fn keep_manifest(&self, digest: &Digest, bytes: &Bytes) -> Result<()>;

    /// Drops what is under a digest; nothing there is no error.
    fn drop_content(&self, digest: &Digest) -> Result<()>;

    /// Makes a blob that lies elsewhere one of its own too, without moving bytes; false if that cannot be.
    fn link(&self, digest: &Digest, from: &Self) -> Result<bool>;

    /// Keeps a blob.
    async fn keep_blob(&self, digest: &Digest, body: Body) -> Result<()>;

    /// Opens an upload session, whose bytes are hashed by `algorithm` as they come.
    async fn start_upload(&self, algorithm: &Algorithm) -> Result<Upload>;

    /// Where a session stands.
    async fn upload_status(&self, repository: &RepositoryName, id: &UploadId) -> Result<Upload>;

    /// Appends to a session.
    async fn write_upload(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload>;

    /// Appends the last piece and keeps the blob.
    async fn finish_upload(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()>;

    /// Ends a session and drops what it has.
    async fn cancel_upload(&self, repository: &RepositoryName, id: &UploadId) -> Result<()>;
}
