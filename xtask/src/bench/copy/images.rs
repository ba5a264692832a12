//! What is copied: indexes of images whose lowest layers several repositories share.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use http::{Method, StatusCode};

use super::super::sizes::Sizes;
use crate::load::image::MANIFEST;
use crate::load::push::{self, Way};
use crate::load::{Blob, Connection, Image, Payload, Random};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const PLATFORMS: [&str; 4] = ["amd64", "arm64", "ppc64le", "s390x"];

/// Repositories whose images stand on the same lowest layers.
const FAMILY: u64 = 4;

/// An index with everything below it, and where it stands.
pub(super) struct Index {
    repository: String,
    images: Vec<Image>,
    pub(super) document: Blob,
}

/// The same for each run.
pub(super) fn make(sizes: &Sizes) -> Vec<Index> {
    let mut random = Random::new(20, 4);
    let mut bases = Vec::new();
    let mut indexes = Vec::new();
    for number in 0..sizes.copies {
        if number % FAMILY == 0 {
            bases = PLATFORMS
                .iter()
                .map(|_| layer(&mut random, sizes))
                .collect();
        }
        let images = bases.iter().map(|base| image(&mut random, base, sizes));
        indexes.push(Index::new(number, images.collect()));
    }
    indexes
}

fn image(random: &mut Random, base: &Blob, sizes: &Sizes) -> Image {
    let lengths = [sizes.copied_layer(random), sizes.copied_layer(random)];
    Image::random(random, std::slice::from_ref(base), &lengths)
}

fn layer(random: &mut Random, sizes: &Sizes) -> Blob {
    let length = sizes.copied_layer(random);
    Blob::random(random, length)
}

impl Index {
    fn new(number: u64, images: Vec<Image>) -> Self {
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
            document: Blob::new(document.to_string()),
        }
    }

    /// What it is called behind a registry's host.
    pub(super) fn name(&self) -> String {
        format!("{}:v1", self.repository)
    }

    /// Where a registry serves it.
    pub(super) fn target(&self) -> String {
        format!("/v2/{}/manifests/v1", self.repository)
    }

    pub(super) async fn push(&self, connection: &mut Connection) -> Result<()> {
        for image in &self.images {
            for blob in image.blobs() {
                push::blob(connection, &self.repository, blob, Way::Closing).await?;
            }
            let Blob { bytes, digest } = image.manifest.clone();
            push::manifest(connection, &self.repository, &digest, bytes).await?;
        }
        let body = Payload::whole(self.document.bytes.clone());
        let answer = connection
            .send(Method::PUT, &self.target(), INDEX, body)
            .await?;
        ensure!(
            answer.status == StatusCode::CREATED,
            "{}: {}",
            self.name(),
            answer.status
        );
        Ok(())
    }
}

/// Number of all layers as the images name them, and their bytes where each counts once.
pub(super) fn layers(indexes: &[Index]) -> (usize, u64) {
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
    fn some_layers_are_shared() {
        let indexes = make(&Sizes::quick());
        let bytes = indexes
            .iter()
            .flat_map(|index| &index.images)
            .flat_map(|image| &image.layers);
        let all: u64 = bytes.map(|layer| layer.bytes.len() as u64).sum();
        let (count, distinct) = layers(&indexes);
        assert_eq!(count, indexes.len() * PLATFORMS.len() * 3);
        assert!(distinct < all, "{distinct} {all}");
    }
}
