//! Store of unfinished upload sessions, in a file that all processes of a user share.
//!
//! A session belongs to the process that stored it, because two processes that append to the same
//! session would interfere with each other. Each process holds the lock on a file of its own, whose
//! name is stored with the session. The lock ends with the process, for whatever reason, and then
//! the next process that copies the blob takes the session over.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use portolan_model::Digest;
use portolan_registry::UploadId;
use portolan_registry::copy::SessionStore;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// Maximum number of stored sessions. The oldest sessions are removed first, because registries
/// expire sessions.
const MAX_UPLOADS: usize = 1000;

/// Prefix of the name of the file that a process locks.
const PROCESS: &str = "process-";

/// [`SessionStore`] in the file `uploads.json` of a folder.
pub(super) struct StoredUploads {
    folder: PathBuf,
    /// Locked file of this process. It exists from the first session on.
    process: Mutex<Option<NamedTempFile>>,
}

/// Content of `uploads.json`.
#[derive(Default, Deserialize, Serialize)]
struct UploadsFile {
    uploads: Vec<StoredUpload>,
}

/// Upload session for one blob in one repository.
#[derive(Deserialize, Serialize)]
struct StoredUpload {
    target: String,
    digest: String,
    upload: String,
    /// Name of the file that the process locks to which the session belongs.
    #[serde(default)]
    process: String,
}

impl StoredUploads {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            process: Mutex::default(),
        }
    }

    fn read(&self) -> io::Result<UploadsFile> {
        match fs::read(self.folder.join("uploads.json")) {
            // A file that cannot be parsed, for example of another version, is ignored: the
            // sessions in it only save time.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(UploadsFile::default()),
            Err(error) => Err(error),
        }
    }

    /// Changes the stored sessions, unless `change` returns `None`. Errors are only logged, because
    /// a copy does not depend on stored sessions.
    ///
    /// A lock serializes the changes of all processes, so that no change is lost. A rename makes
    /// each change atomic.
    fn update<T>(
        &self,
        change: impl FnOnce(&mut Vec<StoredUpload>) -> io::Result<Option<T>>,
    ) -> Option<T> {
        let updated = lock(&self.folder).and_then(|_lock| {
            let mut stored = self.read()?;
            let Some(changed) = change(&mut stored.uploads)? else {
                return Ok(None);
            };
            let excess = stored.uploads.len().saturating_sub(MAX_UPLOADS);
            stored.uploads.drain(..excess);
            let mut file = NamedTempFile::new_in(&self.folder)?;
            file.write_all(&serde_json::to_vec(&stored)?)?;
            file.persist(self.folder.join("uploads.json"))?;
            Ok(Some(changed))
        });
        updated.unwrap_or_else(|error| {
            tracing::debug!(folder = %self.folder.display(), %error, "failed to store upload sessions");
            None
        })
    }

    /// Returns the name of the locked file of this process. Creates it for the first session, and
    /// removes those of processes that are gone. The caller holds the lock of the folder.
    fn process(&self) -> io::Result<String> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if process.is_none() {
            for entry in fs::read_dir(&self.folder)? {
                let path = entry?.path();
                if file_name(&path).starts_with(PROCESS) && !is_locked(&path)? {
                    fs::remove_file(path)?;
                }
            }
            let file = tempfile::Builder::new()
                .prefix(PROCESS)
                .tempfile_in(&self.folder)?;
            file.as_file().lock()?;
            *process = Some(file);
        }
        Ok(process
            .as_ref()
            .map(|file| file_name(file.path()))
            .unwrap_or_default())
    }
}

/// Locks the sessions in a folder. Dropping the returned file releases the lock.
fn lock(folder: &Path) -> io::Result<File> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(folder.join("uploads.lock"))?;
    file.lock()?;
    Ok(file)
}

