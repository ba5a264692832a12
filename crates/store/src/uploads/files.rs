//! Sessions as files: the bytes in one, what is noted of them beside it; the length is the offset.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use portolan_model::{Algorithm, Digest, RepositoryName};
use portolan_registry::{Body, Error, Kind, Result, Upload, UploadId};

use super::append::{Progress, append};
use super::sidecar::Sidecar;
use super::{Finished, Uploads};
use crate::blobs::Staged;
use crate::files::{blocking, storage_error};

/// Sessions below one folder, which is on the filesystem of the blobs.
pub(crate) struct Files {
    folder: Arc<Path>,
    sessions: Mutex<HashMap<UploadId, Arc<Session>>>,
}

/// A session that this process has met.
struct Session {
    sidecar: Sidecar,
    /// One call at a time; `None` until the file has been read back.
    progress: tokio::sync::Mutex<State>,
}

enum State {
    /// Only the file can tell how far it is.
    Unknown,
    At(Box<Progress>),
    Ended,
}

impl Files {
    /// Uses `folder`, which is made if it is not there; what no session owns is removed.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let failed = |error| storage_error(error, "opening the folder for uploads");
        fs::create_dir_all(folder).map_err(failed)?;
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let owned = Sidecar::read(&path.with_extension("json"))?.is_some()
                && path.with_extension("").exists();
            if !owned {
                fs::remove_file(&path).map_err(failed)?;
            }
        }
        Ok(Self {
            folder: folder.into(),
            sessions: Mutex::default(),
        })
    }

    fn data(&self, id: &UploadId) -> PathBuf {
        self.folder.join(id.as_str())
    }

    fn sidecar(&self, id: &UploadId) -> PathBuf {
        self.data(id).with_extension("json")
    }

    /// A panic elsewhere leaves the map as it was.
    fn sessions(&self) -> MutexGuard<'_, HashMap<UploadId, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session, also one of before a restart.
    async fn session(&self, repository: &RepositoryName, id: &UploadId) -> Result<Arc<Session>> {
        let unknown = || Error::upload_unknown(repository, id);
        if !crate::is_random_id(id.as_str()) {
            return Err(unknown());
        }
        let known = self.sessions().get(id).cloned();
        let session = match known {
            Some(session) => session,
            None => self.recall(id).await?.ok_or_else(unknown)?,
        };
        if session.sidecar.repository == *repository {
            Ok(session)
        } else {
            Err(unknown())
        }
    }

    async fn recall(&self, id: &UploadId) -> Result<Option<Arc<Session>>> {
        let (path, again) = (self.sidecar(id), self.sidecar(id));
        let Some(sidecar) = blocking(move || Sidecar::read(&path)).await? else {
            return Ok(None);
        };
        let progress = tokio::sync::Mutex::new(State::Unknown);
        let session = Arc::new(Session { sidecar, progress });
        let session = Arc::clone(self.sessions().entry(id.clone()).or_insert(session));
        // It may have ended since its sidecar was read: that goes first, and the entry after it.
        if blocking(move || Ok(again.exists())).await? {
            return Ok(Some(session));
        }
        self.sessions().remove(id);
        Ok(None)
    }

    /// How far a session is, whose lock the caller holds as `state`.
    async fn progress(
        &self,
        session: &Session,
        id: &UploadId,
        state: &mut State,
    ) -> Result<Progress> {
        match state {
            State::At(progress) => Ok(Progress::clone(progress)),
            State::Ended => Err(Error::upload_unknown(&session.sidecar.repository, id)),
            State::Unknown => {
                let start = Progress::new(&session.sidecar.algorithm)
                    .ok_or_else(|| unsupported(&session.sidecar.algorithm))?;
                let path = self.data(id);
                let progress = blocking(move || start.read_back(&path)).await?;
                *state = State::At(progress.clone().into());
                Ok(progress)
            }
        }
    }

    /// Appends to a session whose lock the caller holds as `state`.
    async fn append(
        &self,
        session: &Session,
        id: &UploadId,
        state: &mut State,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Progress> {
        let progress = self.progress(session, id, state).await?;
        if let Some(begins_at) = offset.filter(|offset| *offset != progress.offset) {
            return Err(Error::out_of_order(progress.offset, begins_at));
        }
        if matches!(&body, Body::Whole(bytes) if bytes.is_empty()) {
            return Ok(progress);
        }
        let path = self.data(id);
        let file = blocking(move || open_to_write(&path)).await?;
        *state = State::Unknown;
        let (progress, appended) = append(file, progress, body).await;
        if let Some(progress) = progress {
            *state = State::At(progress.into());
        }
        appended?;
        self.progress(session, id, state).await
    }

    /// Forgets a session whose lock the caller holds as `state`, and removes what is noted of it.
    async fn end(&self, id: &UploadId, state: &mut State) -> Result<()> {
        *state = State::Ended;
        let sidecar = self.sidecar(id);
        let removed = blocking(move || remove(&sidecar)).await;
        self.sessions().remove(id);
        removed
    }

    async fn verified(
        &self,
        path: PathBuf,
        progress: Progress,
        digest: &Digest,
    ) -> Result<Finished> {
        let size = progress.offset;
        let computed = compute(path.clone(), progress, digest.algorithm()).await;
        let verified = match computed {
            Ok(None) => Err(Error::digest_unverifiable(digest)),
            Ok(Some(computed)) if computed != *digest => {
                Err(Error::digest_mismatch(digest, &computed))
            }
            Ok(Some(_)) => Ok(Finished {
                staged: Staged { path: path.clone() },
                size,
            }),
            Err(error) => Err(error),
        };
        if verified.is_err() {
            self.discard(Staged { path }).await?;
        }
        verified
    }

    async fn end_if_idle(&self, id: &UploadId, idle: Duration) -> Result<bool> {
        let known = self.sessions().get(id).cloned();
        let session = match known {
            Some(session) => Some(session),
            None => self.recall(id).await?,
        };
        let Some(session) = session else {
            return Ok(false);
        };
        // A session whose lock is taken is at work.
        let Ok(mut state) = session.progress.try_lock() else {
            return Ok(false);
        };
        let path = self.data(id);
        let stands_still = blocking(move || Ok(is_idle(&path, idle))).await?;
        if !stands_still || matches!(*state, State::Ended) {
            return Ok(false);
        }
        self.end(id, &mut state).await?;
        self.discard(Staged {
            path: self.data(id),
        })
        .await
        .map(|()| true)
    }
}

