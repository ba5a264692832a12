//! The findings about several documents, with a bound.

use std::collections::BTreeMap;
use std::fmt::Write;

use portolan_model::{Finding, Rule};

use crate::Judged;

/// Most findings about all the documents below one that is put: what is wrong throughout is shown by these.
const MAX_FINDINGS: usize = 1000;

/// What was found in all the documents below one. Beyond the bound only the first finding of each rule is kept, so that no
/// rule is hidden by another, and the others are counted by the last one of their rule.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    judged: Vec<Judged>,
    last: BTreeMap<Rule, Last>,
}

/// The last finding of a rule that was kept.
#[derive(Debug)]
struct Last {
    position: usize,
    left_out: usize,
}

impl Gathered {
    pub(crate) fn add(&mut self, judged: Judged) {
        match self.last.get_mut(&judged.finding.rule) {
            Some(last) if self.judged.len() >= MAX_FINDINGS => last.left_out += judged.finding.count(),
            _ => {
                self.last.insert(judged.finding.rule, Last { position: self.judged.len(), left_out: 0 });
                self.judged.push(judged);
            }
        }
    }

    /// What was gathered; the last finding of each rule says how many were left out.
    pub(crate) fn finish(mut self) -> Vec<Judged> {
        for Last { position, left_out } in self.last.into_values().filter(|last| last.left_out > 0) {
            let Finding { rule, message, further, .. } = &mut self.judged[position].finding;
            *further += left_out;
            let _ = write!(message, " (and {left_out} more of {rule} in other documents)");
        }
        self.judged
    }
}
