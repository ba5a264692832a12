//! Tests of reading trees from a registry in memory, and from a registry that fails.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use portolan_model::fixtures::{self, IndexFixture, blob, image, repository};
use portolan_model::lint::Rule;
use portolan_model::{Algorithm, ByteRange};
use serde_json::json;

use super::*;
use crate::contract::{TestRepository, expect_error, test_admission};
use crate::memory::MemoryRegistry;
use crate::{BlobInfo, BlobRead, LocalRegistry, ManifestRead, Registry};

/// A repository handle, and the means to fill the repository.
struct Fixture {
    repository: TestRepository,
    handle: Repository,
}

impl Fixture {
    fn new(name: &str) -> Self {
        let registry = MemoryRegistry::new().handle(test_admission());
        let repository = TestRepository::new(&registry, name);
        let handle = Repository::new(registry, Context::anonymous(), fixtures::repository(name));
        Self { repository, handle }
    }

    async fn lint(&self, reference: &Digest) -> Result<LintTree> {
        lint(
            &self.handle,
            &reference.clone().into(),
            LintLimits::default(),
        )
        .await
    }
}

fn rules(tree: &LintTree) -> Vec<Rule> {
    tree.findings().map(|finding| finding.rule).collect()
}

#[tokio::test]
async fn reads_the_complete_tree() {
    let fixture = Fixture::new("app");
    let image = image("a").built_for("linux/amd64").layers(["x", "y"]);
    let inner = IndexFixture::oci().image(&image, "linux/amd64");
    let index = IndexFixture::oci().nested_index(&inner, Some("linux/amd64"));
    fixture.repository.push_image(&image, &[]).await;
    fixture.repository.push_index(&inner, &[]).await;
    let digest = fixture.repository.push_index(&index, &[]).await;
    let tree = fixture.lint(&digest).await.unwrap();
    let digests: Vec<_> = tree
        .documents()
        .iter()
        .map(|document| &document.digest)
        .collect();
    assert_eq!(digests, [&digest, &inner.digest(), &image.digest()]);
    let config = Digest::sha256(&image.blobs()[0]);
    assert_eq!(
        tree.config(&config)
            .and_then(|config| config.platform.clone()),
        "linux/amd64".parse().ok()
    );
    let layer = tree.stored_content(&Digest::sha256(&blob("y"))).flatten();
    assert_eq!(
        layer,
        Some(&Stored {
            size: blob("y").len() as u64,
            media_type: None
        })
    );
}

#[tokio::test]
async fn reports_missing_content_and_finds_children_stored_as_blobs() {
    let fixture = Fixture::new("sparse/app");
    let (gone, as_blob) = (image("gone"), image("blob"));
    fixture.repository.push_blob(blob("unknown")).await;
    let index = IndexFixture::oci()
        .image(&gone, "linux/amd64")
        .child_of_type("application/vnd.example.unknown", &blob("unknown"), None)
        .field("subject", json!(as_blob.descriptor()));
    let digest = fixture.repository.push_index(&index, &[]).await;
    let tree = fixture.lint(&digest).await.unwrap();
    assert_eq!(tree.stored_content(&gone.digest()), Some(None));
    assert!(rules(&tree).contains(&Rule::MissingChild));
    assert!(
        tree.stored_content(&Digest::sha256(&blob("unknown")))
            .flatten()
            .is_some()
    );
    fixture.repository.push_blob(as_blob.bytes()).await;
    let stored = fixture
        .lint(&digest)
        .await
        .unwrap()
        .stored_content(&as_blob.digest())
        .flatten()
        .cloned();
    assert_eq!(
        stored,
        Some(Stored {
            size: as_blob.bytes().len() as u64,
            media_type: None
        }),
        "a subject as a blob"
    );
}

#[tokio::test]
async fn reads_a_child_pushed_as_a_blob_as_a_manifest() {
    let fixture = Fixture::new("sparse/app");
    let image = image("a");
    fixture.repository.push_blob(image.bytes()).await;
    let index = IndexFixture::oci().image(&image, "linux/amd64");
    let tree = lint_document(
        &fixture.handle,
        index.digest(),
        index.manifest(),
        LintLimits::default(),
    )
    .await
    .unwrap();
    assert_eq!(tree.documents()[1].digest, image.digest());
}

