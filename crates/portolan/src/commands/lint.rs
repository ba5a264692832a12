//! `portolan lint`: checks an image and predicts which registries and clients will reject it.

mod counts;
mod findings;
mod fix;
mod policy;
mod report;
mod rules;
mod target_arg;
mod targets;

use anyhow::anyhow;
use clap::Args;
use portolan_model::compat::{DetectedFeatures, Judgment, Target, TargetVerdict};
use portolan_model::lint::{LintLimits, LintTree};
use portolan_registry::{LayerLimits, lint, lint_layers};

use super::options::CommonOptions;
use crate::failure::{Failure, Outcome, Status};
use crate::image_ref::Location;
use crate::manifest_io;
use crate::output;
use crate::resolve::ImageSource;
use fix::FixRenderer;
use policy::PolicyArg;
use report::LintReport;
use target_arg::TargetArg;

pub(super) use counts::Counts;

/// Check an image and predict which registries and clients
/// will reject it
///
/// All manifests and configs below the reference are read; layers are only checked
/// for presence, unless --layers is given. The exit status is 1 if a finding has the severity error, if a
/// target of --for will reject the image, or if the policy of --policy rejects it.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  portolan lint quay.io/team/app:v1
  portolan lint oci:images:app --for quay,gcr,containerd
  portolan lint app:v1 --for all
  portolan lint quay.io/team/app:v1 --layers
  portolan lint oci:images:app --policy oci-only
  portolan lint --rules"
)]
pub(crate) struct Arguments {
    /// Image or index to check, with everything below it.
    #[arg(value_name = "REF", required_unless_present = "rules")]
    reference: Option<Location>,
    /// Predict what these registries and clients do,
    /// and only count the findings [default: none]
    ///
    /// `all` selects all known targets.
    #[arg(
        long = "for",
        verbatim_doc_comment,
        value_name = "TARGET,…",
        value_delimiter = ',',
        conflicts_with = "rules"
    )]
    targets: Vec<TargetArg>,
    /// Predict whether this policy accepts a push,
    /// and print only the findings that it judges [default: none]
    ///
    /// The policy is a preset (open, sparse, oci-only, docker-only) or the
    /// configuration file of a server. Its entries are matched against the
    /// repository of REF.
    #[arg(long, verbatim_doc_comment, value_name = "PRESET|FILE", conflicts_with_all = ["targets", "rules"])]
    policy: Option<PolicyArg>,
    /// Read the layers too, and check that they unpack to
    /// the `diff_ids` of their configs
    ///
    /// Layers with gzip, with zstd and without compression are unpacked, in bounded
    /// memory and up to 256 GiB in total.
    #[arg(long, verbatim_doc_comment, conflicts_with_all = ["policy", "rules"])]
    layers: bool,
    /// List all rules.
    #[arg(long, conflicts_with = "reference")]
    rules: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: CommonOptions,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let Some(location) = &arguments.reference else {
        return rules::show(arguments.json);
    };
    let resolver = arguments.options.resolver()?;
    let source = resolver.source(location).await?;
    let mut tree = read(&source)
        .await
        .map_err(|failure| location.with_login_hint(failure))?;
    if arguments.layers {
        lint_layers(&source.repository, &mut tree, LayerLimits::default())
            .await
            .map_err(|error| location.with_login_hint(error))?;
    }
    let fixes = FixRenderer::new(location);
    if let Some(choice) = &arguments.policy {
        let answer = choice.evaluate(location, &source, &tree)?;
        if arguments.json {
            output::json(&answer.to_json(&fixes))
        } else {
            output::text(&answer.to_text(&fixes))
        }?;
        return answer.to_outcome();
    }
    let observed = DetectedFeatures::detect(&tree);
    let judged: Vec<_> = target_arg::select_targets(&arguments.targets)
        .into_iter()
        .map(|target| (target, observed.judge(target)))
        .collect();
    match arguments {
        Arguments { json: true, .. } => {
            output::json(&LintReport::new(location, &tree, &judged, &fixes))
        }
        Arguments { targets, .. } if targets.is_empty() => {
            output::text(&findings::render(location, &tree, &fixes))
        }
        Arguments { targets, .. } => {
            let mut text = targets::render(&judged, target_arg::has_all(targets), location, &fixes);
            text.append(&findings::render_counts(location, &tree));
            output::text(&text)
        }
    }?;
    check_result(&tree, &judged)
}

/// Reads the tree of manifests and configs below a reference, and lints it.
async fn read(source: &ImageSource) -> Outcome<LintTree> {
    let ImageSource {
        repository,
        reference,
    } = source;
    match lint(repository, reference, LintLimits::default()).await {
        Ok(tree) => Ok(tree),
        Err(error) => Err(manifest_io::explain(repository, reference, error).await),
    }
}

/// Returns a failure with [`Status::Findings`] if a finding has the severity error, or if a target
/// will reject the image.
fn check_result(tree: &LintTree, judged: &[(&Target, Judgment)]) -> Outcome {
    let failing = judged
        .iter()
        .filter(|(_, judgment)| judgment.verdict == TargetVerdict::Fails)
        .map(|(target, _)| target.id);
    let failing: Vec<_> = failing.collect();
    let errors = Counts::from_findings(tree.findings()).errors;
    let message = match (errors, failing.as_slice()) {
        (0, []) => return Ok(()),
        (0, failing) => format!("the image will be rejected by: {}", failing.join(", ")),
        (errors, []) => format!("found {}", output::format_count(errors, "error")),
        (errors, failing) => format!(
            "found {}; the image will be rejected by: {}",
            output::format_count(errors, "error"),
            failing.join(", ")
        ),
    };
    Err(Failure::new(Status::Findings, anyhow!(message)))
}
