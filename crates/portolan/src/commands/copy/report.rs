//! Reports of the results of a run, as text or as a single JSON document.

use std::sync::Arc;

use portolan_model::MediaTypeRole;
use portolan_model::convert::Remark;
use portolan_registry::copy::{
    CopyOutcome, Plan, PlannedAction, PlannedDocument, RewrittenDocument, Tally,
};
use serde::Serialize;
use serde_json::Value;

use super::pairs::Pair;
use super::run::{CopyResult, ExecutedCopy, PlanOrOutcome};
use crate::failure::{self, Failure};
use crate::output::{Console, DataWriter, Table, Text, format_count, format_size, short_digest};

/// Maximum number of conversion losses printed for one copy. The JSON document contains all of
/// them.
const MAX_PRINTED_LOSSES: usize = 20;

/// Format of the results.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::commands) enum Style {
    /// Digest of each copy.
    Digest,
    /// Also, as a message or as a part of the plan, the old and new digests of all manifests that
    /// change.
    Digests,
    /// One JSON document.
    Json,
}

/// Reporter of a run.
pub(super) struct Reporter {
    pub(super) style: Style,
    /// True if the run has more than one copy.
    pub(super) several: bool,
    /// True if the run writes an archive to standard output.
    pub(super) archive_on_stdout: bool,
    pub(super) console: Arc<Console>,
}

/// JSON document of a run.
#[derive(Serialize)]
struct Copies<'a> {
    copies: Vec<CopyEntry<'a>>,
}

/// Plan or result of one copy.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CopyEntry<'a> {
    source: String,
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a Plan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a CopyOutcome>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    rewritten: &'a [RewrittenDocument],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    losses: &'a [Remark],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    remarks: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<CopyError>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CopyError {
    status: u8,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    #[serde(skip_serializing_if = "Value::is_null")]
    detail: Value,
}

impl Reporter {
    /// Prints the result of a copy to standard error.
    pub(super) fn print_result(&self, copied: &CopyResult) {
        let name = copied.name();
        match &copied.result {
            Ok(PlanOrOutcome::Executed(done)) => self.print_done(&name, done),
            // The failure of a single copy is printed once, when the command exits.
            Err(failure) if self.several => {
                let Pair { source, target } = &copied.pair;
                let message = failure.message();
                let names = [source.to_string(), target.to_string()];
                let prefix = if names.iter().any(|name| message.contains(name)) {
                    String::new()
                } else {
                    format!("failed to copy {name}: ")
                };
                self.console.print_failure(&prefix, failure);
            }
            Ok(PlanOrOutcome::Planned(_)) | Err(_) => (),
        }
    }

    fn print_done(&self, name: &str, done: &ExecutedCopy) {
        self.console.print(format_args!(
            "{name}: {}",
            summarize(&done.outcome.tally, false)
        ));
        for digest in &done.outcome.absent {
            self.console.print(format_args!(
                "warning: {name}: skipped blob {digest}, which the source does not have"
            ));
        }
        for remark in &done.remarks {
            self.console.print(format_args!("  {remark}"));
        }
        if self.style == Style::Digests {
            if let Some(table) = render_rewritten(&done.rewritten) {
                self.console.print_text(&(&table).into());
            }
            return;
        }
        for RewrittenDocument { old, new, .. } in &done.rewritten {
            self.console.print(format_args!("  rewrote {old} to {new}"));
        }
    }

    /// Prints the results of all copies, or their plans, to standard output. If the run writes an
    /// archive to standard output, prints them to standard error instead.
    pub(super) fn print_data(&self, copied: &[CopyResult]) -> failure::Outcome {
        let mut data = if self.archive_on_stdout {
            DataWriter::to_standard_error()
        } else {
            DataWriter::new()
        };
        if self.style == Style::Json {
            data.json(&Copies {
                copies: copied.iter().map(copy_entry).collect(),
            })?;
            return data.flush();
        }
        for copy in copied {
            match &copy.result {
                Ok(PlanOrOutcome::Planned(plan)) => {
                    data.text(&render_plan(&copy.name(), plan))?;
                    let table = render_rewritten(&plan.rewritten);
                    if let Some(table) = table.filter(|_| self.style == Style::Digests) {
                        data.line("")?;
                        data.text(&(&table).into())?;
                    }
                }
                Ok(PlanOrOutcome::Executed(done)) => {
                    data.line(format_args!("{}@{}", done.target, done.outcome.digest))?;
                }
                Err(_) => (),
            }
        }
        data.flush()
    }
}

