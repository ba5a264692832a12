//! What the table says about the images that it is asked about most.

use serde_json::json;

use super::shelf::Shelf;
use crate::compat::{Feature, Judgement, Operation, Target, Verdict, judge};
use crate::fixtures::{Image, Index, blob, image};
use crate::lint::Tree;
use crate::{MediaType, Platform};

fn docker() -> Image {
    image("d").docker()
}

fn by(target: &str, tree: &Tree) -> Judgement {
    judge(tree, Target::find(target).unwrap())
}

/// The targets at which a tree fails.
fn failing(tree: &Tree) -> Vec<&'static str> {
    let fails = |target: &&Target| judge(tree, target).verdict == Verdict::Fails;
    Target::all()
        .iter()
        .filter(fails)
        .map(|target| target.id)
        .collect()
}

fn shelf() -> Shelf {
    Shelf::default()
        .image(&image("a"))
        .image(&docker())
        .blob(&blob("x"))
}

fn mixed() -> Tree {
    shelf().tree_of(
        &Index::oci()
            .image(&image("a"), "linux/amd64")
            .image(&docker(), "linux/arm/v7"),
    )
}

fn nested() -> Tree {
    let inner = Index::oci().image(&image("a"), "linux/amd64");
    shelf()
        .index(&inner)
        .tree_of(&Index::oci().nested(&inner, Some("linux/amd64")))
}

fn unknown() -> Tree {
    let index = Index::oci().image(&image("a"), "linux/amd64");
    shelf().tree_of(&index.child_of_type("application/vnd.example.chart.v1+json", &blob("x"), None))
}

fn cache() -> Tree {
    shelf().tree_of(&Index::oci().child_of_type(MediaType::OCI_LAYER_GZIP, &blob("x"), None))
}

fn sparse() -> Tree {
    shelf().tree_of(
        &Index::oci()
            .image(&image("a"), "linux/amd64")
            .image(&image("gone"), "linux/arm64"),
    )
}

#[test]
fn a_plain_index_works_everywhere() {
    let tree = shelf().tree_of(&Index::oci().image(&image("a"), "linux/amd64"));
    for target in Target::all() {
        assert_eq!(
            judge(&tree, target).verdict,
            Verdict::Works,
            "{}",
            target.id
        );
    }
}

#[test]
fn a_mixed_index_fails_where_it_was_seen_to_fail() {
    assert_eq!(failing(&mixed()), ["quay-before-2026-05", "gcr", "zot"]);
    let judgement = by("gcr.io", &mixed());
    let [reason] = judgement.reasons.as_slice() else {
        panic!("{judgement:?}")
    };
    assert!(
        reason
            .fact
            .says
            .contains("Image index child manifest not supported")
    );
    assert_eq!(reason.causes[0].digest, docker().digest());
    assert_eq!(reason.fact.mend(), "portolan convert REF DST --to oci");
}

#[test]
fn a_nested_index_fails_at_gitea_and_below_podman() {
    assert_eq!(
        failing(&nested()),
        ["gitea", "containers-image", "docker-20.10"]
    );
    let podman = by("podman", &nested());
    assert_eq!(
        (
            podman.verdict_of(Operation::Pull),
            podman.verdict_of(Operation::Copy)
        ),
        (Verdict::Fails, Verdict::Fails)
    );
}

#[test]
fn an_unknown_child_hinders_registries_and_whoever_copies_all() {
    assert_eq!(
        failing(&unknown()),
        ["quay", "quay-before-2026-05", "harbor", "gitlab", "gitea"]
    );
    let podman = by("podman", &unknown());
    assert_eq!(
        (podman.verdict, podman.verdict_of(Operation::Pull)),
        (Verdict::Remark, Verdict::Works)
    );
    assert_eq!(podman.verdict_of(Operation::Copy), Verdict::Fails);
    assert_eq!(by("crane", &unknown()).verdict, Verdict::Remark);
    assert_eq!(by("containerd", &unknown()).verdict, Verdict::Works);
}

#[test]
fn a_cache_fails_where_children_have_to_be_manifests() {
    let failing = failing(&cache());
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
    assert_eq!(by("distribution-2.8", &cache()).verdict, Verdict::Remark);
}

