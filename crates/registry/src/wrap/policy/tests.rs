//! Tests of policies that read the tree or convert it.

use futures_util::FutureExt;
use portolan_model::convert::ImageFormat;
use portolan_model::fixtures::{ImageFixture, IndexFixture, descriptor_json, image, sha512, tag};
use portolan_model::{Family, Manifest, Rule};
use serde_json::json;

use super::permits::{MAX_TREE_WAIT, MAX_TREES};
use super::*;
use crate::contract::{TestRepository, bare_kind, expect_error, rejected_findings};
use crate::memory::MemoryRegistry;
use crate::{
    Admission, JudgedFinding, Kind, Policy, Precondition, Preset, PushFacts, TagUpdate, Verdict,
};

/// Creates a repository in a registry that has one policy for everything.
fn with_policy(policy: impl Into<Policy>) -> (Arc<dyn Registry>, TestRepository) {
    wrap_with_policy(Arc::new(MemoryRegistry::new()), policy)
}

fn wrap_with_policy(
    inner: Arc<dyn LocalRegistry>,
    policy: impl Into<Policy>,
) -> (Arc<dyn Registry>, TestRepository) {
    let rule = PolicyRule::new("**", policy.into()).unwrap();
    let registry: Arc<dyn Registry> = Arc::new(Policies::new(inner, vec![rule]));
    let repository = TestRepository::new(&registry, "team/app");
    (registry, repository)
}

fn normalizing_policy(preset: Preset) -> Policy {
    Policy::from(preset).with_normalization(ImageFormat::Oci)
}

fn warnings(outcome: &PutOutcome) -> Vec<(Rule, &str)> {
    outcome
        .warnings()
        .map(|finding| (finding.rule, finding.pointer.as_str()))
        .collect()
}

async fn push_blobs(repository: &TestRepository, image: &ImageFixture) {
    for content in image.blobs() {
        repository.push_blob(content).await;
    }
}

/// Returns an index whose second child is listed for a different platform than its config declares.
fn index_with_platform_mismatch() -> (ImageFixture, ImageFixture, IndexFixture) {
    let (right, wrong) = (
        image("right").built_for("linux/amd64"),
        image("wrong").built_for("linux/amd64"),
    );
    let index = IndexFixture::oci()
        .image(&right, "linux/amd64")
        .image(&wrong, "linux/s390x");
    (right, wrong, index)
}

#[tokio::test]
async fn tree_rules_apply_only_if_a_verdict_is_set() {
    let rule = Rule::PlatformMismatch;
    for (policy, expected) in [
        (Policy::default(), None),
        (
            Policy::default().with_verdict(rule, Verdict::Warn),
            Some(Verdict::Warn),
        ),
        (
            Policy::default().with_verdict(Rule::UnreadableChild, Verdict::Warn),
            Some(Verdict::Accept),
        ),
    ] {
        let (_, repository) = with_policy(policy);
        let (right, wrong, index) = index_with_platform_mismatch();
        repository.push_image(&right, &[]).await;
        repository.push_image(&wrong, &[]).await;
        let outcome = repository
            .put_manifest(index.bytes(), &index.media_type(), &["v1"])
            .await
            .unwrap();
        let judged = outcome
            .findings
            .iter()
            .find(|judged| judged.finding.rule == rule);
        assert_eq!(judged.map(|judged| judged.verdict), expected);
    }
    let (_, repository) = with_policy(Policy::default().with_verdict(rule, Verdict::Reject));
    let (right, wrong, index) = index_with_platform_mismatch();
    repository.push_image(&right, &[]).await;
    repository.push_image(&wrong, &[]).await;
    let error = expect_error(
        repository
            .put_manifest(index.bytes(), &index.media_type(), &["v1"])
            .await,
        &Kind::MANIFEST_INVALID,
    );
    assert_eq!(
        rejected_findings(&error),
        [("platform-mismatch".to_owned(), "/manifests/1".to_owned())]
    );
    expect_error(repository.get_manifest("v1").await, &Kind::ManifestUnknown);
}

