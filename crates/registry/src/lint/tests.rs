//! Trees read out of a registry in memory, and out of one that fails.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use portolan_model::fixtures::{self, Index, blob, image, repository};
use portolan_model::lint::Rule;
use portolan_model::{Algorithm, ByteRange};
use serde_json::json;

use super::*;
use crate::contract::{Repository, refused};
use crate::memory::MemoryRegistry;
use crate::{BlobInfo, BlobRead, ManifestRead, Registry};

/// A repository, and the registry that it is in.
struct Harbour {
    repository: Repository,
    place: Place,
}

impl Harbour {
    fn new(name: &str) -> Self {
        let registry: Arc<dyn Registry> = Arc::new(MemoryRegistry::new());
        let repository = Repository::of(&registry, name);
        let place = Place {
            registry,
            context: Context::anonymous(),
            repository: fixtures::repository(name),
            name: name.into(),
        };
        Self { repository, place }
    }

    async fn lint(&self, reference: &Digest) -> Result<Tree> {
        lint(&self.place, &reference.clone().into(), Limits::default()).await
    }
}

fn rules(tree: &Tree) -> Vec<Rule> {
    tree.findings().map(|finding| finding.rule).collect()
}

#[tokio::test]
async fn a_tree_is_read_to_its_leaves() {
    let harbour = Harbour::new("app");
    let image = image("a").built_for("linux/amd64").layers(["x", "y"]);
    let inner = Index::oci().image(&image, "linux/amd64");
    let index = Index::oci().nested(&inner, Some("linux/amd64"));
    harbour.repository.image(&image, &[]).await;
    harbour.repository.index(&inner, &[]).await;
    let digest = harbour.repository.index(&index, &[]).await;
    let tree = harbour.lint(&digest).await.unwrap();
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
    let layer = tree.held(&Digest::sha256(&blob("y"))).flatten();
    assert_eq!(
        layer,
        Some(&Held {
            size: blob("y").len() as u64,
            media_type: None
        })
    );
}

#[tokio::test]
async fn what_is_missing_is_found_and_what_is_held_as_a_blob_is_there() {
    let harbour = Harbour::new("sparse/app");
    let (gone, as_blob) = (image("gone"), image("blob"));
    harbour.repository.blob(blob("unknown")).await;
    let index = Index::oci()
        .image(&gone, "linux/amd64")
        .child_of_type("application/vnd.example.unknown", &blob("unknown"), None)
        .field("subject", json!(as_blob.descriptor()));
    let digest = harbour.repository.index(&index, &[]).await;
    let tree = harbour.lint(&digest).await.unwrap();
    assert_eq!(tree.held(&gone.digest()), Some(None));
    assert!(rules(&tree).contains(&Rule::MissingChild));
    assert!(
        tree.held(&Digest::sha256(&blob("unknown")))
            .flatten()
            .is_some()
    );
    harbour.repository.blob(as_blob.bytes()).await;
    let held = harbour
        .lint(&digest)
        .await
        .unwrap()
        .held(&as_blob.digest())
        .flatten()
        .cloned();
    assert_eq!(
        held,
        Some(Held {
            size: as_blob.bytes().len() as u64,
            media_type: None
        }),
        "a subject as a blob"
    );
}

#[tokio::test]
async fn a_child_that_was_pushed_as_a_blob_will_be_a_manifest() {
    let harbour = Harbour::new("sparse/app");
    let image = image("a");
    harbour.repository.blob(image.bytes()).await;
    let index = Index::oci().image(&image, "linux/amd64");
    let tree = lint_document(
        &harbour.place,
        index.digest(),
        index.manifest(),
        Limits::default(),
    )
    .await
    .unwrap();
    assert_eq!(tree.documents()[1].digest, image.digest());
}

#[tokio::test]
async fn what_the_reference_names_has_to_be_there() {
    let harbour = Harbour::new("app");
    harbour.repository.image(&image("a"), &["v1"]).await;
    refused(
        harbour.lint(&image("b").digest()).await,
        &Kind::ManifestUnknown,
    );
}

/// A registry to read from that fails at one digest, and tells what it was asked.
struct Reef {
    inner: Arc<dyn Registry>,
    at: Digest,
    fault: Fault,
    asked: Mutex<Vec<String>>,
}

enum Fault {
    Fails(Kind),
    ServesOtherBytes,
    /// None: what is served is weighed.
    Weighs(Arc<Scales>),
}

/// How many bodies are held at the moment, and how many were at most.
#[derive(Default)]
struct Scales {
    held: AtomicUsize,
    most: AtomicUsize,
}

/// A body on the scales.
struct Weighed {
    bytes: Bytes,
    scales: Arc<Scales>,
}

impl Weighed {
    fn body(bytes: Bytes, scales: &Arc<Scales>) -> Body {
        let held = scales.held.fetch_add(1, Ordering::Relaxed) + 1;
        scales.most.fetch_max(held, Ordering::Relaxed);
        Bytes::from_owner(Self {
            bytes,
            scales: Arc::clone(scales),
        })
        .into()
    }
}

