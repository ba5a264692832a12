//! Notes of unfinished work, which no file may contain. They belong where work is planned.

use super::Finding::{self, Violation};
use super::tree::SourceFile;

/// Split, so that this file does not contain the notes.
const NOTES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Checks every line of a text file.
pub(crate) fn check(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let mut words = line.split(|sign: char| !sign.is_alphanumeric());
        if let Some(note) = words.find(|word| NOTES.contains(word)) {
            findings.push(Violation(format!(
                "{}:{}: contains {note}",
                file.path,
                number + 1
            )));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> usize {
        check(&SourceFile {
            path: "README.md".to_owned(),
            text: text.to_owned(),
        })
        .len()
    }

    #[test]
    fn notes_are_faults_in_any_file() {
        assert_eq!(findings(concat!("fine\n// TO", "DO: more\n")), 1);
        assert_eq!(findings(concat!("FIX", "ME(now)\n")), 1);
    }

    #[test]
    fn other_words_are_no_faults() {
        assert_eq!(findings("a todo list, TODOS and methods\n"), 0);
    }
}
