//! One layout: what its index and its blobs mean together, wherever they are kept.
//!
//! A manifest is what the index leads to, a blob whatever lies under a digest: the same bytes are
//! never there as both. Everything here waits for the disk.

mod change;
mod documents;
mod names;
mod orphans;
mod view;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portolan_model::{Descriptor, Digest, MediaType, Reference, Tag};
use portolan_registry::{
    Error, Held, Holdings, Kind, MAX_MANIFEST_BYTES, ManifestInfo, Page, PageRequest, Result,
};
use portolan_registry::{referrers_page, verified_digest};

use crate::content::Content;
use crate::index::Index;
use crate::storage::Storage;
use documents::Documents;
use view::View;

pub use names::Name;
pub use orphans::Orphan;

/// A layout in whatever keeps it.
pub struct Layout<S> {
    storage: S,
    /// One change at a time: each looks at what there is and then writes the index anew.
    changing: Mutex<()>,
    documents: Mutex<Documents>,
    seen: Mutex<Option<Seen>>,
    /// Number of times that content came or went.
    content_changes: AtomicU64,
}

/// The view of an index, which holds while neither that nor the content changes.
struct Seen {
    index: Arc<Index>,
    content_changes: u64,
    view: Arc<View>,
}

impl<S: Storage> Layout<S> {
    pub(crate) fn new(storage: S) -> Self {
        Self {
            storage,
            changing: Mutex::default(),
            documents: Mutex::default(),
            seen: Mutex::default(),
            content_changes: AtomicU64::default(),
        }
    }

    pub(crate) fn storage(&self) -> &S {
        &self.storage
    }

    /// To be called when content has come or gone.
    pub(crate) fn content_changed(&self) {
        self.content_changes.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it holds anything at all.
    pub(crate) fn exists(&self) -> Result<bool> {
        Ok(
            self.storage.index()?.descriptors().next().is_some()
                || self.storage.holds_anything()?,
        )
    }

    pub(crate) fn content(&self, digest: &Digest) -> Result<Option<Content>> {
        self.storage.find(digest)
    }

    /// The manifest under a tag or digest, if there is one.
    pub(crate) fn manifest(
        &self,
        reference: &Reference,
    ) -> Result<Option<(ManifestInfo, Content)>> {
        let index = self.storage.index()?;
        let entry = match reference {
            Reference::Tag(tag) => match index.named(tag.as_str())? {
                Some(entry) => Some(entry),
                None => return Ok(None),
            },
            Reference::Digest(digest) => index.find(digest),
        };
        let digest = match (reference, entry) {
            (Reference::Digest(digest), _) => digest,
            (_, Some(entry)) => &entry.digest,
            _ => return Ok(None),
        };
        let Some(content) = self.storage.find(digest)? else {
            return if entry.is_some() {
                Err(self.lacks(digest))
            } else {
                Ok(None)
            };
        };
        let stated = entry
            .and_then(|entry| entry.media_type.clone())
            .filter(|media_type| !media_type.is_generic());
        let media_type = match stated {
            Some(media_type) => media_type,
            None => match self.view(&index)?.media_type(digest) {
                Some(media_type) => media_type.clone(),
                None => return Ok(None),
            },
        };
        Ok(Some((
            ManifestInfo {
                digest: digest.clone(),
                media_type,
                size: content.size(),
            },
            content,
        )))
    }

    pub(crate) fn tags(&self, page: &PageRequest) -> Result<Page<Tag>> {
        let tags = self.storage.index()?.tags();
        let behind = tags.into_iter().filter(|tag| is_behind(tag.as_str(), page));
        Ok(Page::cut(
            behind.take(page.limit.saturating_add(1)).collect(),
            page.limit,
        ))
    }

    pub(crate) fn referrers(
        &self,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        let view = self.view(&self.storage.index()?)?;
        let referrers = view.referrers(digest).filter(|descriptor| {
            is_behind(descriptor.digest.as_str(), page)
                && artifact_type
                    .is_none_or(|wanted| descriptor.artifact_type.as_ref() == Some(wanted))
        });
        Ok(referrers_page(referrers.cloned(), page.limit))
    }

    /// Whether a digest is that of a blob and of no manifest.
    pub(crate) fn holds_blob(&self, digest: &Digest) -> Result<bool> {
        Ok(self.storage.find(digest)?.is_some() && !self.is_manifest(digest)?)
    }

    fn is_manifest(&self, digest: &Digest) -> Result<bool> {
        Ok(self
            .view(&self.storage.index()?)?
            .manifest_type(digest)
            .is_some())
    }

    /// What `index` leads to.
    fn view(&self, index: &Arc<Index>) -> Result<Arc<View>> {
        let content_changes = self.content_changes.load(Ordering::Relaxed);
        let mut seen = lock(&self.seen);
        if let Some(seen) = seen.as_ref()
            && Arc::ptr_eq(&seen.index, index)
            && seen.content_changes == content_changes
        {
            return Ok(Arc::clone(&seen.view));
        }
        let view = Arc::new(self.look(index, None)?);
        *seen = Some(Seen {
            index: Arc::clone(index),
            content_changes,
            view: Arc::clone(&view),
        });
        Ok(view)
    }

    /// What an index would lead to, if there were nothing under the digest `without`.
    fn look(&self, index: &Index, without: Option<&Digest>) -> Result<View> {
        View::of(
            index,
            &mut lock(&self.documents),
            |digest| self.storage.find(digest),
            without,
        )
    }

    fn lacks(&self, digest: &Digest) -> Error {
        let message = format!(
            "{} names {digest} in its index, but does not hold it; copy the image again, or remove the entry",
            self.storage.what()
        );
        Error::new(Kind::ManifestUnknown, message)
    }
}

/// What is there while a change is made.
struct Present<'a, S> {
    layout: &'a Layout<S>,
    view: &'a View,
}

impl<S: Storage> Holdings for Present<'_, S> {
    fn held(&self, digest: &Digest) -> Result<Option<Held>> {
        let media_type = self.view.manifest_type(digest).cloned();
        Ok(self.layout.storage.find(digest)?.map(|content| Held {
            size: content.size(),
            media_type,
        }))
    }

    fn holds_manifest(&self, digest: &Digest) -> Result<bool> {
        Ok(self.view.manifest_type(digest).is_some())
    }

    fn read_blob(&self, digest: &Digest) -> Result<Option<bytes::Bytes>> {
        let Some(content) = self.layout.storage.find(digest)? else {
            return Ok(None);
        };
        if content.size() > MAX_MANIFEST_BYTES as u64 {
            return Ok(None);
        }
        let bytes = content.read(MAX_MANIFEST_BYTES as u64)?;
        verified_digest(&bytes, Some(digest))?;
        Ok(Some(bytes))
    }
}

fn is_behind(item: &str, page: &PageRequest) -> bool {
    page.after.as_deref().is_none_or(|after| item > after)
}

/// Every change is made in one go behind its checks, so a panic elsewhere has torn nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