/// Returns whether a process holds the lock on a file. A file that does not exist is not locked.
fn is_locked(path: &Path) -> io::Result<bool> {
    match File::open(path) {
        Ok(file) => Ok(file.try_lock().is_err()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

impl StoredUpload {
    fn matches(&self, target: &str, digest: &Digest) -> bool {
        self.target == target && self.digest == digest.as_str()
    }
}

impl SessionStore for StoredUploads {
    fn find(&self, target: &str, digest: &Digest) -> Option<UploadId> {
        // Most copies have nothing to resume, and create neither a folder nor a file.
        let stored = self.read().ok()?.uploads;
        stored
            .iter()
            .find(|upload| upload.matches(target, digest))?;
        self.update(|uploads| {
            let process = self.process()?;
            for upload in uploads {
                let is_free =
                    upload.process == process || !is_locked(&self.folder.join(&upload.process))?;
                if upload.matches(target, digest) && is_free {
                    upload.process = process;
                    return Ok(Some(UploadId::new(upload.upload.as_str())));
                }
            }
            Ok(None)
        })
    }

    fn save(&self, target: &str, digest: &Digest, id: &UploadId) {
        self.update(|uploads| {
            let process = self.process()?;
            uploads.retain(|upload| !upload.matches(target, digest) || upload.process != process);
            uploads.push(StoredUpload {
                target: target.into(),
                digest: digest.to_string(),
                upload: id.to_string(),
                process,
            });
            Ok(Some(()))
        });
    }

    fn remove(&self, target: &str, digest: &Digest) {
        self.update(|uploads| {
            let (process, before) = (self.process()?, uploads.len());
            uploads.retain(|upload| !upload.matches(target, digest) || upload.process != process);
            Ok((uploads.len() < before).then_some(()))
        });
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::thread;

    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::sha256(text.as_bytes())
    }

    #[test]
    fn resumes_the_session_of_a_process_that_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/portolan");
        let first = StoredUploads::new(path.clone());
        assert_eq!(first.find("quay.io/a", &digest("x")), None);
        assert!(!path.exists());
        first.save("quay.io/a", &digest("x"), &UploadId::new("one"));
        first.save("quay.io/a", &digest("x"), &UploadId::new("two"));
        let (next, third) = (
            StoredUploads::new(path.clone()),
            StoredUploads::new(path.clone()),
        );
        assert_eq!(
            next.find("quay.io/a", &digest("x")),
            None,
            "the first process runs"
        );
        drop(first);
        let found = next.find("quay.io/a", &digest("x"));
        assert_eq!(found, Some(UploadId::new("two")));
        assert_eq!(next.find("quay.io/b", &digest("x")), None);
        assert_eq!(
            third.find("quay.io/a", &digest("x")),
            None,
            "the next process runs"
        );
        next.remove("quay.io/a", &digest("x"));
        assert_eq!(next.find("quay.io/a", &digest("x")), None);
        let mode = fs::metadata(path.join("uploads.json"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn processes_that_copy_the_same_blob_keep_their_own_sessions() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = [(); 2].map(|()| StoredUploads::new(folder.path().into()));
        first.save("a", &digest("x"), &UploadId::new("one"));
        second.save("a", &digest("x"), &UploadId::new("two"));
        first.remove("a", &digest("x"));
        assert_eq!(second.find("a", &digest("x")), Some(UploadId::new("two")));
    }

    #[test]
    fn files_of_killed_processes_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("process-killed"), "").unwrap();
        let running = StoredUploads::new(folder.path().into());
        running.save("a", &digest("x"), &UploadId::new("one"));
        let next = StoredUploads::new(folder.path().into());
        next.save("b", &digest("x"), &UploadId::new("two"));
        let files = fs::read_dir(folder.path()).unwrap();
        let names = files.map(|entry| file_name(&entry.unwrap().path()));
        assert_eq!(names.filter(|name| name.starts_with(PROCESS)).count(), 2);
    }

    #[test]
    fn concurrent_changes_are_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..16).map(|number| number.to_string()).collect();
        thread::scope(|scope| {
            for name in &names {
                scope.spawn(|| {
                    StoredUploads::new(folder.path().into()).save(
                        name,
                        &digest(name),
                        &UploadId::new(name.as_str()),
                    );
                });
            }
        });
        let stored = StoredUploads::new(folder.path().into());
        assert!(
            names
                .iter()
                .all(|name| stored.find(name, &digest(name)).is_some())
        );
    }

    #[test]
    fn discards_an_unreadable_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("uploads.json"), "{").unwrap();
        let uploads = StoredUploads::new(folder.path().into());
        assert_eq!(uploads.find("a", &digest("x")), None);
        uploads.save("a", &digest("x"), &UploadId::new("one"));
        assert!(uploads.find("a", &digest("x")).is_some());
    }
}
