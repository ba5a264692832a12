//! Progress of copies: progress bars on a terminal, otherwise one line per completed step.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use portolan_model::{Digest, Finding};
use portolan_registry::copy::{CopyEvent, CopyObserver, Plan, PlannedAction};

use super::{Console, Text, format_size, short_digest};

const BLOB_TEMPLATE: &str =
    "{prefix:12}  {bar:24}  {bytes:>11} of {total_bytes:11} {binary_bytes_per_sec:>13}  {left}";
const UNSIZED_BLOB_TEMPLATE: &str = "{prefix:12}  {bytes:>11} {binary_bytes_per_sec:>13}";
const TOTAL_TEMPLATE: &str =
    "total         {bar:24}  {bytes:>11} of {total_bytes:11} {binary_bytes_per_sec:>13}  {left}";

/// Progress of all copies of a run.
pub(crate) struct Progress {
    console: Arc<Console>,
    total: Option<ProgressBar>,
    transfers: Mutex<HashMap<TransferKey, Transfer>>,
}

/// Key of a transfer: target repository and digest of a blob.
type TransferKey = (Arc<str>, Digest);

/// Transfer of a blob.
struct Transfer {
    began: Instant,
    /// Size of the blob, if known.
    size: Option<u64>,
    /// Number of bytes transferred so far.
    position: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(console: Arc<Console>) -> Arc<Self> {
        let total = console
            .bars()
            .map(|bars| bars.add(ProgressBar::new(0).with_style(style(TOTAL_TEMPLATE))));
        Arc::new(Self {
            console,
            total,
            transfers: Mutex::default(),
        })
    }

    /// Returns an observer for the execution of `plan`, and adds the bytes of the plan to the
    /// length of the total bar.
    pub(crate) fn observe(self: &Arc<Self>, plan: &Plan) -> Arc<dyn CopyObserver> {
        if let Some(total) = &self.total {
            total.inc_length(plan.tally().copied_bytes);
            total.tick();
        }
        let moves = plan.blobs.iter().filter(|blob| {
            matches!(
                blob.action,
                PlannedAction::Copy | PlannedAction::CopyIfPresent
            )
        });
        let counted = moves
            .map(|blob| (blob.digest.clone(), blob.size.unwrap_or_default()))
            .collect();
        let (progress, target) = (Arc::clone(self), plan.target.as_str().into());
        Arc::new(ProgressObserver {
            progress,
            target,
            counted: Mutex::new(counted),
        })
    }

    /// Removes the total bar.
    pub(crate) fn end(&self) {
        if let Some(total) = &self.total {
            total.finish_and_clear();
        }
    }

    fn start(&self, key: TransferKey, size: Option<u64>) {
        let bar = self.console.bars().map(|bars| self.bar(bars, &key.1, size));
        let transfer = Transfer {
            began: Instant::now(),
            size,
            position: 0,
            bar,
        };
        self.transfers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, transfer);
    }

    /// Adds a bar for a blob above the total bar.
    fn bar(&self, bars: &MultiProgress, digest: &Digest, size: Option<u64>) -> ProgressBar {
        let bar = match size {
            Some(size) => ProgressBar::new(size).with_style(style(BLOB_TEMPLATE)),
            None => ProgressBar::no_length().with_style(style(UNSIZED_BLOB_TEMPLATE)),
        };
        let bar = bar.with_prefix(short_digest(digest).to_owned());
        match &self.total {
            Some(total) => bars.insert_before(total, bar),
            None => bars.add(bar),
        }
    }

    fn set_position(&self, key: &TransferKey, position: impl FnOnce(u64) -> u64) {
        let mut moving = self
            .transfers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(transfer) = moving.get_mut(key) else {
            return;
        };
        let before = transfer.position;
        transfer.position = position(before);
        if let Some(bar) = &transfer.bar {
            bar.set_position(transfer.position);
        }
        if let Some(total) = &self.total {
            total.set_position((total.position() + transfer.position).saturating_sub(before));
        }
    }

    /// Finishes a blob and removes its bar. `counted` is the number of its bytes that the length of
    /// the total bar includes. If fewer bytes were transferred, the position of the total bar
    /// advances by the difference. If more bytes were transferred, the length of the total bar
    /// grows by the difference.
    fn finish_blob(&self, key: &TransferKey, counted: u64, mounted: bool) {
        let transfer = self
            .transfers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
        let Some(transfer) = transfer else { return };
        if let Some(total) = &self.total {
            total.inc(counted.saturating_sub(transfer.position));
            total.inc_length(transfer.position.saturating_sub(counted));
        }
        match transfer.bar {
            Some(bar) => bar.finish_and_clear(),
            None if mounted => self.console.print(format_args!(
                "mounted blob {} in {}",
                short_digest(&key.1),
                key.0
            )),
            None => self.console.print(format_args!(
                "copied blob {} to {} ({})",
                short_digest(&key.1),
                key.0,
                transfer.summary()
            )),
        }
    }

    /// Prints a line if no bars are shown.
    fn log(&self, line: impl std::fmt::Display) {
        if self.total.is_none() {
            self.console.print(line);
        }
    }
}

