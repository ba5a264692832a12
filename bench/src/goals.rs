//! Goals of docs/performance.md, as ratios to another subject in the same run.

use serde::Serialize;

use super::measure::{Sample, Spread};
use super::rounds::Results;
use super::subject::SubjectName::{self, Distribution3, Machine, Nginx, Portolan, Zot};
use super::workload::Workload;

/// Compared figure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Figure {
    /// Wall time: at most a multiple of the other.
    Wall,
    /// CPU time of the server: at most a multiple of the other.
    Cpu,
    /// Units per second: at least a multiple of the other.
    Rate,
}

/// Subject that Portolan is compared with.
#[derive(Clone, Copy)]
enum Reference {
    Subject(SubjectName),
    /// zot, or if it was not measured, distribution 3 with another factor, which was equal to it when
    /// both were measured.
    ZotOrDistribution3(f64),
    /// Registry with the shortest wall time.
    BestPeer,
}

/// Largest allowed ratio of a time, or smallest allowed ratio of a rate.
#[derive(Clone, Copy)]
struct Goal {
    figure: Figure,
    factor: f64,
    reference: Reference,
}

/// Outcome of a goal.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Verdict {
    /// Goal as text, for example `wall ≤ 1.2 × dd`.
    pub(crate) goal: String,
    /// Median of the ratios of all rounds.
    pub(crate) ratio: f64,
    pub(crate) met: bool,
}

/// Returns the verdicts on a workload. Goals whose reference was not measured are skipped.
pub(crate) fn verdicts(results: &Results, workload: Workload) -> Vec<Verdict> {
    let Some(ours) = results.samples.get(&(workload, Portolan)) else {
        return Vec::new();
    };
    let goals = goals(workload).into_iter();
    goals
        .filter_map(|goal| {
            let (name, factor) = goal.resolve(results, workload)?;
            let theirs = results.samples.get(&(workload, name))?;
            Some(goal.figure.judge(factor, name, ours, theirs))
        })
        .collect()
}

fn goals(workload: Workload) -> Vec<Goal> {
    let goal = |figure, factor, reference| Goal {
        figure,
        factor,
        reference,
    };
    let subject = Reference::Subject;
    match workload {
        Workload::PushLayer => vec![
            goal(Figure::Wall, 1.2, subject(Machine)),
            goal(Figure::Cpu, 1.3, subject(Machine)),
        ],
        Workload::PullLayer => vec![goal(Figure::Rate, 0.6, subject(Nginx))],
        Workload::PushImages => vec![
            goal(Figure::Wall, 0.1, subject(Distribution3)),
            goal(Figure::Cpu, 0.08, subject(Distribution3)),
        ],
        Workload::ManifestByTag | Workload::ManifestByDigest => vec![
            goal(Figure::Rate, 4.0, Reference::ZotOrDistribution3(12.0)),
            goal(Figure::Rate, 0.9, subject(Nginx)),
        ],
        Workload::SmallBlob => vec![
            goal(Figure::Rate, 4.0, Reference::ZotOrDistribution3(30.0)),
            goal(Figure::Rate, 0.5, subject(Nginx)),
        ],
        Workload::PutTags => vec![goal(Figure::Cpu, 0.1, subject(Distribution3))],
        Workload::TagPage => vec![goal(Figure::Rate, 50.0, Reference::BestPeer)],
        Workload::PullLayerConcurrently
        | Workload::PullLayerCold
        | Workload::PullImages
        | Workload::PullImagesCold => Vec::new(),
    }
}

impl Goal {
    /// Returns the subject to compare with and the factor that applies to it.
    fn resolve(self, results: &Results, workload: Workload) -> Option<(SubjectName, f64)> {
        let samples = |name| results.samples.get(&(workload, name));
        match self.reference {
            Reference::Subject(name) => Some((name, self.factor)),
            Reference::ZotOrDistribution3(_) if samples(Zot).is_some() => Some((Zot, self.factor)),
            Reference::ZotOrDistribution3(factor) => Some((Distribution3, factor)),
            Reference::BestPeer => {
                let wall =
                    |name| Some(Spread::from_samples(samples(name)?, |sample| sample.wall).median);
                let peers = SubjectName::PEERS.into_iter();
                let walls = peers.filter_map(|name| Some((name, wall(name)?)));
                let best = walls.min_by(|(_, left), (_, right)| left.total_cmp(right));
                best.map(|(name, _)| (name, self.factor))
            }
        }
    }
}

