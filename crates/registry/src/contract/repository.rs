//! One repository of the registry under test, so that a behaviour reads as what it does.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{self, Image, Index};
use portolan_model::{Algorithm, ByteRange, Descriptor, Digest, MediaType, RepositoryName, Tag};

use crate::{
    Body, Context, Deletion, ManifestInfo, Mount, Page, PageRequest, Policy, Precondition, Preset,
    PutManifest, PutOutcome, Registry, Result, TagUpdate, Upload, UploadId,
};

/// Most bytes that the suite reads at once.
const READ_LIMIT: usize = 64 << 20;

/// A repository, the caller who uses it, and the policy that it has.
#[derive(Clone)]
pub struct Repository {
    registry: Arc<dyn Registry>,
    name: RepositoryName,
    context: Context,
    policy: Policy,
}

impl Repository {
    /// The repository called `name`, for anybody. Under `sparse/`, content may be absent.
    pub fn of(registry: &Arc<dyn Registry>, name: &str) -> Self {
        let preset = if name.starts_with("sparse/") {
            Preset::Sparse
        } else {
            Preset::Open
        };
        Self {
            registry: Arc::clone(registry),
            name: fixtures::repository(name),
            context: Context::anonymous(),
            policy: preset.into(),
        }
    }

    /// The same for another caller.
    #[must_use]
    pub fn with_context(self, context: Context) -> Self {
        Self { context, ..self }
    }

    /// The same with another policy.
    #[must_use]
    pub fn with_policy(self, policy: impl Into<Policy>) -> Self {
        Self {
            policy: policy.into(),
            ..self
        }
    }

    /// Its name.
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// Stores a blob and answers its digest.
    pub async fn blob(&self, content: impl Into<Bytes>) -> Digest {
        let content = content.into();
        let digest = Digest::sha256(&content);
        self.put_blob(&digest, content)
            .await
            .expect("the blob is taken");
        digest
    }

    /// Tries to store a blob.
    pub async fn put_blob(&self, digest: &Digest, body: impl Into<Body>) -> Result<()> {
        self.registry
            .put_blob(&self.context, &self.name, digest, body.into())
            .await
    }

    /// A blob's bytes.
    pub async fn read(&self, digest: &Digest) -> Result<Bytes> {
        self.read_range(digest, None)
            .await
            .map(|(_, _, bytes)| bytes)
    }

    /// A blob's size, the range that is answered, and its bytes.
    pub async fn read_range(
        &self,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<(u64, Range<u64>, Bytes)> {
        let read = self
            .registry
            .get_blob(&self.context, &self.name, digest, range)
            .await?;
        Ok((read.size, read.range, read.body.collect(READ_LIMIT).await?))
    }

    /// A blob's size.
    pub async fn size(&self, digest: &Digest) -> Result<u64> {
        self.registry
            .head_blob(&self.context, &self.name, digest)
            .await
            .map(|info| info.size)
    }

    /// Stores the image's blobs and the image, sets the tags, and answers its digest.
    pub async fn image(&self, image: &Image, tags: &[&str]) -> Digest {
        for content in image.blobs() {
            self.blob(content).await;
        }
        self.manifest(image.bytes(), &image.media_type(), tags)
            .await
    }

    /// Stores the index alone, sets the tags, and answers its digest.
    pub async fn index(&self, index: &Index, tags: &[&str]) -> Digest {
        self.manifest(index.bytes(), &index.media_type(), tags)
            .await
    }

    /// Stores a manifest that has to be taken, sets the tags, and answers its digest.
    pub async fn manifest(&self, bytes: Bytes, media_type: &MediaType, tags: &[&str]) -> Digest {
        self.put(bytes, media_type, tags)
            .await
            .expect("the manifest is taken")
            .digest
    }

    /// Tries to store a manifest and to set the tags.
    pub async fn put(
        &self,
        bytes: Bytes,
        media_type: &MediaType,
        tags: &[&str],
    ) -> Result<PutOutcome> {
        let tags = tags
            .iter()
            .map(|tag| TagUpdate::always(fixtures::tag(tag)))
            .collect();
        self.put_with(
            bytes,
            PutManifest {
                media_type: Some(media_type.clone()),
                tags,
                ..self.options()
            },
        )
        .await
    }

    /// Asks what a push of a manifest would get.
    pub async fn rehearse(
        &self,
        bytes: Bytes,
        media_type: &MediaType,
        tags: &[&str],
    ) -> Result<PutOutcome> {
        let tags = tags
            .iter()
            .map(|tag| TagUpdate::always(fixtures::tag(tag)))
            .collect();
        let media_type = Some(media_type.clone());
        self.put_with(
            bytes,
            PutManifest {
                media_type,
                tags,
                dry_run: true,
                ..self.options()
            },
        )
        .await
    }

    /// Tries to store an image whose blobs are there, and to set a tag under a precondition.
    pub async fn put_if(
        &self,
        image: &Image,
        tag: &str,
        precondition: Precondition,
    ) -> Result<PutOutcome> {
        let tags = vec![TagUpdate {
            tag: fixtures::tag(tag),
            precondition,
        }];
        let media_type = Some(image.media_type());
        self.put_with(
            image.bytes(),
            PutManifest {
                media_type,
                tags,
                ..self.options()
            },
        )
        .await
    }

    /// Tries to store a manifest just so.
    pub async fn put_with(&self, bytes: Bytes, options: PutManifest) -> Result<PutOutcome> {
        self.registry
            .put_manifest(&self.context, &self.name, bytes, options)
            .await
    }

    /// No type, digest or tag, and the policy of this repository.
    pub fn options(&self) -> PutManifest {
        PutManifest {
            policy: self.policy.clone(),
            ..PutManifest::default()
        }
    }

    /// What is served under a tag or digest.
    pub async fn get(&self, reference: impl ToString) -> Result<(ManifestInfo, Bytes)> {
        let reference = reference.to_string().parse().expect("a reference");
        let read = self
            .registry
            .get_manifest(&self.context, &self.name, &reference)
            .await?;
        Ok((read.info, read.body.collect(READ_LIMIT).await?))
    }

    /// What is known of the manifest under a tag or digest.
    pub async fn head(&self, reference: impl ToString) -> Result<ManifestInfo> {
        let reference = reference.to_string().parse().expect("a reference");
        self.registry
            .head_manifest(&self.context, &self.name, &reference)
            .await
    }

    /// Makes sure that just this is served under a tag or digest, whole and as mere information.
    pub async fn serves(
        &self,
        reference: impl ToString,
        digest: &Digest,
        media_type: &MediaType,
        bytes: &[u8],
    ) {
        let reference = reference.to_string();
        let (info, served) = self.get(&reference).await.expect("the manifest is served");
        assert_eq!(served, bytes, "the bytes are those that were pushed");
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
            self.head(&reference).await.expect("the manifest is known"),
            info
        );
    }

