//! Operations on a session: open, status, append, finish, cancel.

use std::fs::File;
use std::sync::Arc;

use portolan_model::{Algorithm, Digest};
use portolan_registry::{Body, ClientNetwork, Error, Kind, Result, Upload, UploadId};

use super::lookup::{Locked, unknown_session};
use super::table::{Content, Session, Standing};
use super::{Owner, Registration, SessionFiles, SessionKey, SessionName, Sessions};
use crate::append::{Incoming, OpenFile};
use crate::run_blocking;

/// Verified content of a session that [`Sessions::finish`] has ended.
pub struct Completed {
    /// Content with the digest that the caller stated.
    pub incoming: Incoming,
    /// File of the content. The caller owns it, and moves or removes it.
    pub file: Arc<File>,
    /// Name of the session, and so of its file.
    pub name: SessionName,
    /// Entry of the session in the table of sessions. The caller must drop it after moving or
    /// removing the file, and not earlier.
    pub registration: Registration,
}

impl Completed {
    /// Returns the content to its session, which continues. Call this if the content cannot be
    /// stored.
    pub fn put_back(self) {
        let Self {
            incoming,
            name,
            registration,
            ..
        } = self;
        registration.put_back(Content { name, incoming });
    }
}

impl<F: SessionFiles> Sessions<F> {
    /// Opens a session for `client`. The session hashes its content with `algorithm` as the content
    /// arrives. Writes nothing to disk. If there are too many idle sessions, the least recently used
    /// one of the client that has the most ends.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`] if digests of `algorithm` cannot be computed.
    pub async fn open(
        &self,
        owner: &Owner,
        client: Option<ClientNetwork>,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        if algorithm.hasher().is_none() {
            let message =
                format!("digest algorithm {algorithm} is not supported; use sha256 or sha512");
            return Err(Error::new(Kind::Unsupported, message));
        }
        let mut random = [0; 16];
        self.runtime.fill_random(&mut random)?;
        let key = SessionKey::generate(random, owner, client, &self.key);
        let name = SessionName {
            key,
            algorithm: algorithm.clone(),
        };
        let incoming = Incoming::create_on_write(self.creator(&name), algorithm);
        let content = Content { name, incoming };
        let state = Arc::new(Session::new(content));
        let now = self.runtime.instant();
        self.table.find_or_add(key, &state, now);
        self.table.record_use(key, Standing::Empty, now);
        self.end_surplus().await;
        Ok(Upload::new(key.id(), 0))
    }

    /// Returns the offset of a session. Does not wait for a call that appends to it.
    ///
    /// # Errors
    /// Returns [`Kind::UploadUnknown`] if the owner has no such session.
    pub async fn status(&self, owner: &Owner, id: &UploadId) -> Result<Upload> {
        let offset = self.offset(owner, id).await?;
        Ok(Upload::new(id.clone(), offset))
    }

    /// Appends `body` to a session. `offset` is the position of `body` in the blob, if the client
    /// states it.
    ///
    /// # Errors
    /// Returns [`Kind::UploadUnknown`] if the owner has no such session, [`Kind::OutOfOrder`] if
    /// `offset` is not the offset of the session, and the error of `body`. Bytes that arrive before
    /// an error of `body` are retained.
    pub async fn append(
        &self,
        owner: &Owner,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        let mut locked = self.take_over(owner, id, offset).await?;
        let appended = self.append_to(&mut locked, offset, body).await;
        let key = locked.key;
        drop(locked);
        // Even after an error, the session may have opened its file, so there may be too many open
        // files.
        self.close_surplus().await;
        self.end_surplus_of_repository(&key).await;
        let offset = appended.unwrap_or_else(|| Err(unknown_session(owner, id)))?;
        Ok(Upload::new(id.clone(), offset))
    }

