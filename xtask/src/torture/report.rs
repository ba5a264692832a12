//! What held and what did not, line by line as it is found, with the closing count.

/// Faults printed of one check; the rest is counted.
const SHOWN: usize = 8;

/// Counts of checks.
#[derive(Default)]
pub(crate) struct Report {
    passed: u32,
    failed: u32,
}

impl Report {
    /// Prints one check with its faults and counts it.
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

    /// Prints a line that is no check.
    pub(crate) fn remark(text: &str) {
        println!("        {text}");
    }

    /// How many checks did not hold.
    pub(crate) fn failed(&self) -> u32 {
        self.failed
    }

    /// The closing line.
    pub(crate) fn close(&self) {
        println!("{} passed, {} failed", self.passed, self.failed);
    }
}
