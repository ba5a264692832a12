//! Results of the checks, which are printed immediately, with a final count.

/// Number of faults to print per check. The others are counted.
const SHOWN: usize = 8;

/// Number of checks by result.
#[derive(Default)]
pub(crate) struct CheckReport {
    passed: u32,
    failed: u32,
}

impl CheckReport {
    /// Prints and counts one check with its faults.
    pub(crate) fn check(&mut self, name: &str, remark: &str, faults: &[String]) {
        if faults.is_empty() {
            self.passed += 1;
            println!("ok      {name}: {remark}");
            return;
        }
        self.failed += 1;
        println!("FAILED  {name}: {remark}");
        for fault in faults.iter().take(SHOWN) {
            println!("        {fault}");
        }
        if faults.len() > SHOWN {
            println!("        and {} more", faults.len() - SHOWN);
        }
    }

    /// Prints a line that is not a check.
    pub(crate) fn print_remark(text: &str) {
        println!("        {text}");
    }

    /// Returns the number of failed checks.
    pub(crate) fn failed_checks(&self) -> u32 {
        self.failed
    }

    /// Prints the final line.
    pub(crate) fn print_total(&self) {
        println!("{} passed, {} failed", self.passed, self.failed);
    }
}
