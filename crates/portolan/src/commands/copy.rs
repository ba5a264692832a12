//! `portolan copy`: copies images between registries, folders and archives.

mod conversion;
mod image;
mod pairs;
mod prefix;
mod report;
mod run;
mod saves;
mod uploads;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use clap::Args;
use futures_util::{StreamExt, stream};
use portolan_model::Platform;
use portolan_registry::copy;
use tokio::time::{Instant, timeout_at};

use super::block_on;
use super::options::CommonOptions;
use super::values::{DEFAULT_JOBS, PlatformVersion, parse_jobs, parse_platform};
use crate::failure::{Failure, Outcome, Status};
use crate::output::format_count;
use pairs::Pair;
use report::Reporter;
use run::{CopyResult, Run};
use saves::Saves;

pub(super) use conversion::Conversion;
pub(super) use report::{Style, render_losses};

/// Copy images, indexes and artifacts
///
/// All platforms of an index are copied, and only content that the target does
/// not have is transferred. Manifests stay byte for byte the same unless
/// --platform, --to, --flatten or --drop-unknown changes them.
///
/// With several sources, with --from, or if DST ends with a slash, DST is a
/// prefix under which each source keeps its repository and tag. A failed copy
/// does not stop the others. The exit status is that of the first copy that
/// failed, in the order given.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    override_usage = "portolan copy [OPTIONS] SRC DST\n       portolan copy [OPTIONS] SRC... DST\n       portolan copy [OPTIONS] --from FILE [DST]",
    after_help = "\
Examples:
  portolan copy docker.io/library/alpine:3.20 127.0.0.1:5000/alpine:3.20
  portolan copy alpine:3.20 oci:images:alpine --platform linux/amd64,linux/arm64
  portolan copy oci-archive:image.tar quay.io/team/app:v1 --referrers
  portolan copy alpine:3.20 docker-archive:-:alpine:3.20 | docker load
  portolan copy alpine:3.20 busybox:1.37 127.0.0.1:5000/mirror
  portolan copy docker.io/library/memcached:1.6-alpine quay.io/team/memcached:1.6 --to oci
  portolan copy --from images.txt 127.0.0.1:5000 --dry-run --json"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// Source image(s), then the destination.
    #[arg(value_name = "SRC|DST", required_unless_present = "from")]
    references: Vec<String>,
    /// Read the images to copy from this file
    ///
    /// One `SRC [DST]` per line; `#` starts a comment.
    ///
    /// `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Copy only these platforms, as os/arch[/variant] [default: all]
    ///
    /// The index is rewritten to list only these, except with --sparse.
    ///
    /// A docker-archive stores one image. The default is linux and the
    /// architecture of this machine.
    #[arg(long, verbatim_doc_comment, value_name = "P", value_parser = parse_platform, value_delimiter = ',')]
    platform: Vec<Platform>,
    #[command(flatten)]
    version: PlatformVersion,
    #[command(flatten)]
    conversion: Conversion,
    /// Allow missing content
    ///
    /// Content that the source does not have is skipped.
    ///
    /// With --platform, the index is copied unchanged.
    #[arg(long)]
    sparse: bool,
    /// Copy signatures, SBOMs and other referrers too.
    #[arg(long)]
    referrers: bool,
    /// Number of parallel transfers.
    #[arg(long, value_name = "N", value_parser = parse_jobs, default_value = DEFAULT_JOBS)]
    jobs: NonZeroUsize,
    /// Print what would be done without doing it.
    #[arg(long)]
    dry_run: bool,
    /// Check every blob and manifest at the target,
    /// even if the tag is already there
    ///
    /// Targets that are folders are always checked.
    #[arg(long, verbatim_doc_comment)]
    recheck: bool,
    /// Print the result, or the plan, as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: CommonOptions,
}

