//! Storing blobs and manifests and setting tags in memory.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::{ChildKind, Digest, Manifest, RepositoryName};

use super::{MemoryRegistry, Repository};
use crate::{
    Action, Admission, AdmittedManifest, Attempt, Body, Context, Error, MountOutcome,
    ParsedManifest, PushedManifest, PutManifest, PutOutcome, Result, TagUpdate, Writer,
    verify_digest,
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
        self.push(repository, bytes, &options, Repository::put_manifest)
    }

    async fn check_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        self.push(
            repository,
            bytes,
            &options,
            |state, push, options, admission| {
                let checked = state.check_manifest(push, options, admission)?;
                checked.and_then(|(outcome, _)| Ok(outcome))
            },
        )
    }

    async fn put_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()> {
        let bytes = body.collect(usize::MAX).await?;
        verify_digest(&bytes, Some(digest))?;
        self.update(repository, |state| {
            state.blobs.insert(digest.clone(), bytes)
        });
        Ok(())
    }

    async fn mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<MountOutcome> {
        // The lock is released at the end of this statement, because `update` and `open_session`
        // take it again.
        let found = self.lock().iter().find_map(|(name, state)| {
            let allowed =
                || from.is_none_or(|from| from == name) && context.allows(Action::Pull, name);
            state.blobs.get(digest).filter(|_| allowed()).cloned()
        });
        match found {
            Some(bytes) => {
                self.update(repository, |state| {
                    state.blobs.insert(digest.clone(), bytes)
                });
                Ok(MountOutcome::Mounted)
            }
            None => Ok(MountOutcome::Upload(
                self.open_session(context, repository)?,
            )),
        }
    }
}

impl MemoryRegistry {
    /// Parses a manifest, and calls `attempt` to store or check it. If `attempt` needs parsed
    /// children, parses these and calls it again. Nothing is parsed while the lock is held.
    fn push(
        &self,
        repository: &RepositoryName,
        bytes: Bytes,
        options: &PutManifest,
        attempt: impl Fn(
            &mut Repository,
            &PushedManifest,
            &PutManifest,
            &dyn Admission,
        ) -> Result<Attempt<PutOutcome>>,
    ) -> Result<PutOutcome> {
        let mut push = PushedManifest::parse(repository, bytes, options)?;
        loop {
            let attempt = self.update(repository, |state| {
                attempt(state, &push, options, &*self.admission)
            });
            let children = match attempt? {
                Attempt::Done(outcome) => return Ok(outcome),
                Attempt::NeedsChildren(children) => children,
            };
            push.reserve(&children)?;
            for child in children {
                let blob = self.find(repository, |state| state.blobs.get(&child.digest).cloned());
                // If the blob was deleted meanwhile, the next attempt reports it as missing.
                if let Some(bytes) = blob {
                    push.parse_child(child, bytes)?;
                }
            }
        }
    }
}

impl Repository {
    fn put_manifest(
        &mut self,
        push: &PushedManifest,
        options: &PutManifest,
        admission: &dyn Admission,
    ) -> Result<Attempt<PutOutcome>> {
        let checked = self.check_manifest(push, options, admission)?;
        // All checks are done. Nothing can fail from here on, so the put is atomic.
        checked.and_then(|(outcome, promoted)| {
            for document in promoted.iter().chain([push.document()]) {
                self.store(document.digest.clone(), Manifest::clone(&document.manifest));
            }
            let updates = options.tags.iter();
            self.tags
                .extend(updates.map(|update| (update.tag.clone(), outcome.digest.clone())));
            Ok(outcome)
        })
    }

    /// Returns the outcome of storing the manifest, and the children to promote, without storing
    /// anything.
    fn check_manifest(
        &self,
        push: &PushedManifest,
        options: &PutManifest,
        admission: &dyn Admission,
    ) -> Result<Attempt<(PutOutcome, Vec<Arc<ParsedManifest>>)>> {
        let admitted = push.admit(admission, self)?;
        admitted.and_then(|AdmittedManifest { promoted, findings }| {
            options
                .tags
                .iter()
                .try_for_each(|update| self.check_precondition(update))?;
            Ok((PutOutcome::new(push, findings), promoted))
        })
    }

    fn check_precondition(&self, update: &TagUpdate) -> Result<()> {
        let current = self.tags.get(&update.tag);
        if update.precondition.is_met(current) {
            Ok(())
        } else {
            Err(Error::precondition_failed(update, current))
        }
    }

    /// Stores a manifest. Children that a client deleted as manifests are served as manifests
    /// again.
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
}
