//! Small images that several clients push and pull at the same time.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use xtask::load::push::{self, UploadMethod};
use xtask::load::{Connection, LoadImage, Random};

pub(crate) const CLIENTS: u64 = 8;

/// Lengths of the two layers of each image.
pub(crate) const LAYERS: [usize; 2] = [4_000, 16_000];

/// Images of each client, all different.
pub(crate) struct SmallImages(Vec<Vec<LoadImage>>);

impl SmallImages {
    /// Creates `count` images, rounded down to a multiple of the clients. The seed determines their
    /// content.
    pub(crate) fn new(count: u64, seed: u32) -> Self {
        let images = |client| {
            let mut random = Random::new(u64::from(seed), client);
            (0..count / CLIENTS)
                .map(|_| LoadImage::random(&mut random, &[], &LAYERS))
                .collect()
        };
        Self((0..CLIENTS).map(images).collect())
    }

    /// Pushes all images, each with its own tag.
    pub(crate) async fn push(&self, address: SocketAddr) -> Result<()> {
        self.for_each(address, async |connection, repository, tag, image| {
            Ok(push::push_image(connection, repository, tag, image).await?)
        })
        .await
    }

    /// Pushes only the layers of all images.
    pub(crate) async fn push_layers(&self, address: SocketAddr) -> Result<()> {
        self.for_each(address, async |connection, repository, _, image| {
            for layer in &image.layers {
                push::push_blob(connection, repository, layer, UploadMethod::Stream).await?;
            }
            Ok(())
        })
        .await
    }

    /// Pulls all images by tag and checks the sizes of what is received.
    pub(crate) async fn pull(&self, address: SocketAddr) -> Result<()> {
        self.for_each(address, pull_image).await
    }

    /// Calls `work` with each image, its repository and its tag: one after another for each client,
    /// and at the same time for all clients.
    async fn for_each(
        &self,
        address: SocketAddr,
        work: impl AsyncFn(&mut Connection, &str, &str, &LoadImage) -> Result<()>,
    ) -> Result<()> {
        let work = &work;
        try_join_all(self.0.iter().enumerate().map(async |(client, images)| {
            let mut connection = Connection::new(address);
            for (number, image) in images.iter().enumerate() {
                work(&mut connection, &repository(client), &tag(number), image).await?;
            }
            anyhow::Ok(())
        }))
        .await?;
        Ok(())
    }
}

async fn pull_image(
    connection: &mut Connection,
    repository: &str,
    tag: &str,
    image: &LoadImage,
) -> Result<()> {
    let manifest = format!("/v2/{repository}/manifests/{tag}");
    let blobs = image
        .blobs()
        .map(|blob| (format!("/v2/{repository}/blobs/{}", blob.digest), blob));
    for (target, expected) in std::iter::once((manifest, &image.manifest)).chain(blobs) {
        let response = connection.get(&target).await?;
        ensure!(
            response.status == 200 && response.body.len() == expected.bytes.len(),
            "{target}: {}, {} bytes",
            response.status,
            response.body.len()
        );
    }
    Ok(())
}

fn repository(client: usize) -> String {
    format!("bench/small-{client}")
}

fn tag(number: usize) -> String {
    format!("v{number}")
}
