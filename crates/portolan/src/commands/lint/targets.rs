//! Text output of the predictions for the targets of `--for`.

use std::fmt::Write;

use portolan_model::compat::{Cause, FactOutcome, Judgment, Operation, Reason, Target};

use super::fix::FixRenderer;
use crate::image_ref::Location;
use crate::output::{Table, short_digest};

type JudgedTarget = (&'static Target, Judgment);

/// Renders the predictions: one line for each target if `all` is true, otherwise one block for each
/// target.
pub(super) fn render(
    judged: &[JudgedTarget],
    all: bool,
    location: &Location,
    fixes: &FixRenderer,
) -> String {
    if all {
        return render_table(judged, location);
    }
    judged
        .iter()
        .map(|(target, judgment)| render_target(target, judgment, fixes))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Renders the predictions as a table with one line for each target.
fn render_table(judged: &[JudgedTarget], location: &Location) -> String {
    let mut table = Table::new(["TARGET", "VERDICT", "REASON"]);
    for (target, judgment) in judged {
        let reason = judgment
            .reasons
            .first()
            .map(|reason| render_reason(target, reason));
        table.row([
            target.id.into(),
            judgment.verdict.as_str().into(),
            reason.unwrap_or_default(),
        ]);
    }
    format!("{table}\nhelp: for details, run `portolan lint {location} --for TARGET`\n")
}

/// Renders a reason in one line, with its first cause.
fn render_reason(target: &Target, reason: &Reason) -> String {
    let cause = reason
        .causes
        .first()
        .map(cause_location)
        .unwrap_or_default();
    let operation = operation_prefix(target, reason);
    format!(
        "{operation}{} ({cause})",
        reason.fact.feature.summary().trim_end_matches('.')
    )
}

/// Returns the operation (push, pull or copy) as a prefix, or an empty string if the target has
/// only one operation.
fn operation_prefix(target: &Target, reason: &Reason) -> String {
    match target.operations {
        [_] => String::new(),
        _ => format!("{}: ", reason.fact.operation.as_str()),
    }
}

/// Renders the prediction for a target, with all reasons.
fn render_target(target: &Target, judgment: &Judgment, fixes: &FixRenderer) -> String {
    let Target {
        id, name, version, ..
    } = target;
    let mut text = format!("{id}: {}\n  {name}, {version}\n", judgment.verdict.as_str());
    for reason in &judgment.reasons {
        let _ = write!(
            text,
            "\n  {}: {}\n",
            outcome_label(reason.fact.operation, reason.fact.outcome),
            reason.fact.summary
        );
        write_causes(reason, &mut text);
        let fix = fixes.render(reason.fix, reason.causes.iter().map(|cause| &cause.digest));
        let _ = writeln!(text, "    source: {}\n    help: {fix}", reason.fact.source);
    }
    text
}

fn outcome_label(operation: Operation, outcome: FactOutcome) -> String {
    match outcome {
        FactOutcome::Fails => format!("{} fails", operation.as_str()),
        FactOutcome::Remark => format!("{} works", operation.as_str()),
    }
}

fn write_causes(reason: &Reason, text: &mut String) {
    for cause in &reason.causes {
        let media_type = cause
            .media_type
            .as_ref()
            .map_or("no media type", |media_type| media_type.as_str());
        let _ = writeln!(text, "    {}  {media_type}", cause_location(cause));
    }
    if reason.count > reason.causes.len() {
        let _ = writeln!(text, "    and {} more", reason.count - reason.causes.len());
    }
}

/// Renders the location of a cause in the image: its pointer, platform and digest.
fn cause_location(cause: &Cause) -> String {
    let platform = cause.platform.as_ref().map(ToString::to_string);
    let digest = format!(
        "{}:{}",
        cause.digest.algorithm(),
        short_digest(&cause.digest)
    );
    let pointer = Some(cause.pointer.clone()).filter(|pointer| !pointer.is_empty());
    pointer
        .into_iter()
        .chain(platform)
        .chain([digest])
        .collect::<Vec<_>>()
        .join("  ")
}
