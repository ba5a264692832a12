//! Tests of plans and of their execution, with and without a list of manifests.

use std::sync::Arc;

use portolan_model::Digest;
use portolan_model::fixtures::{ImageFixture, IndexFixture, image};

use super::graph::Graph;
use super::survey::Scope;
use super::{DeletionPlan, Method};
use crate::contract::{TestRepository, expect_error};
use crate::memory::MemoryRegistry;
use crate::{Context, Deletion, Kind, Registry, Repository};

/// Repository with the same content for the contract's functions and for those under test.
struct Fixture {
    stored: TestRepository,
    handle: Repository,
}

impl Fixture {
    fn new() -> Self {
        let registry: Arc<dyn Registry> = Arc::new(MemoryRegistry::new());
        let stored = TestRepository::new(&registry, "sparse/app");
        let handle = Repository::new(registry, Context::anonymous(), stored.name().clone());
        Self { stored, handle }
    }

    async fn push(&self, image: &ImageFixture, tags: &[&str]) -> Digest {
        self.stored.push_image(image, tags).await
    }

    async fn push_index(&self, index: &IndexFixture, tags: &[&str]) -> Digest {
        self.stored.push_index(index, tags).await
    }

    /// Plans a tree in both ways, and checks that the plans are equal.
    async fn plan_tree(&self, root: &Digest) -> DeletionPlan {
        let plan = DeletionPlan::for_tree(&self.handle, root).await.unwrap();
        let walked = Graph::walk(&self.handle, Scope::Tree(root)).await.unwrap();
        let walked = DeletionPlan::from_doomed(&walked, &walked.tree(root), Some(root));
        assert_eq!(walked.manifests, plan.manifests);
        assert_eq!(walked.tags, plan.tags);
        plan
    }

    async fn execute(&self, plan: DeletionPlan) -> DeletionPlan {
        plan.execute(&self.handle, Deletion::Guarded).await.unwrap()
    }

    async fn digests(&self) -> Vec<Digest> {
        sorted(
            self.handle
                .manifests()
                .await
                .unwrap()
                .into_iter()
                .map(|manifest| manifest.digest),
        )
    }
}

fn sorted(digests: impl IntoIterator<Item = Digest>) -> Vec<Digest> {
    let mut digests: Vec<_> = digests.into_iter().collect();
    digests.sort();
    digests
}

fn names(tags: &[portolan_model::Tag]) -> Vec<&str> {
    tags.iter().map(portolan_model::Tag::as_str).collect()
}

fn signature_of(name: &str, subject: &ImageFixture) -> ImageFixture {
    image(name).subject(&subject.descriptor())
}

#[tokio::test]
async fn tree_includes_children_and_referrers_at_any_depth() {
    let fixture = Fixture::new();
    let (amd64, arm64) = (image("amd64"), image("arm64"));
    let inner = IndexFixture::oci().image(&arm64, "linux/arm64");
    let outer = IndexFixture::oci()
        .image(&amd64, "linux/amd64")
        .image(&arm64, "linux/arm64")
        .nested_index(&inner, None);
    let signature = signature_of("signature", &amd64);
    let of_signature = signature_of("of signature", &signature);
    for image in [&amd64, &arm64, &signature, &of_signature] {
        fixture.push(image, &[]).await;
    }
    fixture.push_index(&inner, &[]).await;
    let root = fixture.push_index(&outer, &["v1", "latest"]).await;
    fixture.push(&image("other"), &["v2"]).await;

    let plan = fixture.plan_tree(&root).await;
    assert_eq!(names(&plan.tags), ["latest", "v1"]);
    assert_eq!(plan.root_tags, plan.tags);
    assert_eq!(plan.manifests[0], root);
    let place = |digest: &Digest| plan.manifests.iter().position(|other| other == digest);
    assert!(place(&inner.digest()) < place(&arm64.digest()));
    let parts = [&amd64, &arm64, &signature, &of_signature].map(ImageFixture::digest);
    assert_eq!(
        sorted(plan.manifests.clone()),
        sorted([vec![root, inner.digest()], parts.to_vec()].concat())
    );
    let deleted = fixture.execute(plan.clone()).await;
    assert_eq!(deleted, plan);
    assert_eq!(fixture.digests().await, [image("other").digest()]);
}