impl Figure {
    /// Compares the samples of each round and judges the median of the ratios.
    fn judge(self, factor: f64, name: SubjectName, ours: &[Sample], theirs: &[Sample]) -> Verdict {
        let rounds = ours.iter().zip(theirs);
        let ratio = Spread::new(rounds.map(|(ours, theirs)| self.ratio(ours, theirs))).median;
        let (text, sign, met) = match self {
            Self::Wall => ("wall", '≤', ratio <= factor),
            Self::Cpu => ("CPU", '≤', ratio <= factor),
            Self::Rate => ("rate", '≥', ratio >= factor),
        };
        Verdict {
            goal: format!("{text} {sign} {factor} × {}", name.title()),
            ratio,
            met,
        }
    }

    fn ratio(self, ours: &Sample, theirs: &Sample) -> f64 {
        match self {
            Self::Wall => ours.wall / theirs.wall,
            Self::Cpu => ours.server / theirs.server,
            Self::Rate => theirs.wall / ours.wall,
        }
    }
}

impl Verdict {
    /// Returns the verdict as text, for example `wall ≤ 1.2 × dd: 1.34, missed`.
    pub(crate) fn text(&self) -> String {
        let word = if self.met { "met" } else { "**missed**" };
        format!("{}: {:.2}, {word}", self.goal, self.ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(wall: f64, server: f64) -> Sample {
        Sample {
            wall,
            server,
            client: 0.0,
        }
    }

    fn verdicts_with(
        workload: Workload,
        samples: &[(SubjectName, &[Sample])],
    ) -> Vec<(String, bool)> {
        let mut results = Results::default();
        for (name, samples) in samples {
            results.samples.insert((workload, *name), samples.to_vec());
        }
        verdicts(&results, workload)
            .into_iter()
            .map(|verdict| (verdict.text(), verdict.met))
            .collect()
    }

    #[test]
    fn times_have_an_upper_limit_and_rounds_are_compared_in_pairs() {
        let ours = [sample(1.0, 4.0), sample(2.0, 4.0), sample(9.0, 4.0)];
        let theirs = [sample(10.0, 40.0), sample(20.0, 40.0), sample(30.0, 40.0)];
        assert_eq!(
            verdicts_with(
                Workload::PushImages,
                &[(Portolan, &ours), (Distribution3, &theirs)]
            ),
            [
                ("wall ≤ 0.1 × distribution 3: 0.10, met".to_owned(), true),
                (
                    "CPU ≤ 0.08 × distribution 3: 0.10, **missed**".to_owned(),
                    false
                )
            ]
        );
    }

    #[test]
    fn rates_have_a_lower_limit() {
        assert_eq!(
            verdicts_with(
                Workload::PullLayer,
                &[
                    (Portolan, &[sample(2.0, 1.0)]),
                    (Nginx, &[sample(1.0, 1.0)])
                ]
            ),
            [("rate ≥ 0.6 × nginx: 0.50, **missed**".to_owned(), false)]
        );
    }

    #[test]
    fn distribution_replaces_a_missing_zot() {
        let ours: (_, &[_]) = (Portolan, &[sample(1.0, 1.0)]);
        let distribution: (_, &[_]) = (Distribution3, &[sample(13.0, 1.0)]);
        assert_eq!(
            verdicts_with(Workload::ManifestByTag, &[ours, distribution]),
            [("rate ≥ 12 × distribution 3: 13.00, met".to_owned(), true)]
        );
        let zot: (_, &[_]) = (Zot, &[sample(3.0, 1.0)]);
        assert_eq!(
            verdicts_with(Workload::ManifestByTag, &[ours, distribution, zot]),
            [("rate ≥ 4 × zot: 3.00, **missed**".to_owned(), false)]
        );
    }

    #[test]
    fn best_peer_is_the_fastest_one() {
        assert_eq!(
            verdicts_with(
                Workload::TagPage,
                &[
                    (Portolan, &[sample(1.0, 1.0)]),
                    (SubjectName::Distribution2, &[sample(60.0, 1.0)]),
                    (Distribution3, &[sample(55.0, 1.0)])
                ]
            ),
            [("rate ≥ 50 × distribution 3: 55.00, met".to_owned(), true)]
        );
    }
}
