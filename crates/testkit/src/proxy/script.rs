//! The rules: which harm is done to which request.

use std::sync::{Mutex, PoisonError};

use http::Method;

use super::{Fault, Requests, When};

/// Rules in the order in which they were given.
#[derive(Debug, Default)]
pub(super) struct Script(Mutex<Vec<Rule>>);

#[derive(Debug)]
struct Rule {
    requests: Requests,
    when: When,
    fault: Fault,
    /// Requests so far.
    number: u32,
    dice: Dice,
}

impl Script {
    pub(super) fn add(&self, requests: Requests, when: When, fault: Fault) {
        let dice = Dice(if let When::OneIn { seed, .. } = when {
            seed
        } else {
            0
        });
        self.rules(|rules| {
            rules.push(Rule {
                requests,
                when,
                fault,
                number: 0,
                dice,
            })
        });
    }

    pub(super) fn clear(&self) {
        self.rules(Vec::clear);
    }

    /// What is to be done to this request. Each rule that it belongs to counts it.
    pub(super) fn fault(&self, method: &Method, path: &str, has_body: bool) -> Option<Fault> {
        self.rules(|rules| {
            let possible = |rule: &Rule| has_body || !matches!(rule.fault, Fault::Request(_));
            let concerned = rules
                .iter_mut()
                .filter(|rule| rule.requests.include(method, path) && possible(rule));
            let faults: Vec<_> = concerned.filter_map(Rule::fault).collect();
            faults.first().copied()
        })
    }

    fn rules<T>(&self, work: impl FnOnce(&mut Vec<Rule>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Rule {
    fn fault(&mut self) -> Option<Fault> {
        self.number += 1;
        let applies = match self.when {
            When::Nth(number) => self.number == number,
            When::Always => true,
            When::OneIn { times, .. } => self.dice.throw().is_multiple_of(times.into()),
        };
        applies.then_some(self.fault)
    }
}

/// The generator `SplitMix64`: the same throws for the same seed.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
