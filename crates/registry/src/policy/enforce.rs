//! Decision about judged findings, and the error of a rejection.

use portolan_model::{Finding, Rule};

use super::{JudgedFinding, Verdict};
use crate::{Error, Kind, Result};

/// Returns the findings if no verdict is [`Verdict::Reject`]. Otherwise, returns the errors of
/// [`Policy::judge`].
pub(crate) fn enforce(judged: Vec<JudgedFinding>) -> Result<Vec<JudgedFinding>> {
    let (rejected, others): (Vec<_>, Vec<_>) = judged
        .into_iter()
        .partition(|judged| judged.verdict == Verdict::Reject);
    if rejected.is_empty() {
        Ok(others)
    } else {
        Err(rejection(rejected, others))
    }
}

fn rejection(mut rejected: Vec<JudgedFinding>, mut others: Vec<JudgedFinding>) -> Error {
    let is_missing = |judged: &JudgedFinding| judged.finding.rule == Rule::MissingChild;
    // Missing content cannot be converted either. Report only that it is missing.
    if rejected.iter().any(is_missing) {
        for judged in [&mut rejected, &mut others] {
            judged.retain(|judged| judged.finding.rule != Rule::NotNormalized);
        }
    }
    let only_missing = rejected.iter().all(is_missing);
    let message = if only_missing {
        missing_message(count_findings(&rejected))
    } else {
        invalid_message(&rejected)
    };
    let findings = rejected.into_iter().chain(others).collect();
    let kind = if only_missing {
        Kind::ContentMissing { findings }
    } else {
        Kind::ManifestInvalid { findings }
    };
    Error::new(kind, message)
}

/// Returns the number of findings, including findings that were omitted from the list.
fn count_findings(judged: &[JudgedFinding]) -> usize {
    judged.iter().map(|judged| judged.finding.count()).sum()
}

fn missing_message(count: usize) -> String {
    let (references, it) = if count == 1 {
        ("descriptor references", "it")
    } else {
        ("descriptors reference", "them")
    };
    format!(
        "{count} {references} content that is not in this repository; push or mount {it} first, or set the repository policy to \"sparse\""
    )
}

fn invalid_message(rejected: &[JudgedFinding]) -> String {
    let first = rejected
        .first()
        .map_or_else(String::new, |judged| message_with_location(&judged.finding));
    match count_findings(rejected) {
        0 | 1 => first,
        2 => format!("{first} (and 1 more finding)"),
        count => format!("{first} (and {} more findings)", count - 1),
    }
}

/// Returns the message of a finding, prefixed with its location.
fn message_with_location(
    Finding {
        document,
        pointer,
        message,
        ..
    }: &Finding,
) -> String {
    match (document, pointer.as_str()) {
        (None, "") => message.clone(),
        (None, pointer) => format!("{pointer}: {message}"),
        (Some(document), "") => format!("{document}: {message}"),
        (Some(document), pointer) => format!("{pointer} of {document}: {message}"),
    }
}
