//! Rounds of measurements: fresh servers run at the same time, and each workload runs on all of
//! them in turn before the next one begins.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::content::BenchContent;
use super::measure::Sample;
use super::sizes::Sizes;
use super::subject::{Subject, SubjectName};
use super::workload::{Workload, WorkloadContext};

/// Samples and memory of all rounds.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) rounds: u32,
    pub(crate) samples: BTreeMap<(Workload, SubjectName), Vec<Sample>>,
    /// Resident bytes after the start, and at the peak.
    pub(crate) memory: BTreeMap<SubjectName, Vec<(u64, u64)>>,
    /// Titles of the measured workloads, which contain the sizes.
    pub(crate) titles: BTreeMap<Workload, String>,
}

/// Runs `rounds` rounds of some workloads below `folder`.
pub(crate) fn measure(
    folder: &Path,
    sizes: &Sizes,
    rounds: u32,
    workloads: &[Workload],
) -> Result<Results> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let titles = workloads
        .iter()
        .map(|workload| (*workload, workload.title(sizes)));
    let mut results = Results {
        rounds,
        titles: titles.collect(),
        ..Results::default()
    };
    for round in 1..=rounds {
        let place = folder.join(format!("round-{round}"));
        let content = BenchContent::new(sizes, round);
        let context = WorkloadContext {
            runtime: &runtime,
            sizes,
            content: &content,
        };
        eprintln!("        round {round} of {rounds}");
        let mut names = SubjectName::available();
        // Each round begins with another server, so that none always runs on a cold or warm machine.
        let first = round as usize % names.len();
        names.rotate_left(first);
        measure_round(&mut results, &place, &names, &context)?;
        fs::remove_dir_all(&place)?;
    }
    Ok(results)
}

fn measure_round(
    results: &mut Results,
    place: &Path,
    names: &[SubjectName],
    context: &WorkloadContext<'_>,
) -> Result<()> {
    let start = |name: &_| Subject::start(*name, place, context.content, context.runtime);
    let mut subjects = names.iter().map(start).collect::<Result<Vec<_>>>()?;
    for (workload, is_measured) in plan(results.titles.keys().copied()) {
        subjects.rotate_left(1);
        eprintln!("        {}", workload.title(context.sizes));
        for subject in &subjects {
            if !workload.applies_to(subject.name) {
                continue;
            }
            let sample = subject
                .measure(workload, context)
                .with_context(|| format!("{}: {}", subject.name.title(), workload.key()))?;
            if is_measured {
                let key = (workload, subject.name);
                results.samples.entry(key).or_default().push(sample);
            }
        }
    }
    for subject in &subjects {
        if let Some(memory) = subject.memory()? {
            results.memory.entry(subject.name).or_default().push(memory);
        }
    }
    Ok(())
}

/// Returns the workloads in the order of execution with those that they require, and whether each
/// is to be measured.
fn plan(measured: impl Iterator<Item = Workload>) -> BTreeMap<Workload, bool> {
    let mut plan = BTreeMap::new();
    for workload in measured {
        if let Some(requirement) = workload.requirement() {
            plan.entry(requirement).or_insert(false);
        }
        plan.insert(workload, true);
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_workloads_run_first_and_are_not_measured() {
        let workloads = |measured: &[Workload]| {
            plan(measured.iter().copied())
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(
            workloads(&[Workload::TagPage]),
            [(Workload::PutTags, false), (Workload::TagPage, true)]
        );
        assert_eq!(
            workloads(&[Workload::PutTags, Workload::TagPage]),
            [(Workload::PutTags, true), (Workload::TagPage, true)]
        );
    }
}