#[tokio::test]
async fn tree_keeps_what_something_else_names() {
    let fixture = Fixture::new();
    let (shared, tagged, own) = (image("shared"), image("tagged"), image("own"));
    let index = IndexFixture::oci()
        .image(&shared, "linux/amd64")
        .image(&tagged, "linux/arm64")
        .image(&own, "linux/s390x");
    // An untagged index names a child too. It is known only if the registry lists manifests.
    let untagged = IndexFixture::oci().image(&shared, "linux/amd64");
    let signature = signature_of("signature", &shared);
    fixture.push(&shared, &[]).await;
    fixture.push(&tagged, &["arm64"]).await;
    for image in [&own, &signature] {
        fixture.push(image, &[]).await;
    }
    fixture.push_index(&untagged, &[]).await;
    let root = fixture.push_index(&index, &["v1"]).await;

    let plan = DeletionPlan::for_tree(&fixture.handle, &root)
        .await
        .unwrap();
    assert_eq!(plan.manifests, [root, own.digest()]);
    assert_eq!(names(&plan.tags), ["v1"]);
    fixture.execute(plan).await;
    let kept = [&shared, &tagged, &signature].map(ImageFixture::digest);
    assert_eq!(
        fixture.digests().await,
        sorted([kept.to_vec(), vec![untagged.digest()]].concat())
    );
}

#[tokio::test]
async fn tags_of_signatures_go_with_the_signed_manifest() {
    let fixture = Fixture::new();
    let (signed, other) = (image("signed"), image("other"));
    let root = fixture.push(&signed, &["v1"]).await;
    fixture.push(&other, &["v2"]).await;
    let tag = |image: &ImageFixture, suffix: &str| {
        format!("{}{suffix}", image.digest().as_str().replace(':', "-"))
    };
    let (signature, common) = (image("signature"), image("common"));
    fixture.push(&signature, &[&tag(&signed, ".sig")]).await;
    let both = [tag(&signed, ".att"), tag(&other, ".att")];
    fixture
        .push(&common, &both.each_ref().map(String::as_str))
        .await;
    let referrer = signature_of("referrer", &signed);
    fixture.push(&referrer, &[]).await;
    let list = IndexFixture::oci().without_platform(&referrer);
    fixture.push_index(&list, &[&tag(&signed, "")]).await;

    let plan = fixture.plan_tree(&root).await;
    assert_eq!(
        sorted(plan.manifests.clone()),
        sorted([root, signature.digest(), referrer.digest(), list.digest()])
    );
    assert_eq!(plan.tags.len(), 4);
    fixture.execute(plan).await;
    assert_eq!(
        fixture.digests().await,
        sorted([other.digest(), common.digest()])
    );
    assert_eq!(
        fixture.stored.tags().await.unwrap(),
        [tag(&other, ".att"), "v2".into()]
    );
}

#[tokio::test]
async fn guarded_root_leaves_everything_as_it_is() {
    let fixture = Fixture::new();
    let child = image("child");
    let inner = IndexFixture::oci().image(&child, "linux/amd64");
    let outer = IndexFixture::oci().nested_index(&inner, None);
    fixture.push(&child, &[]).await;
    let root = fixture.push_index(&inner, &[]).await;
    fixture.push_index(&outer, &["v1"]).await;
    let before = fixture.digests().await;
    let plan = fixture.plan_tree(&root).await;
    assert_eq!(plan.manifests, [root, child.digest()]);
    let guarded = plan.clone().execute(&fixture.handle, Deletion::Guarded);
    let error = guarded.await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Referenced { .. }), "{error}");
    assert_eq!(fixture.digests().await, before);
    let forced = plan.execute(&fixture.handle, Deletion::Forced).await;
    assert_eq!(forced.unwrap().manifests.len(), 2);
    assert_eq!(fixture.digests().await, [outer.digest()]);
}

