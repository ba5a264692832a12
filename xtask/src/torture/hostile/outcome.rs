//! Outcomes of the attacks, and their table.

/// Number of faults to print per attack. The others are counted.
const SHOWN: usize = 8;

/// Measured value with its limit.
pub(super) struct Measure {
    name: &'static str,
    measured: u64,
    limit: u64,
}

impl Measure {
    pub(super) fn new(name: &'static str, measured: u64, limit: u64) -> Self {
        Self {
            name,
            measured,
            limit,
        }
    }

    fn is_exceeded(&self) -> bool {
        self.measured > self.limit
    }
}

/// Outcome of an attack.
pub(super) struct Outcome {
    name: String,
    remark: String,
    measures: Vec<Measure>,
    faults: Vec<String>,
}

impl Outcome {
    /// Creates an outcome and prints it.
    pub(super) fn new(
        name: &str,
        remark: String,
        measures: Vec<Measure>,
        faults: Vec<String>,
    ) -> Self {
        let outcome = Self {
            name: name.to_owned(),
            remark,
            measures,
            faults,
        };
        println!("{}", outcome.row());
        for text in outcome.failures() {
            println!("        {text}");
        }
        outcome
    }

    /// Creates the outcome of a check that measures nothing.
    pub(super) fn of_check(name: &str, result: anyhow::Result<()>) -> Self {
        let faults = result.err().map(|error| format!("{error:#}"));
        Self::new(
            name,
            String::new(),
            Vec::new(),
            faults.into_iter().collect(),
        )
    }

    /// Returns the name of the attack.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether a limit was exceeded or a fault occurred.
    pub(super) fn has_failed(&self) -> bool {
        !self.faults.is_empty() || self.measures.iter().any(Measure::is_exceeded)
    }

    fn failures(&self) -> Vec<String> {
        let exceeded = self.measures.iter().filter(|it| it.is_exceeded());
        let mut texts: Vec<String> = exceeded
            .map(|it| format!("{}: measured {}, limit {}", it.name, it.measured, it.limit))
            .collect();
        texts.extend(self.faults.iter().take(SHOWN).cloned());
        if self.faults.len() > SHOWN {
            texts.push(format!("and {} more", self.faults.len() - SHOWN));
        }
        texts
    }

    fn row(&self) -> String {
        let status = if self.has_failed() {
            "FAILED"
        } else {
            "passed"
        };
        let mut parts: Vec<String> = self
            .measures
            .iter()
            .map(|it| format!("{} {}/{}", it.name, it.measured, it.limit))
            .collect();
        if !self.remark.is_empty() {
            parts.push(self.remark.clone());
        }
        let row = format!("{:<18} {status}  {}", self.name, parts.join(", "));
        row.trim_end().to_owned()
    }
}

/// Prints all outcomes as a table of measured values and limits, and returns the number of failed
/// attacks.
pub(super) fn print_table(outcomes: &[Outcome]) -> usize {
    println!("=== attacks: measured/limit");
    for outcome in outcomes {
        println!("{}", outcome.row());
    }
    let failed = outcomes.iter().filter(|it| it.has_failed()).count();
    println!("{} passed, {failed} failed", outcomes.len() - failed);
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_above_its_limit_fails_with_figures() {
        let measures = vec![Measure::new("memory (MiB)", 300, 256)];
        let outcome = Outcome::new("all", String::new(), measures, Vec::new());
        assert!(outcome.has_failed());
        assert_eq!(
            outcome.failures(),
            ["memory (MiB): measured 300, limit 256"]
        );
        assert_eq!(print_table(&[outcome]), 1);
    }

    #[test]
    fn value_at_its_limit_passes() {
        let measures = vec![Measure::new("memory (MiB)", 256, 256)];
        assert!(!Outcome::new("all", String::new(), measures, Vec::new()).has_failed());
    }
}
