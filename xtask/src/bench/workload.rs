//! Workloads: the requests of each, and the format of its figures.

use std::net::SocketAddr;

use anyhow::Result;
use bytes::Bytes;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::goal::Goal;
use super::peer::{BenchContent, BenchServer, ServerName};
use super::sizes::Sizes;
use super::wrk;
use crate::load::push::{self, UploadMethod};
use crate::load::{Connection, LoadBlob, LoadImage, Payload, Random, download};

pub(crate) const READ_REPOSITORY: &str = "bench/read";
pub(crate) const READ_TAG: &str = "latest";

const LAYER_REPOSITORY: &str = "bench/layer";
const TAGS_REPOSITORY: &str = "bench/tags";
const CLIENTS: u64 = 8;
const CONCURRENT_PULLS: u8 = 4;

/// Workload. The order is that of execution, because some workloads read what earlier ones pushed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Workload {
    PushLayer,
    PullLayer,
    PullLayerConcurrently,
    PushImages,
    ManifestByTag,
    ManifestByDigest,
    SmallBlob,
    PutTags,
    TagPage,
}

/// Format of a workload's figures: seconds for long work, a rate for short work.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FigureFormat {
    Seconds,
    Rate,
}

/// Context in which a workload runs.
pub(crate) struct WorkloadContext<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) sizes: &'a Sizes,
    pub(crate) content: &'a BenchContent,
    pub(crate) round: u32,
}

impl Workload {
    pub(crate) const ALL: [Self; 9] = [
        Self::PushLayer,
        Self::PullLayer,
        Self::PullLayerConcurrently,
        Self::PushImages,
        Self::ManifestByTag,
        Self::ManifestByDigest,
        Self::SmallBlob,
        Self::PutTags,
        Self::TagPage,
    ];

    /// Returns the text of the table's first column.
    pub(crate) fn title(self, sizes: &Sizes) -> String {
        let mebibytes = sizes.layer >> 20;
        match self {
            Self::PushLayer => {
                format!("push of a layer of {mebibytes} MiB (POST, streamed PATCH, PUT)")
            }
            Self::PullLayer => format!("pull of this layer, {mebibytes} MiB"),
            Self::PullLayerConcurrently => {
                format!("pull by {CONCURRENT_PULLS} clients at the same time")
            }
            Self::PushImages => format!("push of {} small images, {CLIENTS} clients", sizes.images),
            Self::ManifestByTag => "GET manifest by tag, 64 connections".to_owned(),
            Self::ManifestByDigest => "GET manifest by digest, 64 connections".to_owned(),
            Self::SmallBlob => "GET 20 kB blob, 64 connections".to_owned(),
            Self::PutTags => format!("{} tag PUTs, one client", sizes.tags),
            Self::TagPage => format!("GET page of 100 of {} tags, 64 connections", sizes.tags),
        }
    }

    /// Returns the format of the figures.
    pub(crate) fn figure_format(self) -> FigureFormat {
        match self {
            Self::PushLayer
            | Self::PullLayer
            | Self::PullLayerConcurrently
            | Self::PushImages
            | Self::PutTags => FigureFormat::Seconds,
            Self::ManifestByTag | Self::ManifestByDigest | Self::SmallBlob | Self::TagPage => {
                FigureFormat::Rate
            }
        }
    }

    /// Returns the goal of docs/performance.md for this workload.
    pub(crate) fn goal(self) -> Goal {
        match self {
            Self::PushLayer => Goal {
                wall: Some(0.4),
                cpu: Some(0.3),
            },
            Self::PullLayer => Goal {
                wall: Some(0.6),
                cpu: None,
            },
            Self::PullLayerConcurrently => Goal::NONE,
            Self::PushImages => Goal {
                wall: None,
                cpu: Some(0.15),
            },
            Self::ManifestByTag => Goal {
                wall: Some(1.0 / 40.0),
                cpu: None,
            },
            Self::ManifestByDigest => Goal {
                wall: Some(1.0 / 30.0),
                cpu: None,
            },
            Self::SmallBlob => Goal {
                wall: Some(1.0 / 50.0),
                cpu: None,
            },
            Self::PutTags => Goal {
                wall: None,
                cpu: Some(0.1),
            },
            Self::TagPage => Goal {
                wall: Some(1.0 / 60.0),
                cpu: None,
            },
        }
    }

    /// Returns whether the workload applies to this server. nginx only serves files.
    pub(crate) fn applies_to(self, name: ServerName) -> bool {
        name != ServerName::Nginx
            || !matches!(
                self,
                Self::PushLayer | Self::PushImages | Self::PutTags | Self::TagPage
            )
    }

