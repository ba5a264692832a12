//! Repository of the registry under test, with functions that keep the tests short.

use std::ops::{Deref, Range};
use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{self, ImageFixture, IndexFixture};
use portolan_model::{Algorithm, ByteRange, Descriptor, Digest, MediaType, RepositoryName};

use crate::{
    Body, Context, ManifestInfo, MountOutcome, Page, PageRequest, Precondition, PutManifest,
    PutOutcome, Registry, Repository, Result, TagUpdate, Upload, UploadId,
};

/// Maximum size of content that the suite reads into memory.
const READ_LIMIT: usize = 64 << 20;

/// Repository of the registry under test, as used by one caller.
#[derive(Clone)]
pub struct TestRepository {
    handle: Repository,
}

impl Deref for TestRepository {
    type Target = Repository;

    fn deref(&self) -> &Repository {
        &self.handle
    }
}

impl TestRepository {
    /// Creates a handle for the repository called `name`, for an anonymous caller. Repositories
    /// below `sparse/` allow missing content.
    pub fn new(registry: &Arc<dyn Registry>, name: &str) -> Self {
        Self {
            handle: Repository::new(
                Arc::clone(registry),
                Context::anonymous(),
                fixtures::repository(name),
            ),
        }
    }

    /// Sets the caller.
    #[must_use]
    pub fn with_context(self, context: Context) -> Self {
        Self {
            handle: Repository {
                context,
                ..self.handle
            },
        }
    }

    /// Returns the name of the repository.
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// Stores a blob and returns its digest.
    pub async fn push_blob(&self, content: impl Into<Bytes>) -> Digest {
        let content = content.into();
        let digest = Digest::sha256(&content);
        self.put_blob(&digest, content)
            .await
            .expect("the blob is accepted");
        digest
    }

    /// Returns the bytes of a blob.
    pub async fn read_blob(&self, digest: &Digest) -> Result<Bytes> {
        self.read_blob_range(digest, None)
            .await
            .map(|(_, _, bytes)| bytes)
    }