#[tokio::test]
async fn reads_children_that_were_pushed_as_blobs() {
    let (_, repository) =
        with_policy(Policy::default().with_verdict(Rule::PlatformMismatch, Verdict::Reject));
    let (right, wrong, inner) = index_with_platform_mismatch();
    for image in [&right, &wrong] {
        push_blobs(&repository, image).await;
        repository.push_blob(image.bytes()).await;
    }
    repository.push_blob(inner.bytes()).await;
    let outer = IndexFixture::oci().nested_index(&inner, None);
    let error = expect_error(
        repository
            .put_manifest(outer.bytes(), &outer.media_type(), &["v1"])
            .await,
        &Kind::MANIFEST_INVALID,
    );
    assert_eq!(
        rejected_findings(&error),
        [("platform-mismatch".to_owned(), "/manifests/1".to_owned())]
    );
    assert_eq!(
        error.detail()["findings"][0]["document"],
        json!(inner.digest())
    );
}

#[tokio::test]
async fn rejects_unparsable_manifests_like_the_inner_registry() {
    let strict = Policy::default().with_verdict(Rule::PlatformMismatch, Verdict::Reject);
    let (_, repository) = with_policy(strict);
    let (_, plain) = with_policy(Preset::Open);
    let media_type = MediaType::new(MediaType::OCI_INDEX);
    let one = expect_error(
        repository
            .put_manifest("[]".into(), &media_type, &["v1"])
            .await,
        &Kind::MANIFEST_INVALID,
    );
    let other = expect_error(
        plain.put_manifest("[]".into(), &media_type, &["v1"]).await,
        &Kind::MANIFEST_INVALID,
    );
    assert_eq!(one.message(), other.message());
}

#[tokio::test]
async fn stores_a_docker_image_unchanged_and_tags_its_oci_conversion() {
    let (_, repository) = with_policy(normalizing_policy(Preset::Open));
    let image = image("a").layers(["x", "y"]).docker();
    push_blobs(&repository, &image).await;
    let outcome = repository
        .put_manifest(image.bytes(), &image.media_type(), &["v1", "latest"])
        .await
        .unwrap();
    assert_eq!(outcome.digest, image.digest());
    assert_eq!(warnings(&outcome), []);
    let normalized = outcome.normalized.unwrap();
    repository
        .assert_serves(
            image.digest(),
            &image.digest(),
            &image.media_type(),
            &image.bytes(),
        )
        .await;

    for tag in ["v1", "latest"] {
        assert_eq!(repository.resolve_tag(tag).await, Some(normalized.clone()));
    }
    let (info, bytes) = repository.get_manifest("v1").await.unwrap();
    assert_eq!(
        (info.media_type.as_str(), &info.digest),
        (MediaType::OCI_MANIFEST, &normalized)
    );
    let converted = Manifest::parse(bytes, Some(&info.media_type)).unwrap();
    let children = |manifest: &Manifest| -> Vec<_> {
        manifest
            .children()
            .iter()
            .map(|child| child.descriptor.digest.clone())
            .collect()
    };
    assert_eq!(children(&converted), children(&image.manifest()));
    assert!(
        converted.children().iter().all(|child| child
            .descriptor
            .media_type
            .as_ref()
            .unwrap()
            .family()
            == Family::Oci)
    );
}

/// Pushes images of both formats, and returns an OCI index that also contains a Docker list.
async fn push_mixed(repository: &TestRepository) -> IndexFixture {
    let (oci, docker, deep) = (
        image("oci"),
        image("docker").docker(),
        image("deep").docker(),
    );
    for image in [&oci, &docker, &deep] {
        repository.push_image(image, &[]).await;
    }
    let list = IndexFixture::docker().image(&deep, "linux/s390x");
    repository.push_index(&list, &[]).await;
    IndexFixture::oci()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm64")
        .nested_index(&list, None)
}