#[tokio::test]
async fn content_that_is_named_in_the_meantime_remains() {
    let fixture = Fixture::new();
    let child = image("child");
    let index = IndexFixture::oci().image(&child, "linux/amd64");
    fixture.push(&child, &[]).await;
    let root = fixture.push_index(&index, &["v1"]).await;
    let plan = fixture.plan_tree(&root).await;
    let later = IndexFixture::docker().image(&child, "linux/amd64");
    fixture.push_index(&later, &["v2"]).await;
    let deleted = fixture.execute(plan).await;
    assert_eq!(deleted.manifests, [root]);
    assert_eq!(
        fixture.digests().await,
        sorted([child.digest(), later.digest()])
    );
}

#[tokio::test]
async fn untagged_manifests_are_those_that_no_tag_leads_to() {
    let fixture = Fixture::new();
    let (child, old, referrer_of_layer) = (
        image("child").layers(["x"]),
        image("old"),
        image("of layer").subject(&portolan_model::Descriptor::from_digest(Digest::sha256(
            &portolan_model::fixtures::blob("x"),
        ))),
    );
    let index = IndexFixture::oci().image(&child, "linux/amd64");
    let (kept, lost) = (signature_of("kept", &child), signature_of("lost", &old));
    let old_index = IndexFixture::oci()
        .image(&old, "linux/amd64")
        .image(&child, "linux/amd64");
    for image in [&child, &old, &kept, &lost, &referrer_of_layer] {
        fixture.push(image, &[]).await;
    }
    fixture.push_index(&index, &["v1"]).await;
    fixture.push_index(&old_index, &[]).await;
    let plan = DeletionPlan::for_untagged(&fixture.handle).await.unwrap();
    assert_eq!(plan.tags, []);
    let expected = sorted([old_index.digest(), old.digest(), lost.digest()]);
    assert_eq!(sorted(plan.manifests.clone()), expected);
    fixture.execute(plan).await;
    let rest = [&child, &kept, &referrer_of_layer].map(ImageFixture::digest);
    assert_eq!(
        fixture.digests().await,
        sorted([rest.to_vec(), vec![index.digest()]].concat())
    );
    let again = DeletionPlan::for_untagged(&fixture.handle).await.unwrap();
    assert_eq!(again.manifests, []);
}

#[tokio::test]
async fn repository_is_deleted_at_once_or_by_its_known_content() {
    for method in [Method::Repository, Method::Manifests] {
        let fixture = Fixture::new();
        let (one, two) = (image("one"), image("two"));
        let index = IndexFixture::oci().image(&one, "linux/amd64");
        fixture.push(&one, &[]).await;
        fixture.push(&two, &["v2"]).await;
        fixture.push_index(&index, &["v1"]).await;
        fixture.push(&signature_of("signature", &two), &[]).await;
        let is_listed = method == Method::Repository;
        let plan = if is_listed {
            DeletionPlan::for_repository(&fixture.handle).await.unwrap()
        } else {
            let graph = Graph::walk(&fixture.handle, Scope::Everything).await;
            let graph = graph.unwrap();
            DeletionPlan::from_doomed(&graph, &graph.everything(), None)
        };
        assert_eq!(plan.method, method);
        assert_eq!(names(&plan.tags), ["v1", "v2"]);
        assert_eq!(plan.manifests.len(), 4);
        fixture.execute(plan).await;
        let left = fixture.handle.manifests().await;
        if is_listed {
            expect_error(left, &Kind::RepositoryUnknown);
        } else {
            assert_eq!(left.unwrap(), [], "only blobs are left");
        }
    }
}

#[tokio::test]
async fn unknown_names_are_errors() {
    let fixture = Fixture::new();
    let absent = image("absent").digest();
    let untagged = DeletionPlan::for_untagged(&fixture.handle).await;
    expect_error(untagged, &Kind::RepositoryUnknown);
    let repository = DeletionPlan::for_repository(&fixture.handle).await;
    expect_error(repository, &Kind::RepositoryUnknown);
    fixture.push(&image("a"), &["v1"]).await;
    let tree = DeletionPlan::for_tree(&fixture.handle, &absent).await;
    expect_error(tree, &Kind::ManifestUnknown);
}