    /// Returns the size of a blob, the returned range, and the bytes of that range.
    pub async fn read_blob_range(
        &self,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<(u64, Range<u64>, Bytes)> {
        let read = self.get_blob(digest, range).await?;
        Ok((read.size, read.range, read.body.collect(READ_LIMIT).await?))
    }

    /// Returns the size of a blob.
    pub async fn blob_size(&self, digest: &Digest) -> Result<u64> {
        self.head_blob(digest).await.map(|info| info.size)
    }

    /// Stores an image with its blobs, sets the tags, and returns the digest.
    pub async fn push_image(&self, image: &ImageFixture, tags: &[&str]) -> Digest {
        for content in image.blobs() {
            self.push_blob(content).await;
        }
        self.push_manifest(image.bytes(), &image.media_type(), tags)
            .await
    }

    /// Stores an index without its children, sets the tags, and returns the digest.
    pub async fn push_index(&self, index: &IndexFixture, tags: &[&str]) -> Digest {
        self.push_manifest(index.bytes(), &index.media_type(), tags)
            .await
    }

    /// Stores a manifest, sets the tags, and returns the digest. Panics if the registry rejects the
    /// manifest.
    pub async fn push_manifest(
        &self,
        bytes: Bytes,
        media_type: &MediaType,
        tags: &[&str],
    ) -> Digest {
        self.put_manifest(bytes, media_type, tags)
            .await
            .expect("the manifest is accepted")
            .digest
    }

    /// Tries to store a manifest and to set the tags.
    pub async fn put_manifest(
        &self,
        bytes: Bytes,
        media_type: &MediaType,
        tags: &[&str],
    ) -> Result<PutOutcome> {
        let tags = tags
            .iter()
            .map(|tag| TagUpdate::unconditional(fixtures::tag(tag)))
            .collect();
        self.put_manifest_with(
            bytes,
            PutManifest {
                media_type: Some(media_type.clone()),
                tags,
                ..PutManifest::default()
            },
        )
        .await
    }

    /// Returns the outcome of a push of a manifest, without storing anything.
    pub async fn check_manifest(
        &self,
        bytes: Bytes,
        media_type: &MediaType,
        tags: &[&str],
    ) -> Result<PutOutcome> {
        let tags = tags
            .iter()
            .map(|tag| TagUpdate::unconditional(fixtures::tag(tag)))
            .collect();
        let options = PutManifest {
            media_type: Some(media_type.clone()),
            tags,
            ..PutManifest::default()
        };
        self.check_manifest_with(bytes, options).await
    }

    /// Returns the outcome of a push of a manifest with the given options, without storing
    /// anything.
    pub async fn check_manifest_with(
        &self,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        self.registry
            .check_manifest(&self.context, &self.name, bytes, options)
            .await
    }

    /// Tries to store an image whose blobs exist, and to set a tag under a precondition.
    pub async fn put_image_if(
        &self,
        image: &ImageFixture,
        tag: &str,
        precondition: Precondition,
    ) -> Result<PutOutcome> {
        let tags = vec![TagUpdate {
            tag: fixtures::tag(tag),
            precondition,
        }];
        let media_type = Some(image.media_type());
        self.put_manifest_with(
            image.bytes(),
            PutManifest {
                media_type,
                tags,
                ..PutManifest::default()
            },
        )
        .await
    }

    /// Tries to store a manifest with the given options.
    pub async fn put_manifest_with(
        &self,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        self.put(bytes, options).await
    }

    /// Returns the manifest at a tag or digest.
    pub async fn get_manifest(&self, reference: impl ToString) -> Result<(ManifestInfo, Bytes)> {
        let reference = reference
            .to_string()
            .parse()
            .expect("the reference is well-formed");
        let stored = self.manifest(&reference).await?;
        Ok((stored.info, stored.bytes))
    }

    /// Returns the metadata of the manifest at a tag or digest.
    pub async fn head_manifest(&self, reference: impl ToString) -> Result<ManifestInfo> {
        let reference = reference
            .to_string()
            .parse()
            .expect("the reference is well-formed");
        self.handle.head_manifest(&reference).await
    }

    /// Checks that a get and a head of a tag or digest return exactly this manifest.
    pub async fn assert_serves(
        &self,
        reference: impl ToString,
        digest: &Digest,
        media_type: &MediaType,
        bytes: &[u8],
    ) {
        let reference = reference.to_string();
        let (info, served) = self
            .get_manifest(&reference)
            .await
            .expect("the registry serves the manifest");
        assert_eq!(served, bytes, "the registry has to serve the pushed bytes");
        let size = bytes.len() as u64;
        assert_eq!(
            info,
            ManifestInfo {
                digest: digest.clone(),
                media_type: media_type.clone(),
                size
            }
        );
        assert_eq!(
            self.head_manifest(&reference)
                .await
                .expect("the registry knows the manifest"),
            info
        );
    }

    /// Returns the digest that a tag points to, or `None` if it cannot be read.
    pub async fn resolve_tag(&self, tag: &str) -> Option<Digest> {
        self.head_manifest(tag).await.ok().map(|info| info.digest)
    }

    /// Returns all tags.
    pub async fn tags(&self) -> Result<Vec<String>> {
        let page = self.tags_page(&PageRequest::first(1000)).await?;
        Ok(page.items.iter().map(ToString::to_string).collect())
    }

    /// Returns all referrers of a digest.
    pub async fn referrers(&self, digest: &Digest) -> Vec<Descriptor> {
        let page = self
            .referrers_page(digest, None, &PageRequest::first(1000))
            .await;
        page.expect("the registry lists referrers of any digest")
            .items
    }

    /// Returns one page of the referrers of a digest that have an artifact type.
    pub async fn referrers_page(
        &self,
        digest: &Digest,
        artifact_type: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        let artifact_type = artifact_type.map(MediaType::new);
        self.handle
            .referrers_page(digest, artifact_type.as_ref(), page)
            .await
    }

    /// Tries to delete a tag.
    pub async fn delete_tag(&self, tag: &str) -> Result<()> {
        self.handle.delete_tag(&fixtures::tag(tag)).await
    }

    /// Tries to delete the repository.
    pub async fn delete(&self) -> Result<()> {
        self.handle.delete().await
    }

    /// Lists all manifests, `limit` on each page.
    pub async fn manifests(&self, limit: usize) -> Result<Vec<Descriptor>> {
        let (mut listed, mut request) = (Vec::new(), PageRequest::first(limit));
        loop {
            let page = self.registry.manifests(&self.context, &self.name, &request);
            let page = page.await?;
            listed.extend(page.items);
            match page.next {
                Some(next) => request.after = Some(next),
                None => return Ok(listed),
            }
        }
    }

    /// Opens an upload session.
    pub async fn open_upload(&self) -> Upload {
        self.try_open_upload(&Algorithm::Sha256)
            .await
            .expect("the session can be opened")
    }

    /// Tries to open an upload session for a digest algorithm.
    pub async fn try_open_upload(&self, algorithm: &Algorithm) -> Result<Upload> {
        self.registry
            .open_upload(&self.context, &self.name, algorithm)
            .await
    }

    /// Returns the status of a session.
    pub async fn upload_status(&self, id: &UploadId) -> Result<Upload> {
        self.registry
            .upload_status(&self.context, &self.name, id)
            .await
    }

    /// Tries to append a chunk to a session.
    pub async fn append_upload(
        &self,
        id: &UploadId,
        offset: Option<u64>,
        body: impl Into<Body>,
    ) -> Result<Upload> {
        self.registry
            .append_upload(&self.context, &self.name, id, offset, body.into())
            .await
    }

    /// Tries to finish a session.
    pub async fn finish_upload(
        &self,
        id: &UploadId,
        offset: Option<u64>,
        body: impl Into<Body>,
        digest: &Digest,
    ) -> Result<()> {
        self.registry
            .finish_upload(&self.context, &self.name, id, offset, body.into(), digest)
            .await
    }

    /// Tries to cancel a session.
    pub async fn cancel_upload(&self, id: &UploadId) -> Result<()> {
        self.registry
            .cancel_upload(&self.context, &self.name, id)
            .await
    }

    /// Mounts a blob, or opens an upload session if the blob cannot be mounted.
    pub async fn mount(&self, digest: &Digest, from: Option<&TestRepository>) -> MountOutcome {
        let from = from.map(TestRepository::name);
        let mount = self
            .registry
            .mount(&self.context, &self.name, digest, from)
            .await;
        mount.expect("a mount that is not possible is not an error")
    }
}