#[tokio::test]
async fn converts_a_mixed_tree_completely() {
    let (_, repository) = with_policy(normalizing_policy(Preset::Open));
    let index = push_mixed(&repository).await;
    let outcome = repository
        .put_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await
        .unwrap();
    repository
        .assert_serves(
            index.digest(),
            &index.digest(),
            &index.media_type(),
            &index.bytes(),
        )
        .await;
    assert_eq!(repository.resolve_tag("v1").await, outcome.normalized);
    assert_ne!(outcome.normalized, Some(index.digest()));

    let mut pending = vec!["v1".to_owned()];
    let mut types = Vec::new();
    while let Some(reference) = pending.pop() {
        let (info, bytes) = repository.get_manifest(reference).await.unwrap();
        let manifest = Manifest::parse(bytes, Some(&info.media_type)).unwrap();
        assert_eq!(info.media_type.family(), Family::Oci);
        types.push(info.media_type);
        let children = manifest.children().iter().map(|child| &child.descriptor);
        assert!(
            children
                .clone()
                .all(|child| child.media_type.as_ref().unwrap().family() == Family::Oci)
        );
        let documents =
            children.filter(|child| child.media_type.as_ref().unwrap().is_known_manifest());
        pending.extend(documents.map(|child| child.digest.to_string()));
    }
    assert_eq!(types.len(), 5, "{types:?}");
}

#[tokio::test]
async fn normalization_is_idempotent() {
    let (_, repository) = with_policy(normalizing_policy(Preset::Open));
    let index = push_mixed(&repository).await;
    let one = repository
        .put_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await
        .unwrap();
    let two = repository
        .put_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await
        .unwrap();
    assert_eq!(one, two);
    let (info, bytes) = repository.get_manifest("v1").await.unwrap();
    let three = repository
        .put_manifest(bytes, &info.media_type, &["v1"])
        .await
        .unwrap();
    assert_eq!((three.digest, three.normalized), (info.digest, None));
}

#[tokio::test]
async fn does_not_convert_oci_images_or_untagged_pushes() {
    let (_, repository) = with_policy(normalizing_policy(Preset::Open));
    let oci = image("oci");
    push_blobs(&repository, &oci).await;
    let outcome = repository
        .put_manifest(oci.bytes(), &oci.media_type(), &["v1"])
        .await
        .unwrap();
    assert_eq!(
        (outcome.normalized, repository.resolve_tag("v1").await),
        (None, Some(oci.digest()))
    );
    let docker = image("docker").docker();
    push_blobs(&repository, &docker).await;
    let outcome = repository
        .put_manifest(docker.bytes(), &docker.media_type(), &[])
        .await
        .unwrap();
    assert_eq!(outcome.normalized, None);
    let open = with_policy(Preset::Open).1;
    push_blobs(&open, &docker).await;
    let outcome = open
        .put_manifest(docker.bytes(), &docker.media_type(), &["v1"])
        .await
        .unwrap();
    assert_eq!(
        (outcome.normalized, open.resolve_tag("v1").await),
        (None, Some(docker.digest()))
    );
}

#[tokio::test]
async fn preconditions_apply_to_the_converted_digest() {
    let (_, repository) = with_policy(normalizing_policy(Preset::Open));
    let (one, two) = (image("one").docker(), image("two").docker());
    push_blobs(&repository, &one).await;
    push_blobs(&repository, &two).await;
    let first = repository
        .put_image_if(&one, "v1", Precondition::Absent)
        .await
        .unwrap()
        .normalized
        .unwrap();
    for precondition in [
        Precondition::Absent,
        Precondition::PointsTo([one.digest()].into()),
    ] {
        expect_error(
            repository.put_image_if(&two, "v1", precondition).await,
            &Kind::PreconditionFailed,
        );
    }
    expect_error(
        repository.get_manifest(two.digest()).await,
        &Kind::ManifestUnknown,
    );
    assert_eq!(repository.resolve_tag("v1").await, Some(first.clone()));
    let second = repository
        .put_image_if(&two, "v1", Precondition::PointsTo([first].into()))
        .await
        .unwrap();
    assert_eq!(repository.resolve_tag("v1").await, second.normalized);
}

#[tokio::test]
async fn dry_run_returns_the_digest_that_the_tag_would_point_to() {
    let (_, repository) = with_policy(normalizing_policy(Preset::Open));
    let index = push_mixed(&repository).await;
    let checked = repository
        .check_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await
        .unwrap();
    expect_error(
        repository.get_manifest(index.digest()).await,
        &Kind::ManifestUnknown,
    );
    expect_error(
        repository
            .get_manifest(checked.normalized.as_ref().unwrap())
            .await,
        &Kind::ManifestUnknown,
    );
    expect_error(repository.get_manifest("v1").await, &Kind::ManifestUnknown);
    assert_eq!(
        repository
            .put_manifest(index.bytes(), &index.media_type(), &["v1"])
            .await
            .unwrap(),
        checked
    );
}

