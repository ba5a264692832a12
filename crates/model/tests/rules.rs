//! Check that docs/rules.md, generated from the metadata of the rules, is current.

use std::fmt::Write;
use std::{env, fs};

use portolan_model::lint::{Rule, RuleScope, Severity};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rules.md");

/// Environment variable that makes the test write the file instead of comparing it.
const WRITE: &str = "WRITE_RULES_REFERENCE";

/// Introduction of the page.
const HEAD: &str = "# Rules
Portolan checks manifests and indexes against the rules on this page. A finding has the stable id of its rule, the document
and the position in it as a JSON pointer, the digest and media type of the affected descriptor, a message with the actual and
the expected value, the section of the specification, and a fix.

This page is generated from the code (`crates/model/src/lint`). To update it, run
`WRITE_RULES_REFERENCE=1 cargo test -p portolan-model --test rules`.

| severity | meaning |
| --- | --- |
| error | The document violates a requirement of the specification, its content is missing or differs from its description, or it exceeds what the policy or the limits of the check allow. `lint` exits with 1. |
| warning | The document is valid or tolerated, but some registries or clients reject it, or use it in another way than intended. The exit status stays 0. |
| info | The document is valid, but contains something that some registries or clients ignore or do not support. The exit status stays 0. |

The policy of a repository decides what happens with a finding when an image is pushed: see [policies.md](policies.md).

In the commands, `REF` is the image, `DST` is the destination of the fixed image, and `DIGEST` is the digest in the affected
descriptor. Some findings have another fix than the one given here for their rule, for example findings in a nested index.

About 1,000 findings are listed for one document, and about 100,000 for one tree. The first finding of each rule is always
listed, and the message of the last one states how many more there are.
";

#[test]
fn the_reference_is_current() {
    let mut reference = String::from(HEAD);
    for (reach, title) in [
        (RuleScope::Document, "Rules that need only the document"),
        (RuleScope::Stored, "Rules that also need the stored content"),
        (RuleScope::Tree, "Rules that need the full tree"),
        (
            RuleScope::Layers,
            "Rules that need the content of the layers (`portolan lint --layers`)",
        ),
        (RuleScope::Policy, "Rules of a repository's policy"),
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
        "docs/rules.md is out of date; to update it, run {WRITE}=1 cargo test -p portolan-model --test rules"
    );
}

fn table(reach: RuleScope, title: &str, text: &mut String) {
    let _ = write!(
        text,
        "\n## {title}\n\n| rule | severity | meaning |\n| --- | --- | --- |\n"
    );
    for rule in Rule::ALL.into_iter().filter(|rule| rule.scope() == reach) {
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
        "\n### {rule}\n{}\n\n- Severity: {}\n- Specification: {}\n- Fix: {}\n",
        rule.summary(),
        severity(rule),
        rule.section(),
        rule.fix()
    );
}

fn severity(rule: Rule) -> &'static str {
    match rule.severity() {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}
