//! What policies do that have to know the tree, or have it converted.

use futures_util::FutureExt;
use portolan_model::convert::Format;
use portolan_model::fixtures::{Image, Index, describe, image, sha512, tag};
use portolan_model::{Family, Rule};
use serde_json::json;

use super::*;
use crate::contract::{Repository, findings, refused};
use crate::memory::MemoryRegistry;
use crate::{Kind, Policy, Precondition, Preset, TagUpdate, Verdict};

/// A repository of a registry that has one policy for everything.
fn under(policy: impl Into<Policy>) -> (Arc<dyn Registry>, Repository) {
    around(Arc::new(MemoryRegistry::new()), policy)
}

fn around(inner: Arc<dyn Registry>, policy: impl Into<Policy>) -> (Arc<dyn Registry>, Repository) {
    let rule = PolicyRule::new("**", policy.into()).unwrap();
    let registry: Arc<dyn Registry> = Arc::new(Policies::new(inner, vec![rule]));
    let repository = Repository::of(&registry, "team/app");
    (registry, repository)
}

fn normalising(preset: Preset) -> Policy {
    Policy::from(preset).normalising(Format::Oci)
}

fn warned(outcome: &PutOutcome) -> Vec<(Rule, &str)> {
    outcome
        .warnings()
        .map(|finding| (finding.rule, finding.pointer.as_str()))
        .collect()
}

async fn push_blobs(repository: &Repository, image: &Image) {
    for content in image.blobs() {
        repository.blob(content).await;
    }
}

/// An index whose second child says that it is for another platform than its config does.
fn misplaced() -> (Image, Image, Index) {
    let (right, wrong) = (
        image("right").built_for("linux/amd64"),
        image("wrong").built_for("linux/amd64"),
    );
    let index = Index::oci()
        .image(&right, "linux/amd64")
        .image(&wrong, "linux/s390x");
    (right, wrong, index)
}

#[tokio::test]
async fn rules_about_the_tree_count_where_they_are_set() {
    let rule = Rule::PlatformMismatch;
    for (policy, expected) in [
        (Policy::default(), None),
        (
            Policy::default().with(rule, Verdict::Warn),
            Some(Verdict::Warn),
        ),
        (
            Policy::default().with(Rule::UnreadableChild, Verdict::Warn),
            Some(Verdict::Accept),
        ),
    ] {
        let (_, repository) = under(policy);
        let (right, wrong, index) = misplaced();
        repository.image(&right, &[]).await;
        repository.image(&wrong, &[]).await;
        let outcome = repository
            .put(index.bytes(), &index.media_type(), &["v1"])
            .await
            .unwrap();
        let judged = outcome
            .findings
            .iter()
            .find(|judged| judged.finding.rule == rule);
        assert_eq!(judged.map(|judged| judged.verdict), expected);
    }
    let (_, repository) = under(Policy::default().with(rule, Verdict::Reject));
    let (right, wrong, index) = misplaced();
    repository.image(&right, &[]).await;
    repository.image(&wrong, &[]).await;
    let error = refused(
        repository
            .put(index.bytes(), &index.media_type(), &["v1"])
            .await,
        &Kind::ManifestInvalid,
    );
    assert_eq!(
        findings(&error),
        [("platform-mismatch".to_owned(), "/manifests/1".to_owned())]
    );
    refused(repository.get("v1").await, &Kind::ManifestUnknown);
}