#[tokio::test]
async fn tags_unconvertible_manifests_unchanged_with_a_warning() {
    let (_, repository) = with_policy(normalizing_policy(Preset::Sparse));
    let missing = IndexFixture::oci()
        .image(&image("oci"), "linux/amd64")
        .image(&image("docker").docker(), "linux/arm64");
    let plugin = image("plugin").docker().field(
        "config",
        descriptor_json("application/vnd.docker.plugin.v1+json", b"{}"),
    );
    for (bytes, media_type, digest, pointer) in [
        (
            missing.bytes(),
            missing.media_type(),
            missing.digest(),
            "/manifests/1",
        ),
        (
            plugin.bytes(),
            plugin.media_type(),
            plugin.digest(),
            "/config",
        ),
    ] {
        let outcome = repository
            .put_manifest(bytes, &media_type, &["v1"])
            .await
            .unwrap();
        assert_eq!(
            (
                outcome.normalized.as_ref(),
                repository.resolve_tag("v1").await
            ),
            (None, Some(digest))
        );
        assert!(
            warnings(&outcome).contains(&(Rule::NotNormalized, pointer)),
            "{outcome:?}"
        );
    }
    let (_, strict) = with_policy(
        normalizing_policy(Preset::Sparse).with_verdict(Rule::NotNormalized, Verdict::Reject),
    );
    let error = expect_error(
        strict
            .put_manifest(missing.bytes(), &missing.media_type(), &["v1"])
            .await,
        &Kind::MANIFEST_INVALID,
    );
    assert_eq!(
        rejected_findings(&error),
        [("not-normalized".to_owned(), "/manifests/1".to_owned())]
    );
    expect_error(
        strict.get_manifest(missing.digest()).await,
        &Kind::ManifestUnknown,
    );
}

#[tokio::test]
async fn unknown_types_remain_in_a_converted_tree() {
    let (_, repository) = with_policy(normalizing_policy(Preset::Open));
    let docker = image("docker").docker();
    repository.push_image(&docker, &[]).await;
    repository.push_blob("thing").await;
    let unknown = "application/vnd.example.unknown";
    let index = IndexFixture::docker()
        .image(&docker, "linux/amd64")
        .child_of_type(unknown, b"thing", None);
    let outcome = repository
        .put_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await
        .unwrap();
    let (info, bytes) = repository.get_manifest("v1").await.unwrap();
    assert_eq!(
        (Some(&info.digest), info.media_type.as_str()),
        (outcome.normalized.as_ref(), MediaType::OCI_INDEX)
    );
    let manifest = Manifest::parse(bytes, Some(&info.media_type)).unwrap();
    let child = &manifest.children()[1].descriptor;
    assert_eq!(
        (child.media_type.as_ref(), &child.digest),
        (Some(&MediaType::new(unknown)), &Digest::sha256(b"thing"))
    );
}

#[tokio::test]
async fn rejected_push_stores_no_converted_documents() {
    let (_, repository) = with_policy(normalizing_policy(Preset::Open));
    let docker = image("docker").docker();
    repository.push_image(&docker, &[]).await;
    let list = IndexFixture::docker()
        .image(&docker, "linux/amd64")
        .image(&image("absent"), "linux/arm64");
    expect_error(
        repository
            .put_manifest(list.bytes(), &list.media_type(), &["v1"])
            .await,
        &Kind::CONTENT_MISSING,
    );
    expect_error(
        repository.get_manifest(list.digest()).await,
        &Kind::ManifestUnknown,
    );
    assert_eq!(repository.tags().await.unwrap(), [""; 0]);
}

/// Registry that rejects OCI indexes, regardless of the admission of its handles.
struct WithoutIndexes(MemoryRegistry);

impl LocalRegistry for WithoutIndexes {
    fn handle(&self, admission: Arc<dyn Admission>) -> Arc<dyn Registry> {
        self.0.handle(Arc::new(RejectIndexes(admission)))
    }
}

