//! Measured servers behind a common interface.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;

use super::nginx::Nginx;
use super::sizes::Sizes;
use super::workload::{READ_REPOSITORY, READ_TAG};
use crate::load::process::resident_memory;
use crate::load::{Connection, LoadBlob, LoadImage, Random, push};
use crate::servers::RunningServer;

/// Name of a measured server. The order is that of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ServerName {
    Portolan,
    Distribution,
    Nginx,
}

/// Content for every server of a run.
pub(crate) struct BenchContent {
    /// Small image for the reading workloads. Its layer is the 20 kB blob.
    pub(crate) image: LoadImage,
    /// Data that is repeated to form the large layer.
    pub(crate) frame: LoadBlob,
    /// Digest of the large layer.
    pub(crate) layer: String,
}

enum Process {
    Registry(RunningServer),
    Files(Nginx),
}

/// Running server.
pub(crate) struct BenchServer {
    pub(crate) name: ServerName,
    /// Resident memory after the start, in bytes.
    pub(crate) idle: u64,
    process: Process,
}

impl BenchContent {
    /// Creates the content. It is identical for all servers of a run.
    pub(crate) fn new(sizes: &Sizes) -> Self {
        let mut random = Random::new(20, 26);
        let image = LoadImage::random(&mut random, &[], &[20_000]);
        let frame = LoadBlob::random(&mut random, 1 << 20);
        let layer = layer_digest(&frame, sizes.layer);
        Self {
            image,
            frame,
            layer,
        }
    }
}

/// Returns the digest of `frame` repeated to `length` bytes.
pub(crate) fn layer_digest(frame: &LoadBlob, length: u64) -> String {
    use sha2::Digest;
    let mut hash = sha2::Sha256::new();
    for _ in 0..length / frame.bytes.len() as u64 {
        hash.update(&frame.bytes);
    }
    crate::load::image::format_digest(hash.finalize().into())
}

impl BenchServer {
    /// Starts a server on an empty folder and pushes the content that the reading workloads need.
    pub(crate) fn start(
        name: ServerName,
        folder: &Path,
        content: &BenchContent,
        runtime: &Runtime,
    ) -> Result<Self> {
        let process = match name {
            ServerName::Nginx => Process::Files(Nginx::start(folder, content)?),
            ServerName::Portolan => Process::Registry(RunningServer::portolan(folder, "")?),
            ServerName::Distribution => Process::Registry(RunningServer::distribution(folder)?),
        };
        let mut peer = Self {
            name,
            idle: 0,
            process,
        };
        if name != ServerName::Nginx {
            runtime
                .block_on(peer.push_content(content))
                .context("first push failed")?;
        }
        Ok(peer)
    }

    /// Returns the address on which the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        match &self.process {
            Process::Registry(server) => server.address(),
            Process::Files(nginx) => nginx.address,
        }
    }

    /// Returns the process whose CPU time is measured, together with its children.
    pub(crate) fn pid(&self) -> u32 {
        match &self.process {
            Process::Registry(server) => server.pid(),
            Process::Files(nginx) => nginx.pid(),
        }
    }

    async fn push_content(&mut self, content: &BenchContent) -> Result<()> {
        let mut connection = Connection::new(self.address());
        connection.get("/v2/").await?;
        self.idle = resident_memory(self.pid())?;
        push::push_image(&mut connection, READ_REPOSITORY, READ_TAG, &content.image).await?;
        Ok(())
    }
}
