//! Checks that a folder is a layout, or can become a layout.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use portolan_files::file_error;
use portolan_registry::{Error, Kind, Result};
use serde::Deserialize;

use super::{INDEX_FILE, LAYOUT_FILE, OWN_FILE_PREFIX, list_folder};

/// Content of `oci-layout`. Some tools omit the version.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layout {
    #[serde(default = "default_version")]
    image_layout_version: String,
}

fn default_version() -> String {
    "1.0.0".into()
}

/// Returns an error if `folder` is not a layout.
pub(super) fn check_layout(folder: &Path) -> Result<()> {
    let metadata = fs::metadata(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            not_a_layout(&format!("folder {} does not exist", folder.display()))
        }
        _ => file_error("open the layout", folder)(error),
    })?;
    if !metadata.is_dir() {
        let message = format!("{} is not a folder", folder.display());
        let help = format!(
            "for an archive, use `oci-archive:{0}` or `docker-archive:{0}`",
            folder.display()
        );
        return Err(not_a_layout(&message).with_help(help));
    }
    if !folder.join(INDEX_FILE).is_file() {
        return Err(not_a_layout(&format!(
            "{} is not an OCI layout: file {INDEX_FILE} does not exist",
            folder.display()
        )));
    }
    // Some tools omit the file with the version.
    let version = folder.join(LAYOUT_FILE);
    if version.exists() {
        check_layout_file(&version)?;
    }
    Ok(())
}

/// Returns an error if the content of `oci-layout` has an unsupported version.
pub(crate) fn check_version(text: &[u8]) -> Result<()> {
    let invalid = |message: String| Error::new(Kind::Unsupported, message);
    let layout: Layout = serde_json::from_slice(text).map_err(|error| {
        invalid(format!(
            "failed to parse the version of the OCI layout: {error}"
        ))
    })?;
    if layout.image_layout_version.starts_with("1.") {
        return Ok(());
    }
    let message = format!(
        "the OCI layout has version {:?}, but only 1.x is supported",
        layout.image_layout_version
    );
    Err(invalid(message))
}

/// Returns an error if `folder` contains something other than a layout, because a write could
/// damage it. Accepts a layout with missing files, because a process may have ended while it
/// created the layout. The caller adds these files.
pub(super) fn check_for_writing(folder: &Path) -> Result<()> {
    if folder.exists() && !folder.is_dir() {
        return check_layout(folder);
    }
    let path = folder.join(LAYOUT_FILE);
    if path.is_file() {
        return check_layout_file(&path);
    }
    let own = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(OWN_FILE_PREFIX))
    };
    let found = list_folder(folder)?;
    let Some(foreign) = found.iter().find(|path| !own(path)) else {
        return Ok(());
    };
    let message = format!(
        "{} is neither an OCI layout (file {LAYOUT_FILE} does not exist) nor empty (it contains \
         {}), so nothing was written to it",
        folder.display(),
        foreign.file_name().unwrap_or_default().display()
    );
    Err(Error::new(Kind::Unsupported, message).with_help("use an empty or a new folder"))
}

fn check_layout_file(path: &Path) -> Result<()> {
    let text = fs::read(path).map_err(file_error("read", path))?;
    check_version(&text)
        .map_err(|error| error.with_prefix(format!("failed to read {}", path.display())))
}

/// Returns whether the folder has one of the files that a layout must have.
pub(super) fn is_layout(folder: &Path) -> bool {
    folder.join(LAYOUT_FILE).is_file() || folder.join(INDEX_FILE).is_file()
}

fn not_a_layout(message: &str) -> Error {
    Error::new(Kind::RepositoryUnknown, message)
}
