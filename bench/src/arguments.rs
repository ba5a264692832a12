//! Command line arguments, and the parts of the benchmark that they select.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::growth::Growth;
use super::sizes::{GrowthSizes, Sizes};
use super::workload::Workload;

/// Measure workloads side by side with other registries
#[derive(clap::Parser)]
#[command(name = "cargo xtask bench")]
pub(crate) struct Arguments {
    /// Use small sizes and one round, to check that everything runs
    #[arg(long, conflicts_with = "write")]
    quick: bool,
    /// Number of rounds to take the medians of
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Measure only growth: up to 1,000,000 tags and repositories
    #[arg(long, conflicts_with = "only")]
    growth: bool,
    /// Write the results to docs/performance.md, between their markers, and
    /// the figures to docs/growth
    #[arg(long)]
    pub(crate) write: bool,
    /// Write the results as JSON to a file, or to standard output instead of Markdown
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub(crate) json: Option<PathBuf>,
    /// Measure only this part; repeat the option for several parts
    #[arg(long, value_name = "PART", conflicts_with = "write")]
    only: Vec<Part>,
}

/// Part of the benchmark that can run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Workload(Workload),
    Extra(Extra),
    Growth(Growth),
}

/// Part that is not measured on several servers side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Extra {
    Counts,
    Database,
    Copy,
    CopyMemory,
}

impl Arguments {
    /// Returns the sizes of the workloads.
    pub(crate) fn sizes(&self) -> Sizes {
        if self.quick {
            Sizes::quick()
        } else {
            Sizes::full()
        }
    }

    /// Returns the sizes of the figures about growth.
    pub(crate) fn growth_sizes(&self) -> GrowthSizes {
        if self.quick {
            GrowthSizes::quick()
        } else {
            GrowthSizes::full()
        }
    }

    /// Returns the number of rounds.
    pub(crate) fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds }
    }

    /// Returns whether standard output is a JSON document.
    pub(crate) fn prints_json(&self) -> bool {
        self.json.as_deref() == Some(Path::new("-"))
    }

    /// Returns the selected parts in the order in which they run.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let all = Part::value_variants().iter().copied();
        all.filter(|part| self.selects(*part)).collect()
    }

    fn selects(&self, part: Part) -> bool {
        if self.growth {
            return matches!(part, Part::Growth(_));
        }
        self.only.is_empty() || self.only.contains(&part)
    }
}

impl Part {
    /// Returns the workload that is measured side by side.
    pub(crate) fn workload(self) -> Option<Workload> {
        match self {
            Self::Workload(workload) => Some(workload),
            Self::Extra(_) | Self::Growth(_) => None,
        }
    }
}

impl ValueEnum for Part {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<Part>> = LazyLock::new(|| {
            let workloads = Workload::value_variants().iter().copied();
            let extras = Extra::value_variants().iter().copied();
            let growths = Growth::value_variants().iter().copied();
            workloads
                .map(Part::Workload)
                .chain(extras.map(Part::Extra))
                .chain(growths.map(Part::Growth))
                .collect()
        });
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Workload(workload) => workload.to_possible_value(),
            Self::Extra(extra) => extra.to_possible_value(),
            Self::Growth(growth) => growth.to_possible_value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn parts(arguments: &[&str]) -> Vec<Part> {
        let name = std::iter::once("bench");
        Arguments::try_parse_from(name.chain(arguments.iter().copied()))
            .unwrap()
            .parts()
    }

    #[test]
    fn parts_can_run_alone() {
        assert_eq!(
            parts(&["--only", "copy", "--only", "push-layer"]),
            [
                Part::Workload(Workload::PushLayer),
                Part::Extra(Extra::Copy)
            ]
        );
        assert_eq!(parts(&["--quick"]), Part::value_variants());
    }

    #[test]
    fn growth_can_run_alone() {
        let is_growth = |part: &Part| matches!(part, Part::Growth(_));
        assert!(parts(&["--growth", "--quick"]).iter().all(is_growth));
        assert_eq!(
            parts(&["--only", "growth-tags"]),
            [Part::Growth(Growth::Tags)]
        );
    }

    #[test]
    fn json_without_a_file_is_standard_output() {
        let json = |arguments: &[&str]| Arguments::try_parse_from(arguments).unwrap().json;
        assert_eq!(json(&["bench", "--json"]), Some("-".into()));
        assert_eq!(json(&["bench", "--json", "a.json"]), Some("a.json".into()));
        assert_eq!(json(&["bench"]), None);
    }
}
