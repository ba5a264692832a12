//! Copied content: indexes of images whose lowest layers are shared by several repositories.

use std::collections::BTreeMap;

use anyhow::Result;

use xtask::load::image::MANIFEST;
use xtask::load::push::{self, UploadMethod};
use xtask::load::{Connection, LoadBlob, LoadImage, Random};

use crate::content::INDEX;
use crate::sizes::Sizes;

const PLATFORMS: [&str; 4] = ["amd64", "arm64", "ppc64le", "s390x"];

/// Number of repositories whose images share their lowest layers.
const REPOSITORIES_PER_BASE: u64 = 4;

/// Index with the images below it, and its repository.
pub(super) struct CopiedIndex {
    repository: String,
    images: Vec<LoadImage>,
    pub(super) document: LoadBlob,
}

/// Creates the indexes. The content is identical in each run.
pub(super) fn create_indexes(sizes: &Sizes) -> Vec<CopiedIndex> {
    let mut random = Random::new(20, 4);
    let mut bases = Vec::new();
    let mut indexes = Vec::new();
    for number in 0..sizes.copies {
        if number % REPOSITORIES_PER_BASE == 0 {
            bases = PLATFORMS
                .iter()
                .map(|_| random_layer(&mut random, sizes))
                .collect();
        }
        let images = bases
            .iter()
            .map(|base| random_image(&mut random, base, sizes));
        indexes.push(CopiedIndex::new(number, images.collect()));
    }
    indexes
}

fn random_image(random: &mut Random, base: &LoadBlob, sizes: &Sizes) -> LoadImage {
    let lengths = [
        sizes.random_layer_length(random),
        sizes.random_layer_length(random),
    ];
    LoadImage::random(random, std::slice::from_ref(base), &lengths)
}

fn random_layer(random: &mut Random, sizes: &Sizes) -> LoadBlob {
    let length = sizes.random_layer_length(random);
    LoadBlob::random(random, length)
}

impl CopiedIndex {
    fn new(number: u64, images: Vec<LoadImage>) -> Self {
        let children = images.iter().zip(PLATFORMS).map(|(image, architecture)| {
            serde_json::json!({
                "mediaType": MANIFEST,
                "digest": image.manifest.digest,
                "size": image.manifest.bytes.len(),
                "platform": { "os": "linux", "architecture": architecture },
            })
        });
        let manifests: Vec<_> = children.collect();
        let document =
            serde_json::json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
        Self {
            repository: format!("team-{number}/app"),
            images,
            document: LoadBlob::new(document.to_string()),
        }
    }

    /// Returns the reference without the registry's host.
    pub(super) fn name(&self) -> String {
        format!("{}:v1", self.repository)
    }

    /// Returns the path at which a registry serves the index.
    pub(super) fn manifest_path(&self) -> String {
        format!("/v2/{}/manifests/v1", self.repository)
    }

    pub(super) async fn push(&self, connection: &mut Connection) -> Result<()> {
        for image in &self.images {
            for blob in image.blobs() {
                push::push_blob(connection, &self.repository, blob, UploadMethod::FinalPut).await?;
            }
            let LoadBlob { bytes, digest } = image.manifest.clone();
            push::push_manifest(connection, &self.repository, &digest, bytes).await?;
        }
        let bytes = self.document.bytes.clone();
        push::push_document(connection, &self.repository, "v1", INDEX, bytes).await?;
        Ok(())
    }
}

/// Returns the number of layers named by all images, and the total size of the distinct ones.
pub(super) fn layer_totals(indexes: &[CopiedIndex]) -> (usize, u64) {
    let layers = || {
        indexes
            .iter()
            .flat_map(|index| &index.images)
            .flat_map(|image| &image.layers)
    };
    let distinct: BTreeMap<_, _> = layers()
        .map(|layer| (&layer.digest, layer.bytes.len() as u64))
        .collect();
    (layers().count(), distinct.values().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_share_some_layers() {
        let indexes = create_indexes(&Sizes::quick());
        let bytes = indexes
            .iter()
            .flat_map(|index| &index.images)
            .flat_map(|image| &image.layers);
        let all: u64 = bytes.map(|layer| layer.bytes.len() as u64).sum();
        let (count, distinct) = layer_totals(&indexes);
        assert_eq!(count, indexes.len() * PLATFORMS.len() * 3);
        assert!(distinct < all, "{distinct} {all}");
    }
}
