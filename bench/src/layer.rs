//! Large layers: a frame of random bytes, repeated.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use sha2::{Digest, Sha256};
use xtask::load::image::format_digest;
use xtask::load::push;
use xtask::load::{Connection, LoadBlob, Payload, Random};

const FRAME: usize = 1 << 20;

/// Layer of any size whose bytes are not held in memory.
pub(crate) struct LargeLayer {
    pub(crate) frame: LoadBlob,
    pub(crate) length: u64,
    pub(crate) digest: String,
}

impl LargeLayer {
    /// Creates a layer of `length` bytes, rounded down to mebibytes. The seed determines its content.
    pub(crate) fn new(seed: u64, length: u64) -> Self {
        let frame = LoadBlob::random(&mut Random::new(20, seed), FRAME);
        let frames = length / FRAME as u64;
        let mut hash = Sha256::new();
        for _ in 0..frames {
            hash.update(&frame.bytes);
        }
        Self {
            frame,
            length: frames * FRAME as u64,
            digest: format_digest(hash.finalize().into()),
        }
    }

    /// Pushes the layer in one streamed PATCH, as docker does.
    pub(crate) async fn push(&self, connection: &mut Connection, repository: &str) -> Result<()> {
        let session = push::open_session(connection, repository).await?;
        let payload = Payload::repeat(self.frame.bytes.clone(), self.length);
        let session = push::append_chunk(connection, &session, payload).await?;
        push::close_session(connection, &session, &self.digest, Payload::empty()).await?;
        Ok(())
    }

    /// Writes the layer to a file.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut file = File::create(path)?;
        for _ in 0..self.length / FRAME as u64 {
            file.write_all(&self.frame.bytes)?;
        }
        Ok(())
    }

    /// Returns the path at which a registry serves the layer.
    pub(crate) fn target(&self, repository: &str) -> String {
        format!("/v2/{repository}/blobs/{}", self.digest)
    }
}
