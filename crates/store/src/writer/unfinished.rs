//! Edges of manifests that are too many for one transaction. They are written in pages, so that other
//! writes do not wait for all of them.

use std::sync::Arc;

use portolan_files::run_blocking;
use portolan_model::{Manifest, RepositoryName};
use portolan_registry::{Error, Kind, ParsedManifest, Result, verify_digest};

use crate::cache::Affected;
use crate::metadata::{
    Document, REFERENCES_PAGE, UnfinishedManifest, find_unfinished, find_unfinished_repository,
    manifest_bytes, write_page, write_pages,
};
use crate::store::Store;

impl Store {
    /// Writes the edges that earlier transactions have left, in all repositories. A manifest that
    /// cannot be read stays unfinished.
    pub(crate) async fn finish_all_manifests(&self) -> Result<()> {
        let mut last = 0;
        let find = |after| {
            self.parts
                .database
                .lookup(find_unfinished_repository(after))
        };
        while let Some((id, repository)) = find(last).await? {
            let _turn = self.long_write().await?;
            if let Err(error) = self.finish_manifests(&repository).await {
                tracing::error!(%error, %repository, "the references of a manifest could not be written");
            }
            last = id;
        }
        Ok(())
    }

    /// Writes the edges of manifests that were just stored. Hold the permit of
    /// [`Store::long_write`] meanwhile.
    pub(super) async fn write_edges(
        &self,
        repository: &RepositoryName,
        mut documents: Vec<Arc<Document>>,
    ) -> Result<()> {
        while !documents.is_empty() {
            let _change = self.parts.cache.begin_change(repository, Affected::All);
            let (name, batch) = (repository.clone(), documents.clone());
            let write = self
                .parts
                .database
                .write(move |transaction| write_pages(transaction, &name, &batch));
            documents.drain(..write.await?);
        }
        Ok(())
    }

    /// Writes the edges that earlier transactions have left in a repository. Hold the permit of
    /// [`Store::long_write`] meanwhile.
    pub(crate) async fn finish_manifests(&self, repository: &RepositoryName) -> Result<()> {
        let find = || self.parts.database.lookup(find_unfinished(repository));
        let mut known: Option<Arc<Document>> = None;
        while let Some(manifest) = find().await? {
            let is_same = |it: &Arc<Document>| {
                it.digest == manifest.digest && *it.manifest.media_type() == manifest.media_type
            };
            if manifest.is_deleted {
                known = None;
            } else if !known.as_ref().is_some_and(is_same) {
                known = Some(self.read_document(&manifest).await?);
            }
            // Edges decide whether a blob is served as a manifest.
            let _change = self.parts.cache.begin_change(repository, Affected::All);
            let (name, digest, document) = (repository.clone(), manifest.digest, known.clone());
            let write = self.parts.database.write(move |transaction| {
                let document = document.as_deref();
                write_page(transaction, &name, &digest, document, REFERENCES_PAGE)
            });
            write.await?;
        }
        Ok(())
    }

    async fn read_document(&self, manifest: &UnfinishedManifest) -> Result<Arc<Document>> {
        let UnfinishedManifest {
            digest, media_type, ..
        } = manifest.clone();
        let lookup = manifest_bytes(manifest.content_id);
        let bytes = self.parts.database.lookup(lookup).await?;
        run_blocking(move || {
            let bytes = bytes.unwrap_or_default();
            let damaged = |_| {
                let message = format!("the stored bytes of the manifest {digest} are damaged");
                Error::new(Kind::Internal, message)
                    .with_help("push the manifest again, or delete it")
            };
            verify_digest(&bytes, Some(&digest)).map_err(damaged)?;
            let manifest = Manifest::parse(bytes.into(), Some(&media_type))
                .map_err(|error| Error::internal("failed to read a stored manifest", error))?;
            let parsed = ParsedManifest::new(digest.clone(), manifest);
            Ok(Arc::new(Document::new(&parsed)))
        })
        .await
    }
}