#[test]
fn a_sparse_index_can_be_pulled_in_part() {
    let podman = by("podman", &sparse());
    let pulling =
        |platform: &str| podman.verdict_of_pulling(&platform.parse::<Platform>().unwrap());
    assert_eq!(
        (pulling("linux/amd64"), pulling("linux/arm64")),
        (Verdict::Works, Verdict::Fails)
    );
    assert_eq!(podman.verdict, Verdict::Fails);
}

#[test]
fn docker_layers_and_oci_layers() {
    let tree =
        Shelf::default().tree_of_image(&docker().layer_of_type(MediaType::OCI_LAYER_GZIP, "o"));
    assert_eq!(failing(&tree), ["zot", "containers-image"]);
    let tree = Shelf::default()
        .tree_of_image(&image("a").layer_of_type(MediaType::DOCKER_LAYER_GZIP, "o"));
    assert_eq!(
        (failing(&tree), by("podman", &tree).verdict),
        (vec![], Verdict::Remark)
    );
}

#[test]
fn a_docker_list_of_the_rest() {
    let tree = shelf().tree_of(&Index::docker().image(&image("a"), "linux/amd64"));
    assert_eq!(failing(&tree), ["quay", "quay-before-2026-05", "zot"]);
    let tree = shelf().tree_of(&Index::docker().without_platform(&docker()));
    assert_eq!(
        failing(&tree),
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
fn a_subject_that_is_nowhere_stops_oras() {
    let tree = shelf().tree_of_image(&image("s").subject(&image("gone").descriptor()));
    assert_eq!(failing(&tree), ["oras"]);
    assert_eq!(by("distribution-2.8", &tree).verdict, Verdict::Remark);
}

#[test]
fn a_custom_type_and_two_shapes() {
    let custom = Shelf::default().manifest(
        blob("x"),
        &MediaType::new("application/vnd.example.chart.v1+json"),
    );
    let custom = custom.tree(&crate::Digest::sha256(&blob("x")));
    let works: Vec<_> = Target::all()
        .iter()
        .filter(|target| judge(&custom, target).verdict == Verdict::Works)
        .collect();
    assert_eq!(
        works.iter().map(|target| target.id).collect::<Vec<_>>(),
        ["gcr", "oras"]
    );
    let two = Shelf::default().tree_of_image(&image("a").field("manifests", json!([])));
    assert_eq!(
        failing(&two),
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
fn what_mends_it_depends_on_what_it_is_and_where() {
    let index = |media_type: &str| {
        let index = Index::oci().image(&image("a"), "linux/amd64");
        index.child_of_type(media_type, &blob("x"), None)
    };
    let mend = |tree: &Tree, feature: Feature| {
        let reasons = by("quay", tree).reasons;
        reasons
            .into_iter()
            .find(|reason| reason.fact.feature == feature)
            .unwrap()
            .mend
    };
    let unknown = shelf().tree_of(&index("application/vnd.example.chart.v1+json"));
    assert_eq!(
        mend(&unknown, Feature::UnknownChild),
        "portolan copy REF DST --drop-unknown"
    );
    let withdrawn = index(MediaType::OCI_ARTIFACT);
    let remove = "portolan index remove REF DIGEST";
    assert_eq!(
        mend(&shelf().tree_of(&withdrawn), Feature::UnknownChild),
        remove,
        "known, and so not dropped"
    );
    let nested = shelf()
        .index(&withdrawn)
        .tree_of(&Index::oci().nested(&withdrawn, None));
    let remove = "portolan convert REF DST --flatten && portolan index remove DST DIGEST";
    assert_eq!(mend(&nested, Feature::UnknownChild), remove);
}

#[test]
fn failures_come_first() {
    let reasons = by("podman", &unknown()).reasons;
    let outcomes: Vec<_> = reasons.iter().map(|reason| reason.fact.outcome).collect();
    assert!(
        outcomes.is_sorted_by(|one, other| one >= other),
        "{outcomes:?}"
    );
    assert!(
        by("zot", &mixed())
            .reasons
            .iter()
            .any(|reason| reason.fact.feature == Feature::DockerType)
    );
}

#[test]
fn ten_thousand_children_are_judged_by_all_in_a_moment() {
    let mut index = Index::oci();
    for _ in 0..10_000 {
        index = index.image(&docker(), "linux/amd64");
    }
    let tree = shelf().tree_of(&index);
    let begin = std::time::Instant::now();
    for target in Target::all() {
        judge(&tree, target);
    }
    // Even a slow machine needs no tenth of this; what is not linear needs far more.
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
}
