//! Content that every server of a round receives, and its paths.

use xtask::load::{LoadImage, Random};

use super::images::SmallImages;
use super::layer::LargeLayer;
use super::sizes::Sizes;

/// Media type of indexes.
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub(crate) const READ_REPOSITORY: &str = "bench/read";
pub(crate) const READ_TAG: &str = "latest";
pub(crate) const LAYER_REPOSITORY: &str = "bench/layer";
pub(crate) const TAGS_REPOSITORY: &str = "bench/tags";

/// Content for every server of a round.
pub(crate) struct BenchContent {
    /// Small image for the reading workloads. Its layer is the 20 kB blob.
    pub(crate) image: LoadImage,
    pub(crate) layer: LargeLayer,
    pub(crate) images: SmallImages,
}

impl BenchContent {
    /// Creates the content, so that no measurement contains it.
    pub(crate) fn new(sizes: &Sizes, round: u32) -> Self {
        Self {
            image: LoadImage::random(&mut Random::new(20, 26), &[], &[20_000]),
            layer: LargeLayer::new(0, sizes.layer),
            images: SmallImages::new(sizes.images, round),
        }
    }

    /// Returns the path of the manifest by tag.
    pub(crate) fn tag_target() -> String {
        format!("/v2/{READ_REPOSITORY}/manifests/{READ_TAG}")
    }

    /// Returns the path of the manifest by digest.
    pub(crate) fn manifest_target(&self) -> String {
        let digest = &self.image.manifest.digest;
        format!("/v2/{READ_REPOSITORY}/manifests/{digest}")
    }

    /// Returns the path of the 20 kB blob.
    pub(crate) fn small_blob_target(&self) -> String {
        let digest = &self.image.layers[0].digest;
        format!("/v2/{READ_REPOSITORY}/blobs/{digest}")
    }

    /// Returns the path of the large layer.
    pub(crate) fn layer_target(&self) -> String {
        self.layer.target(LAYER_REPOSITORY)
    }
}

/// Returns the path of a page of tags from the middle of the list.
pub(crate) fn tag_page_target(repository: &str, tags: u64) -> String {
    format!(
        "/v2/{repository}/tags/list?n=100&last={}",
        tag_name(tags / 2)
    )
}

/// Returns a tag whose lexical order is that of the numbers.
pub(crate) fn tag_name(number: u64) -> String {
    format!("tag-{number:07}")
}
