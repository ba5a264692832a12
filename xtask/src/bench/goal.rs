//! Goals of docs/performance.md, as ratios to distribution.

use super::measure::Sample;

/// Highest allowed ratios of wall time and of the server's CPU time.
#[derive(Clone, Copy)]
pub(crate) struct Goal {
    pub(crate) wall: Option<f64>,
    pub(crate) cpu: Option<f64>,
}

impl Goal {
    /// No goal: the workload is measured for information.
    pub(crate) const NONE: Self = Self {
        wall: None,
        cpu: None,
    };

    /// Returns the verdicts as text, for example `0.40 wall met, 0.30 CPU missed`.
    pub(crate) fn verdicts(self, ours: &Sample, theirs: &Sample) -> String {
        let wall = self
            .wall
            .map(|goal| verdict("wall", goal, ours.wall / theirs.wall));
        let cpu = self
            .cpu
            .map(|goal| verdict("CPU", goal, ours.server / theirs.server));
        wall.into_iter().chain(cpu).collect::<Vec<_>>().join(", ")
    }
}

fn verdict(what: &str, goal: f64, ratio: f64) -> String {
    let word = if ratio <= goal { "met" } else { "missed" };
    format!("{goal:.3} {what} {word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_each_ratio_separately() {
        let ours = Sample {
            wall: 1.0,
            server: 3.0,
            client: 0.0,
        };
        let theirs = Sample {
            wall: 4.0,
            server: 4.0,
            client: 0.0,
        };
        let goal = Goal {
            wall: Some(0.4),
            cpu: Some(0.3),
        };
        assert_eq!(
            goal.verdicts(&ours, &theirs),
            "0.400 wall met, 0.300 CPU missed"
        );
        assert_eq!(Goal::NONE.verdicts(&ours, &theirs), "");
    }
}
