//! Upload sessions: each a file of its own, whose length is where the session stands.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use portolan_model::{Algorithm, Digest, RepositoryName};
use portolan_registry::{Body, Error, Kind, Result, Upload, UploadId};

use crate::files::blocking;
use crate::incoming::Incoming;

/// Where the files of sessions lie. What is not `async` waits for the disk.
#[async_trait]
pub(crate) trait SessionFiles: Send + Sync + 'static {
    /// A new file, without bytes.
    fn create(&self, id: &UploadId) -> Result<File>;

    /// The file of a session that another process opened, if there is one.
    fn recall(&self, id: &UploadId) -> Result<Option<File>>;

    /// Removes the file.
    fn remove(&self, id: &UploadId) -> Result<()>;

    /// Appends `body` to what a session has, as [`Incoming::take`] does.
    async fn append(&self, incoming: Incoming, body: Body) -> (Option<Incoming>, Result<()>);
}

/// The sessions of a layout.
pub(crate) struct Sessions<F> {
    files: Arc<F>,
    known: Mutex<HashMap<UploadId, Session>>,
}

/// What a session has; nothing once it has ended. One call at a time.
type Session = Arc<tokio::sync::Mutex<Option<Incoming>>>;

impl<F: SessionFiles> Sessions<F> {
    pub(crate) fn new(files: F) -> Self {
        Self {
            files: Arc::new(files),
            known: Mutex::default(),
        }
    }

    pub(crate) async fn start(&self, algorithm: &Algorithm) -> Result<Upload> {
        if algorithm.hasher().is_none() {
            let message = format!(
                "no digest can be computed here by the algorithm {algorithm}, use sha256 or sha512"
            );
            return Err(Error::new(Kind::Unsupported, message));
        }
        let id = UploadId::random()?;
        let (files, own) = (Arc::clone(&self.files), id.clone());
        let file = blocking(move || files.create(&own)).await?;
        let incoming = Incoming::new(Arc::new(file), 0, algorithm);
        self.known().insert(
            id.clone(),
            Arc::new(tokio::sync::Mutex::new(Some(incoming))),
        );
        Ok(Upload { id, offset: 0 })
    }

    pub(crate) async fn status(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        let session = self.session(repository, id).await?;
        let state = session.lock().await;
        let incoming = state
            .as_ref()
            .ok_or_else(|| Error::upload_unknown(repository, id))?;
        Ok(Upload {
            id: id.clone(),
            offset: incoming.length,
        })
    }

    pub(crate) async fn write(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        let session = self.session(repository, id).await?;
        let mut state = session.lock().await;
        let offset = self
            .append(&mut state, repository, id, offset, body)
            .await?;
        Ok(Upload {
            id: id.clone(),
            offset,
        })
    }

    /// The content of a session that has ended. Its file is the caller's, and has to be removed when
    /// it is of no more use.
    pub(crate) async fn finish(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<Incoming> {
        let session = self.session(repository, id).await?;
        let mut state = session.lock().await;
        self.append(&mut state, repository, id, offset, body)
            .await?;
        let incoming = state
            .take()
            .ok_or_else(|| Error::upload_unknown(repository, id))?;
        self.known().remove(id);
        let (files, id, digest) = (Arc::clone(&self.files), id.clone(), digest.clone());
        blocking(move || match incoming.verify(&digest) {
            Ok(()) => Ok(incoming),
            Err(error) => files.remove(&id).and(Err(error)),
        })
        .await
    }

    pub(crate) async fn cancel(&self, repository: &RepositoryName, id: &UploadId) -> Result<()> {
        let session = self.session(repository, id).await?;
        let mut state = session.lock().await;
        if state.take().is_none() {
            return Err(Error::upload_unknown(repository, id));
        }
        self.known().remove(id);
        let (files, id) = (Arc::clone(&self.files), id.clone());
        blocking(move || files.remove(&id)).await
    }

    /// The session, also one of another process.
    async fn session(&self, repository: &RepositoryName, id: &UploadId) -> Result<Session> {
        if let Some(session) = self.known().get(id) {
            return Ok(Arc::clone(session));
        }
        let (files, own) = (Arc::clone(&self.files), id.clone());
        let recalled = blocking(move || {
            let Some(file) = files.recall(&own)? else {
                return Ok(None);
            };
            let length = file
                .metadata()
                .map_err(|error| Error::internal("looking at an upload", error))?
                .len();
            Ok(Some(Incoming::resumed(Arc::new(file), length)))
        });
        let incoming = recalled
            .await?
            .ok_or_else(|| Error::upload_unknown(repository, id))?;
        let session = Arc::new(tokio::sync::Mutex::new(Some(incoming)));
        Ok(Arc::clone(
            self.known().entry(id.clone()).or_insert(session),
        ))
    }

    /// Appends to a session whose lock the caller holds as `state`, and answers where it stands then.
    async fn append(
        &self,
        state: &mut Option<Incoming>,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<u64> {
        let length = state
            .as_ref()
            .ok_or_else(|| Error::upload_unknown(repository, id))?
            .length;
        if let Some(begins_at) = offset.filter(|offset| *offset != length) {
            return Err(Error::out_of_order(length, begins_at));
        }
        if body.length() == Some(0) {
            return Ok(length);
        }
        let Some(incoming) = state.take() else {
            return Ok(length);
        };
        let (incoming, appended) = self.files.append(incoming, body).await;
        *state = incoming;
        appended?;
        Ok(state.as_ref().map_or(length, |incoming| incoming.length))
    }

    /// A panic elsewhere leaves the map as it was.
    fn known(&self) -> MutexGuard<'_, HashMap<UploadId, Session>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