#[async_trait]
impl Uploads for Files {
    async fn start(&self, repository: &RepositoryName, algorithm: &Algorithm) -> Result<Upload> {
        let progress = Progress::new(algorithm).ok_or_else(|| unsupported(algorithm))?;
        let id = UploadId::random()?;
        let sidecar = Sidecar {
            repository: repository.clone(),
            algorithm: algorithm.clone(),
        };
        let (data, noted, beside) = (self.data(&id), sidecar.clone(), self.sidecar(&id));
        blocking(move || create_session(&data, &noted, &beside)).await?;
        let session = Session {
            sidecar,
            progress: tokio::sync::Mutex::new(State::At(progress.into())),
        };
        self.sessions().insert(id.clone(), Arc::new(session));
        Ok(Upload { id, offset: 0 })
    }

    async fn status(&self, repository: &RepositoryName, id: &UploadId) -> Result<Upload> {
        let session = self.session(repository, id).await?;
        let mut state = session.progress.lock().await;
        let offset = self.progress(&session, id, &mut state).await?.offset;
        Ok(Upload {
            id: id.clone(),
            offset,
        })
    }

    async fn write(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        let session = self.session(repository, id).await?;
        let mut state = session.progress.lock().await;
        let progress = self.append(&session, id, &mut state, offset, body).await?;
        Ok(Upload {
            id: id.clone(),
            offset: progress.offset,
        })
    }

