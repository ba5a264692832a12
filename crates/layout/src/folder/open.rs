//! Whether a folder is a layout, or may become one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use portolan_registry::{Error, Kind, Result};
use serde::Deserialize;

use super::{INDEX_FILE, LAYOUT_FILE, OWN_FILES, entries};
use crate::files::failed;

/// What stands in `oci-layout`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layout {
    image_layout_version: String,
}

/// Makes sure that `folder` is a layout.
pub(super) fn check(folder: &Path) -> Result<()> {
    let metadata = fs::metadata(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => absent(&format!("there is no folder {}", folder.display())),
        _ => failed("opening the layout", folder)(error),
    })?;
    if !metadata.is_dir() {
        let message = format!(
            "{} is no folder; if it is an archive, write oci-archive: or docker-archive: before it",
            folder.display()
        );
        return Err(absent(&message));
    }
    for file in [LAYOUT_FILE, INDEX_FILE] {
        if !folder.join(file).is_file() {
            return Err(absent(&format!(
                "{} is no OCI layout: it has no file {file}",
                folder.display()
            )));
        }
    }
    check_layout_file(&folder.join(LAYOUT_FILE))
}

/// Makes sure that the text of `oci-layout` is of a version that is known here.
pub(crate) fn check_version(text: &[u8]) -> Result<()> {
    let invalid = |message: String| Error::new(Kind::Unsupported, message);
    let layout: Layout = serde_json::from_slice(text).map_err(|error| {
        invalid(format!(
            "the version of the OCI layout cannot be read: {error}"
        ))
    })?;
    if layout.image_layout_version.starts_with("1.") {
        return Ok(());
    }
    let message = format!(
        "this OCI layout is of version {:?}, and 1.x is known here",
        layout.image_layout_version
    );
    Err(invalid(message))
}

/// Makes sure that `folder` is a layout, or nothing that a layout could damage. What it lacks is made,
/// since a process may have ended while it made it.
pub(super) fn check_for_writing(folder: &Path) -> Result<()> {
    if folder.exists() && !folder.is_dir() {
        return check(folder);
    }
    let path = folder.join(LAYOUT_FILE);
    if path.is_file() {
        return check_layout_file(&path);
    }
    let own = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(OWN_FILES))
    };
    let strangers = entries(folder)?;
    let Some(stranger) = strangers.iter().find(|path| !own(path)) else {
        return Ok(());
    };
    let message = format!(
        "{} is no OCI layout (it has no file {LAYOUT_FILE}) and not empty (it has {}), so nothing is written to it; name an \
         empty or a new folder",
        folder.display(),
        stranger.file_name().unwrap_or_default().display()
    );
    Err(Error::new(Kind::Unsupported, message))
}

fn check_layout_file(path: &Path) -> Result<()> {
    let text = fs::read(path).map_err(failed("reading", path))?;
    check_version(&text).map_err(|error| error.while_doing(path.display()))
}

/// Whether the folder has one of the files that a layout must have.
pub(super) fn is_layout(folder: &Path) -> bool {
    folder.join(LAYOUT_FILE).is_file() || folder.join(INDEX_FILE).is_file()
}

fn absent(message: &str) -> Error {
    Error::new(Kind::RepositoryUnknown, message)
}
