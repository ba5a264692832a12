//! Storing blobs and manifests and setting tags in memory.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use portolan_model::{Algorithm, ChildKind, Digest, Manifest, RepositoryName};

use super::{MemoryRegistry, Repository, Session};
use crate::{
    Action, Admitted, Body, Context, Error, Kind, Mount, PutManifest, PutOutcome, Result,
    TagUpdate, TakenIn, Upload, UploadId, Writer, admit, verified_digest,
};

#[async_trait]
impl Writer for MemoryRegistry {
    async fn put_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        let digest = verified_digest(&bytes, options.digest.as_ref())?;
        let claimed = options.media_type.as_ref();
        let manifest = Manifest::parse(bytes, claimed)
            .map_err(|error| Error::manifest_unreadable(claimed, &error))?;
        self.change(repository, |held| {
            held.put_manifest(digest, manifest, options)
        })
    }

    async fn put_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()> {
        let (bytes, end) = collect(body).await;
        end?;
        verified_digest(&bytes, Some(digest))?;
        self.change(repository, |held| {
            held.blobs.insert(digest.clone(), bytes.into())
        });
        Ok(())
    }

    /// The algorithm need not be known before the end, since all of the bytes are still there then.
    async fn start_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        if algorithm.hasher().is_none() {
            let message = format!(
                "no digest can be computed here by the algorithm {algorithm}, use sha256 or sha512"
            );
            return Err(Error::new(Kind::Unsupported, message));
        }
        self.open_session(repository)
    }

    async fn upload_status(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        let offset = self.change(repository, |held| {
            Ok(held.session(repository, id, None)?.offset())
        })?;
        Ok(Upload {
            id: id.clone(),
            offset,
        })
    }

    async fn write_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        let (piece, end) = self.receive(context, repository, id, offset, body).await?;
        let offset = self.change(repository, |held| {
            Ok(held.session(repository, id, offset)?.append(&piece))
        })?;
        end?;
        Ok(Upload {
            id: id.clone(),
            offset,
        })
    }

    async fn finish_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()> {
        let (piece, end) = self.receive(context, repository, id, offset, body).await?;
        let session = self.change(repository, |held| {
            held.session(repository, id, offset)?.append(&piece);
            end?;
            held.uploads
                .remove(id)
                .ok_or_else(|| Error::upload_unknown(repository, id))
        })?;
        self.put_blob(context, repository, digest, Bytes::from(session.0).into())
            .await
    }

    async fn cancel_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()> {
        let session = self.change(repository, |held| held.uploads.remove(id));
        session
            .map(drop)
            .ok_or_else(|| Error::upload_unknown(repository, id))
    }

    async fn mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<Mount> {
        let found = self.lock().iter().find_map(|(name, held)| {
            let allowed =
                || from.is_none_or(|from| from == name) && context.allows(Action::Pull, name);
            held.blobs.get(digest).filter(|_| allowed()).cloned()
        });
        match found {
            Some(bytes) => {
                self.change(repository, |held| held.blobs.insert(digest.clone(), bytes));
                Ok(Mount::Mounted)
            }
            None => Ok(Mount::Upload(self.open_session(repository)?)),
        }
    }
}

impl MemoryRegistry {
    /// The body of a piece that begins where the session stands; another writer may still come first.
    async fn receive(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<(Vec<u8>, Result<()>)> {
        let before = self.upload_status(context, repository, id).await?;
        expect_offset(before.offset, offset)?;
        Ok(collect(body).await)
    }

    fn open_session(&self, repository: &RepositoryName) -> Result<Upload> {
        let id = UploadId::random()?;
        self.change(repository, |held| {
            held.uploads.insert(id.clone(), Session::default())
        });
        Ok(Upload { id, offset: 0 })
    }
}

impl Repository {
    fn put_manifest(
        &mut self,
        digest: Digest,
        manifest: Manifest,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        let Admitted { taken_in, findings } =
            admit(&manifest, &options.policy, &options.known, self)?;
        options
            .tags
            .iter()
            .try_for_each(|update| self.check(update))?;

        let subject = manifest.subject().map(|subject| subject.digest.clone());
        let outcome = PutOutcome {
            digest: digest.clone(),
            subject,
            findings,
            normalised: None,
        };
        if options.dry_run {
            return Ok(outcome);
        }
        for TakenIn { digest, manifest } in taken_in {
            self.store(digest, manifest);
        }
        self.tags.extend(
            options
                .tags
                .into_iter()
                .map(|update| (update.tag, digest.clone())),
        );
        self.store(digest, manifest);
        Ok(outcome)
    }

    fn check(&self, update: &TagUpdate) -> Result<()> {
        let current = self.tags.get(&update.tag);
        if update.precondition.holds(current) {
            Ok(())
        } else {
            Err(Error::precondition_failed(update, current))
        }
    }

    /// Whoever stores a manifest wants what it names to be served, deleted before or not.
    fn store(&mut self, digest: Digest, manifest: Manifest) {
        for child in manifest
            .children()
            .iter()
            .filter(|child| child.kind == ChildKind::Manifest)
        {
            self.deleted.remove(&child.descriptor.digest);
        }
        self.manifests.insert(digest, manifest);
    }

    /// The session, if it stands where a piece is said to begin.
    fn session(
        &mut self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
    ) -> Result<&mut Session> {
        let session = self
            .uploads
            .get_mut(id)
            .ok_or_else(|| Error::upload_unknown(repository, id))?;
        expect_offset(session.offset(), offset)?;
        Ok(session)
    }
}

impl Session {
    fn offset(&self) -> u64 {
        self.0.len() as u64
    }

    fn append(&mut self, piece: &[u8]) -> u64 {
        self.0.extend_from_slice(piece);
        self.offset()
    }
}

fn expect_offset(offset: u64, begins_at: Option<u64>) -> Result<()> {
    match begins_at {
        Some(begins_at) if begins_at != offset => Err(Error::out_of_order(offset, begins_at)),
        _ => Ok(()),
    }
}

/// All that a body gives, and how it ended.
async fn collect(mut body: Body) -> (Vec<u8>, Result<()>) {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(error) => return (bytes, Err(error)),
        }
    }
    (bytes, Ok(()))
}
