//! Watch over the files of the database. SQLite goes on writing to a file that was removed or
//! replaced, and everything that it writes is lost with the process.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use portolan_files::file_error;
use portolan_registry::Result;
use rustix::fs::{Mode, OFlags, fstat};

/// Suffixes of the files of an open database: the database itself, and its write-ahead log.
const SUFFIXES: [&str; 2] = ["", "-wal"];

/// Files of an open database.
pub(super) struct OpenFiles(Vec<(PathBuf, OwnedFd)>);

impl OpenFiles {
    /// Opens the files of the database at `path`, without access to their bytes: closing such a
    /// descriptor does not release the locks of SQLite.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let open = |suffix| {
            let mut path = path.as_os_str().to_owned();
            path.push(suffix);
            let path = PathBuf::from(path);
            match rustix::fs::open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
                Ok(file) => Ok((path, file)),
                Err(error) => Err(file_error("open", &path)(error.into())),
            }
        };
        SUFFIXES
            .into_iter()
            .map(open)
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Returns the path of a file that was removed or replaced.
    pub(super) fn find_removed(&self) -> Option<&Path> {
        let is_removed = |file: &OwnedFd| fstat(file).is_ok_and(|found| found.st_nlink == 0);
        let (path, _) = self.0.iter().find(|(_, file)| is_removed(file))?;
        Some(path)
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
        ] {
            for changed in [&path, &log] {
                create();
                let files = OpenFiles::open(&path).unwrap();
                assert_eq!(files.find_removed(), None);
                fs::write(changed.with_extension("other"), "").unwrap();
                change(changed);
                assert_eq!(files.find_removed(), Some(changed.as_path()));
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
