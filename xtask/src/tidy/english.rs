//! The measurable part of the language rules in CONTRIBUTING.md: how doc comments open, their voice, and the names of
//! functions. The rules hold for the product crates without their tests.

use super::Finding::{self, Remark, Violation};
use super::tree::SourceFile;

/// Crates that only tests use.
const TEST_SUPPORT: [&str; 1] = ["testkit"];

/// Words that must not open a doc comment. `Returns whether …` is the form for predicates.
const FORBIDDEN_OPENINGS: [&str; 17] = [
    "What", "Whatever", "Whether", "Where", "Who", "Whoever", "How", "Why", "It", "They", "That",
    "Those", "When", "Nothing", "The same", "As", "Of",
];

/// Forms of "to be" that make the passive voice with a participle.
const AUXILIARIES: [&str; 7] = ["is", "are", "was", "were", "be", "been", "being"];

/// Words that may stand between auxiliary and participle.
const ADVERBS: [&str; 8] = [
    "already", "also", "never", "not", "now", "only", "still", "then",
];

/// Participles that do not end in "ed", as far as names and comments of a registry use them.
const IRREGULAR_PARTICIPLES: [&str; 56] = [
    "been",
    "begun",
    "bound",
    "broken",
    "brought",
    "built",
    "caught",
    "chosen",
    "cut",
    "dealt",
    "done",
    "drawn",
    "driven",
    "fallen",
    "found",
    "forgotten",
    "given",
    "gone",
    "grown",
    "had",
    "heard",
    "held",
    "hidden",
    "kept",
    "known",
    "laid",
    "led",
    "left",
    "lent",
    "lost",
    "made",
    "meant",
    "met",
    "overwritten",
    "paid",
    "put",
    "read",
    "run",
    "said",
    "seen",
    "sent",
    "set",
    "shown",
    "shut",
    "spent",
    "split",
    "spoken",
    "stood",
    "sworn",
    "taken",
    "taught",
    "thought",
    "told",
    "understood",
    "withdrawn",
    "written",
];

/// Words that end in "ed" and are no participles, or are verbs and nouns of their own.
const NOT_PARTICIPLES: [&str; 8] = [
    "embed", "exceed", "feed", "need", "proceed", "seed", "speed", "succeed",
];

/// Irregular forms that are imperatives too, and so are good names of functions.
const IMPERATIVES: [&str; 6] = ["cut", "put", "read", "run", "set", "split"];

/// Prepositions that say nothing when they stand alone as a name. `from` and `into` are conversions.
const PREPOSITIONS: [&str; 29] = [
    "about", "above", "after", "against", "among", "around", "at", "before", "behind", "below",
    "beneath", "beside", "besides", "between", "beyond", "by", "for", "in", "inside", "of", "on",
    "out", "outside", "over", "through", "to", "under", "with", "within",
];

/// Largest share of doc comments, in percent, whose first sentence may be in the passive voice.
const PASSIVE_PERCENT: usize = 12;

/// Doc comments and functions of the product crates, counted over all files.
#[derive(Default)]
pub(crate) struct Language {
    findings: Vec<Finding>,
    docs: usize,
    passive: usize,
    functions: usize,
}

impl Language {
    /// Checks one file and counts what it has.
    pub(crate) fn check(&mut self, file: &SourceFile) {
        if !is_product(file) {
            return;
        }
        let lines: Vec<_> = product_lines(&file.text).collect();
        for (number, line) in lines.iter().enumerate() {
            if let Some(sentence) = first_sentence(&lines, number) {
                self.check_doc(&format!("{}:{}", file.path, number + 1), &sentence);
            } else if let Some(name) = function_name(line) {
                self.check_function(&format!("{}:{}", file.path, number + 1), name);
            }
        }
    }

    /// Returns the findings of all files, and the figures.
    pub(crate) fn finish(mut self) -> Vec<Finding> {
        let Self {
            docs,
            passive,
            functions,
            ..
        } = self;
        let figures = format!(
            "language: {docs} doc comments, {passive} of them in the passive voice; {functions} functions"
        );
        let is_fault = passive * 100 > docs * PASSIVE_PERCENT;
        self.findings.push(if is_fault {
            Violation(format!(
                "{figures}; at most {PASSIVE_PERCENT} % may be in the passive voice"
            ))
        } else {
            Remark(figures)
        });
        self.findings
    }

    fn check_doc(&mut self, place: &str, sentence: &str) {
        self.docs += 1;
        self.passive += usize::from(is_passive(sentence));
        if let Some(opening) = forbidden_opening(sentence) {
            self.findings.push(Violation(format!(
                "{place}: a doc comment opens with {opening:?}; use a noun phrase or a verb in the third person"
            )));
        }
    }

    fn check_function(&mut self, place: &str, name: &str) {
        self.functions += 1;
        let problem = if PREPOSITIONS.contains(&name) {
            "a bare preposition"
        } else if is_bare_participle(name) {
            "a bare participle"
        } else {
            return;
        };
        self.findings.push(Violation(format!(
            "{place}: the function name {name:?} is {problem}; use a verb or a noun"
        )));
    }
}

/// Returns whether the rules hold for a file: product code, but neither tests nor the contract suite and fixtures.
fn is_product(file: &SourceFile) -> bool {
    let Some(crate_name) = file.crate_name() else {
        return false;
    };
    let is_support = TEST_SUPPORT.contains(&crate_name)
        || file.path.contains("/contract/")
        || file.path.ends_with("/contract.rs")
        || file.path.ends_with("/fixtures.rs");
    !is_support && !file.is_test() && file.path.contains("/src/")
}