impl Transfer {
    /// Returns the size of the blob and the time of its transfer.
    fn summary(&self) -> String {
        let bytes = self.size.unwrap_or(self.position);
        let seconds = self.began.elapsed().as_secs_f64();
        format!("{} in {seconds:.1} s", format_size(bytes))
    }
}

/// Observer of one copy. It updates the [`Progress`] of the run.
struct ProgressObserver {
    progress: Arc<Progress>,
    target: Arc<str>,
    /// Number of bytes that the length of the total bar includes for each unfinished blob.
    counted: Mutex<HashMap<Digest, u64>>,
}

impl ProgressObserver {
    fn lock_counted(&self) -> MutexGuard<'_, HashMap<Digest, u64>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Advances the total bar by the bytes of the blobs that were never finished. Another copy has
/// transferred these blobs, or the source does not have them.
impl Drop for ProgressObserver {
    fn drop(&mut self) {
        if let Some(total) = &self.progress.total {
            total.inc(self.lock_counted().values().sum());
        }
    }
}

impl CopyObserver for ProgressObserver {
    fn on_event(&self, event: CopyEvent<'_>) {
        let Self {
            progress, target, ..
        } = self;
        let key = |digest: &Digest| (Arc::clone(target), digest.clone());
        match event {
            CopyEvent::BlobStarted { digest, size } => progress.start(key(digest), size),
            CopyEvent::BlobMoved { digest, bytes } => {
                progress.set_position(&key(digest), |position| position + bytes);
            }
            CopyEvent::BlobResumed { digest, offset } => {
                progress.set_position(&key(digest), |_| offset);
            }
            CopyEvent::BlobDone { digest, mounted } => {
                let counted = self.lock_counted().remove(digest).unwrap_or_default();
                progress.finish_blob(&key(digest), counted, mounted);
            }
            CopyEvent::ManifestDone { digest, media_type } => {
                let media_type =
                    media_type.map_or_else(String::new, |media_type| format!(" ({media_type})"));
                progress.log(format_args!(
                    "copied manifest {} to {target}{media_type}",
                    short_digest(digest)
                ));
            }
            CopyEvent::TagSet { tag, digest } => {
                progress.log(format_args!("set tag {tag} of {target} to {digest}"));
            }
            CopyEvent::Warned { digest, finding } => {
                let Finding {
                    rule,
                    pointer,
                    message,
                    fix,
                    ..
                } = finding;
                let document = format!("{target}@{digest}");
                let help = fix.render(Some(&document), &finding.digest.iter().collect::<Vec<_>>());
                let warning = format_args!(
                    "warning: {target}@{}:{}: {rule} at {pointer:?}: {message}",
                    digest.algorithm(),
                    short_digest(digest)
                )
                .to_string();
                let text = Text::default()
                    .with_line(warning)
                    .with_line(format_args!("help: {help}"));
                progress.console.print_text(&text);
            }
            CopyEvent::Retried { digest, error } => {
                progress.console.print(format_args!(
                    "warning: failed to copy blob {} to {target}: {error}; retrying",
                    short_digest(digest)
                ));
            }
        }
    }
}

/// Creates the style of a bar from a template.
fn style(template: &str) -> ProgressStyle {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style
        .progress_chars("=> ")
        .with_key("left", |state: &ProgressState, text: &mut dyn Write| {
            // Writing into a string does not fail.
            let _ = write!(text, "{:#} left", HumanDuration(state.eta()));
        })
}

#[cfg(test)]
mod tests {
    use indicatif::ProgressDrawTarget;

    use super::*;

    #[test]
    fn templates_parse() {
        for template in [BLOB_TEMPLATE, UNSIZED_BLOB_TEMPLATE, TOTAL_TEMPLATE] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn total_is_complete_even_if_blobs_are_not_moved() {
        let total = ProgressBar::with_draw_target(Some(40), ProgressDrawTarget::hidden());
        let console = Arc::new(Console::new(true));
        let progress = Arc::new(Progress {
            console,
            total: Some(total.clone()),
            transfers: Mutex::default(),
        });
        let [moved, mounted, resumed, uncounted, unreported] =
            ["a", "b", "c", "d", "e"].map(|text| Digest::sha256(text.as_bytes()));
        let counted = Mutex::new(
            [&moved, &mounted, &resumed, &unreported]
                .map(|digest| (digest.clone(), 10))
                .into(),
        );
        let watch = ProgressObserver {
            progress,
            target: "a".into(),
            counted,
        };
        for digest in [&moved, &mounted, &resumed, &uncounted] {
            watch.on_event(CopyEvent::BlobStarted {
                digest,
                size: Some(10),
            });
        }
        watch.on_event(CopyEvent::BlobMoved {
            digest: &moved,
            bytes: 10,
        });
        watch.on_event(CopyEvent::BlobResumed {
            digest: &resumed,
            offset: 4,
        });
        watch.on_event(CopyEvent::BlobMoved {
            digest: &uncounted,
            bytes: 7,
        });
        for digest in [&moved, &mounted, &resumed, &uncounted] {
            watch.on_event(CopyEvent::BlobDone {
                digest,
                mounted: *digest == mounted,
            });
        }
        assert_eq!((total.position(), total.length()), (37, Some(47)));
        drop(watch);
        assert_eq!(total.position(), 47);
    }
}
