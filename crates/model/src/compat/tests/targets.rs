//! Predictions of the table for the most common kinds of images.

use serde_json::json;

use super::content_store::ContentStore;
use crate::compat::{Feature, Judgment, Operation, Target, TargetVerdict, judge};
use crate::fixtures::{ImageFixture, IndexFixture, blob, image};
use crate::lint::LintTree;
use crate::{MediaType, Platform};

fn docker() -> ImageFixture {
    image("d").docker()
}

fn judge_for(target: &str, tree: &LintTree) -> Judgment {
    judge(tree, Target::find(target).unwrap())
}

/// Returns the ids of the targets that fail with a tree.
fn failing_targets(tree: &LintTree) -> Vec<&'static str> {
    let fails = |target: &&Target| judge(tree, target).verdict == TargetVerdict::Fails;
    Target::all()
        .iter()
        .filter(fails)
        .map(|target| target.id)
        .collect()
}

fn content() -> ContentStore {
    ContentStore::default()
        .image(&image("a"))
        .image(&docker())
        .blob(&blob("x"))
}

fn mixed() -> LintTree {
    content().index_tree(
        &IndexFixture::oci()
            .image(&image("a"), "linux/amd64")
            .image(&docker(), "linux/arm/v7"),
    )
}

fn nested() -> LintTree {
    let inner = IndexFixture::oci().image(&image("a"), "linux/amd64");
    content()
        .index(&inner)
        .index_tree(&IndexFixture::oci().nested_index(&inner, Some("linux/amd64")))
}

fn unknown() -> LintTree {
    let index = IndexFixture::oci().image(&image("a"), "linux/amd64");
    content().index_tree(&index.child_of_type(
        "application/vnd.example.chart.v1+json",
        &blob("x"),
        None,
    ))
}

fn cache() -> LintTree {
    content().index_tree(&IndexFixture::oci().child_of_type(
        MediaType::OCI_LAYER_GZIP,
        &blob("x"),
        None,
    ))
}

fn sparse() -> LintTree {
    content().index_tree(
        &IndexFixture::oci()
            .image(&image("a"), "linux/amd64")
            .image(&image("gone"), "linux/arm64"),
    )
}

#[test]
fn plain_index_works_with_every_target() {
    let tree = content().index_tree(&IndexFixture::oci().image(&image("a"), "linux/amd64"));
    for target in Target::all() {
        assert_eq!(
            judge(&tree, target).verdict,
            TargetVerdict::Works,
            "{}",
            target.id
        );
    }
}

#[test]
fn mixed_index_fails_with_known_targets() {
    assert_eq!(
        failing_targets(&mixed()),
        ["quay-before-2026-05", "gcr", "zot"]
    );
    let judgment = judge_for("gcr.io", &mixed());
    let [reason] = judgment.reasons.as_slice() else {
        panic!("{judgment:?}")
    };
    assert!(
        reason
            .fact
            .summary
            .contains("Image index child manifest not supported")
    );
    assert_eq!(reason.causes[0].digest, docker().digest());
    assert_eq!(
        reason.fact.fix().to_string(),
        "portolan convert REF DST --to oci"
    );
}

#[test]
fn nested_index_fails_with_gitea_and_podman() {
    assert_eq!(
        failing_targets(&nested()),
        ["gitea", "containers-image", "docker-20.10"]
    );
    let podman = judge_for("podman", &nested());
    assert_eq!(
        (
            podman.operation_verdict(Operation::Pull),
            podman.operation_verdict(Operation::Copy)
        ),
        (TargetVerdict::Fails, TargetVerdict::Fails)
    );
}

#[test]
fn unknown_child_fails_with_registries_and_full_copies() {
    assert_eq!(
        failing_targets(&unknown()),
        ["quay", "quay-before-2026-05", "harbor", "gitlab", "gitea"]
    );
    let podman = judge_for("podman", &unknown());
    assert_eq!(
        (podman.verdict, podman.operation_verdict(Operation::Pull)),
        (TargetVerdict::Remark, TargetVerdict::Works)
    );
    assert_eq!(
        podman.operation_verdict(Operation::Copy),
        TargetVerdict::Fails
    );
    assert_eq!(
        judge_for("crane", &unknown()).verdict,
        TargetVerdict::Remark
    );
    assert_eq!(
        judge_for("containerd", &unknown()).verdict,
        TargetVerdict::Works
    );
}

#[test]
fn cache_fails_where_children_must_be_manifests() {
    let failing = failing_targets(&cache());
    for target in [
        "quay",
        "gcr",
        "harbor",
        "gitea",
        "containers-image",
        "docker-20.10",
    ] {
        assert!(failing.contains(&target), "{target}: {failing:?}");
    }
    assert_eq!(
        judge_for("distribution-2.8", &cache()).verdict,
        TargetVerdict::Remark
    );
}

