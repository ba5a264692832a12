//! One measurement: wall time and CPU time, per unit of what was done.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::load::process::{cpu, own_cpu};

/// What one unit of a workload took: a layer, an image, a request.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sample {
    /// Seconds by the clock.
    pub(crate) wall: f64,
    /// Seconds of CPU of the server.
    pub(crate) server: f64,
    /// Seconds of CPU of the load generator.
    pub(crate) client: f64,
}

/// Does `work`, which answers how many units it did, against the server of that process id.
pub(crate) fn measure(pid: u32, work: impl FnOnce() -> Result<u64>) -> Result<Sample> {
    let (server, client, begin) = (cpu(pid)?, own_cpu()?, Instant::now());
    let units = work()?;
    let wall = begin.elapsed();
    let per_unit = |total: Duration| total.as_secs_f64() / precise(units.max(1));
    Ok(Sample {
        wall: per_unit(wall),
        server: per_unit(cpu(pid)?.saturating_sub(server)),
        client: per_unit(own_cpu()?.saturating_sub(client)),
    })
}

/// The median of each figure by itself.
pub(crate) fn median(samples: &[Sample]) -> Sample {
    let middle = |figure: fn(&Sample) -> f64| middle_of(samples.iter().map(figure).collect());
    Sample {
        wall: middle(|sample| sample.wall),
        server: middle(|sample| sample.server),
        client: middle(|sample| sample.client),
    }
}

/// The median; of an even number, the mean of the middle two; of none, 0.
pub(crate) fn middle_of(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    match figures.len() {
        0 => 0.0,
        length if length % 2 == 1 => figures[half],
        _ => f64::midpoint(figures[half - 1], figures[half]),
    }
}

/// A count as a factor; counts here are far below the 2^52 at which that would round.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts and bytes of a benchmark fit a float exactly"
)]
pub(crate) fn precise(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert!((middle_of(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((middle_of(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(middle_of(vec![]).abs() < 1e-9);
    }

    #[test]
    fn figures_are_per_unit() {
        let sample = measure(std::process::id(), || {
            std::thread::sleep(Duration::from_millis(20));
            Ok(10)
        });
        let wall = sample.unwrap().wall;
        assert!((0.002..0.02).contains(&wall), "{wall}");
    }
}