/// Returns the lines before the test module, which is the last item of a file.
fn product_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut lines = text.lines().map(str::trim).peekable();
    std::iter::from_fn(move || {
        let line = lines.next()?;
        let begins_tests =
            line == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.starts_with("mod "));
        let is_inline = lines.peek().is_some_and(|next| next.ends_with('{'));
        (!(begins_tests && is_inline)).then_some(line)
    })
}

/// Returns the first sentence of the doc comment that begins on a line.
fn first_sentence(lines: &[&str], number: usize) -> Option<String> {
    let begins = doc_text(lines[number]).is_some();
    let continues = number > 0 && doc_text(lines[number - 1]).is_some();
    if !begins || continues {
        return None;
    }
    let paragraph = lines[number..]
        .iter()
        .map_while(|line| doc_text(line))
        .take_while(|text| !text.is_empty());
    let text = paragraph.collect::<Vec<_>>().join(" ");
    let end = [". ", ": ", "; "]
        .iter()
        .filter_map(|end| text.find(end))
        .min();
    Some(text[..end.unwrap_or(text.len())].to_owned())
}

fn doc_text(line: &str) -> Option<&str> {
    let text = line
        .strip_prefix("///")
        .or_else(|| line.strip_prefix("//!"))?;
    Some(text.trim())
}

fn forbidden_opening(sentence: &str) -> Option<&'static str> {
    FORBIDDEN_OPENINGS.into_iter().find(|opening| {
        let rest = sentence.strip_prefix(opening);
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    })
}

fn is_passive(sentence: &str) -> bool {
    let words: Vec<_> = sentence
        .split(|sign: char| !sign.is_alphanumeric() && sign != '-')
        .filter(|word| !word.is_empty())
        .collect();
    words.iter().enumerate().any(|(at, word)| {
        let mut following = words[at + 1..]
            .iter()
            .skip_while(|next| next.ends_with("ly") || ADVERBS.contains(next));
        AUXILIARIES.contains(word) && following.next().is_some_and(|next| is_participle(next))
    })
}

fn is_participle(word: &str) -> bool {
    let is_regular = word.len() > 4 && word.ends_with("ed") && !NOT_PARTICIPLES.contains(&word);
    is_regular || IRREGULAR_PARTICIPLES.contains(&word)
}

fn is_bare_participle(name: &str) -> bool {
    is_participle(name) && !name.contains('_') && !IMPERATIVES.contains(&name)
}

/// Returns the name of the function that a line declares.
fn function_name(line: &str) -> Option<&str> {
    let mut words = line.split(' ').skip_while(|word| {
        word.starts_with("pub") || matches!(*word, "const" | "async" | "extern")
    });
    if words.next()? != "fn" {
        return None;
    }
    let name = words.next()?;
    Some(&name[..name.find(['(', '<'])?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(code: &str) -> usize {
        let mut language = Language::default();
        let text = format!("//! Code.\n\n{code}\n");
        language.check(&SourceFile {
            path: "crates/model/src/a.rs".to_owned(),
            text,
        });
        language.findings.len()
    }

    #[test]
    fn doc_comments_open_with_a_noun_or_a_verb() {
        for opening in [
            "What it is.",
            "Whether it is.",
            "The same again.",
            "It does.",
            "Nothing.",
        ] {
            assert_eq!(
                faults(&format!("/// {opening}\nfn digest() {{}}")),
                1,
                "{opening}"
            );
        }
        for opening in [
            "Returns whether it is.",
            "The sender.",
            "Item of a list.",
            "Assets.",
        ] {
            assert_eq!(
                faults(&format!("/// {opening}\nfn digest() {{}}")),
                0,
                "{opening}"
            );
        }
        assert_eq!(
            faults("/// Digest of a blob,\n/// It continues.\nfn digest() {}"),
            0
        );
        assert_eq!(
            faults("/// Digest.\n///\n/// What follows is free.\nfn digest() {}"),
            0
        );
    }

    #[test]
    fn functions_are_verbs_or_nouns() {
        for name in ["told", "held", "of", "about", "verified", "within"] {
            assert_eq!(
                faults(&format!("pub(crate) async fn {name}() {{}}")),
                1,
                "{name}"
            );
        }
        for name in [
            "render",
            "from",
            "embed",
            "read",
            "set",
            "held_blobs",
            "feed",
        ] {
            assert_eq!(faults(&format!("pub fn {name}<T>() {{}}")), 0, "{name}");
        }
    }

    #[test]
    fn passive_voice_is_counted() {
        assert!(is_passive("The blob is stored"));
        assert!(is_passive("Blobs that were never read"));
        assert!(is_passive("Content that has already been verified"));
        assert!(!is_passive("Stores the blob that a client sent"));
        assert!(!is_passive("Returns whether the tree is deep"));
    }

    #[test]
    fn the_share_of_passive_sentences_is_limited() {
        let mut language = Language {
            docs: 100,
            passive: 12,
            ..Language::default()
        };
        assert!(matches!(language.finish()[..], [Remark(_)]));
        language = Language {
            docs: 100,
            passive: 13,
            ..Language::default()
        };
        assert!(matches!(language.finish()[..], [Violation(_)]));
    }

    #[test]
    fn tests_and_test_support_are_free() {
        assert_eq!(
            faults("fn digest() {}\n#[cfg(test)]\nmod tests {\n/// What it is.\nfn of() {}\n}"),
            0
        );
        let mut language = Language::default();
        for path in [
            "crates/testkit/src/a.rs",
            "crates/registry/src/contract/a.rs",
            "xtask/src/a.rs",
        ] {
            let text = "//! What it is.\n".to_owned();
            language.check(&SourceFile {
                path: path.to_owned(),
                text,
            });
        }
        assert_eq!((language.docs, language.findings.len()), (0, 0));
    }
}