#[tokio::test]
async fn fails_if_the_root_does_not_exist() {
    let fixture = Fixture::new("app");
    fixture.repository.push_image(&image("a"), &["v1"]).await;
    expect_error(
        fixture.lint(&image("b").digest()).await,
        &Kind::ManifestUnknown,
    );
}

/// Reader that fails at one digest and records the requests.
struct FaultyReader {
    inner: Arc<dyn Registry>,
    faulty_digest: Digest,
    fault: Fault,
    requests: Mutex<Vec<String>>,
}

enum Fault {
    Fails(Kind),
    ServesOtherBytes,
    /// No fault: counts the bodies in memory.
    CountsBodies(Arc<BodyCounter>),
}

/// Current and maximum number of bodies in memory.
#[derive(Default)]
struct BodyCounter {
    current: AtomicUsize,
    max: AtomicUsize,
}

/// A body that is counted while it is in memory.
struct CountedBody {
    bytes: Bytes,
    counter: Arc<BodyCounter>,
}

impl CountedBody {
    fn body(bytes: Bytes, counter: &Arc<BodyCounter>) -> Body {
        let current = counter.current.fetch_add(1, Ordering::Relaxed) + 1;
        counter.max.fetch_max(current, Ordering::Relaxed);
        Bytes::from_owner(Self {
            bytes,
            counter: Arc::clone(counter),
        })
        .into()
    }
}

impl AsRef<[u8]> for CountedBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for CountedBody {
    fn drop(&mut self) {
        self.counter.current.fetch_sub(1, Ordering::Relaxed);
    }
}

impl FaultyReader {
    fn new(fixture: &Fixture, at: Digest, fault: Fault) -> Self {
        Self {
            inner: Arc::clone(&fixture.handle.registry),
            faulty_digest: at,
            fault,
            requests: Mutex::default(),
        }
    }

    fn record(&self, call: &str, reference: &impl ToString) -> Result<()> {
        let reference = reference.to_string();
        self.requests
            .lock()
            .unwrap()
            .push(format!("{call} {reference}"));
        match &self.fault {
            Fault::Fails(kind) if reference == self.faulty_digest.as_str() => {
                Err(Error::new(kind.clone(), "injected failure"))
            }
            _ => Ok(()),
        }
    }

    fn body(&self, reference: &impl ToString, body: Body) -> Body {
        match (&self.fault, body) {
            (Fault::ServesOtherBytes, _)
                if reference.to_string() == self.faulty_digest.as_str() =>
            {
                Bytes::from_static(b"{}").into()
            }
            (Fault::CountsBodies(counter), Body::Full(bytes)) => CountedBody::body(bytes, counter),
            (_, body) => body,
        }
    }

    /// Lints the tree whose root has this digest.
    async fn lint(&self, digest: &Digest) -> Result<LintTree, (Digest, Error)> {
        let (context, repository) = (Context::anonymous(), repository("app"));
        let read = self
            .inner
            .get_manifest(&context, &repository, &digest.clone().into())
            .await
            .unwrap();
        let bytes = read.body.collect(MAX_MANIFEST_BYTES).await.unwrap();
        let manifest = Manifest::parse(bytes, Some(&read.info.media_type)).unwrap();
        let look = TreeReader {
            reader: self,
            context: &context,
            repository: &repository,
            stage: Stage::Stored,
        };
        look.read_tree(Linter::new(digest.clone(), manifest, LintLimits::default()))
            .await
    }
}

#[async_trait]
impl Reader for FaultyReader {
    async fn get_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        self.record("get_blob", digest)?;
        let read = self
            .inner
            .get_blob(context, repository, digest, range)
            .await?;
        Ok(BlobRead {
            body: self.body(digest, read.body),
            ..read
        })
    }

    async fn head_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo> {
        self.record("head_blob", digest)?;
        self.inner.head_blob(context, repository, digest).await
    }

    async fn get_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        self.record("get_manifest", reference)?;
        let read = self
            .inner
            .get_manifest(context, repository, reference)
            .await?;
        Ok(ManifestRead {
            body: self.body(reference, read.body),
            ..read
        })
    }

    async fn head_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestInfo> {
        self.record("head_manifest", reference)?;
        self.inner
            .head_manifest(context, repository, reference)
            .await
    }
}

