//! How much each workload does.

use std::time::Duration;

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
}

impl Sizes {
    /// What docs/performance.md shows.
    pub(crate) fn full() -> Self {
        Self { layer: 512 << 20, pulls: 5, images: 400, tags: 5000, reading: Duration::from_secs(5) }
    }

    /// Enough to see that each workload runs.
    pub(crate) fn quick() -> Self {
        Self { layer: 32 << 20, pulls: 1, images: 40, tags: 300, reading: Duration::from_secs(1) }
    }
}
