//! Storage of a layout: a folder, or an archive that is being read or written.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use bytes::Bytes;
use portolan_files::sessions::Owner;
use portolan_model::{Algorithm, Digest, Manifest};
use portolan_registry::{Body, PutManifest, Result, Upload, UploadId};

use crate::content::Content;
use crate::index::{IndexChange, LayoutIndex};

/// Storage of an index and blobs. The synchronous methods block on disk I/O.
///
/// Read-only storage returns [`Kind::Unsupported`](portolan_registry::Kind::Unsupported) from all
/// methods that write.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Returns the kind and path of the storage, for messages.
    fn describe(&self) -> String;

    /// Returns the annotations with the names of manifests in this storage, the most specific
    /// annotation last.
    fn name_annotations(&self) -> &'static [&'static str];

    /// Returns the current index. It is the same `Arc` as in the previous call unless the index has
    /// changed.
    fn index(&self) -> Result<Arc<LayoutIndex>>;

    /// Replaces the index, atomically and durably.
    fn replace_index(&self, index: LayoutIndex) -> Result<()>;

    /// Changes the index, and returns the changed index. The change is durable after this call or,
    /// if the storage gathers changes, after the next call of [`Storage::save`]. Returns `None` and
    /// changes nothing if the index is not `base` any more, because another program has changed it.
    fn change_index(
        &self,
        base: &Weak<LayoutIndex>,
        change: IndexChange,
    ) -> Result<Option<Arc<LayoutIndex>>>;

    /// Writes all gathered changes of the index, durably.
    fn save(&self) -> Result<()>;

    /// Returns the content with a digest.
    fn find(&self, digest: &Digest) -> Result<Option<Content>>;

    /// Returns whether the storage has any blob.
    fn has_blobs(&self) -> Result<bool>;

    /// Returns an error if a manifest cannot be stored here. Called before anything is written.
    fn check_manifest(&self, manifest: &Manifest, options: &PutManifest) -> Result<()>;

    /// Returns an error if content cannot be removed here. Called before anything is written.
    fn check_deletions(&self) -> Result<()>;

    /// Stores the bytes of a manifest. The caller has verified the digest.
    fn store_manifest(&self, digest: &Digest, bytes: &Bytes) -> Result<()>;

    /// Removes the content with a digest, if it exists.
    fn remove_content(&self, digest: &Digest) -> Result<()>;

    /// Removes all content.
    fn remove_all_content(&self) -> Result<()>;

    /// Links a blob from another storage without copying bytes, and returns whether that was
    /// possible.
    fn link(&self, digest: &Digest, from: &Self) -> Result<bool>;

    /// Stores `body` as a blob, and verifies that it has `digest`.
    async fn store_blob(&self, digest: &Digest, body: Body) -> Result<()>;

    /// Opens an upload session. The session hashes its content with `algorithm` as the content
    /// arrives.
    async fn open_upload(&self, owner: &Owner, algorithm: &Algorithm) -> Result<Upload>;

    /// Returns the offset of a session.
    async fn upload_status(&self, owner: &Owner, id: &UploadId) -> Result<Upload>;

    /// Appends `body` to a session.
    async fn append_upload(
        &self,
        owner: &Owner,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload>;

    /// Appends `body`, ends the session, and stores its content as the blob with `digest`. `body`
    /// may be empty.
    async fn finish_upload(
        &self,
        owner: &Owner,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()>;

    /// Cancels a session and removes its data.
    async fn cancel_upload(&self, owner: &Owner, id: &UploadId) -> Result<()>;
}

/// Returns whether `index` is the index that a change was planned for.
pub(crate) fn is_base(base: &Weak<LayoutIndex>, index: &Arc<LayoutIndex>) -> bool {
    std::ptr::eq(base.as_ptr(), Arc::as_ptr(index))
}
