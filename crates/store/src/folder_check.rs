//! Check of a data folder, without any change to it.

use std::path::Path;

use portolan_files::file_error;
use portolan_registry::{Error, Kind, Result};
use rustix::fs::{Access, access};

use crate::store::DATABASE;

/// Checks that the folder can be used, or created if it does not exist.
pub(crate) fn check(folder: &Path) -> Result<()> {
    let mut existing = std::path::absolute(folder).map_err(file_error("find", folder))?;
    if !exists(&existing)? {
        while existing.pop() && !exists(&existing)? {}
        return check_folder(&existing);
    }
    check_folder(&existing)?;
    for part in ["blobs", "uploads"] {
        let part = existing.join(part);
        if exists(&part)? {
            check_folder(&part)?;
        }
    }
    check_database(&existing.join(DATABASE))
}

fn check_folder(folder: &Path) -> Result<()> {
    if !folder.is_dir() {
        let message = format!("{} is not a folder", folder.display());
        return Err(Error::new(Kind::Internal, message));
    }
    check_access(folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)
}

fn check_database(file: &Path) -> Result<()> {
    if exists(file)? {
        check_access(file, Access::READ_OK | Access::WRITE_OK)?;
    }
    Ok(())
}

fn check_access(path: &Path, rights: Access) -> Result<()> {
    access(path, rights).map_err(|error| file_error("write to", path)(error.into()))
}

fn exists(path: &Path) -> Result<bool> {
    path.try_exists().map_err(file_error("inspect", path))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_that_can_be_created_is_accepted_and_not_created() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        check(&folder).unwrap();
        assert!(!parent.path().join("a").exists());
        check(parent.path()).unwrap();
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn files_in_the_place_of_folders_are_reported() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("blobs");
        fs::write(&file, "").unwrap();
        for folder in [parent.path(), &file] {
            let error = check(folder).unwrap_err();
            assert_eq!(
                error.message(),
                format!("{} is not a folder", file.display())
            );
        }
        assert!(check(&file.join("below")).is_err());
    }
}
