//! Folder of a layout for data that is not content yet: upload sessions and temporary files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portolan_files::durable::{Durability, remove};
use portolan_files::sessions::{FolderSettings, SessionFolder, Sessions};
use portolan_files::{SystemRuntime, file_error};
use portolan_registry::Result;

use crate::files::{FILE_MODE, TEMPORARY};

/// Name of the folder. Other tools ignore it.
const FOLDER_NAME: &str = ".portolan-uploads";

/// Maximum idle time of a session.
const SESSION_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// Returns the path of the folder in `layout`.
pub(super) fn folder(layout: &Path) -> PathBuf {
    layout.join(FOLDER_NAME)
}

/// Returns whether a layout may have sessions to resume.
pub(super) fn exists_in(layout: &Path) -> bool {
    folder(layout).is_dir()
}

/// Opens the sessions of a layout. The caller must have locked the layout. Creates the folder of
/// the sessions. Removes abandoned sessions, and temporary files of processes that have ended.
pub(super) fn open(layout: &Path, durability: Arc<Durability>) -> Result<Sessions<SessionFolder>> {
    let folder = folder(layout);
    let settings = FolderSettings {
        key: folder.join("key"),
        folder: folder.clone(),
        file_mode: FILE_MODE,
        durability,
    };
    let sessions = Sessions::in_folder(settings, Arc::new(SystemRuntime))?;
    remove_temporary_files(&folder)?;
    sessions.expire_at_start(SESSION_LIFETIME)?;
    Ok(sessions)
}

fn remove_temporary_files(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(file_error("read the folder", folder))? {
        let entry = entry.map_err(file_error("read the folder", folder))?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}