    /// The digest that a tag points to, if there is such a tag.
    pub async fn tagged(&self, tag: &str) -> Option<Digest> {
        self.head(tag).await.ok().map(|info| info.digest)
    }

    /// All tags.
    pub async fn tags(&self) -> Result<Vec<String>> {
        let page = self.tags_page(&PageRequest::first(1000)).await?;
        Ok(page.items.iter().map(ToString::to_string).collect())
    }

    /// One page of tags.
    pub async fn tags_page(&self, page: &PageRequest) -> Result<Page<Tag>> {
        self.registry.tags(&self.context, &self.name, page).await
    }

    /// All referrers of a digest.
    pub async fn referrers(&self, digest: &Digest) -> Vec<Descriptor> {
        let page = self
            .referrers_page(digest, None, &PageRequest::first(1000))
            .await;
        page.expect("referrers are listed, known or not").items
    }

    /// One page of the referrers of a digest that have an artifact type.
    pub async fn referrers_page(
        &self,
        digest: &Digest,
        artifact_type: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        let artifact_type = artifact_type.map(MediaType::new);
        self.registry
            .referrers(
                &self.context,
                &self.name,
                digest,
                artifact_type.as_ref(),
                page,
            )
            .await
    }

    /// Tries to remove a tag.
    pub async fn delete_tag(&self, tag: &str) -> Result<()> {
        self.registry
            .delete_tag(&self.context, &self.name, &fixtures::tag(tag))
            .await
    }

    /// Tries to remove a manifest.
    pub async fn delete_manifest(&self, digest: &Digest, deletion: Deletion) -> Result<()> {
        self.registry
            .delete_manifest(&self.context, &self.name, digest, deletion)
            .await
    }

    /// Tries to remove a blob.
    pub async fn delete_blob(&self, digest: &Digest, deletion: Deletion) -> Result<()> {
        self.registry
            .delete_blob(&self.context, &self.name, digest, deletion)
            .await
    }

    /// Opens an upload session.
    pub async fn start(&self) -> Upload {
        self.start_for(&Algorithm::Sha256)
            .await
            .expect("a session opens")
    }

    /// Tries to open an upload session.
    pub async fn start_for(&self, algorithm: &Algorithm) -> Result<Upload> {
        self.registry
            .start_upload(&self.context, &self.name, algorithm)
            .await
    }

    /// Where a session stands.
    pub async fn status(&self, id: &UploadId) -> Result<Upload> {
        self.registry
            .upload_status(&self.context, &self.name, id)
            .await
    }

    /// Tries to append to a session.
    pub async fn write(
        &self,
        id: &UploadId,
        offset: Option<u64>,
        body: impl Into<Body>,
    ) -> Result<Upload> {
        self.registry
            .write_upload(&self.context, &self.name, id, offset, body.into())
            .await
    }

    /// Tries to finish a session.
    pub async fn finish(
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

    /// Tries to end a session.
    pub async fn cancel(&self, id: &UploadId) -> Result<()> {
        self.registry
            .cancel_upload(&self.context, &self.name, id)
            .await
    }

    /// Tries to mount a blob.
    pub async fn mount(&self, digest: &Digest, from: Option<&Repository>) -> Mount {
        let from = from.map(Repository::name);
        let mount = self
            .registry
            .mount(&self.context, &self.name, digest, from)
            .await;
        mount.expect("a mount that cannot be is no error")
    }
}
