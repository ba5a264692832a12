//! Archive for reading: the index is in memory, and blobs are read in place.

use std::collections::HashMap;
use std::io::Read;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use bytes::Bytes;
use portolan_files::sessions::Owner;
use portolan_model::{Algorithm, Digest, Manifest};
use portolan_registry::{Body, Error, Kind, PutManifest, Result, Upload, UploadId};

use super::tar_index::TarIndex;
use super::{ArchiveContents, ArchiveFormat};
use crate::content::Content;
use crate::index::{IndexChange, LayoutIndex};
use crate::spool::Spool;
use crate::storage::Storage;

/// Archive for reading only.
pub struct ArchiveReader<F> {
    path: PathBuf,
    index: Arc<LayoutIndex>,
    contents: HashMap<Digest, Content>,
    format: PhantomData<fn() -> F>,
}

impl<F: ArchiveFormat> ArchiveReader<F> {
    /// Opens an archive.
    ///
    /// # Errors
    /// Returns an error if the file is not an archive of this format. The message names what is
    /// missing.
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        let entries = TarIndex::open(&path)?;
        Self::new(path, &entries)
    }

    /// Opens an archive from a stream. `name` is the name of the stream in messages.
    ///
    /// # Errors
    /// Returns the errors of [`ArchiveReader::open`], and an error if the archive exceeds the limit
    /// of `spool`.
    pub(crate) fn open_stream(name: String, input: impl Read, spool: &Spool) -> Result<Self> {
        let entries = TarIndex::from_stream(&name, input, spool)?;
        Self::new(name.into(), &entries)
    }

    fn new(path: PathBuf, entries: &TarIndex) -> Result<Self> {
        let ArchiveContents {
            index, contents, ..
        } = F::read(entries)?;
        Ok(Self {
            path,
            index: Arc::new(index),
            contents,
            format: PhantomData,
        })
    }

    fn reject<T>(&self) -> Result<T> {
        let message = format!("{} is open for reading only", self.describe());
        Err(Error::new(Kind::Unsupported, message))
    }
}

#[async_trait]
impl<F: ArchiveFormat> Storage for ArchiveReader<F> {
    fn describe(&self) -> String {
        format!("the {} {}", F::NAME, self.path.display())
    }

    fn name_annotations(&self) -> &'static [&'static str] {
        F::NAME_ANNOTATIONS
    }

    fn index(&self) -> Result<Arc<LayoutIndex>> {
        Ok(Arc::clone(&self.index))
    }

    fn replace_index(&self, _: LayoutIndex) -> Result<()> {
        self.reject()
    }

    fn change_index(
        &self,
        _: &Weak<LayoutIndex>,
        _: IndexChange,
    ) -> Result<Option<Arc<LayoutIndex>>> {
        self.reject()
    }

    fn save(&self) -> Result<()> {
        Ok(())
    }

    fn find(&self, digest: &Digest) -> Result<Option<Content>> {
        Ok(self.contents.get(digest).cloned())
    }

    fn has_blobs(&self) -> Result<bool> {
        Ok(!self.contents.is_empty())
    }

    fn check_manifest(&self, _: &Manifest, _: &PutManifest) -> Result<()> {
        self.reject()
    }

    fn check_deletions(&self) -> Result<()> {
        self.reject()
    }

    fn store_manifest(&self, _: &Digest, _: &Bytes) -> Result<()> {
        self.reject()
    }

    fn remove_content(&self, _: &Digest) -> Result<()> {
        self.reject()
    }

    fn remove_all_content(&self) -> Result<()> {
        self.reject()
    }

    fn link(&self, digest: &Digest, _: &Self) -> Result<bool> {
        Ok(self.contents.contains_key(digest))
    }

    async fn store_blob(&self, _: &Digest, _: Body) -> Result<()> {
        self.reject()
    }

    async fn open_upload(&self, _: &Owner, _: &Algorithm) -> Result<Upload> {
        self.reject()
    }

    async fn upload_status(&self, owner: &Owner, id: &UploadId) -> Result<Upload> {
        Err(Error::upload_unknown(&owner.repository, id))
    }

    async fn append_upload(
        &self,
        owner: &Owner,
        id: &UploadId,
        _: Option<u64>,
        _: Body,
    ) -> Result<Upload> {
        Err(Error::upload_unknown(&owner.repository, id))
    }

    async fn finish_upload(
        &self,
        owner: &Owner,
        id: &UploadId,
        _: Option<u64>,
        _: Body,
        _: &Digest,
    ) -> Result<()> {
        Err(Error::upload_unknown(&owner.repository, id))
    }

    async fn cancel_upload(&self, owner: &Owner, id: &UploadId) -> Result<()> {
        Err(Error::upload_unknown(&owner.repository, id))
    }
}