    /// Runs the workload once and returns the number of units done.
    pub(crate) fn run(self, peer: &BenchServer, tools: &WorkloadContext<'_>) -> Result<u64> {
        let WorkloadContext {
            runtime,
            sizes,
            content,
            ..
        } = tools;
        let address = peer.address();
        let read = |target: &str| wrk::count_requests(address, target, sizes.reading);
        let layer = layer_target(content);
        match self {
            Self::PushLayer => {
                let mut connection = Connection::new(address);
                let push = push_layer(
                    &mut connection,
                    &content.frame.bytes,
                    sizes.layer,
                    &content.layer,
                );
                runtime.block_on(push).map(|()| 1)
            }
            Self::PullLayer => {
                (0..sizes.pulls).try_for_each(|_| {
                    download::download_concurrently(address, &layer, sizes.layer, 1)
                })?;
                Ok(u64::from(sizes.pulls))
            }
            Self::PullLayerConcurrently => download::download_concurrently(
                address,
                &layer,
                sizes.layer,
                usize::from(CONCURRENT_PULLS),
            )
            .map(|()| 1),
            Self::PushImages => {
                // All images are one unit, because the table's title names their number.
                runtime.block_on(push_images(address, sizes.images, tools.round))?;
                Ok(1)
            }
            Self::ManifestByTag => read(&tag_target()),
            Self::ManifestByDigest => read(&manifest_target(content)),
            Self::SmallBlob => read(&small_blob_target(content)),
            Self::PutTags => runtime.block_on(put_tags(peer, sizes.tags)),
            Self::TagPage => read(&tag_page_target(TAGS_REPOSITORY, sizes.tags)),
        }
    }
}

/// Returns the path of the manifest by tag.
pub(crate) fn tag_target() -> String {
    format!("/v2/{READ_REPOSITORY}/manifests/{READ_TAG}")
}

/// Returns the path of the manifest by digest.
pub(crate) fn manifest_target(content: &BenchContent) -> String {
    format!(
        "/v2/{READ_REPOSITORY}/manifests/{}",
        content.image.manifest.digest
    )
}

/// Returns the path of the 20 kB blob.
pub(crate) fn small_blob_target(content: &BenchContent) -> String {
    format!(
        "/v2/{READ_REPOSITORY}/blobs/{}",
        content.image.layers[0].digest
    )
}

/// Returns the path of the large layer.
pub(crate) fn layer_target(content: &BenchContent) -> String {
    format!("/v2/{LAYER_REPOSITORY}/blobs/{}", content.layer)
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
    format!("tag-{number:06}")
}

/// Uploads `frame`, repeated to `length`, in one streamed PATCH as docker does.
pub(crate) async fn push_layer(
    connection: &mut Connection,
    frame: &Bytes,
    length: u64,
    digest: &str,
) -> Result<()> {
    push_layer_to(connection, LAYER_REPOSITORY, frame, length, digest).await
}

/// Uploads a layer like [`push_layer`], to any repository.
pub(crate) async fn push_layer_to(
    connection: &mut Connection,
    repository: &str,
    frame: &Bytes,
    length: u64,
    digest: &str,
) -> Result<()> {
    let session = push::open_session(connection, repository).await?;
    let session =
        push::append_chunk(connection, &session, Payload::repeat(frame.clone(), length)).await?;
    push::close_session(connection, &session, digest, Payload::empty()).await?;
    Ok(())
}

/// Pushes about `images` small images by several clients; `seed` determines their content.
pub(crate) async fn push_images(address: SocketAddr, images: u64, seed: u32) -> Result<()> {
    let each = images / CLIENTS;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let mut random = Random::new(u64::from(seed), client);
        let images: Vec<_> = (0..each)
            .map(|_| LoadImage::random(&mut random, &[], &[4_000, 16_000]))
            .collect();
        clients.spawn(async move {
            let mut connection = Connection::new(address);
            for (number, image) in images.iter().enumerate() {
                let tag = format!("c{client}-{number}");
                push::push_image(
                    &mut connection,
                    &format!("bench/small-{client}"),
                    &tag,
                    image,
                )
                .await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(())
}

async fn put_tags(peer: &BenchServer, tags: u64) -> Result<u64> {
    let mut connection = Connection::new(peer.address());
    let config = LoadBlob::new("{}");
    push::push_blob(
        &mut connection,
        TAGS_REPOSITORY,
        &config,
        UploadMethod::Stream,
    )
    .await?;
    let manifest = LoadBlob::manifest(&config, &[], 0);
    for number in 0..tags {
        push::push_manifest(
            &mut connection,
            TAGS_REPOSITORY,
            &tag_name(number),
            manifest.bytes.clone(),
        )
        .await?;
    }
    Ok(1)
}
