//! Rules of the proxy: the faults to inject, and the requests to inject them into.

use std::sync::{Mutex, PoisonError};

use http::Method;

use super::{Fault, RequestFilter, Trigger};

/// Rules of the proxy, in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Script(Mutex<Vec<FaultRule>>);

#[derive(Debug)]
struct FaultRule {
    requests: RequestFilter,
    when: Trigger,
    fault: Fault,
    /// Number of requests so far that match the filter.
    number: u32,
    random: SplitMix64,
}

impl Script {
    pub(super) fn add(&self, requests: RequestFilter, when: Trigger, fault: Fault) {
        let dice = SplitMix64(if let Trigger::OneIn { seed, .. } = when {
            seed
        } else {
            0
        });
        self.with_rules(|rules| {
            rules.push(FaultRule {
                requests,
                when,
                fault,
                number: 0,
                random: dice,
            });
        });
    }

    pub(super) fn clear(&self) {
        self.with_rules(Vec::clear);
    }

    /// Returns the fault to inject into a request, if any. Every rule whose filter matches counts
    /// the request. If several rules apply, the first one is used.
    pub(super) fn fault(&self, method: &Method, path: &str, has_body: bool) -> Option<Fault> {
        self.with_rules(|rules| {
            let possible = |rule: &FaultRule| has_body || !matches!(rule.fault, Fault::Request(_));
            let matching = rules
                .iter_mut()
                .filter(|rule| rule.requests.matches(method, path) && possible(rule));
            let faults: Vec<_> = matching.filter_map(FaultRule::fault).collect();
            faults.first().copied()
        })
    }

    fn with_rules<T>(&self, work: impl FnOnce(&mut Vec<FaultRule>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl FaultRule {
    fn fault(&mut self) -> Option<Fault> {
        self.number += 1;
        let applies = match self.when {
            Trigger::Nth(number) => self.number == number,
            Trigger::Always => true,
            Trigger::OneIn { times, .. } => self.random.next_value().is_multiple_of(times.into()),
        };
        applies.then_some(self.fault)
    }
}

/// Pseudorandom generator `SplitMix64`, which returns the same sequence for the same seed.
#[derive(Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    fn next_value(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
