//! Writes of blobs and manifests. A call first syncs content to disk, then commits one transaction,
//! and returns after that.

mod blobs;
mod children;
mod manifests;
mod media_types;
mod put;
mod unfinished;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_files::sessions::Owner;
use portolan_model::{Algorithm, Digest, RepositoryName};
use portolan_registry::{Body, Context, MountOutcome, PutManifest, PutOutcome, Result, Writer};

use crate::store::{Store, caller_name};

use manifests::PushAction;

pub(crate) use media_types::MediaTypes;
pub(crate) use put::Put;

#[async_trait]
impl Writer for Store {
    async fn put_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        let (repository, who) = (repository.clone(), caller_name(context));
        self.run_detached(|store| async move {
            let admission = Arc::clone(&store.admission);
            let put = Put::parse(&repository, who, bytes, options, admission)?;
            store.push_manifest(put, PushAction::Put).await
        })
        .await
    }

    async fn check_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        let (who, admission) = (caller_name(context), Arc::clone(&self.admission));
        let put = Put::parse(repository, who, bytes, options, admission)?;
        self.push_manifest(put, PushAction::Check).await
    }

    async fn put_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()> {
        let (repository, digest) = (repository.clone(), digest.clone());
        self.run_detached(|store| async move {
            store.parts.space.check().await?;
            let body = store.parts.space.guard(body);
            let received = store.parts.uploads.receive(&digest, body).await?;
            store.commit_blob(&repository, &digest, received).await
        })
        .await
    }

    async fn mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<MountOutcome> {
        self.parts.space.check().await?;
        if self.try_mount(context, repository, digest, from).await? {
            return Ok(MountOutcome::Mounted);
        }
        // Open a session even if the algorithm of `digest` is not supported, because the caller
        // must get one. The digest is checked when the session ends.
        let is_computable = digest.algorithm().hasher().is_some();
        let algorithm = if is_computable {
            digest.algorithm()
        } else {
            &Algorithm::Sha256
        };
        let owner = Owner::new(context, repository);
        Ok(MountOutcome::Upload(
            self.parts
                .uploads
                .open(&owner, context.client_network(), algorithm)
                .await?,
        ))
    }
}
