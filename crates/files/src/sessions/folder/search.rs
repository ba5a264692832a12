//! Search for files that earlier processes left in the folder.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::path::Path;

use portolan_registry::Result;

use super::{SHARDS, SessionFolder};
use crate::durable::remove;
use crate::sessions::SessionName;
use crate::{file_error, is_absent};

impl SessionFolder {
    /// Calls `on_session` for each session in a subfolder, and removes files that earlier processes
    /// were receiving without a session. Logs other files and folders.
    pub(in crate::sessions) fn search(
        &self,
        shard: u8,
        on_session: &mut dyn FnMut(SessionName),
    ) -> Result<()> {
        let folder = self.shard(shard);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(file_error("read the folder", &folder)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(file_error("read the folder", &folder))?;
            if let Some(process) = process_of_part(&entry.file_name()) {
                self.remove_part(process, &entry.path());
            } else if let Some(name) = session_of(&entry) {
                on_session(name);
            } else {
                report(&entry.path());
            }
        }
        Ok(())
    }

    /// Logs the entries of the folder that are neither a subfolder nor the key.
    pub(in crate::sessions) fn report_strays(&self) -> Result<()> {
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

    /// Removes a file that `process` was receiving without a session, unless it is this process.
    fn remove_part(&self, process: u64, path: &Path) {
        if process != self.process
            && let Err(error) = remove(path)
        {
            tracing::error!(%error, "failed to remove the file of an interrupted upload");
        }
    }
}

/// Returns the session that an entry of a subfolder belongs to, or `None` if it belongs to none.
fn session_of(entry: &DirEntry) -> Option<SessionName> {
    let name = SessionName::parse(entry.file_name().to_str()?)?;
    // A file whose type is unknown has been removed since the folder was read.
    let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
    is_file.then_some(name)
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
