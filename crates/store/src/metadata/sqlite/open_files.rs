//! Watch over the files of the database. SQLite goes on writing to a file that was removed or
//! replaced, and everything that it writes is lost with the process.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use portolan_files::durable::parent;
use portolan_files::file_error;
use portolan_registry::Result;
use rustix::fs::{AtFlags, statat, unlinkat};

/// Suffixes of the files of an open database: the database itself, and its write-ahead log.
const SUFFIXES: [&str; 2] = ["", "-wal"];

/// Files of an open database.
pub(super) struct OpenFiles {
    /// Folder of the files. If it is moved, nothing is lost.
    folder: File,
    path: PathBuf,
    names: [OsString; 2],
    opened: [Option<Identity>; 2],
}

/// Device and inode of a file.
type Identity = (u64, u64);

impl OpenFiles {
    /// Notes which files the database at `path` has. They must be open.
    pub(super) fn open(path: &Path) -> Result<Self> {
        // SQLite creates the log beside the file that a link leads to.
        let path = path.canonicalize().map_err(file_error("find", path))?;
        let folder = File::open(parent(&path)).map_err(file_error("open the folder of", &path))?;
        let names = SUFFIXES.map(|suffix| {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(suffix);
            name
        });
        let mut files = Self {
            folder,
            path,
            names,
            opened: [None; 2],
        };
        files.opened = files.identities();
        Ok(files)
    }

    fn identities(&self) -> [Option<Identity>; 2] {
        self.names.each_ref().map(|name| {
            let found = statat(&self.folder, name, AtFlags::empty()).ok()?;
            Some((found.st_dev, found.st_ino))
        })
    }

    /// Returns the path of the database.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the write-ahead log, unless it was removed or replaced already.
    pub(super) fn remove_log(&self) -> io::Result<()> {
        let [_, log] = &self.names;
        if self.identities()[1] == self.opened[1] {
            unlinkat(&self.folder, log, AtFlags::empty())?;
        }
        Ok(())
    }

    /// Returns the path of a file that was removed or replaced.
    pub(super) fn find_removed(&self) -> Option<PathBuf> {
        let mut names = self.names.iter().zip(self.opened).zip(self.identities());
        let ((name, ..), _) = names.find(|((_, opened), found)| opened != found)?;
        Some(self.path.with_file_name(name))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn removed_and_replaced_files_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let (path, log) = (folder.path().join("x"), folder.path().join("x-wal"));
        let create = || [&path, &log].map(|path| fs::write(path, "").unwrap());
        for change in [
            |path: &Path| fs::remove_file(path).unwrap(),
            |path: &Path| fs::rename(path.with_extension("other"), path).unwrap(),
            // The old file gets another name.
            |path: &Path| {
                fs::rename(path, path.with_extension("old")).unwrap();
                fs::rename(path.with_extension("other"), path).unwrap();
            },
        ] {
            for changed in [&path, &log] {
                create();
                let files = OpenFiles::open(&path).unwrap();
                assert_eq!(files.find_removed(), None);
                fs::write(changed.with_extension("other"), "").unwrap();
                change(changed);
                assert_eq!(files.find_removed().as_ref(), Some(changed));
            }
        }
        create();
        let files = OpenFiles::open(&path).unwrap();
        let moved = folder.path().with_extension("moved");
        fs::rename(folder.path(), &moved).unwrap();
        assert_eq!(files.find_removed(), None, "nothing is lost by a move");
        fs::rename(&moved, folder.path()).unwrap();
    }
}