    /// Appends `body`, takes the content out of the session, and verifies that it has `digest`.
    /// `body` may be empty.
    ///
    /// If the session has the full content already, `body` is not appended: the call repeats an
    /// earlier one whose content could not be stored ([`Completed::put_back`]).
    ///
    /// # Errors
    /// Returns [`Kind::DigestInvalid`] if the content has another digest. In this case, the session
    /// ends and its content is removed. Returns the errors of [`Sessions::append`], and errors of
    /// the file. In these cases, the session continues, if it has content.
    pub async fn finish(
        &self,
        owner: &Owner,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<Completed> {
        let mut locked = self.take_over(owner, id, offset).await?;
        let is_repeated = offset.is_none() && body.length() != Some(0) && locked.has_digest(digest);
        let body = if is_repeated { Body::empty() } else { body };
        let appended = self.append_to(&mut locked, offset, body).await;
        // The lock is still held, so no other call can append between the last byte and the end.
        let taken = match appended {
            Some(Ok(_)) => locked.take(&self.table, self.runtime.instant()),
            _ => None,
        };
        let Some((content, registration)) = taken else {
            self.close_surplus().await;
            let error = appended.and_then(Result::err);
            return Err(error.unwrap_or_else(|| unknown_session(owner, id)));
        };
        self.complete(content, digest, registration).await
    }

    /// Ends a session and removes its content.
    ///
    /// # Errors
    /// Returns [`Kind::UploadUnknown`] if the owner has no such session.
    pub async fn cancel(&self, owner: &Owner, id: &UploadId) -> Result<()> {
        let locked = self.take_over(owner, id, None).await?;
        let taken = locked.take(&self.table, self.runtime.instant());
        let (content, registration) = taken.ok_or_else(|| unknown_session(owner, id))?;
        self.remove(content, registration).await
    }

    /// Removes the file of a session that has ended, if it has one.
    pub(super) async fn remove(&self, content: Content, registration: Registration) -> Result<()> {
        if content.incoming.is_unwritten() {
            return Ok(());
        }
        let files = Arc::clone(&self.files);
        let removed = run_blocking(move || {
            let removed = files.remove(&content.name);
            drop(registration);
            removed
        });
        removed.await.inspect_err(|_| self.set_unlisted())
    }

    /// Appends to a session and returns its new offset, or `None` if the session has ended.
    async fn append_to(
        &self,
        locked: &mut Locked,
        offset: Option<u64>,
        body: Body,
    ) -> Option<Result<u64>> {
        let (key, content) = (locked.key, &mut locked.content);
        let length = content.as_ref()?.incoming.length();
        if let Some(begins_at) = offset.filter(|offset| *offset != length) {
            return Some(Err(Error::out_of_order(length, begins_at)));
        }
        if body.length() == Some(0) {
            return Some(Ok(length));
        }
        let Content { name, incoming } = content.take()?;
        self.table.set_standing(key, Standing::Busy);
        let stored = incoming.stored_length();
        let body = locked.turn.clone().limit(body, move || stored.get());
        let (incoming, appended) = self.files.append(incoming, body).await;
        let Some(incoming) = incoming else {
            // The write did not finish, so only the file shows how many bytes were written. Remove
            // the session from memory: the next call finds it on disk, as after a restart.
            locked.state.end();
            self.table.remove(key, &locked.state);
            self.set_unlisted();
            return Some(appended.map(|()| length));
        };
        let (length, standing) = (incoming.length(), Standing::from_incoming(&incoming));
        self.table.record_use(key, standing, self.runtime.instant());
        locked.state.put(content, Content { name, incoming });
        Some(appended.map(|()| length))
    }

    /// Verifies the digest of content that was taken out of its session. Removes the content if it
    /// has another digest. After another error, the file is as after a restart: it is looked up again.
    async fn complete(
        &self,
        content: Content,
        digest: &Digest,
        registration: Registration,
    ) -> Result<Completed> {
        let Content { name, mut incoming } = content;
        let digest = digest.clone();
        let in_memory = incoming.file().is_some() && incoming.is_hashed_by(digest.algorithm());
        let check = move || {
            let checked = incoming.complete(&digest);
            (incoming, checked)
        };
        // If only a hash in memory must be compared, a change of threads would cost more than the
        // work.
        let (incoming, checked) = if in_memory {
            check()
        } else {
            run_blocking(move || Ok(check())).await?
        };
        match checked {
            Ok(file) => Ok(Completed {
                incoming,
                file,
                name,
                registration,
            }),
            Err(error) if *error.kind() == Kind::DigestInvalid => {
                let content = Content { name, incoming };
                self.remove(content, registration).await.and(Err(error))
            }
            Err(error) => {
                self.set_unlisted();
                Err(error)
            }
        }
    }

    /// Returns the function that creates the file of a session.
    fn creator(&self, name: &SessionName) -> OpenFile {
        let (files, name) = (Arc::clone(&self.files), name.clone());
        Arc::new(move || files.create(&name))
    }

    /// Returns the function that opens the existing file of a session.
    pub(super) fn opener(&self, name: &SessionName) -> OpenFile {
        let (files, name) = (Arc::clone(&self.files), name.clone());
        Arc::new(move || files.open(&name))
    }
}
