//! `portolan convert`: a tree in the other format, or put in order, and the digests that change by it.

use std::num::NonZeroUsize;

use clap::{ArgGroup, Args};
use portolan_model::Platform;
use portolan_registry::copy;

use super::copy::{Conversion, Style, Task};
use super::options::Options;
use super::wait_for;
use crate::failure::Outcome;

/// Convert an image, an index or a whole tree to the types of OCI or Docker.
///
/// It is a copy, to the same place too, that writes the documents anew: types change, and with them each digest
/// up to the tag. Configs and layers stay byte for byte. What the format cannot hold is said before anything
/// is written. What refers to the images comes along and follows them to their new digests; a signature is of
/// the old ones and does not hold for them. A tree that is already as it is to be stays as it is.
#[derive(Args)]
#[command(
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
    /// What to convert.
    #[arg(value_name = "SRC")]
    source: String,
    /// Where it is to be then.
    #[arg(value_name = "DST")]
    target: String,
    #[command(flatten)]
    conversion: Conversion,
    /// Keep children of an unknown type as they are, as happens without --drop-unknown.
    #[arg(long, conflicts_with = "drop_unknown")]
    keep_unknown: bool,
    /// Take only the images for these platforms.
    #[arg(long, value_name = "P", value_delimiter = ',')]
    platform: Vec<Platform>,
    /// Let content be absent: pass over what the source lacks.
    #[arg(long)]
    sparse: bool,
    /// Leave behind what refers to the images: signatures, attestations, bills of materials.
    #[arg(long)]
    no_referrers: bool,
    /// Move up to so many blobs and manifests at the same time.
    #[arg(long, value_name = "N", default_value = "8")]
    jobs: NonZeroUsize,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print what was done, or is to be done, as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let task = Task {
        options: copy::Options {
            platforms: arguments.platform.clone(),
            conversion: arguments.conversion.asked_for(),
            sparse: arguments.sparse,
            referrers: !arguments.no_referrers,
            recheck: false,
        },
        jobs: arguments.jobs,
        dry_run: arguments.dry_run,
        resume: false,
        style: if arguments.json {
            Style::Json
        } else {
            Style::Digests
        },
        connection: &arguments.options,
    };
    wait_for(task.carry_out(&[arguments.source.clone(), arguments.target.clone()], None))
}
