//! docs/rules.md, made of what stands in the code about each rule.

use std::fmt::Write;
use std::{env, fs};

use portolan_model::lint::{Reach, Rule, Severity};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rules.md");

/// Set to anything, the file is written instead of compared.
const WRITE: &str = "WRITE_RULES_REFERENCE";

/// What no rule says: what findings are, and how to read what follows.
const HEAD: &str = "# Rules
What Portolan looks for in manifests and indexes. Each finding names its rule by a stable id, the document and the place in
it as a JSON pointer, the digest and type of the descriptor concerned, what was found and what was expected, the section of
the specification, and what mends it.

This page is made of the code (`crates/model/src/lint`); write it anew with
`WRITE_RULES_REFERENCE=1 cargo test -p portolan-model --test rules`.

An *error* is against the specification, or the content cannot be used; with a *warning* some tools will stumble; an *info*
works everywhere, and is worth knowing. What is done about a finding when something is pushed is the policy's: see
[policies.md](policies.md). In the commands `REF` is the image, `DST` is where the mended one goes and `DIGEST` is the
descriptor concerned. A finding may be mended by something else than most of its rule, as what stands in an inner index is.

About one document at most about 1000 findings are listed, and about one tree at most about 100,000: the first of each rule is
always there, and the last one of a rule says how many more there are.
";

#[test]
fn the_reference_is_current() {
    let mut reference = String::from(HEAD);
    for (reach, title) in [
        (Reach::Document, "What the document alone shows"),
        (Reach::Stored, "What shows once it is known what is stored"),
        (Reach::Tree, "What shows once the whole tree was read"),
        (Reach::Policy, "What the policy of a repository adds"),
    ] {
        table(reach, title, &mut reference);
    }
    for rule in Rule::ALL {
        section(rule, &mut reference);
    }
    if env::var_os(WRITE).is_some() {
        fs::write(FILE, &reference).unwrap();
    }
    let written = fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        written == reference,
        "docs/rules.md is not current; write it with: {WRITE}=1 cargo test -p portolan-model --test rules"
    );
}

fn table(reach: Reach, title: &str, text: &mut String) {
    let _ = write!(
        text,
        "\n## {title}\n\n| rule | severity | |\n| --- | --- | --- |\n"
    );
    for rule in Rule::ALL.into_iter().filter(|rule| rule.reach() == reach) {
        let _ = writeln!(
            text,
            "| [`{rule}`](#{rule}) | {} | {} |",
            severity(rule),
            rule.summary()
        );
    }
}

fn section(rule: Rule, text: &mut String) {
    let _ = write!(
        text,
        "\n### {rule}\n{}\n\n- Severity: {}\n- From: {}\n- To mend it: {}\n",
        rule.summary(),
        severity(rule),
        rule.section(),
        rule.mend()
    );
}

fn severity(rule: Rule) -> &'static str {
    match rule.severity() {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}
