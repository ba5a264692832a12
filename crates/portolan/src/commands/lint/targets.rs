//! What targets do with an image, as lines for people.

use std::fmt::Write;

use portolan_model::compat::{Cause, Judgement, Operation, Outcome, Reason, Target};

use super::mend::Mender;
use crate::location::Location;
use crate::output::{Table, short};

type Judged = (&'static Target, Judgement);

/// A line for each of all targets, or a block for each of those that were named.
pub(super) fn told(judged: &[Judged], all: bool, location: &Location, mender: &Mender) -> String {
    if all {
        return matrix(judged, location);
    }
    judged
        .iter()
        .map(|(target, judgement)| block(target, judgement, mender))
        .collect::<Vec<_>>()
        .join("\n")
}

fn matrix(judged: &[Judged], location: &Location) -> String {
    let mut table = Table::new(["TARGET", "VERDICT", "WHY"]);
    for (target, judgement) in judged {
        let why = judgement.reasons.first().map(|reason| why(target, reason));
        table.row([
            target.id.into(),
            judgement.verdict.as_str().into(),
            why.unwrap_or_default(),
        ]);
    }
    format!("{table}\nMore about one: portolan lint {location} --for TARGET\n")
}

fn why(target: &Target, reason: &Reason) -> String {
    let place = reason.causes.first().map(place).unwrap_or_default();
    let operation = operation(target, reason);
    format!(
        "{operation}{} ({place})",
        reason.fact.feature.summary().trim_end_matches('.')
    )
}

/// What is said of an operation where it is not the only one.
fn operation(target: &Target, reason: &Reason) -> String {
    match target.operations {
        [_] => String::new(),
        _ => format!("{}: ", reason.fact.operation.as_str()),
    }
}

fn block(target: &Target, judgement: &Judgement, mender: &Mender) -> String {
    let Target {
        id, name, version, ..
    } = target;
    let mut text = format!(
        "{id}: {}\n  {name}, {version}\n",
        judgement.verdict.as_str()
    );
    for reason in &judgement.reasons {
        let _ = write!(
            text,
            "\n  {}: {}\n",
            ending(reason.fact.operation, reason.fact.outcome),
            reason.fact.says
        );
        causes(reason, &mut text);
        let mend = mender.command(reason.mend, reason.causes.iter().map(|cause| &cause.digest));
        let _ = writeln!(
            text,
            "    known from: {}\n    mend: {mend}",
            reason.fact.source
        );
    }
    text
}

fn ending(operation: Operation, outcome: Outcome) -> String {
    match outcome {
        Outcome::Fails => format!("{} fails", operation.as_str()),
        Outcome::Remark => format!("{} works", operation.as_str()),
    }
}

fn causes(reason: &Reason, text: &mut String) {
    for cause in &reason.causes {
        let media_type = cause
            .media_type
            .as_ref()
            .map_or("of no type", |media_type| media_type.as_str());
        let _ = writeln!(text, "    {}  {media_type}", place(cause));
    }
    if reason.count > reason.causes.len() {
        let _ = writeln!(text, "    and {} more", reason.count - reason.causes.len());
    }
}

/// Where something is: the pointer, what it is for, and its digest.
fn place(cause: &Cause) -> String {
    let platform = cause.platform.as_ref().map(ToString::to_string);
    let digest = format!("{}:{}", cause.digest.algorithm(), short(&cause.digest));
    let pointer = Some(cause.pointer.clone()).filter(|pointer| !pointer.is_empty());
    pointer
        .into_iter()
        .chain(platform)
        .chain([digest])
        .collect::<Vec<_>>()
        .join("  ")
}