/// Settings of a run of `copy` or `convert`.
pub(super) struct Task<'a> {
    pub(super) options: copy::CopyOptions,
    pub(super) jobs: NonZeroUsize,
    pub(super) dry_run: bool,
    /// True to fail with [`Status::Findings`] if a conversion loses something.
    pub(super) strict: bool,
    pub(super) style: Style,
    pub(super) connection: &'a CommonOptions,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let task = Task {
        options: copy::CopyOptions {
            platforms: arguments.version.apply(&arguments.platform)?,
            conversion: arguments.conversion.to_conversion(),
            sparse: arguments.sparse,
            referrers: arguments.referrers,
            recheck: arguments.recheck,
        },
        jobs: arguments.jobs,
        dry_run: arguments.dry_run,
        strict: false,
        style: if arguments.json {
            Style::Json
        } else {
            Style::Digest
        },
        connection: &arguments.options,
    };
    block_on(task.execute(&arguments.references, arguments.from.as_deref()))
}

impl Task<'_> {
    /// Copies the images that `references` name, or the lines of the file `from`.
    pub(super) async fn execute(self, references: &[String], from: Option<&Path>) -> Outcome {
        let pairs = pairs::parse_pairs(references, from)?;
        let run = Arc::new(Run::new(&self)?);
        let report = Reporter {
            style: self.style,
            several: pairs.len() > 1,
            archive_on_stdout: !self.dry_run
                && pairs.iter().any(|pair| pair.target.is_standard_output()),
            console: Arc::clone(run.console()),
        };
        let mut copied = copy_all(&run, pairs, &report).await;
        run.finish_archives(&mut copied, &report).await;
        report.print_data(&copied)?;
        let misfits = copied.iter().map(CopyResult::misfits).sum();
        combine_failures(copied)?;
        if self.strict && misfits > 0 {
            let message = format!("{} could not be converted", format_count(misfits, "value"));
            return Err(Failure::new(Status::Findings, anyhow!(message)));
        }
        Ok(())
    }
}

/// Copies all pairs, up to `jobs` at a time, and returns the results in the order of the pairs.
///
/// The result of a copy is printed as soon as it is known. For a copy into a folder, this is after
/// the next save of the folder. For a copy into an archive, this is when the archive has been
/// renamed to its final path (see [`Run::finish_archives`]).
async fn copy_all(run: &Arc<Run>, pairs: Vec<Pair>, report: &Reporter) -> Vec<CopyResult> {
    let copies = pairs.into_iter().enumerate().map(|(position, pair)| {
        let run = Arc::clone(run);
        async move { (position, run.copy(pair).await) }
    });
    let mut copies = stream::iter(copies).buffer_unordered(run.jobs());
    let (mut copied, mut unsaved, mut saves) = (Vec::new(), Vec::new(), Saves::default());
    loop {
        let start = Instant::now();
        let save_time = saves.next(start);
        if save_time.is_some_and(|time| time <= start) {
            run.save_folders(&mut unsaved, report).await;
            saves.record(start, Instant::now());
            copied.append(&mut unsaved);
        }
        let next = match saves.next(start) {
            Some(time) => timeout_at(time, copies.next()).await,
            None => Ok(copies.next().await),
        };
        match next {
            Ok(Some((position, copy))) if copy.is_unsaved() => {
                unsaved.push((position, copy));
                saves.request();
            }
            Ok(Some((position, copy))) => {
                if !copy.is_pending() {
                    report.print_result(&copy);
                }
                copied.push((position, copy));
            }
            Ok(None) => break,
            Err(_) => (),
        }
    }
    run.save_folders(&mut unsaved, report).await;
    copied.append(&mut unsaved);
    copied.sort_unstable_by_key(|(position, _)| *position);
    copied.into_iter().map(|(_, copy)| copy).collect()
}

/// Combines the failures of all copies into a single failure. Returns `Ok` if no copy failed.
fn combine_failures(copied: Vec<CopyResult>) -> Outcome {
    let all = copied.len();
    let failures = copied
        .into_iter()
        .filter_map(|copy| copy.result.err())
        .collect();
    Failure::combine("copies", all, failures)
}
