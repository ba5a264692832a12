//! Sizes of the workloads.

use std::time::Duration;

use xtask::load::Random;

/// Configuration of a server that answers no read from its own memory.
pub(crate) const UNCACHED: &str = "storage.cache.memory = \"0B\"\n";

/// Counts and lengths of one run.
pub(crate) struct Sizes {
    /// Bytes of the large layer.
    pub(crate) layer: u64,
    /// Number of times that one client pulls the large layer.
    pub(crate) pulls: u32,
    /// Number of small images pushed.
    pub(crate) images: u64,
    /// Number of PUTs of a tag.
    pub(crate) tags: u64,
    /// Duration for which wrk sends requests.
    pub(crate) reading: Duration,
    /// Number of indexes copied.
    pub(crate) copies: u64,
    /// Longest layer of the copied images, in bytes. The shortest has a twentieth of it.
    pub(crate) longest_copied_layer: u64,
    /// Size in bytes of the image whose copy is measured for memory.
    pub(crate) large_image: u64,
}

/// Largest counts of the figures about growth.
pub(crate) struct GrowthSizes {
    /// Tags in a repository.
    pub(crate) tags: u64,
    pub(crate) repositories: u64,
    /// Children of an index.
    pub(crate) children: u64,
    /// Concurrent pulls.
    pub(crate) pulls: u64,
    /// Slow uploads.
    pub(crate) uploads: u64,
    /// Number of measurements of each cost.
    pub(crate) rounds: u64,
    /// Number of pushes in a measurement.
    pub(crate) pushes: u64,
}

impl GrowthSizes {
    /// Returns the sizes of the figures in docs/performance.md.
    pub(crate) fn full() -> Self {
        Self {
            tags: 1_000_000,
            repositories: 1_000_000,
            children: 10_000,
            pulls: 1_000,
            uploads: 256,
            rounds: 5,
            pushes: 1_000,
        }
    }

    /// Returns sizes with two steps of each growth.
    pub(crate) fn quick() -> Self {
        Self {
            tags: 100,
            repositories: 10_000,
            children: 100,
            pulls: 10,
            uploads: 4,
            rounds: 1,
            pushes: 100,
        }
    }
}

impl Sizes {
    /// Returns the sizes of the figures in docs/performance.md.
    pub(crate) fn full() -> Self {
        Self {
            layer: 256 << 20,
            pulls: 5,
            images: 200,
            tags: 3000,
            reading: Duration::from_secs(5),
            copies: 20,
            longest_copied_layer: 4 << 20,
            large_image: 512 << 20,
        }
    }

    /// Returns sizes that are sufficient to check that each workload runs.
    pub(crate) fn quick() -> Self {
        Self {
            layer: 32 << 20,
            pulls: 1,
            images: 40,
            tags: 300,
            reading: Duration::from_secs(1),
            copies: 5,
            longest_copied_layer: 400 << 10,
            large_image: 128 << 20,
        }
    }

    /// Returns a random length for a layer of a copied image.
    pub(crate) fn random_layer_length(&self, random: &mut Random) -> usize {
        usize::try_from(random.range(self.longest_copied_layer / 20, self.longest_copied_layer))
            .unwrap_or(usize::MAX)
    }
}
