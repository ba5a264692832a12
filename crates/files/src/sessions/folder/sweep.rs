//! Search for files that earlier processes left in the folder.
//!
//! A folder may contain a million abandoned sessions. So the folder is not read when it is opened,
//! and a sweep runs only when a session may have expired since the last sweep.

use std::ffi::OsStr;
use std::fs::{self, DirEntry, Metadata};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use portolan_registry::Result;

use super::{SHARDS, SessionFolder};
use crate::durable::remove;
use crate::sessions::{SessionKey, SessionName};
use crate::{file_error, is_absent};

/// Maximum number of sweeps within one idle time. Without a limit, each of several sessions that
/// expire shortly after each other would cause a sweep.
const SWEEPS_PER_IDLE_TIME: u32 = 16;

/// Schedule of the sweeps of a folder.
pub(super) struct Sweep {
    /// Times of the monotonic clock and of the wall clock when the folder was opened. Afterwards,
    /// only the monotonic clock is read, so that setting the wall clock ends no session.
    opened: (Instant, SystemTime),
    /// Time of the next sweep, or `None` until the first sweep has ended.
    next: Mutex<Option<Instant>>,
}

/// Result of the sweep of one subfolder.
pub(in crate::sessions) struct Found {
    /// Sessions of earlier processes that nobody has used for the idle time.
    pub(in crate::sessions) due: Vec<SessionName>,
    /// Time until the next session is due, or the idle time if there is no session.
    pub(in crate::sessions) next: Duration,
}

impl Sweep {
    pub(super) fn new(now: Instant, wall: SystemTime) -> Self {
        Self {
            opened: (now, wall),
            next: Mutex::default(),
        }
    }

    fn next(&self) -> Option<Instant> {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the time since the last write to a file, or zero if its modification time is in the
    /// future.
    fn age(&self, metadata: &Metadata, now: Instant) -> Duration {
        let (opened, wall) = self.opened;
        let now = wall.checked_add(now.saturating_duration_since(opened));
        let age = now.zip(metadata.modified().ok());
        age.and_then(|(now, modified)| now.duration_since(modified).ok())
            .unwrap_or_default()
    }
}

impl SessionFolder {
    /// Returns whether a sweep is due, because a session of an earlier process may have expired.
    pub(in crate::sessions) fn is_sweep_due(&self, now: Instant) -> bool {
        self.sweep.next().is_none_or(|next| now >= next)
    }

    /// Searches a subfolder for sessions of earlier processes, and removes files that such
    /// processes were receiving without a session. `is_known` returns whether this process has a
    /// session in memory. Such sessions are skipped.
    pub(in crate::sessions) fn sweep(
        &self,
        shard: u8,
        idle: Duration,
        now: Instant,
        is_known: &dyn Fn(&SessionKey) -> bool,
    ) -> Result<Found> {
        let is_first = self.sweep.next().is_none();
        let mut found = Found {
            due: Vec::new(),
            next: idle,
        };
        let folder = self.shard(shard);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(found),
            Err(error) => return Err(file_error("read the folder", &folder)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(file_error("read the folder", &folder))?;
            let is_ours = self.visit(&entry, is_known, |metadata, name| {
                let age = self.sweep.age(metadata, now);
                match idle.checked_sub(age).filter(|left| !left.is_zero()) {
                    Some(left) => found.next = found.next.min(left),
                    None => found.due.push(name),
                }
            });
            if is_first && !is_ours {
                report(&entry.path());
            }
        }
        Ok(found)
    }

    /// Records the end of a sweep that began at `now`. The next session is due after `next`.
    pub(in crate::sessions) fn end_sweep(
        &self,
        idle: Duration,
        now: Instant,
        next: Duration,
    ) -> Result<()> {
        if self.sweep.next().is_none() {
            self.report_strays()?;
        }
        let next = now + next.max(idle / SWEEPS_PER_IDLE_TIME);
        *self
            .sweep
            .next
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(next);
        Ok(())
    }

    /// Inspects an entry of a subfolder. Calls `on_session` if the entry is a session of an earlier
    /// process, and removes the entry if an earlier process was receiving it without a session.
    /// Returns `false` if the entry does not belong to an upload.
    fn visit(
        &self,
        entry: &DirEntry,
        is_known: &dyn Fn(&SessionKey) -> bool,
        on_session: impl FnOnce(&Metadata, SessionName),
    ) -> bool {
        let file_name = entry.file_name();
        if let Some(process) = process_of_part(&file_name) {
            if process != self.process
                && let Err(error) = remove(&entry.path())
            {
                tracing::error!(%error, "failed to remove the file of an interrupted upload");
            }
            return true;
        }
        let Some(name) = file_name.to_str().and_then(SessionName::parse) else {
            return false;
        };
        if is_known(&name.key) {
            return true;
        }
        match entry.metadata() {
            Ok(metadata) if metadata.is_file() => {
                on_session(&metadata, name);
                true
            }
            Ok(_) => false,
            // The session ended since the folder was read, or its file cannot be inspected. Skip
            // it.
            Err(_) => true,
        }
    }

    /// Logs the entries of the folder that are neither a subfolder nor the key.
    fn report_strays(&self) -> Result<()> {
        let folder = &self.settings.folder;
        for entry in fs::read_dir(folder).map_err(file_error("read the folder", folder))? {
            let path = entry.map_err(file_error("read the folder", folder))?.path();
            let is_shard = (0..SHARDS).any(|number| path == self.shard(number)) && path.is_dir();
            if !is_shard && path != self.settings.key {
                report(&path);
            }
        }
        Ok(())
    }
}

/// Returns `PROCESS` of a name of the form `part-PROCESS-NUMBER`.
fn process_of_part(name: &OsStr) -> Option<u64> {
    let (process, number) = name.to_str()?.strip_prefix("part-")?.split_once('-')?;
    u64::from_str_radix(number, 16).ok()?;
    (process.len() == 16).then(|| u64::from_str_radix(process, 16).ok())?
}

fn report(path: &Path) {
    tracing::warn!(
        path = %path.display(),
        "found a file or folder that does not belong to an upload; remove it if it is not needed"
    );
}
