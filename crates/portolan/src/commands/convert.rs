//! `portolan convert`: converts an image or index and prints the digests that change.

use std::num::NonZeroUsize;

use clap::{ArgGroup, Args};
use portolan_model::Platform;
use portolan_registry::copy;

use super::block_on;
use super::copy::{Conversion, Style, Task};
use super::options::CommonOptions;
use super::values::{DEFAULT_JOBS, PlatformVersion, parse_jobs, parse_platform};
use crate::failure::Outcome;

/// Convert an image or index to OCI or Docker media types
///
/// The image is copied, and its manifests are rewritten. The destination may be
/// the source. Media types change, and with them every digest up to the tag;
/// configs and layers stay byte for byte the same. Properties that the format
/// cannot represent are reported before anything is written.
///
/// Referrers are copied too, and their subjects are updated to the new digests.
/// Signatures cover the old digests, so they are not valid for the new ones. An
/// image that already has the requested form is left unchanged.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    group = ArgGroup::new("wish").args(["to", "flatten", "drop_unknown"]).required(true).multiple(true),
    after_help = "\
Examples:
  portolan convert quay.io/team/app:v1 quay.io/team/app:v1 --to oci
  portolan convert 127.0.0.1:5000/app:v1 127.0.0.1:5000/app:docker --to docker --drop-unknown
  portolan convert oci:folder:v1 oci:folder:flat --flatten --dry-run"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// Image or index to convert.
    #[arg(value_name = "SRC")]
    source: String,
    /// Destination, which may be the source.
    #[arg(value_name = "DST")]
    target: String,
    #[command(flatten)]
    conversion: Conversion,
    /// Exit with status 1 if something does not fit the target format.
    ///
    /// The image is still converted, except with --dry-run.
    #[arg(long)]
    strict: bool,
    /// Keep index children whose type is unknown, which is the default.
    #[arg(long, conflicts_with = "drop_unknown")]
    keep_unknown: bool,
    /// Convert only these platforms, as os/arch[/variant] [default: all].
    #[arg(long, value_name = "P", value_parser = parse_platform, value_delimiter = ',')]
    platform: Vec<Platform>,
    #[command(flatten)]
    version: PlatformVersion,
    /// Allow missing content.
    ///
    /// Content that the source does not have is skipped.
    #[arg(long)]
    sparse: bool,
    /// Do not copy signatures, SBOMs and other referrers.
    #[arg(long)]
    no_referrers: bool,
    /// Number of parallel transfers.
    #[arg(long, value_name = "N", value_parser = parse_jobs, default_value = DEFAULT_JOBS)]
    jobs: NonZeroUsize,
    /// Print what would be done without doing it.
    #[arg(long)]
    dry_run: bool,
    /// Print the result, or the plan, as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: CommonOptions,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let task = Task {
        options: copy::CopyOptions {
            platforms: arguments.version.apply(&arguments.platform)?,
            conversion: arguments.conversion.to_conversion(),
            sparse: arguments.sparse,
            referrers: !arguments.no_referrers,
            recheck: false,
        },
        jobs: arguments.jobs,
        dry_run: arguments.dry_run,
        strict: arguments.strict,
        style: if arguments.json {
            Style::Json
        } else {
            Style::Digests
        },
        connection: &arguments.options,
    };
    block_on(task.execute(&[arguments.source.clone(), arguments.target.clone()], None))
}
