//! How much each workload does.

use std::time::Duration;

use crate::load::Random;

/// The counts and lengths of one run.
pub(crate) struct Sizes {
    /// Bytes of the large layer.
    pub(crate) layer: u64,
    /// Times the large layer is pulled by one client.
    pub(crate) pulls: u32,
    /// Small images pushed.
    pub(crate) images: u64,
    /// PUTs of a tag.
    pub(crate) tags: u64,
    /// How long wrk asks.
    pub(crate) reading: Duration,
    /// Indexes copied.
    pub(crate) copies: u64,
    /// The longest layer of the images in them; the shortest has a twentieth of it.
    pub(crate) copied: u64,
    /// Bytes of the image with whose copy memory is measured.
    pub(crate) large: u64,
}

impl Sizes {
    /// What docs/performance.md shows.
    pub(crate) fn full() -> Self {
        Self {
            layer: 512 << 20,
            pulls: 5,
            images: 400,
            tags: 5000,
            reading: Duration::from_secs(5),
            copies: 20,
            copied: 4 << 20,
            large: 512 << 20,
        }
    }

    /// Enough to see that each workload runs.
    pub(crate) fn quick() -> Self {
        Self {
            layer: 32 << 20,
            pulls: 1,
            images: 40,
            tags: 300,
            reading: Duration::from_secs(1),
            copies: 5,
            copied: 400 << 10,
            large: 128 << 20,
        }
    }

    /// The length of a layer of an image that is copied.
    pub(crate) fn copied_layer(&self, random: &mut Random) -> usize {
        usize::try_from(random.between(self.copied / 20, self.copied)).unwrap_or(usize::MAX)
    }
}
