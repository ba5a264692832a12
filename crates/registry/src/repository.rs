//! Handle to one repository of a registry, with convenience functions.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::{
    ByteRange, Descriptor, Digest, Manifest, MediaType, MediaTypeRole, Platform, PlatformSearch,
    Reference, RepositoryName, SearchStep, Tag,
};

use crate::{
    BlobInfo, BlobRead, Body, Context, Deletion, Error, Host, Kind, MAX_MANIFEST_BYTES,
    ManifestInfo, ManifestRead, Page, PageRequest, PutManifest, PutOutcome, Registry, Result,
    verify_digest,
};

/// Number of items to request per page.
const PAGE: usize = 1000;

/// Handle to one repository of a registry. All calls through it have the same [`Context`].
#[derive(Clone)]
pub struct Repository {
    /// Registry that contains the repository. Two handles share a registry if they have the same
    /// `Arc`.
    pub registry: Arc<dyn Registry>,
    /// Context of all calls through the handle.
    pub context: Context,
    /// Name of the repository in the registry.
    pub name: RepositoryName,
    /// Name of the repository in messages and in a [`SessionStore`](crate::copy::SessionStore),
    /// such as `quay.io/team/app` or `oci:folder`.
    pub display_name: Arc<str>,
}

/// Manifest of any type, as a registry stores it.
#[derive(Clone, Debug)]
pub struct StoredManifest {
    /// Digest, media type and size, as the registry reports them.
    pub info: ManifestInfo,
    /// Bytes of the manifest. They match the digest in `info`.
    pub bytes: Bytes,
}

impl StoredManifest {
    /// Collects the bytes of `read`, the manifest at `reference`. Verifies them against the digest
    /// that the registry reports, and against `reference` if it is a digest.
    ///
    /// # Errors
    /// Returns [`Kind::TooLarge`] if the manifest exceeds 4 MiB, [`Kind::DigestInvalid`] if the
    /// bytes do not match a digest, and the error of the body if it fails.
    pub async fn collect(read: ManifestRead, reference: &Reference) -> Result<Self> {
        let ManifestRead { info, body } = read;
        let bytes = body.collect(MAX_MANIFEST_BYTES).await?;
        verify_digest(&bytes, Some(&info.digest))?;
        if let Reference::Digest(digest) = reference
            && *digest != info.digest
        {
            verify_digest(&bytes, Some(digest))?;
        }
        Ok(Self { info, bytes })
    }

    /// Parses the manifest as the media type that the registry reports.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestInvalid`] if the bytes are not a manifest.
    pub fn parse(&self) -> Result<Manifest> {
        self.parse_as(None)
    }

    /// Parses the manifest. If the registry reports a [generic](MediaType::is_generic) media type,
    /// uses `declared` instead, the type from a descriptor.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestInvalid`] if the bytes are not a manifest.
    pub fn parse_as(&self, declared: Option<&MediaType>) -> Result<Manifest> {
        let served = Some(&self.info.media_type);
        let claimed = served
            .filter(|media_type| !media_type.is_generic())
            .or(declared)
            .or(served);
        Manifest::parse(self.bytes.clone(), claimed)
            .map_err(|error| Error::manifest_unreadable(claimed, &error))
    }
}

impl Repository {
    /// Creates a handle. Messages show `name` unless [`Repository::with_display_name`] sets another
    /// name.
    pub fn new(registry: Arc<dyn Registry>, context: Context, name: RepositoryName) -> Self {
        let display_name = name.as_str().into();
        Self {
            registry,
            context,
            name,
            display_name,
        }
    }

    /// Sets the name of the repository in messages.
    #[must_use]
    pub fn with_display_name(self, name: impl Into<Arc<str>>) -> Self {
        Self {
            display_name: name.into(),
            ..self
        }
    }

    /// Returns the full name of a tag or digest in the repository for messages, such as
    /// `quay.io/team/app:v1`.
    pub fn full_name(&self, reference: &(impl ToString + ?Sized)) -> String {
        let reference = reference.to_string();
        let separator = if reference.contains(':') { '@' } else { ':' };
        format!("{}{separator}{reference}", self.display_name)
    }

