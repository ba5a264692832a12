//! `portolan copy`: images from anywhere to anywhere.

mod conversion;
mod image;
mod pairs;
mod prefix;
mod report;
mod run;
mod uploads;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use futures_util::{StreamExt, stream};
use portolan_model::Platform;
use portolan_registry::copy;

use super::options::Options;
use super::wait_for;
use crate::failure::{Failure, Outcome};
use pairs::Pair;
use report::Report;
use run::{Copied, Run};

pub(super) use conversion::Conversion;
pub(super) use report::Style;

/// Copy images, indexes and artifacts, byte for byte unless another format is asked for.
///
/// All platforms of an index come along, and only what the target does not have is moved. With several
/// sources, with --from, or with a DST that ends in a slash, DST is a place under which each source keeps its
/// repository and tag. A copy that fails does not stop the others; the exit status is that of the first one,
/// in the order given, that failed.
#[derive(Args)]
#[command(
    override_usage = "portolan copy [OPTIONS] SRC DST\n       portolan copy [OPTIONS] SRC... DST\n       portolan copy [OPTIONS] --from FILE [DST]",
    after_help = "\
Examples:
  portolan copy docker.io/library/alpine:3.20 127.0.0.1:5000/alpine:3.20
  portolan copy alpine:3.20 oci:images:alpine --platform linux/amd64,linux/arm64
  portolan copy oci-archive:image.tar quay.io/team/app:v1 --referrers
  portolan copy alpine:3.20 busybox:1.37 127.0.0.1:5000/mirror
  portolan copy docker.io/library/memcached:1.6-alpine quay.io/team/memcached:1.6 --to oci
  portolan copy --from images.txt 127.0.0.1:5000 --dry-run --json"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// What to copy, and at last where to.
    #[arg(value_name = "SRC|DST", required_unless_present = "from")]
    references: Vec<String>,
    /// Copy what stands in a file, one `SRC [DST]` a line, `#` before comments; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Copy only the images for these platforms; the index is written anew with them alone.
    #[arg(long, value_name = "P", value_delimiter = ',')]
    platform: Vec<Platform>,
    #[command(flatten)]
    conversion: Conversion,
    /// Let content be absent: keep the index as it is with --platform, pass over what the source lacks.
    #[arg(long)]
    sparse: bool,
    /// Copy what refers to the images too: signatures, attestations, bills of materials.
    #[arg(long)]
    referrers: bool,
    /// Move up to so many blobs and manifests at the same time.
    #[arg(long, value_name = "N", default_value = "8")]
    jobs: NonZeroUsize,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Look for each part at the target, even of what it has already; folders are always looked at so.
    #[arg(long)]
    recheck: bool,
    /// Go on with the uploads that an earlier process began and did not finish; it must have ended.
    #[arg(long)]
    resume: bool,
    /// Print what was done, or is to be done, as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

/// What a run is asked for.
pub(super) struct Task<'a> {
    pub(super) options: copy::Options,
    pub(super) jobs: NonZeroUsize,
    pub(super) dry_run: bool,
    pub(super) resume: bool,
    pub(super) style: Style,
    pub(super) connection: &'a Options,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let task = Task {
        options: copy::Options {
            platforms: arguments.platform.clone(),
            conversion: arguments.conversion.asked_for(),
            sparse: arguments.sparse,
            referrers: arguments.referrers,
            recheck: arguments.recheck,
        },
        jobs: arguments.jobs,
        dry_run: arguments.dry_run,
        resume: arguments.resume,
        style: if arguments.json {
            Style::Json
        } else {
            Style::Digest
        },
        connection: &arguments.options,
    };
    wait_for(task.carry_out(&arguments.references, arguments.from.as_deref()))
}

impl Task<'_> {
    /// Copies what the references, or the lines of a file, name.
    pub(super) async fn carry_out(self, references: &[String], from: Option<&Path>) -> Outcome {
        let pairs = pairs::of(references, from)?;
        let run = Arc::new(Run::new(&self)?);
        let report = Report {
            style: self.style,
            several: pairs.len() > 1,
            talk: Arc::clone(run.talk()),
        };
        let mut copied = copy_all(&run, pairs, &report).await;
        run.end(&mut copied, &report).await;
        report.print(&copied)?;
        failed(copied)
    }
}

/// Copies as many at a time as there are jobs, and answers in the order of the pairs.
async fn copy_all(run: &Arc<Run>, pairs: Vec<Pair>, report: &Report) -> Vec<Copied> {
    let copies = pairs.into_iter().enumerate().map(|(position, pair)| {
        let run = Arc::clone(run);
        async move { (position, run.copy(pair).await) }
    });
    let mut copies = stream::iter(copies).buffer_unordered(run.jobs());
    let mut copied = Vec::new();
    while let Some((position, copy)) = copies.next().await {
        if !copy.is_pending() {
            report.tell(&copy);
        }
        copied.push((position, copy));
    }
    copied.sort_unstable_by_key(|(position, _)| *position);
    copied.into_iter().map(|(_, copy)| copy).collect()
}

/// The failure of the whole, if any copy failed.
fn failed(copied: Vec<Copied>) -> Outcome {
    let all = copied.len();
    let failures = copied
        .into_iter()
        .filter_map(|copy| Some((copy.name(), copy.result.err()?)))
        .collect();
    Failure::of_several("copies", all, failures)
}
