//! How far a copy has come: bars on a terminal, a line for each thing done elsewhere.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use portolan_model::Digest;
use portolan_registry::copy::{Action, Event, Observer, Plan};

use super::{Talk, short, size};

const BLOB: &str =
    "{prefix:12}  {bar:24}  {bytes:>11} of {total_bytes:11} {binary_bytes_per_sec:>13}  {left}";
const BLOB_OF_ANY_SIZE: &str = "{prefix:12}  {bytes:>11} {binary_bytes_per_sec:>13}";
const TOTAL: &str =
    "in all        {bar:24}  {bytes:>11} of {total_bytes:11} {binary_bytes_per_sec:>13}  {left}";

/// The progress of a whole run.
pub(crate) struct Progress {
    talk: Arc<Talk>,
    total: Option<ProgressBar>,
    moving: Mutex<HashMap<Moving, Transfer>>,
}

/// A blob on its way to a place.
type Moving = (Arc<str>, Digest);

struct Transfer {
    began: Instant,
    size: Option<u64>,
    position: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(talk: Arc<Talk>) -> Arc<Self> {
        let total = talk
            .bars()
            .map(|bars| bars.add(ProgressBar::new(0).with_style(style(TOTAL))));
        Arc::new(Self {
            talk,
            total,
            moving: Mutex::default(),
        })
    }

    /// Who watches one copy, whose bytes are part of the total from now on.
    pub(crate) fn watch(self: &Arc<Self>, plan: &Plan) -> Arc<dyn Observer> {
        if let Some(total) = &self.total {
            total.inc_length(plan.tally().copied_bytes);
            total.tick();
        }
        let moves = plan
            .blobs
            .iter()
            .filter(|blob| matches!(blob.action, Action::Copy | Action::CopyIfThere));
        let counted = moves
            .map(|blob| (blob.digest.clone(), blob.size.unwrap_or_default()))
            .collect();
        let (progress, target) = (Arc::clone(self), plan.target.as_str().into());
        Arc::new(Watch {
            progress,
            target,
            counted: Mutex::new(counted),
        })
    }

    /// Takes the bars away.
    pub(crate) fn end(&self) {
        if let Some(total) = &self.total {
            total.finish_and_clear();
        }
    }

    fn started(&self, key: Moving, size: Option<u64>) {
        let bar = self.talk.bars().map(|bars| self.bar(bars, &key.1, size));
        let transfer = Transfer {
            began: Instant::now(),
            size,
            position: 0,
            bar,
        };
        self.moving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, transfer);
    }

    /// A bar above the total.
    fn bar(&self, bars: &MultiProgress, digest: &Digest, size: Option<u64>) -> ProgressBar {
        let bar = match size {
            Some(size) => ProgressBar::new(size).with_style(style(BLOB)),
            None => ProgressBar::no_length().with_style(style(BLOB_OF_ANY_SIZE)),
        };
        let bar = bar.with_prefix(short(digest).to_owned());
        match &self.total {
            Some(total) => bars.insert_before(total, bar),
            None => bars.add(bar),
        }
    }

    fn moved_to(&self, key: &Moving, position: impl FnOnce(u64) -> u64) {
        let mut moving = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// What was `counted` of the blob in the total and did not have to move is done too, and what
    /// moved without being counted counts.
    fn done(&self, key: &Moving, counted: u64, mounted: bool) {
        let transfer = self
            .moving
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
            None => self.talk.say(format_args!(
                "{}: blob {} {}",
                key.0,
                short(&key.1),
                transfer.told(mounted)
            )),
        }
    }

    /// A line where there are no bars.
    fn note(&self, line: impl std::fmt::Display) {
        if self.total.is_none() {
            self.talk.say(line);
        }
    }
}

impl Transfer {
    fn told(&self, mounted: bool) -> String {
        if mounted {
            return "mounted".into();
        }
        let bytes = self.size.unwrap_or(self.position);
        let seconds = self.began.elapsed().as_secs_f64();
        format!("{} in {seconds:.1} s", size(bytes))
    }
}

