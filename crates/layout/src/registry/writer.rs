//! Writes of blobs, manifests and tags in layouts.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_files::sessions::Owner;
use portolan_files::{run_blocking, run_detached};
use portolan_model::{Algorithm, Digest, RepositoryName};
use portolan_registry::{
    Action, Body, Context, MountOutcome, PushedManifest, PutManifest, PutOutcome, Result, Writer,
};

use super::{LayoutSource, Layouts};
use crate::layout::{Layout, PushAction};
use crate::storage::Storage;

#[async_trait]
impl<P: LayoutSource> Writer for Layouts<P> {
    async fn put_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        self.push(repository, bytes, options, PushAction::Put).await
    }

    async fn check_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        self.push(repository, bytes, options, PushAction::Check)
            .await
    }

    async fn put_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()> {
        // Run the write in a separate task, so that a caller that disconnects does not interrupt
        // it.
        let (layout, digest) = (self.layout_for_writing(repository).await?, digest.clone());
        run_detached(async move {
            layout.storage().store_blob(&digest, body).await?;
            layout.note_added_content(&digest);
            Ok(())
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
        let layout = self.layout_for_writing(repository).await?;
        if self.try_mount(context, &layout, digest, from).await? {
            return Ok(MountOutcome::Mounted);
        }
        // Content with an unsupported algorithm cannot be verified, so the session hashes with
        // sha256. The client can finish it only with a sha256 digest.
        let computable = digest.algorithm().hasher().is_some();
        let algorithm = if computable {
            digest.algorithm()
        } else {
            &Algorithm::Sha256
        };
        Ok(MountOutcome::Upload(
            layout
                .storage()
                .open_upload(&Owner::new(context, repository), algorithm)
                .await?,
        ))
    }
}

impl<P: LayoutSource> Layouts<P> {
    async fn push(
        &self,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
        action: PushAction,
    ) -> Result<PutOutcome> {
        let (layouts, repository) = (Arc::clone(&self.source), repository.clone());
        let admission = Arc::clone(&self.admission);
        run_blocking(move || {
            let push = PushedManifest::parse(&repository, bytes, &options)?;
            layouts
                .create(&repository)?
                .push_manifest(push, &options, &*admission, action)
        })
        .await
    }

    pub(super) async fn layout_for_writing(
        &self,
        repository: &RepositoryName,
    ) -> Result<Arc<Layout<P::Storage>>> {
        let (layouts, repository) = (Arc::clone(&self.source), repository.clone());
        run_blocking(move || layouts.create(&repository)).await
    }

    /// Links a blob of the repository `from` into `layout`, and returns whether a blob was linked.
    /// If `from` is `None`, searches all repositories. Skips repositories that the caller may not
    /// pull from.
    async fn try_mount(
        &self,
        context: &Context,
        layout: &Arc<Layout<P::Storage>>,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<bool> {
        let (layouts, layout, digest) =
            (Arc::clone(&self.source), Arc::clone(layout), digest.clone());
        let (context, from) = (context.clone(), from.cloned());
        run_blocking(move || {
            let searched = match from {
                Some(from) => vec![from],
                None => layouts.list()?,
            };
            for name in searched
                .iter()
                .filter(|name| context.allows(Action::Pull, name))
            {
                let Some(source) = layouts.find(name)? else {
                    continue;
                };
                if source.has_blob(&digest)? && layout.storage().link(&digest, source.storage())? {
                    layout.note_added_content(&digest);
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }
}
