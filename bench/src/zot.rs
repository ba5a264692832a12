//! zot, which no package registry contains: the environment names its program. Without it, the
//! table shows the figures of the last run that had one.

use std::env;
use std::path::PathBuf;

use super::measure::Sample;
use super::workload::Workload;

/// Version and date of the figures in [`last_sample`].
pub(crate) const LAST_RUN: &str = "2.1.20, 2026-11-27";

/// Idle and peak memory of the last run, in MiB.
pub(crate) const LAST_MEMORY: (f64, f64) = (68.0, 130.0);

/// Returns the program that `BENCH_ZOT` names.
pub(crate) fn program() -> Option<PathBuf> {
    env::var_os("BENCH_ZOT").map(PathBuf::from)
}

/// Returns the last figures of a workload. CPU time is 0 where it was not measured.
pub(crate) fn last_sample(workload: Workload) -> Option<Sample> {
    let (wall, server) = match workload {
        Workload::PushLayer => (0.47, 0.46),
        Workload::PullLayer => (0.257, 0.0),
        Workload::PushImages => (1.47, 1.63),
        Workload::ManifestByTag => (1.0 / 20_200.0, 0.0),
        Workload::ManifestByDigest => (1.0 / 18_000.0, 0.0),
        Workload::SmallBlob => (1.0 / 11_900.0, 0.0),
        Workload::PutTags => (24.7, 27.4),
        Workload::TagPage => (1.0 / 410.0, 0.0),
        Workload::PullLayerConcurrently
        | Workload::PullLayerCold
        | Workload::PullImages
        | Workload::PullImagesCold => return None,
    };
    Some(Sample {
        wall,
        server,
        client: 0.0,
    })
}