#[derive(Debug)]
struct RejectIndexes(Arc<dyn Admission>);

impl Admission for RejectIndexes {
    fn admit(&self, push: &PushFacts<'_>) -> Result<Vec<JudgedFinding>> {
        let findings = self.0.admit(push)?;
        let media_type = push.document.document.manifest.media_type();
        if media_type.as_str() == MediaType::OCI_INDEX {
            return Err(Error::new(Kind::MANIFEST_INVALID, "an index"));
        }
        Ok(findings)
    }
}

#[tokio::test]
async fn partial_failure_leaves_the_tags_alone() {
    // The inner registry rejects OCI indexes, so that storing the last of the converted documents
    // fails.
    let inner = Arc::new(WithoutIndexes(MemoryRegistry::new()));
    let (_, repository) = wrap_with_policy(inner, normalizing_policy(Preset::Open));
    let (before, docker) = (image("before"), image("docker").docker());
    repository.push_image(&before, &["v1"]).await;
    repository.push_image(&docker, &[]).await;
    let list = IndexFixture::docker().image(&docker, "linux/amd64");
    expect_error(
        repository
            .put_manifest(list.bytes(), &list.media_type(), &["v1"])
            .await,
        &Kind::MANIFEST_INVALID,
    );
    assert_eq!(repository.resolve_tag("v1").await, Some(before.digest()));
}

#[tokio::test]
async fn conversion_keeps_the_digest_algorithm() {
    let (_, repository) = with_policy(normalizing_policy(Preset::Open));
    let docker = image("docker").docker();
    push_blobs(&repository, &docker).await;
    let options = PutManifest {
        media_type: Some(docker.media_type()),
        digest: Some(sha512(&docker.bytes())),
        tags: vec![TagUpdate::unconditional(tag("v1"))],
    };
    let outcome = repository
        .put_manifest_with(docker.bytes(), options)
        .await
        .unwrap();
    assert_eq!(outcome.digest, sha512(&docker.bytes()));
    let normalized = outcome.normalized.unwrap();
    assert_eq!(*normalized.algorithm(), Algorithm::Sha512);
    assert_eq!(repository.resolve_tag("v1").await, Some(normalized));
}

#[tokio::test]
async fn deletions_follow_the_policy() {
    for (deletions, guarded, free) in [
        (Deletions::Unreferenced, Some(Kind::REFERENCED), None),
        (Deletions::Always, None, None),
        (
            Deletions::Never,
            Some(Kind::Unsupported),
            Some(Kind::Unsupported),
        ),
    ] {
        let (_, repository) = with_policy(Policy::default().with_deletions(deletions));
        let (child, layer) = (image("child"), Digest::sha256(&image("child").blobs()[1]));
        repository.push_image(&child, &["child"]).await;
        repository
            .push_index(&IndexFixture::oci().image(&child, "linux/amd64"), &["v1"])
            .await;
        let loose = repository.push_blob("loose").await;
        let kind = |result: Result<()>| result.err().map(|error| bare_kind(&error));
        assert_eq!(
            kind(
                repository
                    .delete_manifest(&child.digest(), Deletion::Guarded)
                    .await
            ),
            guarded
        );
        assert_eq!(
            kind(repository.delete_blob(&layer, Deletion::Guarded).await),
            guarded
        );
        assert_eq!(
            kind(repository.delete_blob(&loose, Deletion::Forced).await),
            free
        );
        assert_eq!(kind(repository.delete_tag("v1").await), free);
    }
}