#[tokio::test]
async fn a_child_that_was_pushed_as_a_blob_is_read_too() {
    let (_, repository) = under(Policy::default().with(Rule::PlatformMismatch, Verdict::Reject));
    let (right, wrong, inner) = misplaced();
    for image in [&right, &wrong] {
        push_blobs(&repository, image).await;
        repository.blob(image.bytes()).await;
    }
    repository.blob(inner.bytes()).await;
    let outer = Index::oci().nested(&inner, None);
    let error = refused(
        repository
            .put(outer.bytes(), &outer.media_type(), &["v1"])
            .await,
        &Kind::ManifestInvalid,
    );
    assert_eq!(
        findings(&error),
        [("platform-mismatch".to_owned(), "/manifests/1".to_owned())]
    );
    assert_eq!(
        error.detail()["findings"][0]["document"],
        json!(inner.digest())
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_as_ever() {
    let strict = Policy::default().with(Rule::PlatformMismatch, Verdict::Reject);
    let (_, repository) = under(strict);
    let (_, plain) = under(Preset::Open);
    let media_type = MediaType::new(MediaType::OCI_INDEX);
    let one = refused(
        repository.put("[]".into(), &media_type, &["v1"]).await,
        &Kind::ManifestInvalid,
    );
    let other = refused(
        plain.put("[]".into(), &media_type, &["v1"]).await,
        &Kind::ManifestInvalid,
    );
    assert_eq!(one.message(), other.message());
}

#[tokio::test]
async fn a_docker_image_is_stored_as_it_is_and_tagged_as_an_oci_one() {
    let (_, repository) = under(normalising(Preset::Open));
    let image = image("a").layers(["x", "y"]).docker();
    push_blobs(&repository, &image).await;
    let outcome = repository
        .put(image.bytes(), &image.media_type(), &["v1", "latest"])
        .await
        .unwrap();
    assert_eq!(outcome.digest, image.digest());
    assert_eq!(warned(&outcome), []);
    let normalised = outcome.normalised.unwrap();
    repository
        .serves(
            image.digest(),
            &image.digest(),
            &image.media_type(),
            &image.bytes(),
        )
        .await;

    for tag in ["v1", "latest"] {
        assert_eq!(repository.tagged(tag).await, Some(normalised.clone()));
    }
    let (info, bytes) = repository.get("v1").await.unwrap();
    assert_eq!(
        (info.media_type.as_str(), &info.digest),
        (MediaType::OCI_MANIFEST, &normalised)
    );
    let converted = Manifest::parse(bytes, Some(&info.media_type)).unwrap();
    let named = |manifest: &Manifest| -> Vec<_> {
        manifest
            .children()
            .iter()
            .map(|child| child.descriptor.digest.clone())
            .collect()
    };
    assert_eq!(named(&converted), named(&image.manifest()));
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

/// A Docker list in an OCI index, beside an image of each family.
async fn push_mixed(repository: &Repository) -> Index {
    let (oci, docker, deep) = (
        image("oci"),
        image("docker").docker(),
        image("deep").docker(),
    );
    for image in [&oci, &docker, &deep] {
        repository.image(image, &[]).await;
    }
    let list = Index::docker().image(&deep, "linux/s390x");
    repository.index(&list, &[]).await;
    Index::oci()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm64")
        .nested(&list, None)
}

#[tokio::test]
async fn a_mixed_tree_is_oci_throughout_under_its_tag() {
    let (_, repository) = under(normalising(Preset::Open));
    let index = push_mixed(&repository).await;
    let outcome = repository
        .put(index.bytes(), &index.media_type(), &["v1"])
        .await
        .unwrap();
    repository
        .serves(
            index.digest(),
            &index.digest(),
            &index.media_type(),
            &index.bytes(),
        )
        .await;
    assert_eq!(repository.tagged("v1").await, outcome.normalised);
    assert_ne!(outcome.normalised, Some(index.digest()));

    let mut pending = vec!["v1".to_owned()];
    let mut types = Vec::new();
    while let Some(reference) = pending.pop() {
        let (info, bytes) = repository.get(reference).await.unwrap();
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
async fn pushing_again_changes_nothing() {
    let (_, repository) = under(normalising(Preset::Open));
    let index = push_mixed(&repository).await;
    let one = repository
        .put(index.bytes(), &index.media_type(), &["v1"])
        .await
        .unwrap();
    let two = repository
        .put(index.bytes(), &index.media_type(), &["v1"])
        .await
        .unwrap();
    assert_eq!(one, two);
    let (info, bytes) = repository.get("v1").await.unwrap();
    let three = repository
        .put(bytes, &info.media_type, &["v1"])
        .await
        .unwrap();
    assert_eq!((three.digest, three.normalised), (info.digest, None));
}

#[tokio::test]
async fn what_is_oci_or_has_no_tag_is_left_alone() {
    let (_, repository) = under(normalising(Preset::Open));
    let oci = image("oci");
    push_blobs(&repository, &oci).await;
    let outcome = repository
        .put(oci.bytes(), &oci.media_type(), &["v1"])
        .await
        .unwrap();
    assert_eq!(
        (outcome.normalised, repository.tagged("v1").await),
        (None, Some(oci.digest()))
    );
    let docker = image("docker").docker();
    push_blobs(&repository, &docker).await;
    let outcome = repository
        .put(docker.bytes(), &docker.media_type(), &[])
        .await
        .unwrap();
    assert_eq!(outcome.normalised, None);
    let open = under(Preset::Open).1;
    push_blobs(&open, &docker).await;
    let outcome = open
        .put(docker.bytes(), &docker.media_type(), &["v1"])
        .await
        .unwrap();
    assert_eq!(
        (outcome.normalised, open.tagged("v1").await),
        (None, Some(docker.digest()))
    );
}

#[tokio::test]
async fn conditions_hold_for_where_the_tag_is() {
    let (_, repository) = under(normalising(Preset::Open));
    let (one, two) = (image("one").docker(), image("two").docker());
    push_blobs(&repository, &one).await;
    push_blobs(&repository, &two).await;
    let first = repository
        .put_if(&one, "v1", Precondition::Absent)
        .await
        .unwrap()
        .normalised
        .unwrap();
    for precondition in [Precondition::Absent, Precondition::At(vec![one.digest()])] {
        refused(
            repository.put_if(&two, "v1", precondition).await,
            &Kind::PreconditionFailed,
        );
    }
    refused(repository.get(two.digest()).await, &Kind::ManifestUnknown);
    assert_eq!(repository.tagged("v1").await, Some(first.clone()));
    let second = repository
        .put_if(&two, "v1", Precondition::At(vec![first]))
        .await
        .unwrap();
    assert_eq!(repository.tagged("v1").await, second.normalised);
}

#[tokio::test]
async fn a_dry_run_says_what_the_tag_would_be_set_to() {
    let (_, repository) = under(normalising(Preset::Open));
    let index = push_mixed(&repository).await;
    let tried = repository
        .rehearse(index.bytes(), &index.media_type(), &["v1"])
        .await
        .unwrap();
    refused(repository.get(index.digest()).await, &Kind::ManifestUnknown);
    refused(
        repository.get(tried.normalised.as_ref().unwrap()).await,
        &Kind::ManifestUnknown,
    );
    refused(repository.get("v1").await, &Kind::ManifestUnknown);
    assert_eq!(
        repository
            .put(index.bytes(), &index.media_type(), &["v1"])
            .await
            .unwrap(),
        tried
    );
}

#[tokio::test]
async fn what_cannot_be_converted_is_tagged_as_it_is_and_told() {
    let (_, repository) = under(normalising(Preset::Sparse));
    let missing = Index::oci()
        .image(&image("oci"), "linux/amd64")
        .image(&image("docker").docker(), "linux/arm64");
    let plugin = image("plugin").docker().field(
        "config",
        describe("application/vnd.docker.plugin.v1+json", b"{}"),
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
        let outcome = repository.put(bytes, &media_type, &["v1"]).await.unwrap();
        assert_eq!(
            (outcome.normalised.as_ref(), repository.tagged("v1").await),
            (None, Some(digest))
        );
        assert!(
            warned(&outcome).contains(&(Rule::NotNormalised, pointer)),
            "{outcome:?}"
        );
    }
    let (_, strict) = under(normalising(Preset::Sparse).with(Rule::NotNormalised, Verdict::Reject));
    let error = refused(
        strict
            .put(missing.bytes(), &missing.media_type(), &["v1"])
            .await,
        &Kind::ManifestInvalid,
    );
    assert_eq!(
        findings(&error),
        [("not-normalised".to_owned(), "/manifests/1".to_owned())]
    );
    refused(strict.get(missing.digest()).await, &Kind::ManifestUnknown);
}

#[tokio::test]
async fn what_nobody_knows_stays_in_a_converted_tree() {
    let (_, repository) = under(normalising(Preset::Open));
    let docker = image("docker").docker();
    repository.image(&docker, &[]).await;
    repository.blob("thing").await;
    let unknown = "application/vnd.example.unknown";
    let index = Index::docker()
        .image(&docker, "linux/amd64")
        .child_of_type(unknown, b"thing", None);
    let outcome = repository
        .put(index.bytes(), &index.media_type(), &["v1"])
        .await
        .unwrap();
    let (info, bytes) = repository.get("v1").await.unwrap();
    assert_eq!(
        (Some(&info.digest), info.media_type.as_str()),
        (outcome.normalised.as_ref(), MediaType::OCI_INDEX)
    );
    let manifest = Manifest::parse(bytes, Some(&info.media_type)).unwrap();
    let child = &manifest.children()[1].descriptor;
    assert_eq!(
        (child.media_type.as_ref(), &child.digest),
        (Some(&MediaType::new(unknown)), &Digest::sha256(b"thing"))
    );
}

#[tokio::test]
async fn a_refused_push_stores_nothing_converted() {
    let (_, repository) = under(normalising(Preset::Open));
    let docker = image("docker").docker();
    repository.image(&docker, &[]).await;
    let list = Index::docker()
        .image(&docker, "linux/amd64")
        .image(&image("absent"), "linux/arm64");
    refused(
        repository
            .put(list.bytes(), &list.media_type(), &["v1"])
            .await,
        &Kind::ContentMissing,
    );
    refused(repository.get(list.digest()).await, &Kind::ManifestUnknown);
    assert_eq!(repository.tags().await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_failure_in_between_leaves_the_tags_alone() {
    // The registry within takes no OCI index, so that the last of the converted documents fails.
    let types = [
        MediaType::OCI_MANIFEST,
        MediaType::DOCKER_MANIFEST,
        MediaType::DOCKER_LIST,
    ];
    let without_indexes = Policy::default().for_manifest_types(types.map(MediaType::new).to_vec());
    let (within, _) = under(without_indexes);
    let (_, repository) = around(within, normalising(Preset::Open));
    let (before, docker) = (image("before"), image("docker").docker());
    repository.image(&before, &["v1"]).await;
    repository.image(&docker, &[]).await;
    let list = Index::docker().image(&docker, "linux/amd64");
    refused(
        repository
            .put(list.bytes(), &list.media_type(), &["v1"])
            .await,
        &Kind::ManifestInvalid,
    );
    assert_eq!(repository.tagged("v1").await, Some(before.digest()));
}

#[tokio::test]
async fn a_sha512_digest_stays_one() {
    let (_, repository) = under(normalising(Preset::Open));
    let docker = image("docker").docker();
    push_blobs(&repository, &docker).await;
    let options = PutManifest {
        media_type: Some(docker.media_type()),
        digest: Some(sha512(&docker.bytes())),
        tags: vec![TagUpdate::always(tag("v1"))],
        ..PutManifest::default()
    };
    let outcome = repository.put_with(docker.bytes(), options).await.unwrap();
    assert_eq!(outcome.digest, sha512(&docker.bytes()));
    let normalised = outcome.normalised.unwrap();
    assert_eq!(*normalised.algorithm(), Algorithm::Sha512);
    assert_eq!(repository.tagged("v1").await, Some(normalised));
}

#[tokio::test]
async fn deletions_are_what_the_policy_says() {
    for (deletions, guarded, free) in [
        (Deletions::Unreferenced, Some(Kind::Referenced), None),
        (Deletions::Always, None, None),
        (
            Deletions::Never,
            Some(Kind::Unsupported),
            Some(Kind::Unsupported),
        ),
    ] {
        let (_, repository) = under(Policy::default().with_deletions(deletions));
        let (child, layer) = (image("child"), Digest::sha256(&image("child").blobs()[1]));
        repository.image(&child, &["child"]).await;
        repository
            .index(&Index::oci().image(&child, "linux/amd64"), &["v1"])
            .await;
        let loose = repository.blob("loose").await;
        let kind = |result: Result<()>| result.err().map(|error| error.kind().clone());
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
async fn of_pushes_that_read_trees_only_a_few_do_so_at_once() {
    let rules = vec![
        PolicyRule::new(
            "**",
            Policy::default().with(Rule::PlatformMismatch, Verdict::Warn),
        )
        .unwrap(),
        PolicyRule::new("plain/*", Policy::default()).unwrap(),
    ];
    let policies = Arc::new(Policies::new(Arc::new(MemoryRegistry::new()), rules));
    let registry: Arc<dyn Registry> = Arc::clone(&policies) as _;
    let (reading, plain) = (
        Repository::of(&registry, "team/app"),
        Repository::of(&registry, "plain/app"),
    );
    let (bytes, media_type) = (Index::oci().bytes(), Index::oci().media_type());

    assert_eq!(policies.trees.available_permits(), TREES);
    let all = policies
        .trees
        .acquire_many(u32::try_from(TREES).unwrap())
        .await
        .unwrap();
    let mut waiting = Box::pin(reading.put(bytes.clone(), &media_type, &["v1"]));
    let mut checked = Box::pin(reading.rehearse(bytes.clone(), &media_type, &["v1"]));
    assert!((&mut waiting).now_or_never().is_none() && (&mut checked).now_or_never().is_none());
    plain.put(bytes, &media_type, &["v1"]).await.unwrap();
    drop(all);
    waiting.await.unwrap();
    checked.await.unwrap();
    assert_eq!(policies.trees.available_permits(), TREES);
}

#[tokio::test]
async fn findings_about_a_large_tree_are_counted() {
    let (_, repository) = under(Policy::default().with(Rule::PlatformMismatch, Verdict::Warn));
    let image = image("a").built_for("linux/amd64");
    repository.image(&image, &[]).await;
    let mut outer = Index::oci();
    for part in 0..3 {
        let inner = (0..500).fold(Index::oci(), |index, _| index.image(&image, "linux/s390x"));
        let inner = inner.field("annotations", json!({"part": part.to_string()}));
        repository.index(&inner, &[]).await;
        outer = outer.nested(&inner, None);
    }
    let outcome = repository
        .put(outer.bytes(), &outer.media_type(), &["v1"])
        .await
        .unwrap();
    let told: Vec<_> = outcome
        .warnings()
        .filter(|finding| finding.rule == Rule::PlatformMismatch)
        .collect();
    assert_eq!(
        (
            told.len(),
            told.iter().map(|finding| finding.count()).sum::<usize>()
        ),
        (1000, 1500)
    );
}

#[tokio::test]
async fn what_has_nothing_of_dockers_need_not_be_converted() {
    let (_, repository) =
        under(normalising(Preset::Open).with(Rule::NotNormalised, Verdict::Reject));
    let custom = MediaType::new("application/vnd.example.custom+json");
    let outcome = repository.put("{}".into(), &custom, &["v1"]).await.unwrap();
    assert_eq!(
        (outcome.normalised, repository.tagged("v1").await),
        (None, Some(outcome.digest))
    );
}

#[tokio::test]
async fn a_docker_child_without_a_type_is_told() {
    let (_, repository) = under(normalising(Preset::Open));
    let docker = image("docker").docker();
    repository.image(&docker, &[]).await;
    let mut child = json!(docker.descriptor());
    child.as_object_mut().unwrap().remove("mediaType");
    let index = Index::oci().child(child);
    let outcome = repository
        .put(index.bytes(), &index.media_type(), &["v1"])
        .await
        .unwrap();
    assert_eq!(
        (outcome.normalised.as_ref(), repository.tagged("v1").await),
        (None, Some(index.digest()))
    );
    assert!(
        warned(&outcome).contains(&(Rule::NotNormalised, "/manifests/0")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_is_missing_is_told_as_ever() {
    let (_, repository) =
        under(normalising(Preset::Open).with(Rule::NotNormalised, Verdict::Reject));
    let list = Index::docker().image(&image("absent").docker(), "linux/amd64");
    let error = refused(
        repository
            .put(list.bytes(), &list.media_type(), &["v1"])
            .await,
        &Kind::ContentMissing,
    );
    assert_eq!(
        findings(&error),
        [("missing-child".to_owned(), "/manifests/0".to_owned())]
    );
}

#[tokio::test]
async fn what_was_mended_is_no_warning() {
    let (_, repository) = under(normalising(Preset::Open));
    let index = push_mixed(&repository).await;
    let tried = repository
        .rehearse(index.bytes(), &index.media_type(), &["v1"])
        .await
        .unwrap();
    assert!(
        warned(&tried)
            .iter()
            .all(|(rule, _)| *rule != Rule::IndexMixedFamilies),
        "{tried:?}"
    );
    assert_eq!(
        repository
            .put(index.bytes(), &index.media_type(), &["v1"])
            .await
            .unwrap(),
        tried
    );
    let untagged = repository
        .put(index.bytes(), &index.media_type(), &[])
        .await
        .unwrap();
    assert!(
        warned(&untagged)
            .iter()
            .any(|(rule, _)| *rule == Rule::IndexMixedFamilies),
        "{untagged:?}"
    );
}
