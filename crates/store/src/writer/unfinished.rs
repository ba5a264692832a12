//! Edges of manifests that are too many for one transaction. They are written in pages, so that other
//! writes do not wait for all of them.

use std::sync::Arc;

use portolan_files::run_blocking;
use portolan_model::{Manifest, RepositoryName};
use portolan_registry::{Error, ParsedManifest, Result};

use crate::cache::Affected;
use crate::metadata::{
    Document, UnfinishedManifest, find_unfinished, find_unfinished_repository, manifest_bytes,
    write_page,
};
use crate::store::Store;

impl Store {
    /// Writes the edges that earlier transactions have left, in all repositories.
    pub(crate) async fn finish_all_manifests(&self) -> Result<()> {
        let find = || self.parts.database.lookup(find_unfinished_repository());
        while let Some(repository) = find().await? {
            let _turn = self.long_write().await?;
            self.finish_manifests(&repository, &[]).await?;
        }
        Ok(())
    }

    /// Writes the edges that earlier transactions have left in a repository. `documents` are parsed
    /// manifests that may be among them. Hold the permit of [`Store::long_write`] meanwhile.
    pub(crate) async fn finish_manifests(
        &self,
        repository: &RepositoryName,
        documents: &[Arc<Document>],
    ) -> Result<()> {
        let mut documents = documents.to_vec();
        while let Some(manifest) = self
            .parts
            .database
            .lookup(find_unfinished(repository))
            .await?
        {
            let is_same = |it: &&Arc<Document>| {
                it.digest == manifest.digest && *it.manifest.media_type() == manifest.media_type
            };
            let document = match documents.iter().find(is_same) {
                _ if manifest.is_deleted => None,
                Some(document) => Some(Arc::clone(document)),
                None => {
                    let document = self.read_document(&manifest).await?;
                    documents.push(Arc::clone(&document));
                    Some(document)
                }
            };
            // Edges decide whether a blob is served as a manifest.
            let _change = self.parts.cache.begin_change(repository, Affected::All);
            let (name, digest) = (repository.clone(), manifest.digest);
            let write = self.parts.database.write(move |transaction| {
                let edges = document.as_ref().map(|document| document.edges.as_slice());
                write_page(transaction, &name, &digest, edges)
            });
            write.await?;
        }
        Ok(())
    }

    async fn read_document(&self, manifest: &UnfinishedManifest) -> Result<Arc<Document>> {
        let failed = |error| Error::internal("failed to read a stored manifest", error);
        let lookup = manifest_bytes(manifest.content_id);
        let bytes = self
            .parts
            .database
            .lookup(lookup)
            .await?
            .unwrap_or_default();
        let (digest, media_type) = (manifest.digest.clone(), manifest.media_type.clone());
        run_blocking(move || {
            let manifest = Manifest::parse(bytes.into(), Some(&media_type)).map_err(failed)?;
            Ok(Arc::new(Document::new(&ParsedManifest::new(
                digest, manifest,
            ))))
        })
        .await
    }
}
