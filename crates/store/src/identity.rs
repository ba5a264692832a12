//! Identity of a store. A file beside the blobs names the process that created the store, by its
//! epoch, which is the first one in the database. Blobs and a database that do not belong together
//! are therefore not used together, and a lost database does not look like an empty registry.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use portolan_files::durable::Durability;
use portolan_files::file_error;
use portolan_registry::{Error, Kind, Result};

use crate::blobs::Epoch;
use crate::metadata::{Database, first_epoch, has_blobs};

/// Name of the file in the data folder.
const FILE: &str = "store.id";

const FILE_MODE: u32 = 0o600;

/// Checks, before the database in `folder` is created, that the folder has no content of a database
/// that is missing.
///
/// # Errors
/// Returns [`Kind::Denied`] if the database at `database` is missing.
pub(crate) fn check_new(folder: &Path, database: &Path) -> Result<()> {
    let is_empty = |path: &Path| fs::metadata(path).map_or(true, |found| found.len() == 0);
    if !is_empty(database) || (is_empty(&folder.join(FILE)) && !has_objects(folder)?) {
        return Ok(());
    }
    let message = format!(
        "{} contains content, but its database {} is missing",
        folder.display(),
        database.display()
    );
    let help = "restore the database from a backup; or, to begin with an empty registry, choose \
                another folder with `--data DIR`";
    Err(Error::new(Kind::Denied, message).with_help(help))
}

/// Checks that the blobs in `folder` belong to `database`. Writes the file if there is none yet.
///
/// # Errors
/// Returns [`Kind::Denied`] if blobs and database do not belong together.
pub(crate) async fn check(
    folder: &Path,
    database: &Database,
    durability: &Durability,
) -> Result<()> {
    let expected = database.lookup(first_epoch()).await?.map(describe);
    let path = folder.join(FILE);
    match fs::read_to_string(&path) {
        Ok(found) if Some(found.trim()) == expected.as_deref() => Ok(()),
        Ok(_) => Err(mismatch(folder, "belongs to another store")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if !has_objects(folder)? && database.lookup(has_blobs()).await? {
                return Err(mismatch(folder, "has blobs that are not in the folder"));
            }
            write(&path, &expected.unwrap_or_default(), durability)
        }
        Err(error) => Err(file_error("read", &path)(error)),
    }
}

fn describe(epoch: Epoch) -> String {
    format!("{epoch:?}")
}

fn mismatch(folder: &Path, problem: &str) -> Error {
    let message = format!("the database in {} {problem}", folder.display());
    let help = "put database and blobs of the same store together, for example from one backup";
    Error::new(Kind::Denied, message).with_help(help)
}

/// Returns whether the folder contains objects, or folders for them.
fn has_objects(folder: &Path) -> Result<bool> {
    let blobs = folder.join("blobs");
    let mut entries = match fs::read_dir(&blobs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(file_error("read the folder", &blobs)(error)),
    };
    Ok(entries.next().is_some())
}

fn write(path: &Path, text: &str, durability: &Durability) -> Result<()> {
    let new = path.with_extension("new");
    let written = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(FILE_MODE)
        .open(&new)
        .and_then(|mut file| writeln!(file, "{text}").map(|()| file));
    let file = written.map_err(file_error("write", &new))?;
    durability.rename(&file, &new, path)
}
