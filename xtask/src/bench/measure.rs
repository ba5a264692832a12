//! One measurement: wall time and CPU time per unit of work.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::load::process::{cpu_time, own_cpu_time};

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

/// Returns the median of each figure separately.
pub(crate) fn median(samples: &[Sample]) -> Sample {
    let middle =
        |figure: fn(&Sample) -> f64| median_of_figures(samples.iter().map(figure).collect());
    Sample {
        wall: middle(|sample| sample.wall),
        server: middle(|sample| sample.server),
        client: middle(|sample| sample.client),
    }
}

/// Returns the median. It is the mean of the middle two for an even number of figures, and 0 for
/// none.
pub(crate) fn median_of_figures(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    match figures.len() {
        0 => 0.0,
        length if length % 2 == 1 => figures[half],
        _ => f64::midpoint(figures[half - 1], figures[half]),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computes_medians() {
        assert!((median_of_figures(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median_of_figures(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median_of_figures(vec![]).abs() < 1e-9);
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
