//! Upload sessions that were begun and not finished, in a file that all processes share.
//!
//! They are always kept, and gone on with only if `--resume` says that whoever began them has ended:
//! two processes that send to one session get into each other's way.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use portolan_model::Digest;
use portolan_registry::UploadId;
use portolan_registry::copy::Sessions;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// Most sessions that are kept; registries end them after a while, so the oldest go first.
const MOST: usize = 1000;

/// The sessions in `uploads.json` of a folder.
pub(super) struct Uploads {
    folder: PathBuf,
    resume: bool,
}

#[derive(Default, Deserialize, Serialize)]
struct Kept {
    uploads: Vec<Session>,
}

#[derive(Deserialize, Serialize)]
struct Session {
    target: String,
    digest: String,
    upload: String,
}

impl Uploads {
    pub(super) fn new(folder: PathBuf, resume: bool) -> Self {
        Self { folder, resume }
    }

    fn read(&self) -> io::Result<Kept> {
        match fs::read(self.folder.join("uploads.json")) {
            // What another version wrote, or a person, is begun anew.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Kept::default()),
            Err(error) => Err(error),
        }
    }

    /// Replaces the session of a blob, one process at a time, so that nobody reads half of the file.
    fn replace(&self, target: &str, digest: &Digest, session: Option<Session>) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        let _lock = lock(&self.folder.join("uploads.lock"))?;
        let mut kept = self.read()?;
        let before = kept.uploads.len();
        kept.uploads.retain(|session| !session.is(target, digest));
        if session.is_none() && kept.uploads.len() == before {
            return Ok(());
        }
        kept.uploads.extend(session);
        let oldest = kept.uploads.len().saturating_sub(MOST);
        kept.uploads.drain(..oldest);
        let mut file = NamedTempFile::new_in(&self.folder)?;
        file.write_all(&serde_json::to_vec(&kept)?)?;
        file.persist(self.folder.join("uploads.json"))?;
        Ok(())
    }

    fn replace_or_tell(&self, target: &str, digest: &Digest, session: Option<Session>) {
        if let Err(error) = self.replace(target, digest, session) {
            tracing::debug!(folder = %self.folder.display(), %error, "upload sessions are not kept");
        }
    }
}

/// Held until the file is dropped.
fn lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    file.lock()?;
    Ok(file)
}

impl Session {
    fn is(&self, target: &str, digest: &Digest) -> bool {
        self.target == target && self.digest == digest.as_str()
    }
}

impl Sessions for Uploads {
    fn find(&self, target: &str, digest: &Digest) -> Option<UploadId> {
        let kept = self.read().ok().filter(|_| self.resume)?;
        let found = kept
            .uploads
            .into_iter()
            .find(|session| session.is(target, digest))?;
        Some(UploadId::new(found.upload))
    }

    fn keep(&self, target: &str, digest: &Digest, id: &UploadId) {
        let session = Session {
            target: target.into(),
            digest: digest.to_string(),
            upload: id.to_string(),
        };
        self.replace_or_tell(target, digest, Some(session));
    }

    fn forget(&self, target: &str, digest: &Digest) {
        self.replace_or_tell(target, digest, None);
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
    fn another_process_goes_on_only_if_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/portolan");
        let first = Uploads::new(path.clone(), false);
        first.keep("quay.io/a", &digest("x"), &UploadId::new("one"));
        first.keep("quay.io/a", &digest("x"), &UploadId::new("two"));
        assert_eq!(first.find("quay.io/a", &digest("x")), None);
        let next = Uploads::new(path.clone(), true);
        assert_eq!(
            next.find("quay.io/a", &digest("x")),
            Some(UploadId::new("two"))
        );
        assert_eq!(next.find("quay.io/b", &digest("x")), None);
        next.forget("quay.io/a", &digest("x"));
        assert_eq!(next.find("quay.io/a", &digest("x")), None);
        let mode = fs::metadata(path.join("uploads.json"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn many_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..16).map(|number| number.to_string()).collect();
        thread::scope(|scope| {
            for name in &names {
                scope.spawn(|| {
                    Uploads::new(folder.path().into(), false).keep(
                        name,
                        &digest(name),
                        &UploadId::new(name.as_str()),
                    );
                });
            }
        });
        let kept = Uploads::new(folder.path().into(), true);
        assert!(
            names
                .iter()
                .all(|name| kept.find(name, &digest(name)).is_some())
        );
    }

    #[test]
    fn a_file_that_makes_no_sense_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("uploads.json"), "{").unwrap();
        let uploads = Uploads::new(folder.path().into(), true);
        assert_eq!(uploads.find("a", &digest("x")), None);
        uploads.keep("a", &digest("x"), &UploadId::new("one"));
        assert!(uploads.find("a", &digest("x")).is_some());
    }
}
