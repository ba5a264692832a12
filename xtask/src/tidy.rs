//! `cargo xtask tidy`: the invariants of docs/architecture.md, read from `cargo metadata` and the files.

mod dependencies;
mod layout;
mod source;
mod text;
mod tokens;
mod tree;

use anyhow::{Result, bail};

/// What a rule has to say of a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// An invariant does not hold.
    Fault(String),
    /// Worth a second look.
    Remark(String),
}

/// Checks everything and fails if an invariant does not hold.
pub(crate) fn run() -> Result<()> {
    let metadata = tree::metadata()?;
    let files = tree::files()?;
    let mut findings = dependencies::check(&dependencies::packages(&metadata)?);
    for file in &files {
        findings.extend(text::check(file));
        if file.has_extension("rs") {
            findings.extend(layout::check(file));
            findings.extend(source::check(file));
        } else {
            findings.extend(source::check_name(file));
        }
    }
    let faults = findings
        .iter()
        .filter(|finding| matches!(finding, Finding::Fault(_)))
        .count();
    for finding in &findings {
        match finding {
            Finding::Fault(text) => println!("fault:  {text}"),
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
