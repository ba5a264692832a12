//! Layout of files: each begins with its documentation and is short enough to read.

use super::Finding::{self, Remark, Violation};
use super::tokens::Tokens;
use super::tree::SourceFile;

const LINES: usize = 800;
const SECOND_LOOK: usize = 400;

/// Checks a Rust file's first line and its length without tests.
pub(crate) fn check(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !file.text.starts_with("//!") {
        findings.push(Violation(format!(
            "{}:1: does not begin with `//!`",
            file.path
        )));
    }
    if file.is_test() {
        return findings;
    }
    // A file that cannot be parsed is reported by the other rules.
    let tests = Tokens::parse(&file.text).map_or(0, |tokens| tokens.test_lines);
    let lines = file.text.lines().count() - tests;
    if lines > LINES {
        findings.push(Violation(format!(
            "{}: {lines} lines without tests, more than {LINES}",
            file.path
        )));
    } else if lines > SECOND_LOOK {
        findings.push(Remark(format!(
            "{}: {lines} lines without tests, more than {SECOND_LOOK}",
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
    fn file_begins_with_documentation() {
        assert_eq!(findings("a.rs", "//! What it is.\nfn f() {}\n"), []);
        assert!(matches!(
            findings("a.rs", "fn f() {}\n")[..],
            [Violation(_)]
        ));
        assert!(matches!(
            findings("a.rs", "use x;\n//! Late.\n")[..],
            [Violation(_)]
        ));
    }

    #[test]
    fn long_files_are_remarks_and_then_faults() {
        assert_eq!(findings("a.rs", &long(400)), []);
        assert!(matches!(findings("a.rs", &long(401))[..], [Remark(_)]));
        assert!(matches!(findings("a.rs", &long(801))[..], [Violation(_)]));
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
