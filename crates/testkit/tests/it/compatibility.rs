//! Predicted compatibility of each case with other registries and clients.

use std::fmt::Write;

use portolan_model::compat::{DetectedFeatures, Target, TargetVerdict};
use portolan_testkit::corpus;

use crate::snapshot;

#[test]
fn judgements_match_the_snapshot() {
    let mut text = String::from("F: fails, r: works with a remark, -: works\n\n");
    for (position, target) in Target::all().iter().enumerate() {
        writeln!(text, "{}{}", "| ".repeat(position), target.id).unwrap();
    }
    for case in corpus::all() {
        let observed = DetectedFeatures::detect(&case.tree());
        let signs: Vec<_> = Target::all()
            .iter()
            .map(|target| sign(observed.judge(target).verdict))
            .collect();
        writeln!(text, "{} {}", signs.join(" "), case.name()).unwrap();
    }
    snapshot::assert_same("judgements", "matrix", &text);
}

fn sign(verdict: TargetVerdict) -> &'static str {
    match verdict {
        TargetVerdict::Works => "-",
        TargetVerdict::Remark => "r",
        TargetVerdict::Fails => "F",
    }
}
