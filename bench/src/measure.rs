//! One measurement: wall time and CPU time per unit of work.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};
use xtask::load::process::{cpu_time, own_cpu_time};

/// Cost of one unit of a workload: a layer, an image or a request.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sample {
    /// Wall time in seconds.
    pub(crate) wall: f64,
    /// CPU time of the server in seconds.
    pub(crate) server: f64,
    /// CPU time of the load generator in seconds.
    pub(crate) client: f64,
}

/// Measures `work` against the server with process id `pid`. `work` returns the number of units
/// done.
pub(crate) fn measure(pid: u32, work: impl FnOnce() -> Result<u64>) -> Result<Sample> {
    let (server, client, begin) = (cpu_time(pid)?, own_cpu_time()?, Instant::now());
    let units = work()?;
    let wall = begin.elapsed();
    let per_unit = |total: Duration| total.as_secs_f64() / to_float(units.max(1));
    Ok(Sample {
        wall: per_unit(wall),
        server: per_unit(cpu_time(pid)?.saturating_sub(server)),
        client: per_unit(own_cpu_time()?.saturating_sub(client)),
    })
}

/// Median of the rounds, with the lowest and the highest figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Summarizes figures, of which there must be at least one. The median of an even number is the
    /// mean of the middle two.
    pub(crate) fn new(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut figures: Vec<_> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let (half, last) = (figures.len() / 2, figures.len() - 1);
        Self {
            median: f64::midpoint(figures[last - half], figures[half]),
            min: figures[0],
            max: figures[last],
        }
    }

    /// Summarizes one figure of all samples.
    pub(crate) fn from_samples(samples: &[Sample], figure: fn(&Sample) -> f64) -> Self {
        Self::new(samples.iter().map(figure))
    }
}

/// Returns the spread of each figure as JSON.
pub(crate) fn spreads_as_json(samples: &[Sample]) -> Value {
    json!({
        "wallSeconds": Spread::from_samples(samples, |sample| sample.wall),
        "cpuSeconds": Spread::from_samples(samples, |sample| sample.server),
        "generatorCpuSeconds": Spread::from_samples(samples, |sample| sample.client),
    })
}

/// Converts a count to a float. Counts here are far below 2^52, above which the conversion would
/// round.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts and bytes of a benchmark fit a float exactly"
)]
pub(crate) fn to_float(count: u64) -> f64 {
    count as f64
}

/// Converts bytes to mebibytes.
pub(crate) fn to_mebibytes(bytes: u64) -> f64 {
    to_float(bytes) / 1_048_576.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summarizes_odd_and_even_numbers_of_figures() {
        let spread = |median, min, max| Spread { median, min, max };
        assert_eq!(Spread::new([3.0, 1.0, 2.0]), spread(2.0, 1.0, 3.0));
        assert_eq!(Spread::new([4.0, 1.0, 2.0, 3.0]), spread(2.5, 1.0, 4.0));
        assert_eq!(Spread::new([7.0]), spread(7.0, 7.0, 7.0));
    }

    #[test]
    fn divides_figures_by_units() {
        let sample = measure(std::process::id(), || {
            std::thread::sleep(Duration::from_millis(20));
            Ok(10)
        });
        let wall = sample.unwrap().wall;
        assert!((0.002..0.02).contains(&wall), "{wall}");
    }
}