/// Pushes an index of one image, and returns its digest.
async fn fixture_with_index() -> (Fixture, Digest) {
    let fixture = Fixture::new("app");
    fixture.repository.push_image(&image("a"), &[]).await;
    let digest = fixture
        .repository
        .push_index(&IndexFixture::oci().image(&image("a"), "linux/amd64"), &[])
        .await;
    (fixture, digest)
}

#[tokio::test]
async fn returns_failures_of_the_registry() {
    let (fixture, digest) = fixture_with_index().await;
    for kind in [
        Kind::Unauthorized,
        Kind::Denied,
        Kind::Unavailable,
        Kind::Internal,
    ] {
        let reader = FaultyReader::new(&fixture, image("a").digest(), Fault::Fails(kind.clone()));
        let (at, error) = reader.lint(&digest).await.unwrap_err();
        assert_eq!((at, error.kind()), (image("a").digest(), &kind));
    }
}

#[tokio::test]
async fn treats_a_rejected_digest_as_missing() {
    let (fixture, digest) = fixture_with_index().await;
    let layer = Digest::sha256(&blob("a"));
    let reader = FaultyReader::new(&fixture, layer.clone(), Fault::Fails(Kind::DigestInvalid));
    assert_eq!(
        reader.lint(&digest).await.unwrap().stored_content(&layer),
        Some(None)
    );
}

#[tokio::test]
async fn reports_content_that_does_not_match_its_digest() {
    let (fixture, digest) = fixture_with_index().await;
    let reader = FaultyReader::new(&fixture, image("a").digest(), Fault::ServesOtherBytes);
    let tree = reader.lint(&digest).await.unwrap();
    assert!(
        rules(&tree).contains(&Rule::UnreadableChild),
        "{:?}",
        rules(&tree)
    );
    assert_eq!(tree.documents().len(), 1);
    let config = Digest::sha256(&image("a").blobs()[0]);
    let reader = FaultyReader::new(&fixture, config.clone(), Fault::ServesOtherBytes);
    let tree = reader.lint(&digest).await.unwrap();
    assert!(tree.config(&config).is_none() && tree.stored_content(&config).flatten().is_some());
}

#[tokio::test]
async fn reads_no_layers_and_asks_only_once() {
    let (fixture, digest) = fixture_with_index().await;
    let nothing = Digest::compute(&Algorithm::Sha512, b"").unwrap();
    let reader = FaultyReader::new(&fixture, nothing, Fault::ServesOtherBytes);
    reader.lint(&digest).await.unwrap();
    let image = image("a");
    let mut asked = reader.requests.into_inner().unwrap();
    asked.sort_unstable();
    let mut expected = [
        format!("get_manifest {}", image.digest()),
        format!("get_blob {}", Digest::sha256(&image.blobs()[0])),
        format!("head_blob {}", Digest::sha256(&image.blobs()[1])),
    ];
    expected.sort_unstable();
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn keeps_only_a_few_configs_in_memory() {
    let fixture = Fixture::new("app");
    let mut index = IndexFixture::oci();
    for number in 0..50 {
        let image = image("a").config_field("number", json!(number));
        fixture.repository.push_image(&image, &[]).await;
        index = index.image(&image, "linux/amd64");
    }
    let digest = fixture.repository.push_index(&index, &[]).await;
    let counter = Arc::new(BodyCounter::default());
    let tree = FaultyReader::new(
        &fixture,
        digest.clone(),
        Fault::CountsBodies(Arc::clone(&counter)),
    )
    .lint(&digest)
    .await
    .unwrap();
    let configs = index
        .manifest()
        .children()
        .iter()
        .filter(|child| tree.config_of(&child.descriptor.digest).is_some())
        .count();
    // The documents stay in memory. The first document was not read through the faulty reader.
    let most = counter.max.load(Ordering::Relaxed);
    assert_eq!((configs, tree.documents().len()), (50, 51));
    assert!((50..=50 + CONCURRENCY).contains(&most), "{most}");
}
