//! Checks of broken surroundings: damaged objects, a folder or a database that disappears, a limit
//! of the file size, and a log that cannot be written.

mod caller;
mod database;
mod folder;
mod http2;
mod log;
mod objects;

use anyhow::Result;

use super::scene::Scene;

/// Function of a check.
type Check = fn(&Scene) -> Result<()>;

/// Names and functions of the checks.
pub(super) const CHECKS: &[(&str, Check)] = &[
    ("object-removed", objects::removed),
    ("object-truncated", objects::truncated),
    ("object-flipped", objects::flipped),
    ("folder-moved", folder::moved),
    ("folder-replaced", folder::replaced),
    ("database-removed", database::removed),
    ("database-missing", database::missing_at_start),
    ("http2-window", http2::closed_window),
    ("file-size-limit", folder::file_size_limit),
    ("log-disk-full", log::full_disk),
    ("log-pipe-unread", log::unread_pipe),
    ("log-closed", log::closed),
];
