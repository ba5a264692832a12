//! Looks into the server's folders: no upload left over, and no blob file beyond those that were pushed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::ledger::Fate;
use crate::load::image;

/// All files below a folder, none if there is no such folder.
pub(crate) fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files.extend(below(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// The digest of a file's content.
pub(crate) fn digest(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = io::Read::read(&mut file, &mut buffer)?;
        if read == 0 {
            return Ok(image::named(hash.finalize().into()));
        }
        hash.update(&buffer[..read]);
    }
}

/// Files per digest.
pub(crate) fn count(files: &[PathBuf]) -> Result<BTreeMap<String, u32>> {
    let mut counts = BTreeMap::new();
    for file in files {
        *counts.entry(digest(file)?).or_insert(0) += 1;
    }
    Ok(counts)
}

/// Compares what lies there with what was pushed: one file for each blob that was answered 201, at most one for each
/// request that was not, and none that nobody sent (a torn file has such a digest).
pub(crate) fn compare(
    stored: &BTreeMap<String, u32>,
    pushed: &BTreeMap<String, Fate>,
) -> Vec<String> {
    let mut faults = Vec::new();
    for (digest, fate) in pushed {
        let files = stored.get(digest).copied().unwrap_or(0);
        let least = u32::from(fate.acknowledged);
        if files < least || files > least + fate.unanswered {
            let most = least + fate.unanswered;
            faults.push(format!(
                "{digest}: {files} files where {least} to {most} may be"
            ));
        }
    }
    let strangers = stored.keys().filter(|digest| !pushed.contains_key(*digest));
    faults.extend(strangers.map(|digest| format!("{digest}: a file that nobody pushed whole")));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(files: u32, acknowledged: bool, unanswered: u32) -> usize {
        let stored = BTreeMap::from([("sha256:a".to_owned(), files)]);
        let fate = Fate {
            acknowledged,
            unanswered,
            round: 1,
        };
        compare(&stored, &BTreeMap::from([("sha256:a".to_owned(), fate)])).len()
    }

    #[test]
    fn an_acknowledged_blob_is_one_file() {
        assert_eq!(faults(1, true, 0), 0);
        assert_eq!(faults(0, true, 0), 1);
        assert_eq!(faults(2, true, 0), 1);
    }

    #[test]
    fn an_unanswered_request_may_have_left_one() {
        assert_eq!(faults(0, false, 1), 0);
        assert_eq!(faults(1, false, 1), 0);
        assert_eq!(faults(2, true, 1), 0);
        assert_eq!(faults(2, false, 1), 1);
    }

    #[test]
    fn a_torn_file_is_nobodys() {
        let stored = BTreeMap::from([("sha256:torn".to_owned(), 1)]);
        assert_eq!(compare(&stored, &BTreeMap::new()).len(), 1);
    }

    #[test]
    fn counts_files_of_nested_folders_by_content() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/one"), "x").unwrap();
        fs::write(folder.path().join("two"), "x").unwrap();
        let counts = count(&below(folder.path()).unwrap()).unwrap();
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [2]);
        assert!(below(&folder.path().join("absent")).unwrap().is_empty());
    }
}
