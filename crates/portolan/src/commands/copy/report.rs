//! What a run says of its copies: lines for people, one JSON document for programs.

use std::sync::Arc;

use portolan_model::Role;
use portolan_model::convert::Remark;
use portolan_registry::copy::{Action, Outcome, Plan, PlannedDocument, Rewritten, Tally};
use serde::Serialize;
use serde_json::Value;

use super::run::{CarriedOut, Copied, Done};
use crate::failure::{self, Failure};
use crate::output::{self, Data, Table, Talk, count, short, size};

/// Most losses of a copy that are told; JSON has all of them.
const TOLD_LOSSES: usize = 20;

/// What is printed as data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::commands) enum Style {
    /// The digest that each copy has.
    Digest,
    /// Also those of all documents that change, before and after.
    Digests,
    /// One document for programs.
    Json,
}

/// How a run is reported.
pub(super) struct Report {
    pub(super) style: Style,
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
    losses: &'a [Remark],
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
            Ok(Done::CarriedOut(done)) => self.tell_done(&name, done),
            // Of a single copy this is what the command ends with.
            Err(failure) if self.several => {
                self.talk.say(format_args!("{name}: failed: {failure}"))
            }
            Ok(Done::Planned(_)) | Err(_) => (),
        }
    }

    fn tell_done(&self, name: &str, done: &CarriedOut) {
        self.talk
            .say(format_args!("{name}: {}", told(&done.outcome.tally)));
        for digest in &done.outcome.absent {
            self.talk.say(format_args!(
                "  the source does not have the blob {digest}; it is left out"
            ));
        }
        for remark in &done.remarks {
            self.talk.say(format_args!("  {remark}"));
        }
        if self.style != Style::Digests {
            for Rewritten { old, new, .. } in &done.rewritten {
                self.talk.say(format_args!("  {old} became {new}"));
            }
        }
    }

    /// Prints what was done, or is to be done.
    pub(super) fn print(&self, copied: &[Copied]) -> failure::Outcome {
        if self.style == Style::Json {
            return output::json(&Copies {
                copies: copied.iter().map(entry).collect(),
            });
        }
        let mut data = Data::new();
        for copy in copied {
            match &copy.result {
                Ok(Done::Planned(plan)) => {
                    data.bytes(planned(&copy.name(), plan).as_bytes())?;
                    self.digests(&mut data, &plan.rewritten)?;
                }
                Ok(Done::CarriedOut(done)) => {
                    data.line(format_args!("{}@{}", done.target, done.outcome.digest))?;
                    self.digests(&mut data, &done.rewritten)?;
                }
                Err(_) => (),
            }
        }
        data.flush()
    }

    /// What became of each document, where that is what people want to see.
    fn digests(&self, data: &mut Data, rewritten: &[Rewritten]) -> failure::Outcome {
        if self.style != Style::Digests || rewritten.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(["WHAT", "PLATFORM", "OLD", "NEW"]);
        for document in rewritten {
            let is_index = document
                .media_type
                .as_ref()
                .is_some_and(|media_type| media_type.role() == Role::Index);
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
        data.bytes(format!("\n{table}").as_bytes())
    }
}

/// What a conversion loses or leaves, for people to read before it is done.
pub(super) fn losses(name: &str, losses: &[Remark]) -> Option<String> {
    if losses.is_empty() {
        return None;
    }
    let mut lines = vec![format!("{name}: not everything can be converted")];
    lines.extend(losses.iter().take(TOLD_LOSSES).map(|loss| {
        let Remark {
            document,
            pointer,
            effect,
            message,
        } = loss;
        format!("  {effect}: {} {pointer}: {message}", short(document))
    }));
    if let Some(more @ 1..) = losses.len().checked_sub(TOLD_LOSSES) {
        lines.push(format!("  and {more} more, which --json shows"));
    }
    Some(lines.join("\n"))
}

fn entry(copied: &Copied) -> Entry<'_> {
    let entry = Entry {
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
        Ok(Done::Planned(plan)) => Entry {
            plan: Some(plan),
            ..entry
        },
        Ok(Done::CarriedOut(done)) => {
            let CarriedOut {
                outcome,
                rewritten,
                losses,
                remarks,
                ..
            } = &**done;
            Entry {
                outcome: Some(outcome),
                rewritten,
                losses,
                remarks,
                ..entry
            }
        }
        Err(failure) => Entry {
            error: Some(entry_error(failure)),
            ..entry
        },
    }
}

fn entry_error(failure: &Failure) -> EntryError {
    EntryError {
        status: failure.status as u8,
        message: failure.to_string(),
        detail: failure.detail(),
    }
}

fn told(tally: &Tally) -> String {
    let Tally {
        copied,
        copied_bytes,
        mounted,
        there,
        manifests,
        ..
    } = *tally;
    if copied + mounted + manifests == 0 {
        return "all there already".into();
    }
    let blobs = match (copied, mounted, there) {
        (0, 0, 0) => "no blobs".into(),
        (0, 0, there) => format!("{} all there", count(there, "blob")),
        _ => format!(
            "{} ({}), {mounted} mounted, {there} there",
            count(copied, "blob"),
            size(copied_bytes)
        ),
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
            blob.media_type
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        ]);
    }
    for document in &plan.manifests {
        table.row([
            action(&document.action),
            format!("manifest{}", tags(document)),
            short(&document.digest).into(),
            size(document.size),
            document
                .media_type
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
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
    if document.tags.is_empty() {
        String::new()
    } else {
        format!(" ({})", document.tags.join(", "))
    }
}

fn action(action: &Action) -> String {
    match action {
        Action::Copy => "copy".into(),
        Action::Mount { from } => format!("mount from {from}"),
        Action::There => "there".into(),
        Action::CopyIfThere => "copy if there".into(),
    }
}

#[cfg(test)]
mod tests {
    use portolan_model::Digest;
    use portolan_model::convert::Effect;

    use super::*;

    #[test]
    fn many_losses_are_counted() {
        let document = Digest::sha256(b"a");
        let loss = Remark {
            document,
            pointer: "/subject".into(),
            effect: Effect::Lost,
            message: "it goes".into(),
        };
        let told = |number: usize| losses("a -> b", &vec![loss.clone(); number]);
        assert_eq!(told(0), None);
        assert_eq!(
            told(TOLD_LOSSES).unwrap().lines().last(),
            Some("  lost: ca978112ca1b /subject: it goes")
        );
        assert_eq!(
            told(TOLD_LOSSES + 3).unwrap().lines().last(),
            Some("  and 3 more, which --json shows")
        );
    }
}
