//! Mixtures of the two families.

use portolan_model::MediaType;
use portolan_model::fixtures::{Image, Index, blob, describe, image};
use serde_json::json;

use crate::corpus::case::Case;

pub(super) fn cases() -> Vec<Case> {
    vec![
        eleven(),
        docker_child(),
        docker_list_in_an_index(),
        oci_children_in_a_list(),
        oci_index_in_a_list(),
        Case::new(
            "kind/docker-image-with-oci-layer",
            &docker().layer_of_type(MediaType::OCI_LAYER_GZIP, "oci"),
        ),
        docker_image_with_oci_config(),
        Case::new(
            "kind/oci-image-with-docker-layer",
            &oci().layer_of_type(MediaType::DOCKER_LAYER_GZIP, "docker"),
        ),
        many_levels(),
    ]
}

fn oci() -> Image {
    image("a").layers([])
}

fn docker() -> Image {
    oci().docker()
}

/// memcached:1.6-alpine as it was: ten OCI images, and third among them an old Docker one.
fn eleven() -> Case {
    const PLATFORMS: [&str; 11] = [
        "linux/amd64",
        "linux/arm/v6",
        "linux/arm/v7",
        "linux/arm64/v8",
        "linux/386",
        "linux/mips64le",
        "linux/ppc64le",
        "linux/riscv64",
        "linux/s390x",
        "linux/loong64",
        "linux/arm/v5",
    ];
    let children = PLATFORMS.map(|platform| match platform {
        "linux/arm/v7" => image(platform)
            .built_for(platform)
            .built_at("2024-01-27T09:01:33Z")
            .docker(),
        _ => image(platform)
            .built_for(platform)
            .built_at("2024-12-03T20:11:45Z"),
    });
    let both = || PLATFORMS.iter().zip(&children);
    let root = both().fold(Index::oci(), |index, (platform, child)| {
        index.image(child, platform)
    });
    both().fold(
        Case::new("kind/eleven-children", &root),
        |case, (platform, child)| case.holds(platform, child),
    )
}

fn docker_child() -> Case {
    let (first, third) = (
        image("amd64"),
        image("arm").built_for("linux/arm/v7").docker(),
    );
    let root = Index::oci()
        .image(&first, "linux/amd64")
        .image(&third, "linux/arm/v7");
    Case::new("kind/docker-child-in-an-index", &root)
        .holds("amd64", &first)
        .holds("arm", &third)
}

fn docker_list_in_an_index() -> Case {
    let (direct, listed) = (
        image("direct"),
        image("listed").built_for("linux/arm64").docker(),
    );
    let list = Index::docker().image(&listed, "linux/arm64");
    let root = Index::oci()
        .image(&direct, "linux/amd64")
        .nested(&list, None);
    Case::new("kind/docker-list-in-an-index", &root)
        .holds("direct", &direct)
        .holds("the list", &list)
        .holds("listed", &listed)
}

fn oci_children_in_a_list() -> Case {
    let (oci, docker) = (
        image("oci"),
        image("docker").built_for("linux/arm64").docker(),
    );
    let root = Index::docker()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm64");
    Case::new("kind/oci-child-in-a-docker-list", &root)
        .holds("oci", &oci)
        .holds("docker", &docker)
}

fn oci_index_in_a_list() -> Case {
    let (direct, indexed) = (
        image("direct").docker(),
        image("indexed").built_for("linux/arm64"),
    );
    let index = Index::oci().image(&indexed, "linux/arm64");
    let root = Index::docker()
        .image(&direct, "linux/amd64")
        .nested(&index, Some("linux/arm64"));
    Case::new("kind/oci-index-in-a-docker-list", &root)
        .holds("direct", &direct)
        .holds("the index", &index)
        .holds("indexed", &indexed)
}

fn docker_image_with_oci_config() -> Case {
    let image = image("a").docker();
    let config = describe(MediaType::OCI_CONFIG, &image.blobs()[0]);
    Case::new(
        "kind/docker-image-with-oci-config",
        &image.field("config", json!(config)),
    )
}

/// Both families by turns, nested, and one image named from two places.
fn many_levels() -> Case {
    let shared = image("shared")
        .layers([])
        .layer_of_type(MediaType::DOCKER_LAYER_GZIP, "docker");
    let old = image("old").built_for("linux/arm/v7").docker();
    let list = Index::docker()
        .image(&old, "linux/arm/v7")
        .image(&shared, "linux/amd64");
    let middle = Index::oci()
        .nested(&list, None)
        .image(&shared, "linux/amd64");
    let root = Index::docker()
        .nested(&middle, None)
        .image(&shared, "linux/amd64");
    Case::new("kind/mixed-at-every-level", &root)
        .holds("middle", &middle)
        .holds("the list", &list)
        .holds("shared", &shared)
        .holds("old", &old)
        .blob("a blob that nobody names", blob("unnamed"))
}
