//! What a run says of its copies: lines for people, one JSON document for programs.

use std::sync::Arc;

use portolan_registry::copy::{Action, Outcome, Plan, PlannedDocument, Rewritten, Tally};
use serde::Serialize;
use serde_json::Value;

use super::run::{Copied, Done};
use crate::failure::{self, Failure};
use crate::output::{self, Data, Table, Talk, count, short, size};

/// How a run is reported.
pub(super) struct Report {
    pub(super) json: bool,
    pub(super) several: bool,
    pub(super) talk: Arc<Talk>,
}

#[derive(Serialize)]
struct Copies<'a> {
    copies: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    source: String,
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a Plan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a Outcome>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    rewritten: &'a [Rewritten],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    remarks: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<EntryError>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryError {
    status: u8,
    message: String,
    #[serde(skip_serializing_if = "Value::is_null")]
    detail: Value,
}

impl Report {
    /// Says what became of a copy, as soon as that is known.
    pub(super) fn tell(&self, copied: &Copied) {
        let name = copied.name();
        match &copied.result {
            Ok(Done::CarriedOut { outcome, rewritten, remarks, .. }) => {
                self.talk.say(format_args!("{name}: {}", told(&outcome.tally)));
                for digest in &outcome.absent {
                    self.talk.say(format_args!("  the source does not have the blob {digest}; it is left out"));
                }
                self.remarks(rewritten, remarks);
            }
            // Of a single copy this is what the command ends with.
            Err(failure) if self.several => self.talk.say(format_args!("{name}: failed: {failure}")),
            Ok(Done::Planned(_)) | Err(_) => (),
        }
    }

    fn remarks(&self, rewritten: &[Rewritten], remarks: &[String]) {
        for remark in remarks {
            self.talk.say(format_args!("  {remark}"));
        }
        for Rewritten { old, new } in rewritten {
            self.talk.say(format_args!("  {old} became {new}"));
        }
    }

    /// Prints what was done, or is to be done.
    pub(super) fn print(&self, copied: &[Copied]) -> failure::Outcome {
        if self.json {
            return output::json(&Copies { copies: copied.iter().map(entry).collect() });
        }
        let mut data = Data::new();
        for copy in copied {
            match &copy.result {
                Ok(Done::Planned(plan)) => data.bytes(planned(&copy.name(), plan).as_bytes())?,
                Ok(Done::CarriedOut { target, outcome, .. }) => {
                    data.line(format_args!("{target}@{}", outcome.digest))?;
                }
                Err(_) => (),
            }
        }
        data.flush()
    }
}

fn entry(copied: &Copied) -> Entry<'_> {
    let entry = Entry {
        source: copied.pair.source.to_string(),
        target: copied.pair.target.to_string(),
        plan: None,
        outcome: None,
        rewritten: &[],
        remarks: &[],
        error: None,
    };
    match &copied.result {
        Ok(Done::Planned(plan)) => Entry { plan: Some(plan), ..entry },
        Ok(Done::CarriedOut { outcome, rewritten, remarks, .. }) => {
            Entry { outcome: Some(outcome), rewritten, remarks, ..entry }
        }
        Err(failure) => Entry { error: Some(entry_error(failure)), ..entry },
    }
}

fn entry_error(failure: &Failure) -> EntryError {
    EntryError { status: failure.status as u8, message: failure.to_string(), detail: failure.detail() }
}

fn told(tally: &Tally) -> String {
    let Tally { copied, copied_bytes, mounted, there, manifests, .. } = *tally;
    if copied + mounted + manifests == 0 {
        return "all there already".into();
    }
    let blobs = match (copied, mounted, there) {
        (0, 0, 0) => "no blobs".into(),
        (0, 0, there) => format!("{} all there", count(there, "blob")),
        _ => format!("{} ({}), {mounted} mounted, {there} there", count(copied, "blob"), size(copied_bytes)),
    };
    format!("{blobs}; {}", count(manifests, "manifest"))
}

/// A plan for people.
fn planned(name: &str, plan: &Plan) -> String {
    let mut table = Table::new(["ACTION", "WHAT", "DIGEST", "SIZE", "TYPE"]);
    for blob in &plan.blobs {
        table.row([
            action(&blob.action),
            "blob".into(),
            short(&blob.digest).into(),
            blob.size.map(size).unwrap_or_default(),
            blob.media_type.as_ref().map(ToString::to_string).unwrap_or_default(),
        ]);
    }
    for document in &plan.manifests {
        table.row([
            action(&document.action),
            format!("manifest{}", tags(document)),
            short(&document.digest).into(),
            size(document.size),
            document.media_type.as_ref().map(ToString::to_string).unwrap_or_default(),
        ]);
    }
    if plan.is_nothing() {
        return format!("{name}: all there already\n");
    }
    let mut lines = vec![format!("{name}: {}", told(&plan.tally()))];
    lines.extend(plan.remarks.iter().map(|remark| format!("  {remark}")));
    format!("{}\n{table}", lines.join("\n"))
}

fn tags(document: &PlannedDocument) -> String {
    if document.tags.is_empty() { String::new() } else { format!(" ({})", document.tags.join(", ")) }
}

fn action(action: &Action) -> String {
    match action {
        Action::Copy => "copy".into(),
        Action::Mount { from } => format!("mount from {from}"),
        Action::There => "there".into(),
        Action::CopyIfThere => "copy if there".into(),
    }
}
