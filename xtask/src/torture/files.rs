//! Checks of the server's folders: no abandoned upload, and no blob file that was not pushed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::ledger::ExpectedState;
use crate::load::image;

/// Returns all files below a folder, or none if the folder does not exist.
pub(crate) fn list_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files.extend(list_files(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// Returns the digest of a file's content.
pub(crate) fn digest_of_file(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = io::Read::read(&mut file, &mut buffer)?;
        if read == 0 {
            return Ok(image::format_digest(hash.finalize().into()));
        }
        hash.update(&buffer[..read]);
    }
}

/// Returns the number of files per digest.
pub(crate) fn count_by_digest(files: &[PathBuf]) -> Result<BTreeMap<String, u32>> {
    let mut counts = BTreeMap::new();
    for file in files {
        *counts.entry(digest_of_file(file)?).or_insert(0) += 1;
    }
    Ok(counts)
}

/// Compares the stored files with the pushed content: one file for each blob that was acknowledged
/// with 201, at most one for each request without a response, and none with another digest, as a
/// torn file would have.
pub(crate) fn check_files(
    stored: &BTreeMap<String, u32>,
    pushed: &BTreeMap<String, ExpectedState>,
) -> Vec<String> {
    let mut faults = Vec::new();
    for (digest, fate) in pushed {
        let files = stored.get(digest).copied().unwrap_or(0);
        let least = u32::from(fate.acknowledged);
        if files < least || files > least + fate.unanswered {
            let most = least + fate.unanswered;
            faults.push(format!(
                "{digest}: {files} files instead of {least} to {most}"
            ));
        }
    }
    let strangers = stored.keys().filter(|digest| !pushed.contains_key(*digest));
    faults.extend(strangers.map(|digest| {
        format!(
            "{digest}: a file whose content was never pushed \
         completely"
        )
    }));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(files: u32, acknowledged: bool, unanswered: u32) -> usize {
        let stored = BTreeMap::from([("sha256:a".to_owned(), files)]);
        let fate = ExpectedState {
            acknowledged,
            unanswered,
            round: 1,
        };
        check_files(&stored, &BTreeMap::from([("sha256:a".to_owned(), fate)])).len()
    }

    #[test]
    fn acknowledged_blob_is_one_file() {
        assert_eq!(faults(1, true, 0), 0);
        assert_eq!(faults(0, true, 0), 1);
        assert_eq!(faults(2, true, 0), 1);
    }

    #[test]
    fn request_without_response_may_leave_one_file() {
        assert_eq!(faults(0, false, 1), 0);
        assert_eq!(faults(1, false, 1), 0);
        assert_eq!(faults(2, true, 1), 0);
        assert_eq!(faults(2, false, 1), 1);
    }

    #[test]
    fn torn_file_is_a_fault() {
        let stored = BTreeMap::from([("sha256:torn".to_owned(), 1)]);
        assert_eq!(check_files(&stored, &BTreeMap::new()).len(), 1);
    }

    #[test]
    fn counts_files_in_nested_folders_by_content() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/one"), "x").unwrap();
        fs::write(folder.path().join("two"), "x").unwrap();
        let counts = count_by_digest(&list_files(folder.path()).unwrap()).unwrap();
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [2]);
        assert!(
            list_files(&folder.path().join("absent"))
                .unwrap()
                .is_empty()
        );
    }
}