#[tokio::test]
async fn limits_concurrent_pushes_that_read_trees() {
    let rules = vec![
        PolicyRule::new(
            "**",
            Policy::default().with_verdict(Rule::PlatformMismatch, Verdict::Warn),
        )
        .unwrap(),
        PolicyRule::new("plain/*", Policy::default()).unwrap(),
    ];
    let policies = Arc::new(Policies::new(Arc::new(MemoryRegistry::new()), rules));
    let registry: Arc<dyn Registry> = Arc::clone(&policies) as _;
    let (reading, plain) = (
        TestRepository::new(&registry, "team/app"),
        TestRepository::new(&registry, "plain/app"),
    );
    let (bytes, media_type) = (
        IndexFixture::oci().bytes(),
        IndexFixture::oci().media_type(),
    );

    assert_eq!(policies.tree_permits.0.available_permits(), MAX_TREES);
    let all = policies
        .tree_permits
        .0
        .acquire_many(u32::try_from(MAX_TREES).unwrap())
        .await
        .unwrap();
    let mut waiting = Box::pin(reading.put_manifest(bytes.clone(), &media_type, &["v1"]));
    let mut checked = Box::pin(reading.check_manifest(bytes.clone(), &media_type, &["v1"]));
    assert!((&mut waiting).now_or_never().is_none() && (&mut checked).now_or_never().is_none());
    plain
        .put_manifest(bytes, &media_type, &["v1"])
        .await
        .unwrap();
    drop(all);
    waiting.await.unwrap();
    checked.await.unwrap();
    assert_eq!(policies.tree_permits.0.available_permits(), MAX_TREES);
}

#[tokio::test(start_paused = true)]
async fn a_push_does_not_wait_forever_to_read_a_tree() {
    let policy = Policy::default().with_verdict(Rule::PlatformMismatch, Verdict::Warn);
    let rules = vec![PolicyRule::new("**", policy).unwrap()];
    let policies = Arc::new(Policies::new(Arc::new(MemoryRegistry::new()), rules));
    let registry: Arc<dyn Registry> = Arc::clone(&policies) as _;
    let repository = TestRepository::new(&registry, "team/app");
    let _all = policies
        .tree_permits
        .0
        .acquire_many(u32::try_from(MAX_TREES).unwrap())
        .await
        .unwrap();
    let index = IndexFixture::oci();
    let result = repository
        .put_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await;
    let seconds = u32::try_from(MAX_TREE_WAIT.as_secs()).unwrap();
    let kind = Kind::TooManyRequests {
        retry_after: seconds,
    };
    expect_error(result, &kind);
}

#[tokio::test]
async fn counts_findings_in_a_large_tree() {
    let (_, repository) =
        with_policy(Policy::default().with_verdict(Rule::PlatformMismatch, Verdict::Warn));
    let image = image("a").built_for("linux/amd64");
    repository.push_image(&image, &[]).await;
    let mut outer = IndexFixture::oci();
    for part in 0..3 {
        let inner = (0..500).fold(IndexFixture::oci(), |index, _| {
            index.image(&image, "linux/s390x")
        });
        let inner = inner.field("annotations", json!({"part": part.to_string()}));
        repository.push_index(&inner, &[]).await;
        outer = outer.nested_index(&inner, None);
    }
    let outcome = repository
        .put_manifest(outer.bytes(), &outer.media_type(), &["v1"])
        .await
        .unwrap();
    let warnings: Vec<_> = outcome
        .warnings()
        .filter(|finding| finding.rule == Rule::PlatformMismatch)
        .collect();
    assert_eq!(
        (
            warnings.len(),
            warnings
                .iter()
                .map(|finding| finding.count())
                .sum::<usize>()
        ),
        (1000, 1500)
    );
}

#[tokio::test]
async fn manifests_without_docker_types_need_no_conversion() {
    let (_, repository) = with_policy(
        normalizing_policy(Preset::Open).with_verdict(Rule::NotNormalized, Verdict::Reject),
    );
    let custom = MediaType::new("application/vnd.example.custom+json");
    let outcome = repository
        .put_manifest("{}".into(), &custom, &["v1"])
        .await
        .unwrap();
    assert_eq!(
        (outcome.normalized, repository.resolve_tag("v1").await),
        (None, Some(outcome.digest))
    );
}

