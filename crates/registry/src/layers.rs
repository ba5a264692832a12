//! Check of layer content: unpacks each layer and compares the result with the `diff_id` in the
//! config.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::Fuse;
use portolan_model::lint::{LayerContent, LintTree};
use portolan_model::{
    Algorithm, ChildKind, Compression, Descriptor, Digest, Hasher, Json, MediaTypeRole,
};

use crate::repository::none_if_unknown;
use crate::{Body, Decompressor, Error, Kind, Repository, Result};

/// Number of bytes to unpack at once on a blocking thread.
const BATCH_BYTES: usize = 1 << 20;

/// Limits of [`lint_layers`].
#[derive(Clone, Copy, Debug)]
pub struct LayerLimits {
    /// Maximum number of unpacked bytes, for all layers together. Layers beyond the limit are
    /// reported as unreadable. The default is 256 GiB.
    pub unpacked_bytes: u64,
}

impl Default for LayerLimits {
    fn default() -> Self {
        Self {
            unpacked_bytes: 256 << 30,
        }
    }
}

/// Unpacks the layers of all images in `tree`. Adds findings about layers whose content does not
/// match the `diff_ids` in the config (image-spec, config.md, "Layer `DiffID`"), and about their
/// compression.
///
/// Reads each layer once, one layer after the other, in bounded memory. Layers that do not exist in
/// the repository are skipped, because the tree already has findings about them.
///
/// # Errors
/// Returns an error only if the registry itself fails.
pub async fn lint_layers(
    repository: &Repository,
    tree: &mut LintTree,
    limits: LayerLimits,
) -> Result<()> {
    let mut reader = LayerReader {
        repository,
        rest: Arc::new(AtomicU64::new(limits.unpacked_bytes)),
        limit: limits.unpacked_bytes,
        read: HashMap::new(),
    };
    for image in images(tree) {
        let Some(diff_ids) = reader.read_diff_ids(&image.config).await? else {
            continue;
        };
        let mut contents = Vec::new();
        for (position, layer) in image.layers.iter().enumerate() {
            let algorithm = diff_ids.get(position).and_then(|text| algorithm(text));
            let algorithm = algorithm.unwrap_or(Algorithm::Sha256);
            contents.push(reader.content(layer, algorithm).await?);
        }
        tree.add_layer_findings(&image.digest, &diff_ids, &contents);
    }
    Ok(())
}

/// Image in the tree.
struct Image {
    digest: Digest,
    config: Digest,
    layers: Vec<Descriptor>,
}

fn images(tree: &LintTree) -> Vec<Image> {
    let documents = tree.documents().iter().filter_map(|document| {
        let children = document.manifest.children();
        let of_kind = |kind| children.iter().filter(move |child| child.kind == kind);
        let is_image_config = |descriptor: &&Descriptor| {
            let media_type = descriptor.media_type.as_ref();
            media_type.is_some_and(portolan_model::MediaType::is_image_config)
        };
        let config = of_kind(ChildKind::Config)
            .map(|child| &child.descriptor)
            .find(is_image_config)?;
        Some(Image {
            digest: document.digest.clone(),
            config: config.digest.clone(),
            layers: of_kind(ChildKind::Layer)
                .map(|child| child.descriptor.clone())
                .collect(),
        })
    });
    documents.collect()
}

fn algorithm(diff_id: &str) -> Option<Algorithm> {
    let digest: Digest = diff_id.parse().ok()?;
    digest
        .algorithm()
        .hasher()
        .map(|_| digest.algorithm().clone())
}

struct LayerReader<'a> {
    repository: &'a Repository,
    limit: u64,
    /// Number of bytes that may still be unpacked.
    rest: Arc<AtomicU64>,
    read: HashMap<(Digest, String), LayerContent>,
}

