//! The workloads, each as what it does to a server and how its figures read.

use anyhow::Result;
use bytes::Bytes;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::goal::Goal;
use super::peer::{Content, Name, Peer};
use super::sizes::Sizes;
use super::wrk;
use crate::load::push::{self, Way};
use crate::load::{Blob, Connection, Image, Payload, Random, download};

pub(crate) const READ_REPOSITORY: &str = "bench/read";
pub(crate) const READ_TAG: &str = "latest";

const LAYER_REPOSITORY: &str = "bench/layer";
const TAGS_REPOSITORY: &str = "bench/tags";
const CLIENTS: u64 = 8;
const TOGETHER: u8 = 4;

/// What is measured; the order is the order of doing, and some read what others pushed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Workload {
    PushLayer,
    PullLayer,
    PullLayerTogether,
    PushImages,
    ManifestByTag,
    ManifestByDigest,
    SmallBlob,
    PutTags,
    TagPage,
}

/// How figures read: what takes long in seconds, what is short as a rate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Rate,
}

/// What a workload works with.
pub(crate) struct Tools<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) sizes: &'a Sizes,
    pub(crate) content: &'a Content,
    pub(crate) round: u32,
}

impl Workload {
    pub(crate) const ALL: [Self; 9] = [
        Self::PushLayer,
        Self::PullLayer,
        Self::PullLayerTogether,
        Self::PushImages,
        Self::ManifestByTag,
        Self::ManifestByDigest,
        Self::SmallBlob,
        Self::PutTags,
        Self::TagPage,
    ];

    /// The table's first column.
    pub(crate) fn title(self, sizes: &Sizes) -> String {
        let mebibytes = sizes.layer >> 20;
        match self {
            Self::PushLayer => {
                format!("push a layer of {mebibytes} MiB (POST, streamed PATCH, PUT)")
            }
            Self::PullLayer => format!("pull it, {mebibytes} MiB"),
            Self::PullLayerTogether => format!("pull it by {TOGETHER} clients at once"),
            Self::PushImages => format!("push {} small images, {CLIENTS} clients", sizes.images),
            Self::ManifestByTag => "GET manifest by tag, 64 connections".to_owned(),
            Self::ManifestByDigest => "GET manifest by digest, 64 connections".to_owned(),
            Self::SmallBlob => "GET 20 kB blob, 64 connections".to_owned(),
            Self::PutTags => format!("{} tag PUTs, one client", sizes.tags),
            Self::TagPage => format!("GET a page of 100 of {} tags, 64 connections", sizes.tags),
        }
    }

    /// How its figures read.
    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::PushLayer
            | Self::PullLayer
            | Self::PullLayerTogether
            | Self::PushImages
            | Self::PutTags => Unit::Seconds,
            Self::ManifestByTag | Self::ManifestByDigest | Self::SmallBlob | Self::TagPage => {
                Unit::Rate
            }
        }
    }

    /// What docs/performance.md asks of it.
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
            Self::PullLayerTogether => Goal::NONE,
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

    /// nginx only serves files.
    pub(crate) fn concerns(self, name: Name) -> bool {
        name != Name::Nginx
            || !matches!(
                self,
                Self::PushLayer | Self::PushImages | Self::PutTags | Self::TagPage
            )
    }

    /// Does it once and answers how many units were done.
    pub(crate) fn run(self, peer: &Peer, tools: &Tools<'_>) -> Result<u64> {
        let Tools {
            runtime,
            sizes,
            content,
            ..
        } = tools;
        let address = peer.address();
        let read = |target: &str| wrk::requests(address, target, sizes.reading);
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
                (0..sizes.pulls)
                    .try_for_each(|_| download::together(address, &layer, sizes.layer, 1))?;
                Ok(u64::from(sizes.pulls))
            }
            Self::PullLayerTogether => {
                download::together(address, &layer, sizes.layer, usize::from(TOGETHER)).map(|()| 1)
            }
            Self::PushImages => runtime.block_on(push_images(peer, tools)),
            Self::ManifestByTag => read(&tag_target()),
            Self::ManifestByDigest => read(&manifest_target(content)),
            Self::SmallBlob => read(&small_blob_target(content)),
            Self::PutTags => runtime.block_on(put_tags(peer, sizes.tags)),
            Self::TagPage => read(&tag_page_target(TAGS_REPOSITORY, sizes.tags)),
        }
    }
}

/// The manifest by its tag.
pub(crate) fn tag_target() -> String {
    format!("/v2/{READ_REPOSITORY}/manifests/{READ_TAG}")
}

/// The manifest by its digest.
pub(crate) fn manifest_target(content: &Content) -> String {
    format!(
        "/v2/{READ_REPOSITORY}/manifests/{}",
        content.image.manifest.digest
    )
}

/// The blob of 20 kB.
pub(crate) fn small_blob_target(content: &Content) -> String {
    format!(
        "/v2/{READ_REPOSITORY}/blobs/{}",
        content.image.layers[0].digest
    )
}

/// The large layer.
pub(crate) fn layer_target(content: &Content) -> String {
    format!("/v2/{LAYER_REPOSITORY}/blobs/{}", content.layer)
}

/// A page from the middle.
pub(crate) fn tag_page_target(repository: &str, tags: u64) -> String {
    format!(
        "/v2/{repository}/tags/list?n=100&last={}",
        tag_name(tags / 2)
    )
}

/// Names whose order is their number's.
pub(crate) fn tag_name(number: u64) -> String {
    format!("tag-{number:06}")
}

/// Streams `frame`, repeated, as docker does.
pub(crate) async fn push_layer(
    connection: &mut Connection,
    frame: &Bytes,
    length: u64,
    digest: &str,
) -> Result<()> {
    push_layer_to(connection, LAYER_REPOSITORY, frame, length, digest).await
}

/// The same to any repository.
pub(crate) async fn push_layer_to(
    connection: &mut Connection,
    repository: &str,
    frame: &Bytes,
    length: u64,
    digest: &str,
) -> Result<()> {
    let session = push::begin(connection, repository).await?;
    let session =
        push::append(connection, &session, Payload::repeat(frame.clone(), length)).await?;
    push::finish(connection, &session, digest, Payload::empty()).await?;
    Ok(())
}

async fn push_images(peer: &Peer, tools: &Tools<'_>) -> Result<u64> {
    let address = peer.address();
    let each = tools.sizes.images / CLIENTS;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let mut random = Random::new(u64::from(tools.round), client);
        let images: Vec<_> = (0..each)
            .map(|_| Image::random(&mut random, &[], &[4_000, 16_000]))
            .collect();
        clients.spawn(async move {
            let mut connection = Connection::new(address);
            for (number, image) in images.iter().enumerate() {
                let tag = format!("c{client}-{number}");
                push::image(
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
    // The images together are one unit: the table names their number.
    Ok(1)
}

async fn put_tags(peer: &Peer, tags: u64) -> Result<u64> {
    let mut connection = Connection::new(peer.address());
    let config = Blob::new("{}");
    push::blob(&mut connection, TAGS_REPOSITORY, &config, Way::Stream).await?;
    let manifest = Blob::manifest(&config, &[], 0);
    for number in 0..tags {
        push::manifest(
            &mut connection,
            TAGS_REPOSITORY,
            &tag_name(number),
            manifest.bytes.clone(),
        )
        .await?;
    }
    Ok(1)
}