/// Renders the old and new digest of each rewritten manifest as a table. Returns `None` if no
/// manifest was rewritten.
fn render_rewritten(rewritten: &[RewrittenDocument]) -> Option<Table> {
    if rewritten.is_empty() {
        return None;
    }
    let mut table = Table::new(["KIND", "PLATFORM", "OLD DIGEST", "NEW DIGEST"]);
    for document in rewritten {
        let is_index = document
            .media_type
            .as_ref()
            .is_some_and(|media_type| media_type.role() == MediaTypeRole::Index);
        table.row([
            if is_index {
                "index".into()
            } else {
                "manifest".into()
            },
            document
                .platform
                .as_ref()
                .map_or_else(|| "-".into(), ToString::to_string),
            document.old.to_string(),
            document.new.to_string(),
        ]);
    }
    Some(table)
}

/// Renders what a conversion cannot represent. It is printed before anything is written.
pub(in crate::commands) fn render_losses(name: &str, losses: &[Remark]) -> Option<Text> {
    if losses.is_empty() {
        return None;
    }
    let mut text = Text::default().with_line(format_args!(
        "warning: {name}: some content cannot be converted"
    ));
    let mut helps = Vec::new();
    for loss in losses.iter().take(MAX_PRINTED_LOSSES) {
        let Remark {
            document,
            pointer,
            effect,
            message,
        } = loss;
        let (message, help) = split_help(message);
        helps.extend(help.filter(|help| !helps.contains(help)));
        text.line(format_args!(
            "  {effect}: {} {pointer}: {message}",
            short_digest(document)
        ));
    }
    if let Some(more @ 1..) = losses.len().checked_sub(MAX_PRINTED_LOSSES) {
        text.line(format_args!("  and {more} more; use --json to print all"));
    }
    for help in helps {
        text.line(format_args!("help: {help}"));
    }
    Some(text)
}

/// Separates the message of a loss from the suggestion in it, such as "to flatten it, run portolan
/// convert --flatten". The command that is running needs only the flag.
fn split_help(message: &str) -> (&str, Option<String>) {
    let split = || {
        let (message, help) = message.split_once("; to ")?;
        let (purpose, flag) = help.split_once(", run portolan convert ")?;
        Some((message, format!("to {purpose}, add `{flag}`")))
    };
    match split() {
        Some((message, help)) => (message, Some(help)),
        None => (message, None),
    }
}

fn copy_entry(copied: &CopyResult) -> CopyEntry<'_> {
    let entry = CopyEntry {
        source: copied.pair.source.to_string(),
        target: copied.pair.target.to_string(),
        plan: None,
        outcome: None,
        rewritten: &[],
        losses: &[],
        remarks: &[],
        error: None,
    };
    match &copied.result {
        Ok(PlanOrOutcome::Planned(plan)) => CopyEntry {
            plan: Some(plan),
            ..entry
        },
        Ok(PlanOrOutcome::Executed(done)) => {
            let ExecutedCopy {
                outcome,
                rewritten,
                losses,
                remarks,
                ..
            } = &**done;
            CopyEntry {
                outcome: Some(outcome),
                rewritten,
                losses,
                remarks,
                ..entry
            }
        }
        Err(failure) => CopyEntry {
            error: Some(copy_error(failure)),
            ..entry
        },
    }
}

fn copy_error(failure: &Failure) -> CopyError {
    CopyError {
        status: failure.status as u8,
        message: failure.message(),
        help: failure.help().map(str::to_owned),
        detail: failure.detail(),
    }
}