impl LayerReader<'_> {
    /// Returns the `diff_ids` of a config, or `None` if it cannot be read or has none. The tree
    /// already has findings about an unreadable config.
    async fn read_diff_ids(&self, config: &Digest) -> Result<Option<Vec<String>>> {
        let bytes = match none_if_unknown(self.repository.small_blob(config).await) {
            Ok(bytes) => bytes,
            Err(error) if is_content_error(&error) => None,
            Err(error) => return Err(error),
        };
        let config = bytes.and_then(|bytes| Json::parse(&bytes).ok());
        let diff_ids = config
            .as_ref()
            .and_then(|config| config.get("rootfs")?.get("diff_ids")?.as_array());
        Ok(diff_ids.map(|diff_ids| {
            let text = |diff_id: &Json| diff_id.as_str().unwrap_or_default().to_owned();
            diff_ids.iter().map(text).collect()
        }))
    }

    async fn content(&mut self, layer: &Descriptor, algorithm: Algorithm) -> Result<LayerContent> {
        let key = (layer.digest.clone(), algorithm.to_string());
        if let Some(known) = self.read.get(&key) {
            return Ok(known.clone());
        }
        let content = match self.unpack(layer, &algorithm).await {
            Err(error) if is_content_error(&error) => {
                LayerContent::Unreadable(error.message().to_owned())
            }
            content => content?,
        };
        self.read.insert(key, content.clone());
        Ok(content)
    }

    async fn unpack(&mut self, layer: &Descriptor, algorithm: &Algorithm) -> Result<LayerContent> {
        let is_foreign = layer
            .media_type
            .as_ref()
            .is_some_and(|media_type| media_type.role() == MediaTypeRole::ForeignLayer);
        let read = match none_if_unknown(self.repository.get_described_blob(layer, None).await) {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(LayerContent::Absent),
            Err(_) if is_foreign => return Ok(LayerContent::Absent),
            Err(error) => return Err(error),
        };
        let body = crate::verify(&layer.digest, Some(read.size), read.body);
        let hasher = algorithm
            .hasher()
            .ok_or_else(|| Error::digest_unverifiable(&layer.digest))?;
        let output = HashedOutput {
            hasher,
            rest: Arc::clone(&self.rest),
            limit: self.limit,
        };
        let mut batches = Batches::new(body);
        let first = batches.next().await?;
        let compression = Compression::detect(&first.concat());
        let Ok(mut decompressor) = Decompressor::new(compression, output) else {
            return Ok(LayerContent::Unsupported(compression));
        };
        let mut batch = first;
        while !batch.is_empty() {
            decompressor = run_blocking(move || {
                for piece in &batch {
                    decompressor.write(piece)?;
                }
                Ok(decompressor)
            })
            .await?;
            batch = batches.next().await?;
        }
        let output = run_blocking(move || decompressor.finish()).await?;
        Ok(LayerContent::Unpacked {
            compression,
            diff_id: output.hasher.finish(),
        })
    }
}

/// Body in batches of about [`BATCH_BYTES`].
struct Batches(Fuse<Body>);

impl Batches {
    fn new(body: Body) -> Self {
        Self(body.fuse())
    }

    /// Returns the next pieces, or an empty list at the end.
    async fn next(&mut self) -> Result<Vec<Bytes>> {
        let (mut batch, mut length) = (Vec::new(), 0);
        while length < BATCH_BYTES {
            let Some(piece) = self.0.next().await.transpose()? else {
                break;
            };
            length += piece.len();
            batch.push(piece);
        }
        Ok(batch)
    }
}

/// Output that only hashes the bytes, up to a limit.
struct HashedOutput {
    hasher: Hasher,
    rest: Arc<AtomicU64>,
    limit: u64,
}

impl Write for HashedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let rest = self.rest.load(Ordering::Relaxed);
        let rest = rest.checked_sub(bytes.len() as u64).ok_or_else(|| {
            let message = format!("the layers unpack to more than {} bytes", self.limit);
            io::Error::other(Error::new(Kind::TooLarge, message))
        })?;
        self.rest.store(rest, Ordering::Relaxed);
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a step of the decompression on a blocking thread.
async fn run_blocking<T: Send + 'static>(
    step: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(step).await;
    done.map_err(|error| Error::internal("failed to unpack a layer", error))?
        .map_err(|error| match error.downcast::<Error>() {
            Ok(error) => error,
            Err(error) => Error::new(Kind::DigestInvalid, error.to_string()),
        })
}

/// Returns whether an error concerns the content and not the registry.
fn is_content_error(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::TooLarge | Kind::DigestInvalid | Kind::SizeInvalid
    )
}
