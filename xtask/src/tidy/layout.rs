//! How a file stands: it says first what it is for, and it stays readable.

use super::Finding::{self, Fault, Remark};
use super::tokens::Tokens;
use super::tree::SourceFile;

const LINES: usize = 800;
const SECOND_LOOK: usize = 400;

/// Checks a Rust file's first line and its length without tests.
pub(crate) fn check(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !file.text.starts_with("//!") {
        findings.push(Fault(format!("{}:1: does not open with `//!`", file.path)));
    }
    if file.is_test() {
        return findings;
    }
    // A file that cannot be read is reported by the rules that read it.
    let tests = Tokens::of(&file.text).map_or(0, |tokens| tokens.test_lines);
    let lines = file.text.lines().count() - tests;
    if lines > LINES {
        findings.push(Fault(format!(
            "{}: {lines} lines without tests, over {LINES}",
            file.path
        )));
    } else if lines > SECOND_LOOK {
        findings.push(Remark(format!(
            "{}: {lines} lines without tests, over {SECOND_LOOK}",
            file.path
        )));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<Finding> {
        check(&SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
        })
    }

    fn long(lines: usize) -> String {
        format!("//! Long.\n{}", "const _: () = ();\n".repeat(lines - 1))
    }

    #[test]
    fn a_file_opens_with_its_purpose() {
        assert_eq!(findings("a.rs", "//! What it is.\nfn f() {}\n"), []);
        assert!(matches!(findings("a.rs", "fn f() {}\n")[..], [Fault(_)]));
        assert!(matches!(
            findings("a.rs", "use x;\n//! Late.\n")[..],
            [Fault(_)]
        ));
    }

    #[test]
    fn length_is_remarked_and_then_a_fault() {
        assert_eq!(findings("a.rs", &long(400)), []);
        assert!(matches!(findings("a.rs", &long(401))[..], [Remark(_)]));
        assert!(matches!(findings("a.rs", &long(801))[..], [Fault(_)]));
    }

    #[test]
    fn tests_do_not_count() {
        assert_eq!(findings("tests.rs", &long(900)), []);
        let inline = format!(
            "//! Short.\n#[cfg(test)]\nmod tests {{\n{}}}\n",
            "fn f() {}\n".repeat(900)
        );
        assert_eq!(findings("a.rs", &inline), []);
    }
}
