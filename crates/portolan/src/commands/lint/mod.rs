//! `portolan lint`: what is wrong with an image, for whom, and what mends it.

mod counts;
mod findings;
mod mend;
mod policy;
mod report;
mod rules;
mod targets;
mod wanted;

use anyhow::anyhow;
use clap::Args;
use portolan_model::compat::{Judgement, Observed, Target, Verdict};
use portolan_model::lint::{Limits, Tree};
use portolan_registry::lint;

use super::options::Options;
use crate::documents;
use crate::failure::{Failure, Outcome, Status};
use crate::location::Location;
use crate::output;
use crate::places::Source;
use mend::Mender;
use policy::Choice;
use report::Report;
use wanted::Wanted;

pub(super) use counts::Counts;

/// Say what is wrong with an image, for whom, and what mends it.
///
/// Everything below the reference is read, and of layers it is looked whether they are there. The exit status is 1
/// when there is a finding of severity error, when the image fails at one of the targets of --for, or when the policy
/// of --policy refuses it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan lint quay.io/team/app:v1
  portolan lint oci:images:app --for quay,gcr,containerd
  portolan lint app:v1 --for all
  portolan lint oci:images:app --policy oci-only
  portolan lint --rules")]
pub(crate) struct Arguments {
    /// What to look at, with everything below it.
    #[arg(value_name = "REF", required_unless_present = "rules")]
    reference: Option<Location>,
    /// Say what these registries and clients do with it, instead of the findings; `all` is all that are known.
    #[arg(
        long = "for",
        value_name = "TARGET,…",
        value_delimiter = ',',
        conflicts_with = "rules"
    )]
    targets: Vec<Wanted>,
    /// Say what a registry with this policy would answer to a push, instead of the findings: a preset (open, sparse,
    /// oci-only, docker-only), or a server's configuration, whose entries are matched with the repository of REF.
    #[arg(long, value_name = "PRESET|FILE", conflicts_with_all = ["targets", "rules"])]
    policy: Option<Choice>,
    /// List the rules that findings come from.
    #[arg(long, conflicts_with = "reference")]
    rules: bool,
    /// Print findings and targets, or the rules, as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let Some(location) = &arguments.reference else {
        return rules::show(arguments.json);
    };
    let places = arguments.options.places()?;
    let source = places.source(location).await?;
    let tree = read(&source)
        .await
        .map_err(|failure| location.advised(failure))?;
    let mender = Mender::new(location);
    if let Some(choice) = &arguments.policy {
        let answer = choice.answer(location, &source, &tree)?;
        if arguments.json {
            output::json(&answer.report(&mender))
        } else {
            output::text(&answer.text(&mender))
        }?;
        return answer.ended();
    }
    let observed = Observed::of(&tree);
    let judged: Vec<_> = wanted::targets(&arguments.targets)
        .into_iter()
        .map(|target| (target, observed.judge(target)))
        .collect();
    match arguments {
        Arguments { json: true, .. } => {
            output::json(&Report::new(location, &tree, &judged, &mender))
        }
        Arguments { targets, .. } if targets.is_empty() => {
            output::text(&findings::told(location, &tree, &mender))
        }
        Arguments { targets, .. } => {
            let text = targets::told(&judged, wanted::are_all(targets), location, &mender);
            output::text(&(text + &findings::mentioned(location, &tree)))
        }
    }?;
    ended(&tree, &judged)
}

async fn read(source: &Source) -> Outcome<Tree> {
    let Source { place, reference } = source;
    match lint(place, reference, Limits::default()).await {
        Ok(tree) => Ok(tree),
        Err(error) => {
            let failure = documents::suggesting(place, reference, error.into()).await;
            Err(failure.about(documents::called(place, reference)))
        }
    }
}

/// What has been said ends with a status of its own if it is grave.
fn ended(tree: &Tree, judged: &[(&Target, Judgement)]) -> Outcome {
    let failing = judged
        .iter()
        .filter(|(_, judgement)| judgement.verdict == Verdict::Fails)
        .map(|(target, _)| target.id);
    let failing: Vec<_> = failing.collect();
    let errors = Counts::of(tree.findings()).errors;
    let message = match (errors, failing.as_slice()) {
        (0, []) => return Ok(()),
        (0, failing) => format!("it fails at {}", failing.join(", ")),
        (errors, []) => output::count(errors, "error"),
        (errors, failing) => format!(
            "{}, and it fails at {}",
            output::count(errors, "error"),
            failing.join(", ")
        ),
    };
    Err(Failure::new(Status::Findings, anyhow!(message)))
}