/// Summarizes a tally: `copied 17 blobs (12 MiB) and 9 manifests; 3 blobs already present`.
fn summarize(tally: &Tally, planned: bool) -> String {
    let Tally {
        copied,
        copied_bytes,
        mounted,
        present,
        manifests,
        ..
    } = *tally;
    if copied + mounted + manifests == 0 {
        return "already up to date".into();
    }
    let (copy, mount) = if planned {
        ("would copy", "would mount")
    } else {
        ("copied", "mounted")
    };
    let blobs = (copied > 0).then(|| {
        format!(
            "{} ({})",
            format_count(copied, "blob"),
            format_size(copied_bytes)
        )
    });
    let manifests = (manifests > 0).then(|| format_count(manifests, "manifest"));
    let transferred: Vec<_> = blobs.into_iter().chain(manifests).collect();
    let mut parts = Vec::new();
    if !transferred.is_empty() {
        parts.push(format!("{copy} {}", transferred.join(" and ")));
    }
    if mounted > 0 {
        parts.push(format!("{mount} {}", format_count(mounted, "blob")));
    }
    if present > 0 {
        parts.push(format!("{} already present", format_count(present, "blob")));
    }
    parts.join("; ")
}

/// Renders a plan as text.
fn render_plan(name: &str, plan: &Plan) -> Text {
    let mut table = Table::new(["ACTION", "KIND", "DIGEST", "SIZE", "MEDIA TYPE"]);
    for blob in &plan.blobs {
        table.row([
            action_label(&blob.action),
            "blob".into(),
            short_digest(&blob.digest).into(),
            blob.size.map(format_size).unwrap_or_default(),
            blob.media_type
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        ]);
    }
    for document in &plan.manifests {
        table.row([
            action_label(&document.action),
            format!("manifest{}", tag_suffix(document)),
            short_digest(&document.digest).into(),
            format_size(document.size),
            document
                .media_type
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        ]);
    }
    if plan.is_up_to_date() {
        return Text::default().with_line(format_args!("{name}: already up to date"));
    }
    let mut text =
        Text::default().with_line(format_args!("{name}: {}", summarize(&plan.tally(), true)));
    for remark in &plan.remarks {
        text.line(format_args!("  {remark}"));
    }
    text.table(&table);
    text
}

fn tag_suffix(document: &PlannedDocument) -> String {
    if document.tags.is_empty() {
        String::new()
    } else {
        format!(" ({})", document.tags.join(", "))
    }
}

fn action_label(action: &PlannedAction) -> String {
    match action {
        PlannedAction::Copy => "copy".into(),
        PlannedAction::Mount { from } => format!("mount from {from}"),
        PlannedAction::Present => "present".into(),
        PlannedAction::CopyIfPresent => "copy if present".into(),
    }
}

#[cfg(test)]
mod tests {
    use portolan_model::Digest;
    use portolan_model::convert::Effect;

    use super::*;

    #[test]
    fn summarizes_what_was_copied_mounted_and_present() {
        let tally = Tally {
            copied: 17,
            copied_bytes: 12 << 20,
            manifests: 9,
            present: 3,
            ..Tally::default()
        };
        assert_eq!(
            summarize(&tally, false),
            "copied 17 blobs (12.00 MiB) and 9 manifests; 3 blobs already present"
        );
        let mounted = Tally {
            mounted: 2,
            manifests: 1,
            ..Tally::default()
        };
        assert_eq!(
            summarize(&mounted, true),
            "would copy 1 manifest; would mount 2 blobs"
        );
        let present = Tally {
            present: 3,
            ..Tally::default()
        };
        assert_eq!(summarize(&present, false), "already up to date");
    }

    #[test]
    fn counts_losses_beyond_the_limit() {
        let document = Digest::sha256(b"a");
        let loss = Remark {
            document,
            pointer: "/subject".into(),
            effect: Effect::Lost,
            message: "removed".into(),
        };
        let rendered = |number: usize| render_losses("a -> b", &vec![loss.clone(); number]);
        assert_eq!(rendered(0), None);
        assert_eq!(
            rendered(MAX_PRINTED_LOSSES)
                .unwrap()
                .as_str()
                .lines()
                .last(),
            Some("  lost: ca978112ca1b /subject: removed")
        );
        assert_eq!(
            rendered(MAX_PRINTED_LOSSES + 3)
                .unwrap()
                .as_str()
                .lines()
                .last(),
            Some("  and 3 more; use --json to print all")
        );
    }
}