    /// Returns whether both repositories are in the same registry. If so, blobs can be mounted.
    pub fn shares_registry_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.registry, &other.registry)
    }

    /// Returns whether the display name of the repository begins with `host`.
    pub fn is_at(&self, host: &Host) -> bool {
        self.display_name
            .strip_prefix(host.as_str())
            .is_some_and(|rest| rest.starts_with('/'))
    }

    /// Reads a manifest and verifies its bytes.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestUnknown`] if the manifest does not exist, and the errors of
    /// [`StoredManifest::collect`].
    pub async fn manifest(&self, reference: &Reference) -> Result<StoredManifest> {
        let read = self
            .registry
            .get_manifest(&self.context, &self.name, reference)
            .await?;
        StoredManifest::collect(read, reference).await
    }

    /// Reads a manifest and verifies its bytes, or returns `None` if it does not exist.
    ///
    /// # Errors
    /// Returns the errors of [`Repository::manifest`] for a manifest that exists.
    pub async fn try_manifest(&self, reference: &Reference) -> Result<Option<StoredManifest>> {
        none_if_unknown(self.manifest(reference).await)
    }

    /// Returns information about a manifest without reading it.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestUnknown`] if the manifest does not exist.
    pub async fn head_manifest(&self, reference: &Reference) -> Result<ManifestInfo> {
        self.registry
            .head_manifest(&self.context, &self.name, reference)
            .await
    }

    /// Returns the digest of the manifest at `reference`. A digest is returned unchanged, without a
    /// check that the manifest exists.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestUnknown`] if the tag does not exist.
    pub async fn resolve(&self, reference: &Reference) -> Result<Digest> {
        match reference {
            Reference::Digest(digest) => Ok(digest.clone()),
            tag @ Reference::Tag(_) => Ok(self.head_manifest(tag).await?.digest),
        }
    }

    /// Returns `manifest` itself if it is not an index. Otherwise, returns the image for `platform`
    /// in the index and its nested indexes, or `None` if they have no image for the platform.
    ///
    /// Nested indexes that the repository does not have are skipped. The message of an error
    /// includes the name of the manifest.
    ///
    /// # Errors
    /// Returns the errors of [`Repository::manifest`] and [`StoredManifest::parse`].
    pub async fn select_platform(
        &self,
        manifest: StoredManifest,
        platform: &Platform,
    ) -> Result<Option<StoredManifest>> {
        if manifest.info.media_type.role() != MediaTypeRole::Index {
            return Ok(Some(manifest));
        }
        let index = self.with_full_name(&manifest.info.digest, manifest.parse())?;
        let mut search = PlatformSearch::new(self.read_children(&index).await?, platform.clone());
        loop {
            match search.next() {
                SearchStep::Found(Descriptor { digest, .. }) => {
                    let image = self.manifest(&digest.clone().into()).await;
                    return self.with_full_name(&digest, image).map(Some);
                }
                SearchStep::Open(Descriptor { digest, .. }) => {
                    let nested = self.try_manifest(&digest.clone().into()).await;
                    if let Some(nested) = self.with_full_name(&digest, nested)? {
                        let nested = self.with_full_name(&digest, nested.parse())?;
                        search.supply(self.read_children(&nested).await?);
                    }
                }
                SearchStep::NotFound => return Ok(None),
            }
        }
    }

    /// Prepends the full name of a manifest to the message of an error.
    fn with_full_name<T>(&self, digest: &Digest, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.with_prefix(self.full_name(digest)))
    }

    /// Returns the size and the bytes of a blob, or of a range of it.
    ///
    /// # Errors
    /// Returns [`Kind::BlobUnknown`] if the blob does not exist, and
    /// [`Kind::RangeUnsatisfiable`] if the range contains no byte of it.
    pub async fn get_blob(&self, digest: &Digest, range: Option<ByteRange>) -> Result<BlobRead> {
        self.registry
            .get_blob(&self.context, &self.name, digest, range)
            .await
    }

    /// Returns the size and the bytes of the blob that `descriptor` describes, or of a range of it.
    ///
    /// # Errors
    /// Returns the errors of [`Repository::get_blob`].
    pub async fn get_described_blob(
        &self,
        descriptor: &Descriptor,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        self.registry
            .get_described_blob(&self.context, &self.name, descriptor, range)
            .await
    }

    /// Reads a blob of at most 4 MiB, such as the config of an image, and verifies its bytes.
    ///
    /// # Errors
    /// Returns [`Kind::BlobUnknown`] if the blob does not exist, [`Kind::TooLarge`] if it exceeds
    /// 4 MiB, and [`Kind::DigestInvalid`] if the bytes do not match the digest.
    pub async fn small_blob(&self, digest: &Digest) -> Result<Bytes> {
        let read = self.get_blob(digest, None).await?;
        let bytes = read.body.collect(MAX_MANIFEST_BYTES).await?;
        verify_digest(&bytes, Some(digest))?;
        Ok(bytes)
    }

    /// Returns information about a blob.
    ///
    /// # Errors
    /// Returns [`Kind::BlobUnknown`] if the blob does not exist.
    pub async fn head_blob(&self, digest: &Digest) -> Result<BlobInfo> {
        self.registry
            .head_blob(&self.context, &self.name, digest)
            .await
    }

    /// Returns whether the repository has a blob.
    ///
    /// # Errors
    /// Returns an error only if the registry itself fails.
    pub async fn has_blob(&self, digest: &Digest) -> Result<bool> {
        Ok(none_if_unknown(self.head_blob(digest).await)?.is_some())
    }

    /// Returns one page of the tags in the repository.
    ///
    /// # Errors
    /// Returns [`Kind::RepositoryUnknown`] if the repository does not exist.
    pub async fn tags_page(&self, page: &PageRequest) -> Result<Page<Tag>> {
        self.registry.tags(&self.context, &self.name, page).await
    }

    /// Lists the descriptors of all manifests whose subject is `digest` (distribution-spec,
    /// "Listing Referrers"). With `artifact_type`, lists only manifests of this artifact type.
    ///
    /// # Errors
    /// Returns an error only if the registry itself fails.
    pub async fn referrers(
        &self,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
    ) -> Result<Vec<Descriptor>> {
        let (mut found, mut request) = (Vec::new(), PageRequest::first(PAGE));
        loop {
            let page = self.referrers_page(digest, artifact_type, &request).await?;
            found.extend(page.items);
            match page.next {
                Some(next) => request.after = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// Returns one page of the list that [`Repository::referrers`] returns in full.
    ///
    /// # Errors
    /// Returns an error only if the registry itself fails.
    pub async fn referrers_page(
        &self,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        self.registry
            .referrers(&self.context, &self.name, digest, artifact_type, page)
            .await
    }

    /// Lists descriptors of all manifests of the repository, in no particular order.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`] if the registry cannot list manifests, and
    /// [`Kind::RepositoryUnknown`] if the repository does not exist.
    pub async fn manifests(&self) -> Result<Vec<Descriptor>> {
        let (mut found, mut request) = (Vec::new(), PageRequest::first(PAGE));
        loop {
            let page = self
                .registry
                .manifests(&self.context, &self.name, &request)
                .await?;
            found.extend(page.items);
            match page.next {
                Some(next) => request.after = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// Stores a manifest and sets the tags in `options`.
    ///
    /// # Errors
    /// Returns the errors of [`Writer::put_manifest`](crate::Writer::put_manifest).
    pub async fn put(&self, bytes: Bytes, options: PutManifest) -> Result<PutOutcome> {
        self.registry
            .put_manifest(&self.context, &self.name, bytes, options)
            .await
    }

    /// Stores a blob.
    ///
    /// # Errors
    /// Returns the errors of [`Writer::put_blob`](crate::Writer::put_blob).
    pub async fn put_blob(&self, digest: &Digest, body: impl Into<Body>) -> Result<()> {
        self.registry
            .put_blob(&self.context, &self.name, digest, body.into())
            .await
    }

    /// Deletes a tag.
    ///
    /// # Errors
    /// Returns the errors of [`Deleter::delete_tag`](crate::Deleter::delete_tag).
    pub async fn delete_tag(&self, tag: &Tag) -> Result<()> {
        self.registry
            .delete_tag(&self.context, &self.name, tag)
            .await
    }

    /// Deletes a manifest and all tags that point to it.
    ///
    /// # Errors
    /// Returns the errors of [`Deleter::delete_manifest`](crate::Deleter::delete_manifest).
    pub async fn delete_manifest(&self, digest: &Digest, deletion: Deletion) -> Result<()> {
        self.registry
            .delete_manifest(&self.context, &self.name, digest, deletion)
            .await
    }

    /// Deletes a blob.
    ///
    /// # Errors
    /// Returns the errors of [`Deleter::delete_blob`](crate::Deleter::delete_blob).
    pub async fn delete_blob(&self, digest: &Digest, deletion: Deletion) -> Result<()> {
        self.registry
            .delete_blob(&self.context, &self.name, digest, deletion)
            .await
    }

    /// Deletes the repository with all its content.
    ///
    /// # Errors
    /// Returns the errors of [`Deleter::delete_repository`](crate::Deleter::delete_repository).
    pub async fn delete(&self) -> Result<()> {
        self.registry
            .delete_repository(&self.context, &self.name)
            .await
    }
}

/// Maps an error for a blob, manifest or repository that does not exist to `None`.
pub(crate) fn none_if_unknown<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.kind() {
            Kind::ManifestUnknown | Kind::BlobUnknown | Kind::RepositoryUnknown => Ok(None),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::{IndexFixture, blob, image, repository};

    use super::*;
    use crate::contract::{TestRepository, expect_error};
    use crate::memory::MemoryRegistry;

    fn test_repository() -> TestRepository {
        let registry: Arc<dyn Registry> = Arc::new(MemoryRegistry::new());
        TestRepository::new(&registry, "sparse/app")
    }

    #[tokio::test]
    async fn reads_what_exists_and_maps_the_rest_to_none() {
        let repository = test_repository();
        let digest = repository.push_image(&image("a"), &["v1"]).await;
        let stored = repository.manifest(&digest.clone().into()).await.unwrap();
        assert_eq!(
            (&stored.info.digest, &stored.bytes),
            (&digest, &image("a").bytes())
        );
        let unknown = image("b").digest();
        let missing = repository.try_manifest(&unknown.clone().into()).await;
        assert!(missing.unwrap().is_none());
        assert!(!repository.has_blob(&unknown).await.unwrap());
        let config = Digest::sha256(&image("a").blobs()[0]);
        assert!(repository.has_blob(&config).await.unwrap());
    }

    #[tokio::test]
    async fn rejects_bytes_that_do_not_match_the_reference() {
        let image = image("a");
        let info = ManifestInfo {
            digest: image.digest(),
            media_type: image.media_type(),
            size: image.bytes().len() as u64,
        };
        let body = image.bytes().into();
        let other = Digest::sha256(&blob("other")).into();
        let collected = StoredManifest::collect(ManifestRead { info, body }, &other).await;
        expect_error(collected, &Kind::DigestInvalid);
    }

    #[tokio::test]
    async fn selects_the_image_for_a_platform_in_nested_indexes() {
        let repository = test_repository();
        let inner = IndexFixture::oci().image(&image("arm"), "linux/arm64");
        let outer = IndexFixture::oci()
            .nested_index(&IndexFixture::docker(), None)
            .nested_index(&inner, None);
        repository.push_image(&image("arm"), &[]).await;
        repository.push_index(&IndexFixture::docker(), &[]).await;
        repository.push_index(&inner, &[]).await;
        repository.push_index(&outer, &["v1"]).await;
        let index = repository.manifest(&"v1".parse().unwrap()).await.unwrap();
        let select = async |platform: &str| {
            let platform = platform.parse().unwrap();
            let selected = repository.select_platform(index.clone(), &platform).await;
            selected.unwrap().map(|image| image.info.digest)
        };
        assert_eq!(select("linux/arm64").await, Some(image("arm").digest()));
        assert_eq!(select("linux/s390x").await, None);
    }

    #[test]
    fn full_names_show_tags_and_digests() {
        let registry: Arc<dyn Registry> = Arc::new(MemoryRegistry::new());
        let handle = Repository::new(registry, Context::anonymous(), repository("app"))
            .with_display_name("oci:folder");
        let digest = image("a").digest();
        assert_eq!(handle.full_name("v1"), "oci:folder:v1");
        assert_eq!(handle.full_name(&digest), format!("oci:folder@{digest}"));
    }
}
