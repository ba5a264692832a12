//! Workloads: the requests of each, and the format of its figures.

use std::net::SocketAddr;

use anyhow::Result;
use clap::ValueEnum;
use tokio::runtime::Runtime;
use xtask::load::push::{self, UploadMethod};
use xtask::load::{Connection, LoadBlob};

use super::content::{BenchContent, LAYER_REPOSITORY, TAGS_REPOSITORY, tag_name, tag_page_target};
use super::download;
use super::images::CLIENTS;
use super::sizes::Sizes;
use super::subject::SubjectName;
use super::wrk;

const CONCURRENT_PULLS: u8 = 4;

/// Workload. The order is that of execution, because some workloads read what earlier ones pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Workload {
    PushLayer,
    PullLayer,
    PullLayerConcurrently,
    PullLayerCold,
    PushImages,
    PullImages,
    PullImagesCold,
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
}

impl Workload {
    /// Returns the text of the table's first column.
    pub(crate) fn title(self, sizes: &Sizes) -> String {
        let (mebibytes, images, tags) = (sizes.layer >> 20, sizes.images, sizes.tags);
        match self {
            Self::PushLayer => {
                format!("push of a layer of {mebibytes} MiB (POST, streamed PATCH, PUT)")
            }
            Self::PullLayer => "pull of this layer".to_owned(),
            Self::PullLayerConcurrently => {
                format!("pull of this layer by {CONCURRENT_PULLS} clients")
            }
            Self::PullLayerCold => "pull of this layer, cold".to_owned(),
            Self::PushImages => format!("push of {images} small images, {CLIENTS} clients"),
            Self::PullImages => format!("pull of these images, {CLIENTS} clients"),
            Self::PullImagesCold => format!("pull of these images, {CLIENTS} clients, cold"),
            Self::ManifestByTag => "GET manifest by tag, 64 connections".to_owned(),
            Self::ManifestByDigest => "GET manifest by digest, 64 connections".to_owned(),
            Self::SmallBlob => "GET 20 kB blob, 64 connections".to_owned(),
            Self::PutTags => format!("{tags} tag PUTs, one client"),
            Self::TagPage => format!("GET page of 100 of {tags} tags, 64 connections"),
        }
    }

    /// Returns the name on the command line and in JSON.
    pub(crate) fn key(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Returns the format of the figures.
    pub(crate) fn figure_format(self) -> FigureFormat {
        match self {
            Self::ManifestByTag | Self::ManifestByDigest | Self::SmallBlob | Self::TagPage => {
                FigureFormat::Rate
            }
            _ => FigureFormat::Seconds,
        }
    }

    /// Returns the workload that pushes what this one reads.
    pub(crate) fn requirement(self) -> Option<Self> {
        match self {
            Self::PullLayer | Self::PullLayerConcurrently | Self::PullLayerCold => {
                Some(Self::PushLayer)
            }
            Self::PullImages | Self::PullImagesCold => Some(Self::PushImages),
            Self::TagPage => Some(Self::PutTags),
            _ => None,
        }
    }

    /// Returns whether the server's files are dropped from the page cache before the workload.
    pub(crate) fn is_cold(self) -> bool {
        matches!(self, Self::PullLayerCold | Self::PullImagesCold)
    }

    /// Returns whether the workload is measured with this subject.
    pub(crate) fn applies_to(self, name: SubjectName) -> bool {
        match name {
            SubjectName::Machine => self == Self::PushLayer,
            SubjectName::Nginx => matches!(
                self,
                Self::PullLayer
                    | Self::PullLayerConcurrently
                    | Self::PullLayerCold
                    | Self::ManifestByTag
                    | Self::ManifestByDigest
                    | Self::SmallBlob
            ),
            _ => true,
        }
    }

    /// Runs the workload once and returns the number of units done: requests, pulls of the large
    /// layer, or 1 if the title names the total.
    pub(crate) fn run(self, address: SocketAddr, context: &WorkloadContext<'_>) -> Result<u64> {
        let WorkloadContext {
            runtime,
            sizes,
            content,
        } = context;
        let read = |target: &str| wrk::count_requests(address, target, sizes.reading);
        let pull_layer = |clients: u8| {
            let target = content.layer_target();
            download::download_concurrently(address, &target, content.layer.length, clients)
        };
        match self {
            Self::PushLayer => {
                let mut connection = Connection::new(address);
                runtime.block_on(content.layer.push(&mut connection, LAYER_REPOSITORY))?;
            }
            Self::PullLayer => {
                (0..sizes.pulls).try_for_each(|_| pull_layer(1))?;
                return Ok(u64::from(sizes.pulls));
            }
            Self::PullLayerConcurrently => pull_layer(CONCURRENT_PULLS)?,
            Self::PullLayerCold => pull_layer(1)?,
            Self::PushImages => runtime.block_on(content.images.push(address))?,
            Self::PullImages | Self::PullImagesCold => {
                runtime.block_on(content.images.pull(address))?;
            }
            Self::ManifestByTag => return read(&BenchContent::tag_target()),
            Self::ManifestByDigest => return read(&content.manifest_target()),
            Self::SmallBlob => return read(&content.small_blob_target()),
            Self::PutTags => runtime.block_on(put_tags(address, sizes.tags))?,
            Self::TagPage => return read(&tag_page_target(TAGS_REPOSITORY, sizes.tags)),
        }
        Ok(1)
    }
}

async fn put_tags(address: SocketAddr, tags: u64) -> Result<()> {
    let mut connection = Connection::new(address);
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
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_run_before_the_workloads_that_need_them() {
        for workload in Workload::value_variants() {
            assert!(
                workload
                    .requirement()
                    .is_none_or(|before| before < *workload),
                "{workload:?}"
            );
        }
    }
}
