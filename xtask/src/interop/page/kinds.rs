//! What each kind is, in words.

use super::super::matrix::Cell;
use super::super::report::unique;
use super::table::markdown;

const KINDS: [(&str, &str); 31] = [
    (
        "real-eleven",
        "An OCI index of eleven children: images for eight platforms, of which the third child is Docker's and the others OCI, and three attestations",
    ),
    (
        "real-eleven-third",
        "The same index; a client that takes one platform is asked for that of the Docker image, linux/arm/v7",
    ),
    ("oci-image", "An OCI image"),
    ("docker-image", "A Docker image (version 2, schema 2)"),
    (
        "oci-index",
        "An OCI index of OCI images for three platforms",
    ),
    (
        "docker-list",
        "A Docker manifest list of Docker images for three platforms",
    ),
    (
        "nested-index",
        "An OCI index in an index in an index, with an image beside",
    ),
    ("empty-index", "An OCI index without children"),
    (
        "index-docker-child",
        "An OCI index of OCI images whose third child is a Docker image",
    ),
    (
        "index-docker-list",
        "An OCI index of an OCI image and a Docker manifest list",
    ),
    (
        "list-oci-children",
        "A Docker manifest list of an OCI image and a Docker image",
    ),
    (
        "list-oci-index",
        "A Docker manifest list of a Docker image and an OCI index",
    ),
    ("docker-oci-layers", "A Docker image with OCI layers"),
    ("docker-oci-config", "A Docker image with an OCI config"),
    ("oci-docker-layers", "An OCI image with Docker layers"),
    (
        "buildkit-cache",
        "A cache as BuildKit exports it: an OCI index whose children are layers and a configuration",
    ),
    (
        "unknown-as-manifest",
        "An OCI index of an image and a child of an unknown type that was pushed as a manifest",
    ),
    (
        "unknown-as-blob",
        "An OCI index of an image and a child of an unknown type that was pushed as a blob",
    ),
    (
        "attestation",
        "An OCI index of an image and an attestation, for the platform unknown/unknown",
    ),
    ("no-platform", "An OCI index of an image without a platform"),
    ("artifact", "An OCI artifact with an empty config"),
    (
        "artifact-subject",
        "An artifact about an image that is there, its subject",
    ),
    (
        "artifact-no-subject",
        "An artifact about an image that is nowhere",
    ),
    ("index-subject", "An OCI index with a subject"),
    (
        "embedded-data",
        "An OCI index of an image and an artifact whose descriptors carry their content as `data`",
    ),
    (
        "oci-foreign-layer",
        "An OCI image with a non-distributable layer: only its URL has it, and here that leads nowhere",
    ),
    (
        "docker-foreign-layer",
        "A Docker image with a foreign layer, likewise",
    ),
    ("zero-layers", "An OCI image without layers"),
    (
        "sha512",
        "An OCI index, itself named by sha256, of an image whose manifest, config and layers are named by sha512",
    ),
    ("custom-type", "A manifest of an unknown type"),
    (
        "sparse-index",
        "An OCI index of an image that is there and one that is nowhere, in a repository with the policy `sparse`",
    ),
];

/// The table of the kinds that `cells` are about.
pub(crate) fn table(cells: &[&Cell]) -> String {
    let about = |kind: &str| {
        KINDS
            .iter()
            .find(|(name, _)| *name == kind)
            .map_or("", |(_, about)| about)
    };
    let kinds = unique(cells.iter().map(|cell| cell.kind.as_str()));
    let rows: Vec<_> = kinds
        .into_iter()
        .map(|kind| vec![format!("`{kind}`"), about(kind).to_owned()])
        .collect();
    markdown(&["kind", "what it is"], &rows)
}

#[cfg(test)]
mod tests {
    use super::super::super::{eleven, kinds};
    use super::*;

    #[test]
    fn every_kind_is_described() {
        let kinds = kinds::all().unwrap();
        let names = eleven::NAMES
            .into_iter()
            .chain(kinds.iter().map(|kind| kind.name));
        assert!(names.eq(KINDS.iter().map(|(name, _)| *name)));
    }
}