    async fn finish(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<Finished> {
        let session = self.session(repository, id).await?;
        let mut state = session.progress.lock().await;
        let progress = self.append(&session, id, &mut state, offset, body).await?;
        self.end(id, &mut state).await?;
        self.verified(self.data(id), progress, digest).await
    }

    async fn cancel(&self, repository: &RepositoryName, id: &UploadId) -> Result<()> {
        let session = self.session(repository, id).await?;
        let mut state = session.progress.lock().await;
        if matches!(*state, State::Ended) {
            return Err(Error::upload_unknown(repository, id));
        }
        self.end(id, &mut state).await?;
        self.discard(Staged {
            path: self.data(id),
        })
        .await
    }

    async fn receive(&self, digest: &Digest, body: Body) -> Result<Finished> {
        let progress =
            Progress::new(digest.algorithm()).ok_or_else(|| Error::digest_unverifiable(digest))?;
        let path = self.data(&UploadId::random()?);
        let new = path.clone();
        let file = blocking(move || create(&new)).await?;
        match append(file, progress, body).await {
            (Some(progress), Ok(())) => self.verified(path, progress, digest).await,
            (_, received) => {
                self.discard(Staged { path }).await?;
                Err(received
                    .err()
                    .unwrap_or_else(|| Error::new(Kind::Internal, "an upload was lost")))
            }
        }
    }

    async fn discard(&self, staged: Staged) -> Result<()> {
        blocking(move || remove(&staged.path)).await
    }

    async fn expire(&self, idle: Duration) -> Result<usize> {
        let folder = Arc::clone(&self.folder);
        let ids = blocking(move || list(&folder)).await?;
        let mut expired = 0;
        for id in ids {
            expired += usize::from(self.end_if_idle(&id, idle).await?);
        }
        Ok(expired)
    }
}

/// The digest of what was received, by `algorithm`; read back if that was not known before.
async fn compute(
    path: PathBuf,
    progress: Progress,
    algorithm: &Algorithm,
) -> Result<Option<Digest>> {
    if progress.hasher.algorithm() == *algorithm {
        return Ok(Some(progress.hasher.finish()));
    }
    let Some(start) = Progress::new(algorithm) else {
        return Ok(None);
    };
    blocking(move || Ok(Some(start.read_back(&path)?.hasher.finish()))).await
}

fn unsupported(algorithm: &Algorithm) -> Error {
    let message = format!("content cannot be verified by {algorithm}; sha256 and sha512 can");
    Error::new(Kind::Unsupported, message).with_detail(
        serde_json::json!({"algorithm": algorithm.as_str(), "supported": ["sha256", "sha512"]}),
    )
}

/// Makes both files or none.
fn create_session(data: &Path, noted: &Sidecar, beside: &Path) -> Result<()> {
    create(data)?;
    noted.write(beside).inspect_err(|_| {
        // What cannot be removed is at the next start.
        let _ = remove(beside).and_then(|()| remove(data));
    })
}

fn create(path: &Path) -> Result<File> {
    File::create_new(path).map_err(|error| storage_error(error, "making an upload's file"))
}

fn open_to_write(path: &Path) -> Result<File> {
    OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(|error| storage_error(error, "opening an upload's file"))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(storage_error(error, "removing an upload's file"))
        }
        _ => Ok(()),
    }
}

/// The sessions that have a sidecar. Files without one are on their way to become blobs.
fn list(folder: &Path) -> Result<Vec<UploadId>> {
    let failed = |error| storage_error(error, "listing the uploads");
    let mut ids = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
        ids.extend(id.filter(|id| crate::is_random_id(id)).map(UploadId::new));
    }
    Ok(ids)
}

/// A file that cannot be looked at is left alone.
fn is_idle(path: &Path, idle: Duration) -> bool {
    let changed = fs::metadata(path).and_then(|metadata| metadata.modified());
    changed.is_ok_and(|changed| {
        SystemTime::now()
            .duration_since(changed)
            .is_ok_and(|age| age > idle)
    })
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::repository;

    use super::*;

    #[test]
    fn a_session_that_cannot_be_noted_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (data, beside) = (
            folder.path().join("data"),
            folder.path().join("none/data.json"),
        );
        let noted = Sidecar {
            repository: repository("a"),
            algorithm: Algorithm::Sha256,
        };
        assert!(create_session(&data, &noted, &beside).is_err());
        assert!(!data.exists());
    }
}
