//! An archive that is read: its index in memory, its blobs where they lie.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::{Algorithm, Digest, Manifest, RepositoryName};
use portolan_registry::{Body, Error, Kind, PutManifest, Result, Upload, UploadId};

use super::entries::Entries;
use super::{Format, Held};
use crate::content::Content;
use crate::index::Index;
use crate::storage::Storage;

/// An archive that nothing is written to.
pub struct Sealed<F> {
    path: PathBuf,
    index: Arc<Index>,
    contents: HashMap<Digest, Content>,
    format: PhantomData<fn() -> F>,
}

impl<F: Format> Sealed<F> {
    /// Opens an archive.
    ///
    /// # Errors
    /// When it is none of this kind, with what is missing.
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        let entries = Entries::read(&path)?;
        let Held {
            index, contents, ..
        } = F::read(&entries, &entries)?;
        Ok(Self {
            path,
            index: Arc::new(index),
            contents,
            format: PhantomData,
        })
    }

    fn refuse<T>(&self) -> Result<T> {
        let message = format!("{} was opened for reading only", self.what());
        Err(Error::new(Kind::Unsupported, message))
    }
}

#[async_trait]
impl<F: Format> Storage for Sealed<F> {
    fn what(&self) -> String {
        format!("the {} {}", F::NAME, self.path.display())
    }

    fn named_by(&self) -> &'static str {
        F::NAMED_BY
    }

    fn index(&self) -> Result<Arc<Index>> {
        Ok(Arc::clone(&self.index))
    }

    fn replace_index(&self, _: Index) -> Result<()> {
        self.refuse()
    }

    fn find(&self, digest: &Digest) -> Result<Option<Content>> {
        Ok(self.contents.get(digest).cloned())
    }

    fn holds_anything(&self) -> Result<bool> {
        Ok(!self.contents.is_empty())
    }

    fn accept(&self, _: &Manifest, _: &PutManifest) -> Result<()> {
        self.refuse()
    }

    fn accept_deletions(&self) -> Result<()> {
        self.refuse()
    }

    fn keep_manifest(&self, _: &Digest, _: &Bytes) -> Result<()> {
        self.refuse()
    }

    fn drop_content(&self, _: &Digest) -> Result<()> {
        self.refuse()
    }

    fn link(&self, digest: &Digest, _: &Self) -> Result<bool> {
        Ok(self.contents.contains_key(digest))
    }

    async fn keep_blob(&self, _: &Digest, _: Body) -> Result<()> {
        self.refuse()
    }

    async fn start_upload(&self, _: &Algorithm) -> Result<Upload> {
        self.refuse()
    }

    async fn upload_status(&self, repository: &RepositoryName, id: &UploadId) -> Result<Upload> {
        Err(Error::upload_unknown(repository, id))
    }

    async fn write_upload(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        _: Option<u64>,
        _: Body,
    ) -> Result<Upload> {
        Err(Error::upload_unknown(repository, id))
    }

    async fn finish_upload(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        _: Option<u64>,
        _: Body,
        _: &Digest,
    ) -> Result<()> {
        Err(Error::upload_unknown(repository, id))
    }

    async fn cancel_upload(&self, repository: &RepositoryName, id: &UploadId) -> Result<()> {
        Err(Error::upload_unknown(repository, id))
    }
}
