//! Descriptions of the kinds.

use super::super::matrix::MatrixCell;
use super::super::report::unique;
use super::table::render_markdown;

const KINDS: [(&str, &str); 31] = [
    (
        "real-eleven",
        "An OCI index of eleven children: images for eight platforms and three attestations; the \
         third child is a Docker image, the others are OCI",
    ),
    (
        "real-eleven-third",
        "The same index; clients that pull one platform pull that of the Docker image, \
         linux/arm/v7",
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
        "An OCI index in an index in an index, next to an image",
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
        "An artifact whose subject is a stored image",
    ),
    (
        "artifact-no-subject",
        "An artifact whose subject does not exist",
    ),
    ("index-subject", "An OCI index with a subject"),
    (
        "embedded-data",
        "An OCI index of an image and an artifact whose descriptors contain their content as \
         `data`",
    ),
    (
        "oci-foreign-layer",
        "An OCI image with a non-distributable layer, available only at its URL, which does not \
         work in this test",
    ),
    (
        "docker-foreign-layer",
        "A Docker image with a foreign layer, whose URL does not work either",
    ),
    ("zero-layers", "An OCI image without layers"),
    (
        "sha512",
        "An OCI index, itself named by sha256, of an image whose manifest, config and layers are named by sha512",
    ),
    ("custom-type", "A manifest of an unknown type"),
    (
        "sparse-index",
        "An OCI index of a stored image and a missing one, in a repository with the policy \
         `sparse`",
    ),
];

/// Returns the table of the kinds in `cells`.
pub(crate) fn render_table(cells: &[&MatrixCell]) -> String {
    let description = |kind: &str| {
        KINDS
            .iter()
            .find(|(name, _)| *name == kind)
            .map_or("", |(_, description)| description)
    };
    let kinds = unique(cells.iter().map(|cell| cell.kind.as_str()));
    let rows: Vec<_> = kinds
        .into_iter()
        .map(|kind| vec![format!("`{kind}`"), description(kind).to_owned()])
        .collect();
    render_markdown(&["kind", "description"], &rows)
}

#[cfg(test)]
mod tests {
    use super::super::super::{kinds, mixed_index};
    use super::*;

    #[test]
    fn describes_every_kind() {
        let kinds = kinds::all_kinds().unwrap();
        let names = mixed_index::NAMES
            .into_iter()
            .chain(kinds.iter().map(|kind| kind.name));
        assert!(names.eq(KINDS.iter().map(|(name, _)| *name)));
    }
}