#[tokio::test]
async fn warns_about_a_docker_child_without_a_media_type() {
    let (_, repository) = with_policy(normalizing_policy(Preset::Open));
    let docker = image("docker").docker();
    repository.push_image(&docker, &[]).await;
    let mut child = json!(docker.descriptor());
    child.as_object_mut().unwrap().remove("mediaType");
    let index = IndexFixture::oci().child(child);
    let outcome = repository
        .put_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await
        .unwrap();
    assert_eq!(
        (
            outcome.normalized.as_ref(),
            repository.resolve_tag("v1").await
        ),
        (None, Some(index.digest()))
    );
    assert!(
        warnings(&outcome).contains(&(Rule::NotNormalized, "/manifests/0")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_docker_manifest_pushed_as_a_blob_does_not_bypass_the_required_format() {
    let docker = image("docker").docker();
    let typed = json!(docker.descriptor());
    let mut untyped = typed.clone();
    untyped.as_object_mut().unwrap().remove("mediaType");
    let mut disguised = typed.clone();
    disguised["mediaType"] = MediaType::OCI_MANIFEST.into();
    for child in [typed, untyped, disguised] {
        let (_, repository) = with_policy(Preset::OciOnly);
        push_blobs(&repository, &docker).await;
        repository.push_blob(docker.bytes()).await;
        let index = IndexFixture::oci().child(child.clone());
        let result = repository
            .put_manifest(index.bytes(), &index.media_type(), &["v1"])
            .await;
        let error = expect_error(result, &Kind::MANIFEST_INVALID);
        assert!(!rejected_findings(&error).is_empty(), "{child}");
        expect_error(repository.get_manifest("v1").await, &Kind::ManifestUnknown);
        let child = repository.get_manifest(&docker.digest().to_string()).await;
        expect_error(child, &Kind::ManifestUnknown);
    }
}

#[tokio::test]
async fn reports_missing_content_like_other_policies() {
    let (_, repository) = with_policy(
        normalizing_policy(Preset::Open).with_verdict(Rule::NotNormalized, Verdict::Reject),
    );
    let list = IndexFixture::docker().image(&image("absent").docker(), "linux/amd64");
    let error = expect_error(
        repository
            .put_manifest(list.bytes(), &list.media_type(), &["v1"])
            .await,
        &Kind::CONTENT_MISSING,
    );
    assert_eq!(
        rejected_findings(&error),
        [("missing-child".to_owned(), "/manifests/0".to_owned())]
    );
}

#[tokio::test]
async fn fixed_findings_are_not_warnings() {
    let (_, repository) = with_policy(normalizing_policy(Preset::Open));
    let index = push_mixed(&repository).await;
    let checked = repository
        .check_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await
        .unwrap();
    assert!(
        warnings(&checked)
            .iter()
            .all(|(rule, _)| *rule != Rule::IndexMixedFamilies),
        "{checked:?}"
    );
    assert_eq!(
        repository
            .put_manifest(index.bytes(), &index.media_type(), &["v1"])
            .await
            .unwrap(),
        checked
    );
    let untagged = repository
        .put_manifest(index.bytes(), &index.media_type(), &[])
        .await
        .unwrap();
    assert!(
        warnings(&untagged)
            .iter()
            .any(|(rule, _)| *rule == Rule::IndexMixedFamilies),
        "{untagged:?}"
    );
}

#[tokio::test]
async fn a_push_is_judged_by_the_policy_at_its_beginning() {
    let rule = |policy: Policy| PolicyRule::new("**", policy).unwrap();
    let reading = Policy::default().with_verdict(Rule::PlatformMismatch, Verdict::Warn);
    let rules = PolicyRules::from(vec![rule(reading)]);
    let policies = Arc::new(Policies::new(
        Arc::new(MemoryRegistry::new()),
        rules.clone(),
    ));
    let registry: Arc<dyn Registry> = Arc::clone(&policies) as _;
    let repository = TestRepository::new(&registry, "team/app");
    let index = IndexFixture::oci();
    let all = policies
        .tree_permits
        .0
        .acquire_many(u32::try_from(MAX_TREES).unwrap())
        .await
        .unwrap();
    let media_type = index.media_type();
    let mut waiting = Box::pin(repository.put_manifest(index.bytes(), &media_type, &["v1"]));
    assert!((&mut waiting).now_or_never().is_none());
    rules.replace(vec![rule(Preset::DockerOnly.into())]);
    drop(all);
    waiting.await.unwrap();
    let later = repository.put_manifest(index.bytes(), &media_type, &["v1"]);
    expect_error(later.await, &Kind::MANIFEST_INVALID);
}
