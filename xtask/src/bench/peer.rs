//! The servers that are measured, behind one face.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;

use super::nginx::Nginx;
use super::sizes::Sizes;
use super::workload::{READ_REPOSITORY, READ_TAG};
use crate::load::process::resident;
use crate::load::{Blob, Connection, Image, Random, push};
use crate::servers::Server;

/// Who is measured; the order is the table's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Portolan,
    Distribution,
    Nginx,
}

/// What every server of a run is given.
pub(crate) struct Content {
    /// The small image that is read over and over; its layer is the 20 kB blob.
    pub(crate) image: Image,
    /// Repeated, it is the large layer.
    pub(crate) frame: Blob,
    /// The digest of the large layer.
    pub(crate) layer: String,
}

enum Process {
    Registry(Server),
    Files(Nginx),
}

/// A running server.
pub(crate) struct Peer {
    pub(crate) name: Name,
    /// Resident memory after the start.
    pub(crate) idle: u64,
    process: Process,
}

impl Content {
    /// The same for a run's every server.
    pub(crate) fn new(sizes: &Sizes) -> Self {
        let mut random = Random::new(20, 26);
        let image = Image::random(&mut random, &[], &[20_000]);
        let frame = Blob::random(&mut random, 1 << 20);
        let layer = layer_digest(&frame, sizes.layer);
        Self {
            image,
            frame,
            layer,
        }
    }
}

/// The digest of `frame` repeated to `length`.
pub(crate) fn layer_digest(frame: &Blob, length: u64) -> String {
    use sha2::Digest;
    let mut hash = sha2::Sha256::new();
    for _ in 0..length / frame.bytes.len() as u64 {
        hash.update(&frame.bytes);
    }
    crate::load::image::named(hash.finalize().into())
}

impl Peer {
    /// Starts a server on a fresh folder and gives it what the reading workloads read.
    pub(crate) fn start(
        name: Name,
        folder: &Path,
        content: &Content,
        runtime: &Runtime,
    ) -> Result<Self> {
        let process = match name {
            Name::Nginx => Process::Files(Nginx::start(folder, content)?),
            Name::Portolan => Process::Registry(Server::portolan(folder, "")?),
            Name::Distribution => Process::Registry(Server::distribution(folder)?),
        };
        let mut peer = Self {
            name,
            idle: 0,
            process,
        };
        if name != Name::Nginx {
            runtime
                .block_on(peer.fill(content))
                .context("the first push")?;
        }
        Ok(peer)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        match &self.process {
            Process::Registry(server) => server.address(),
            Process::Files(nginx) => nginx.address,
        }
    }

    /// The process whose CPU time counts (with its children).
    pub(crate) fn pid(&self) -> u32 {
        match &self.process {
            Process::Registry(server) => server.pid(),
            Process::Files(nginx) => nginx.pid(),
        }
    }

    async fn fill(&mut self, content: &Content) -> Result<()> {
        let mut connection = Connection::new(self.address());
        connection.get("/v2/").await?;
        self.idle = resident(self.pid())?;
        push::image(&mut connection, READ_REPOSITORY, READ_TAG, &content.image).await?;
        Ok(())
    }
}
