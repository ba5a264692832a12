//! Text output of the predictions for the targets of `--for`.

use portolan_model::compat::{Cause, FactOutcome, Judgment, Operation, Reason, Target};

use super::fix::FixRenderer;
use crate::image_ref::Location;
use crate::output::{Table, Text, short_digest};

type JudgedTarget = (&'static Target, Judgment);

/// Renders the predictions: one line for each target if `all` is true, otherwise one block for each
/// target.
pub(super) fn render(
    judged: &[JudgedTarget],
    all: bool,
    location: &Location,
    fixes: &FixRenderer,
) -> Text {
    if all {
        return render_table(judged, location);
    }
    let mut text = Text::default();
    for (position, (target, judgment)) in judged.iter().enumerate() {
        if position > 0 {
            text.blank_line();
        }
        write_target(target, judgment, fixes, &mut text);
    }
    text
}

/// Renders the predictions as a table with one line for each target.
fn render_table(judged: &[JudgedTarget], location: &Location) -> Text {
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
    let mut text = Text::from(&table);
    text.blank_line();
    text.with_line(format_args!(
        "help: for details, run `portolan lint {location} --for TARGET`"
    ))
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

/// Writes the prediction for a target, with all reasons.
fn write_target(target: &Target, judgment: &Judgment, fixes: &FixRenderer, text: &mut Text) {
    let Target {
        id, name, version, ..
    } = target;
    text.line(format_args!("{id}: {}", judgment.verdict.as_str()));
    text.line(format_args!("  {name}, {version}"));
    for reason in &judgment.reasons {
        text.blank_line();
        text.line(format_args!(
            "  {}: {}",
            outcome_label(reason.fact.operation, reason.fact.outcome),
            reason.fact.summary
        ));
        write_causes(reason, text);
        let fix = fixes.render(reason.fix, reason.causes.iter().map(|cause| &cause.digest));
        text.line(format_args!("    source: {}", reason.fact.source));
        text.line(format_args!("    help: {fix}"));
    }
}

fn outcome_label(operation: Operation, outcome: FactOutcome) -> String {
    match outcome {
        FactOutcome::Fails => format!("{} fails", operation.as_str()),
        FactOutcome::Remark => format!("{} works", operation.as_str()),
    }
}

fn write_causes(reason: &Reason, text: &mut Text) {
    for cause in &reason.causes {
        let media_type = cause
            .media_type
            .as_ref()
            .map_or("no media type", |media_type| media_type.as_str());
        text.line(format_args!("    {}  {media_type}", cause_location(cause)));
    }
    if reason.count > reason.causes.len() {
        text.line(format_args!(
            "    and {} more",
            reason.count - reason.causes.len()
        ));
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
