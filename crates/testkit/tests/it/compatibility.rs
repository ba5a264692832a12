//! What other registries and clients make of each case.

use std::fmt::Write;

use portolan_model::compat::{Observed, Target, Verdict};
use portolan_testkit::corpus;

use crate::snapshot;

#[test]
fn judgements_are_as_reviewed() {
    let mut text = String::from("F it fails, r it works with a remark, - it works\n\n");
    for (position, target) in Target::all().iter().enumerate() {
        writeln!(text, "{}{}", "| ".repeat(position), target.id).unwrap();
    }
    for case in corpus::all() {
        let observed = Observed::of(&case.tree());
        let signs: Vec<_> = Target::all()
            .iter()
            .map(|target| sign(observed.judge(target).verdict))
            .collect();
        writeln!(text, "{} {}", signs.join(" "), case.name()).unwrap();
    }
    snapshot::assert_same("judgements", "matrix", &text);
}

fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Works => "-",
        Verdict::Remark => "r",
        Verdict::Fails => "F",
    }
}