#[test]
fn sparse_index_can_be_pulled_for_present_platforms() {
    let podman = judge_for("podman", &sparse());
    let pulling = |platform: &str| podman.pull_verdict(&platform.parse::<Platform>().unwrap());
    assert_eq!(
        (pulling("linux/amd64"), pulling("linux/arm64")),
        (TargetVerdict::Works, TargetVerdict::Fails)
    );
    assert_eq!(podman.verdict, TargetVerdict::Fails);
}

#[test]
fn mixed_docker_and_oci_layers() {
    let tree =
        ContentStore::default().image_tree(&docker().layer_of_type(MediaType::OCI_LAYER_GZIP, "o"));
    assert_eq!(failing_targets(&tree), ["zot", "containers-image"]);
    let tree = ContentStore::default()
        .image_tree(&image("a").layer_of_type(MediaType::DOCKER_LAYER_GZIP, "o"));
    assert_eq!(
        (failing_targets(&tree), judge_for("podman", &tree).verdict),
        (vec![], TargetVerdict::Remark)
    );
}

#[test]
fn docker_list_with_oci_image_or_without_platform() {
    let tree = content().index_tree(&IndexFixture::docker().image(&image("a"), "linux/amd64"));
    assert_eq!(
        failing_targets(&tree),
        ["quay", "quay-before-2026-05", "zot"]
    );
    let tree = content().index_tree(&IndexFixture::docker().without_platform(&docker()));
    assert_eq!(
        failing_targets(&tree),
        [
            "quay",
            "quay-before-2026-05",
            "zot",
            "containers-image",
            "docker-20.10"
        ]
    );
}

#[test]
fn missing_subject_fails_with_oras() {
    let tree = content().image_tree(&image("s").subject(&image("gone").descriptor()));
    assert_eq!(failing_targets(&tree), ["oras"]);
    assert_eq!(
        judge_for("distribution-2.8", &tree).verdict,
        TargetVerdict::Remark
    );
}

#[test]
fn custom_type_and_two_shapes() {
    let custom = ContentStore::default().manifest(
        blob("x"),
        &MediaType::new("application/vnd.example.chart.v1+json"),
    );
    let custom = custom.tree(&crate::Digest::sha256(&blob("x")));
    let works: Vec<_> = Target::all()
        .iter()
        .filter(|target| judge(&custom, target).verdict == TargetVerdict::Works)
        .collect();
    assert_eq!(
        works.iter().map(|target| target.id).collect::<Vec<_>>(),
        ["gcr", "oras"]
    );
    let two = ContentStore::default().image_tree(&image("a").field("manifests", json!([])));
    assert_eq!(
        failing_targets(&two),
        [
            "distribution-2.8",
            "containers-image",
            "containerd",
            "docker",
            "docker-20.10"
        ]
    );
}

#[test]
fn fix_depends_on_the_child_and_its_position() {
    let index = |media_type: &str| {
        let index = IndexFixture::oci().image(&image("a"), "linux/amd64");
        index.child_of_type(media_type, &blob("x"), None)
    };
    let fix_for = |tree: &LintTree, feature: Feature| {
        let reasons = judge_for("quay", tree).reasons;
        reasons
            .into_iter()
            .find(|reason| reason.fact.feature == feature)
            .unwrap()
            .fix
            .to_string()
    };
    let unknown = content().index_tree(&index("application/vnd.example.chart.v1+json"));
    assert_eq!(
        fix_for(&unknown, Feature::UnknownChild),
        "portolan copy REF DST --drop-unknown"
    );
    let withdrawn = index(MediaType::OCI_ARTIFACT);
    let remove = "portolan index remove REF DIGEST";
    assert_eq!(
        fix_for(&content().index_tree(&withdrawn), Feature::UnknownChild),
        remove,
        "a known type, so it is removed by digest"
    );
    let nested = content()
        .index(&withdrawn)
        .index_tree(&IndexFixture::oci().nested_index(&withdrawn, None));
    let remove = "portolan convert REF DST --flatten && portolan index remove DST DIGEST";
    assert_eq!(fix_for(&nested, Feature::UnknownChild), remove);
}

#[test]
fn lists_failures_first() {
    let reasons = judge_for("podman", &unknown()).reasons;
    let outcomes: Vec<_> = reasons.iter().map(|reason| reason.fact.outcome).collect();
    assert!(
        outcomes.is_sorted_by(|one, other| one >= other),
        "{outcomes:?}"
    );
    assert!(
        judge_for("zot", &mixed())
            .reasons
            .iter()
            .any(|reason| reason.fact.feature == Feature::DockerType)
    );
}

#[test]
fn judges_ten_thousand_children_quickly() {
    let mut index = IndexFixture::oci();
    for _ in 0..10_000 {
        index = index.image(&docker(), "linux/amd64");
    }
    let tree = content().index_tree(&index);
    let begin = std::time::Instant::now();
    for target in Target::all() {
        judge(&tree, target);
    }
    // Even a slow machine needs less than a tenth of this; a quadratic algorithm needs far more.
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
}