/// Watches one copy.
struct Watch {
    progress: Arc<Progress>,
    target: Arc<str>,
    /// Bytes of each blob that are part of the total, until it is done.
    counted: Mutex<HashMap<Digest, u64>>,
}

impl Watch {
    fn counted(&self) -> MutexGuard<'_, HashMap<Digest, u64>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of what another copy has brought, or nobody has, nothing is told; it is over all the same.
impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(total) = &self.progress.total {
            total.inc(self.counted().values().sum());
        }
    }
}

impl Observer for Watch {
    fn notice(&self, event: Event<'_>) {
        let Self {
            progress, target, ..
        } = self;
        let key = |digest: &Digest| (Arc::clone(target), digest.clone());
        match event {
            Event::BlobStarted { digest, size } => progress.started(key(digest), size),
            Event::BlobMoved { digest, bytes } => {
                progress.moved_to(&key(digest), |position| position + bytes)
            }
            Event::BlobResumed { digest, offset } => progress.moved_to(&key(digest), |_| offset),
            Event::BlobDone { digest, mounted } => {
                let counted = self.counted().remove(digest).unwrap_or_default();
                progress.done(&key(digest), counted, mounted);
            }
            Event::ManifestDone { digest, media_type } => {
                let media_type =
                    media_type.map_or_else(String::new, |media_type| format!(" {media_type}"));
                progress.note(format_args!(
                    "{target}: manifest {}{media_type}",
                    short(digest)
                ));
            }
            Event::TagSet { tag, digest } => {
                progress.note(format_args!("{target}: tag {tag} is {digest}"))
            }
            Event::Warned { digest, finding } => {
                progress.talk.say(format_args!(
                    "{target}: of {}: {}: {}",
                    short(digest),
                    finding.pointer,
                    finding.message
                ));
            }
            Event::Retried { digest, error } => {
                progress.talk.say(format_args!(
                    "{target}: blob {}: {error}; trying again",
                    short(digest)
                ));
            }
        }
    }
}

/// A template that is wrong shows as the usual bar.
fn style(template: &str) -> ProgressStyle {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style
        .progress_chars("=> ")
        .with_key("left", |state: &ProgressState, text: &mut dyn Write| {
            // Nobody reads a bar that cannot be written.
            let _ = write!(text, "{:#} left", HumanDuration(state.eta()));
        })
}

#[cfg(test)]
mod tests {
    use indicatif::ProgressDrawTarget;

    use super::*;

    #[test]
    fn the_templates_are_right() {
        for template in [BLOB, BLOB_OF_ANY_SIZE, TOTAL] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn the_total_is_reached_whether_blobs_move_or_not() {
        let total = ProgressBar::with_draw_target(Some(40), ProgressDrawTarget::hidden());
        let talk = Arc::new(Talk::new(true));
        let progress = Arc::new(Progress {
            talk,
            total: Some(total.clone()),
            moving: Mutex::default(),
        });
        let [moved, mounted, resumed, uncounted, untold] =
            ["a", "b", "c", "d", "e"].map(|text| Digest::sha256(text.as_bytes()));
        let counted = Mutex::new(
            [&moved, &mounted, &resumed, &untold]
                .map(|digest| (digest.clone(), 10))
                .into(),
        );
        let watch = Watch {
            progress,
            target: "a".into(),
            counted,
        };
        for digest in [&moved, &mounted, &resumed, &uncounted] {
            watch.notice(Event::BlobStarted {
                digest,
                size: Some(10),
            });
        }
        watch.notice(Event::BlobMoved {
            digest: &moved,
            bytes: 10,
        });
        watch.notice(Event::BlobResumed {
            digest: &resumed,
            offset: 4,
        });
        watch.notice(Event::BlobMoved {
            digest: &uncounted,
            bytes: 7,
        });
        for digest in [&moved, &mounted, &resumed, &uncounted] {
            watch.notice(Event::BlobDone {
                digest,
                mounted: *digest == mounted,
            });
        }
        assert_eq!((total.position(), total.length()), (37, Some(47)));
        drop(watch);
        assert_eq!(total.position(), 47);
    }
}
