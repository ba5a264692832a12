//! `cargo xtask tidy`: checks the invariants of docs/architecture.md with `cargo metadata` and the
//! files.

mod dependencies;
mod english;
mod layout;
mod modules;
mod source;
mod text;
mod tokens;
mod tree;

use anyhow::{Result, bail};

/// Finding of a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Violation of an invariant.
    Violation(String),
    /// Code that deserves a second look.
    Remark(String),
}

/// Checks all rules and fails if an invariant is violated.
pub(crate) fn run() -> Result<()> {
    let metadata = tree::metadata()?;
    let files = tree::files()?;
    let mut findings = dependencies::check(&dependencies::packages(&metadata)?);
    let mut language = english::Language::default();
    for file in &files {
        findings.extend(text::check(file));
        if file.has_extension("rs") {
            language.check(file);
            findings.extend(layout::check(file));
            findings.extend(source::check(file));
        } else {
            findings.extend(source::check_name(file));
        }
    }
    findings.extend(modules::check(&files));
    findings.extend(language.finish());
    let faults = findings
        .iter()
        .filter(|finding| matches!(finding, Finding::Violation(_)))
        .count();
    for finding in &findings {
        match finding {
            Finding::Violation(text) => println!("fault:  {text}"),
            Finding::Remark(text) => println!("remark: {text}"),
        }
    }
    println!(
        "tidy: {} files, {} remarks, {faults} faults",
        files.len(),
        findings.len() - faults
    );
    if faults > 0 {
        bail!("tidy found {faults} faults");
    }
    Ok(())
}
