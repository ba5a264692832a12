//! Cases about documents that mix media types of the families OCI and Docker.

use portolan_model::MediaType;
use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, descriptor_json, image};
use serde_json::json;

use crate::corpus::case::Case;

pub(super) fn cases() -> Vec<Case> {
    vec![
        mixed_index(),
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
        mixed_at_every_level(),
    ]
}

fn oci() -> ImageFixture {
    image("a").layers([])
}

fn docker() -> ImageFixture {
    oci().docker()
}

/// Creates a case like `memcached:1.6-alpine` on Docker Hub: an index of ten OCI images, with an
/// old Docker image as the third child.
fn mixed_index() -> Case {
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
    let root = both().fold(IndexFixture::oci(), |index, (platform, child)| {
        index.image(child, platform)
    });
    both().fold(
        Case::new("kind/eleven-children", &root),
        |case, (platform, child)| case.with_document(platform, child),
    )
}

fn docker_child() -> Case {
    let (first, third) = (
        image("amd64"),
        image("arm").built_for("linux/arm/v7").docker(),
    );
    let root = IndexFixture::oci()
        .image(&first, "linux/amd64")
        .image(&third, "linux/arm/v7");
    Case::new("kind/docker-child-in-an-index", &root)
        .with_document("amd64", &first)
        .with_document("arm", &third)
}

fn docker_list_in_an_index() -> Case {
    let (direct, listed) = (
        image("direct"),
        image("listed").built_for("linux/arm64").docker(),
    );
    let list = IndexFixture::docker().image(&listed, "linux/arm64");
    let root = IndexFixture::oci()
        .image(&direct, "linux/amd64")
        .nested_index(&list, None);
    Case::new("kind/docker-list-in-an-index", &root)
        .with_document("direct", &direct)
        .with_document("the list", &list)
        .with_document("listed", &listed)
}

fn oci_children_in_a_list() -> Case {
    let (oci, docker) = (
        image("oci"),
        image("docker").built_for("linux/arm64").docker(),
    );
    let root = IndexFixture::docker()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm64");
    Case::new("kind/oci-child-in-a-docker-list", &root)
        .with_document("oci", &oci)
        .with_document("docker", &docker)
}

fn oci_index_in_a_list() -> Case {
    let (direct, indexed) = (
        image("direct").docker(),
        image("indexed").built_for("linux/arm64"),
    );
    let index = IndexFixture::oci().image(&indexed, "linux/arm64");
    let root = IndexFixture::docker()
        .image(&direct, "linux/amd64")
        .nested_index(&index, Some("linux/arm64"));
    Case::new("kind/oci-index-in-a-docker-list", &root)
        .with_document("direct", &direct)
        .with_document("the index", &index)
        .with_document("indexed", &indexed)
}

fn docker_image_with_oci_config() -> Case {
    let image = image("a").docker();
    let config = descriptor_json(MediaType::OCI_CONFIG, &image.blobs()[0]);
    Case::new(
        "kind/docker-image-with-oci-config",
        &image.field("config", json!(config)),
    )
}

/// Creates a case with nested indexes of alternating families, in which several descriptors
/// reference the same image.
fn mixed_at_every_level() -> Case {
    let shared = image("shared")
        .layers([])
        .layer_of_type(MediaType::DOCKER_LAYER_GZIP, "docker");
    let old = image("old").built_for("linux/arm/v7").docker();
    let list = IndexFixture::docker()
        .image(&old, "linux/arm/v7")
        .image(&shared, "linux/amd64");
    let middle = IndexFixture::oci()
        .nested_index(&list, None)
        .image(&shared, "linux/amd64");
    let root = IndexFixture::docker()
        .nested_index(&middle, None)
        .image(&shared, "linux/amd64");
    Case::new("kind/mixed-at-every-level", &root)
        .with_document("middle", &middle)
        .with_document("the list", &list)
        .with_document("shared", &shared)
        .with_document("old", &old)
        .with_blob("an unreferenced blob", blob("unnamed"))
}