impl AsRef<[u8]> for Weighed {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Weighed {
    fn drop(&mut self) {
        self.scales.held.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Reef {
    fn new(harbour: &Harbour, at: Digest, fault: Fault) -> Self {
        Self {
            inner: Arc::clone(&harbour.place.registry),
            at,
            fault,
            asked: Mutex::default(),
        }
    }

    fn pass(&self, call: &str, what: &impl ToString) -> Result<()> {
        let what = what.to_string();
        self.asked.lock().unwrap().push(format!("{call} {what}"));
        match &self.fault {
            Fault::Fails(kind) if what == self.at.as_str() => {
                Err(Error::new(kind.clone(), "a reef"))
            }
            _ => Ok(()),
        }
    }

    fn body(&self, what: &impl ToString, body: Body) -> Body {
        match (&self.fault, body) {
            (Fault::ServesOtherBytes, _) if what.to_string() == self.at.as_str() => {
                Bytes::from_static(b"{}").into()
            }
            (Fault::Weighs(scales), Body::Whole(bytes)) => Weighed::body(bytes, scales),
            (_, body) => body,
        }
    }

    /// Looks at what stands under a digest.
    async fn look(&self, digest: &Digest) -> Result<Tree, (Digest, Error)> {
        let (context, repository) = (Context::anonymous(), repository("app"));
        let read = self
            .inner
            .get_manifest(&context, &repository, &digest.clone().into())
            .await
            .unwrap();
        let bytes = read.body.collect(MAX_MANIFEST_BYTES).await.unwrap();
        let manifest = Manifest::parse(bytes, Some(&read.info.media_type)).unwrap();
        let look = Look {
            reader: self,
            context: &context,
            repository: &repository,
            stage: Stage::Stored,
        };
        look.through(Lint::new(digest.clone(), manifest, Limits::default()))
            .await
    }
}

#[async_trait]
impl Reader for Reef {
    async fn get_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        self.pass("get_blob", digest)?;
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
        self.pass("head_blob", digest)?;
        self.inner.head_blob(context, repository, digest).await
    }

    async fn get_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        self.pass("get_manifest", reference)?;
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
        self.pass("head_manifest", reference)?;
        self.inner
            .head_manifest(context, repository, reference)
            .await
    }
}

/// An index of one image, and the digest of the index.
async fn moored() -> (Harbour, Digest) {
    let harbour = Harbour::new("app");
    harbour.repository.image(&image("a"), &[]).await;
    let digest = harbour
        .repository
        .index(&Index::oci().image(&image("a"), "linux/amd64"), &[])
        .await;
    (harbour, digest)
}

#[tokio::test]
async fn a_failure_is_none_of_the_tree_s() {
    let (harbour, digest) = moored().await;
    for kind in [
        Kind::Unauthorized,
        Kind::Denied,
        Kind::Unavailable,
        Kind::Internal,
    ] {
        let reef = Reef::new(&harbour, image("a").digest(), Fault::Fails(kind.clone()));
        let (at, error) = reef.look(&digest).await.unwrap_err();
        assert_eq!((at, error.kind()), (image("a").digest(), &kind));
    }
}

#[tokio::test]
async fn a_digest_that_the_registry_does_not_take_names_nothing() {
    let (harbour, digest) = moored().await;
    let layer = Digest::sha256(&blob("a"));
    let reef = Reef::new(&harbour, layer.clone(), Fault::Fails(Kind::DigestInvalid));
    assert_eq!(reef.look(&digest).await.unwrap().held(&layer), Some(None));
}

#[tokio::test]
async fn other_bytes_than_promised_are_a_finding() {
    let (harbour, digest) = moored().await;
    let reef = Reef::new(&harbour, image("a").digest(), Fault::ServesOtherBytes);
    let tree = reef.look(&digest).await.unwrap();
    assert!(
        rules(&tree).contains(&Rule::UnreadableChild),
        "{:?}",
        rules(&tree)
    );
    assert_eq!(tree.documents().len(), 1);
    let config = Digest::sha256(&image("a").blobs()[0]);
    let reef = Reef::new(&harbour, config.clone(), Fault::ServesOtherBytes);
    let tree = reef.look(&digest).await.unwrap();
    assert!(tree.config(&config).is_none() && tree.held(&config).flatten().is_some());
}

#[tokio::test]
async fn layers_are_not_read_and_nothing_is_asked_twice() {
    let (harbour, digest) = moored().await;
    let nothing = Digest::of(&Algorithm::Sha512, b"").unwrap();
    let reef = Reef::new(&harbour, nothing, Fault::ServesOtherBytes);
    reef.look(&digest).await.unwrap();
    let image = image("a");
    let mut asked = reef.asked.into_inner().unwrap();
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
async fn no_more_than_a_handful_of_configs_are_held_at_a_time() {
    let harbour = Harbour::new("app");
    let mut index = Index::oci();
    for number in 0..50 {
        let image = image("a").config_field("number", json!(number));
        harbour.repository.image(&image, &[]).await;
        index = index.image(&image, "linux/amd64");
    }
    let digest = harbour.repository.index(&index, &[]).await;
    let scales = Arc::new(Scales::default());
    let tree = Reef::new(&harbour, digest.clone(), Fault::Weighs(Arc::clone(&scales)))
        .look(&digest)
        .await
        .unwrap();
    let configs = index
        .manifest()
        .children()
        .iter()
        .filter(|child| tree.config_of(&child.descriptor.digest).is_some())
        .count();
    // The documents are kept, the first of which was read elsewhere.
    let most = scales.most.load(Ordering::Relaxed);
    assert_eq!((configs, tree.documents().len()), (50, 51));
    assert!((50..=50 + AT_ONCE).contains(&most), "{most}");
}
