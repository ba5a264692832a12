//! Platforms of images, for a selection by platform.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use portolan_model::lint::ImageConfig;
use portolan_model::{
    ChildKind, Descriptor, Digest, Manifest, MediaType, MediaTypeRole, Platform, child_descriptors,
};

use crate::repository::none_if_unknown;
use crate::{Kind, Repository, Result};

/// Maximum number of children whose configs are read to find their platforms.
pub const MAX_CONFIGS: usize = 64;

/// Number of concurrent reads of configs.
const CONCURRENT_READS: usize = 8;

impl Repository {
    /// Returns the children of an index, with their platforms: those that the index states, or else
    /// [those of the configs](Self::read_config_platforms).
    ///
    /// # Errors
    /// Returns an error only if the registry itself fails.
    pub async fn read_children(&self, index: &Manifest) -> Result<Vec<Descriptor>> {
        let platforms = self.read_config_platforms(index).await?;
        let children = child_descriptors(index).cloned();
        let children = children.map(|child| Descriptor {
            platform: child
                .platform
                .or_else(|| platforms.get(&child.digest).cloned()),
            ..child
        });
        Ok(children.collect())
    }

    /// Reads the platforms of the first 64 images of an index from their configs (image-spec,
    /// config.md, "`architecture`"), if the index states no platform.
    ///
    /// An image whose config cannot be read has no platform.
    ///
    /// # Errors
    /// Returns an error only if the registry itself fails.
    pub async fn read_config_platforms(
        &self,
        index: &Manifest,
    ) -> Result<HashMap<Digest, Platform>> {
        if child_descriptors(index).any(states_platform) {
            return Ok(HashMap::new());
        }
        let images: HashSet<&Digest> = child_descriptors(index)
            .filter(|child| child.platform.is_none() && is_manifest(child))
            .take(MAX_CONFIGS)
            .map(|child| &child.digest)
            .collect();
        let reads: Vec<_> = images
            .into_iter()
            .map(|digest| async move {
                let platform = self.read_child_platform(digest).await?;
                Ok(platform.map(|platform| (digest.clone(), platform)))
            })
            .collect();
        let reads = stream::iter(reads).buffer_unordered(CONCURRENT_READS);
        reads
            .try_filter_map(|read| async { Ok(read) })
            .try_collect()
            .await
    }

    /// Returns the platform that the config of an image states. Returns `None` if the manifest has
    /// no image config, or one that does not exist, states no platform or exceeds 4 MiB.
    ///
    /// # Errors
    /// Returns an error only if the registry itself fails.
    pub async fn read_platform(&self, manifest: &Manifest) -> Result<Option<Platform>> {
        let mut children = manifest.children().iter();
        let config = children.find(|child| child.kind == ChildKind::Config);
        let config = config
            .map(|config| &config.descriptor)
            .filter(|config| has_platform(config));
        let Some(config) = config else {
            return Ok(None);
        };
        let bytes = match self.small_blob(&config.digest).await {
            Err(error) if *error.kind() == Kind::TooLarge => Ok(None),
            read => none_if_unknown(read),
        };
        let bytes = bytes.map_err(|error| {
            error.with_prefix(format!(
                "failed to read the config {}",
                self.full_name(&config.digest)
            ))
        })?;
        Ok(bytes.and_then(|bytes| ImageConfig::read(&bytes).platform))
    }

    async fn read_child_platform(&self, digest: &Digest) -> Result<Option<Platform>> {
        let stored = self.try_manifest(&digest.clone().into()).await?;
        match stored.map(|stored| stored.parse()) {
            Some(Ok(manifest)) => self.read_platform(&manifest).await,
            _ => Ok(None),
        }
    }
}

/// Returns whether a child states a platform. BuildKit's attestations have `unknown/unknown`.
fn states_platform(child: &Descriptor) -> bool {
    let platform = child.platform.as_ref();
    platform.is_some_and(|platform| platform.os != "unknown")
}

fn is_manifest(child: &Descriptor) -> bool {
    let media_type = child.media_type.as_ref();
    media_type.is_some_and(|own| own.role() == MediaTypeRole::Manifest)
}

/// Returns whether a config can state a platform, which the config of an artifact cannot.
fn has_platform(config: &Descriptor) -> bool {
    let media_type = config.media_type.as_ref();
    media_type.is_none_or(MediaType::is_image_config)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use portolan_model::fixtures::{IndexFixture, image, repository};

    use super::*;
    use crate::contract::TestRepository;
    use crate::memory::MemoryRegistry;
    use crate::{Context, Registry};

    #[tokio::test]
    async fn reads_the_configs_of_a_limited_number_of_images() {
        let registry: Arc<dyn Registry> = Arc::new(MemoryRegistry::new());
        let target = TestRepository::new(&registry, "app");
        let mut index = IndexFixture::oci();
        for number in 0..=MAX_CONFIGS {
            let image = image(&number.to_string());
            target.push_image(&image, &[]).await;
            index = index.without_platform(&image);
        }
        let handle = Repository::new(registry, Context::anonymous(), repository("app"));
        let children = handle.read_children(&index.manifest()).await.unwrap();
        let found = children.iter().filter(|child| child.platform.is_some());
        assert_eq!(
            (children.len(), found.count()),
            (MAX_CONFIGS + 1, MAX_CONFIGS)
        );
        let stated = index.image(&image("0"), "linux/arm64").manifest();
        let children = handle.read_children(&stated).await.unwrap();
        let found = children.iter().filter(|child| child.platform.is_some());
        assert_eq!(found.count(), 1, "the index states a platform");
    }
}
