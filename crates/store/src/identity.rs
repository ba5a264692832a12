//! Identity of a store. A file beside the blobs names the process that created the store, by its
//! epoch, which is the first one in the database. Blobs and a database that do not belong together
//! are therefore not used together, and a lost database does not look like an empty registry. The
//! file also names the last process, so that a database from a backup is noticed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use portolan_files::durable::Durability;
use portolan_files::file_error;
use portolan_registry::{Error, Kind, Result};

use crate::blobs::Epoch;
use crate::metadata::{Database, first_epoch, has_blobs, is_epoch_known};

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

/// Checks that the blobs in `folder` belong to `database`, and records `current`, the epoch of this
/// process. Returns whether the database is older than the blobs: it does not know a process that
/// has used the folder. In this case, a newer database may refer to objects that this one does not
/// know, so they must not be deleted.
///
/// # Errors
/// Returns [`Kind::Denied`] if blobs and database do not belong together.
pub(crate) async fn check(
    folder: &Path,
    database: &Database,
    current: Epoch,
    durability: &Durability,
) -> Result<bool> {
    if !has_objects(folder)? && database.lookup(has_blobs()).await? {
        return Err(mismatch(folder, "has blobs that are not in the folder"));
    }
    let first = database.lookup(first_epoch()).await?;
    let path = folder.join(FILE);
    let found = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        found => found.map_err(file_error("read", &path))?,
    };
    let mut recorded = found.lines().map(parse);
    if recorded.next().is_some_and(|recorded| recorded != first) {
        return Err(mismatch(folder, "belongs to another store"));
    }
    let mut unknown = Vec::new();
    for epoch in recorded.flatten() {
        if !database.lookup(is_epoch_known(epoch)).await? {
            unknown.push(epoch);
        }
    }
    let epochs = first.iter().chain(&unknown).chain([&current]);
    let lines: Vec<_> = epochs.map(|epoch| format!("{epoch:?}\n")).collect();
    write(&path, &lines.concat(), durability)?;
    if !unknown.is_empty() {
        tracing::error!(
            folder = %folder.display(),
            "the database is older than the blobs, so unreferenced objects are not deleted; put the \
             newer database back, or, once it is not needed any more, remove the file store.id and \
             start again"
        );
    }
    Ok(!unknown.is_empty())
}

fn parse(line: &str) -> Option<Epoch> {
    let number = u64::from_str_radix(line.trim(), 16).ok()?;
    Some(Epoch::from_bytes(number.to_be_bytes()))
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
        .and_then(|mut file| file.write_all(text.as_bytes()).map(|()| file));
    let file = written.map_err(file_error("write", &new))?;
    durability.rename(&file, &new, path)
}
