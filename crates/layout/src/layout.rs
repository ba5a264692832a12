//! OCI layout: an index and content, in any kind of [`Storage`].
//!
//! A manifest is content that can be reached from `index.json`: an entry of it, or a child of an
//! index at any depth. Other content is a blob. The same bytes never exist as both. All functions
//! in this module block on disk I/O.

mod change;
mod manifest_cache;
mod name_lookup;
mod names;
mod orphans;
mod simple_push;
mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use portolan_model::{Descriptor, Digest, MediaType, Reference, Tag};
use portolan_registry::{
    ContentLookup, Error, Kind, ManifestInfo, Page, PageRequest, Result, Stored, referrers_page,
};

use crate::content::Content;
use crate::index::LayoutIndex;
use crate::storage::Storage;
use manifest_cache::ManifestCache;
use name_lookup::NameLookup;
use view::View;

pub(crate) use change::PushAction;
pub use names::ManifestName;
pub(crate) use names::{describe_entries, parse_tag};
pub use orphans::Orphan;

/// OCI layout in a [`Storage`].
pub struct Layout<S> {
    storage: S,
    /// Lock that a change holds while it reads the current state and then replaces the index.
    change_lock: Mutex<()>,
    manifest_cache: Mutex<ManifestCache>,
    cached_view: Mutex<Option<CachedView>>,
    /// Names of an index. They are outdated if that is no longer the current index.
    cached_names: Mutex<Option<(Weak<LayoutIndex>, Arc<NameLookup>)>>,
    /// Content that was added since the cached view was last checked.
    added_content: Mutex<Vec<Digest>>,
}

/// Cached view of an index.
struct CachedView {
    /// Index of the view. It is no longer the current index if that was changed or replaced.
    index: Weak<LayoutIndex>,
    view: Arc<View>,
}

impl<S: Storage> Layout<S> {
    pub(crate) fn new(storage: S) -> Self {
        Self {
            storage,
            change_lock: Mutex::default(),
            manifest_cache: Mutex::default(),
            cached_view: Mutex::default(),
            cached_names: Mutex::default(),
            added_content: Mutex::default(),
        }
    }

    pub(crate) fn storage(&self) -> &S {
        &self.storage
    }

    /// Takes note of new content. Must be called after content was added. Does not block.
    pub(crate) fn note_added_content(&self, digest: &Digest) {
        lock(&self.added_content).push(digest.clone());
    }

    /// Invalidates the cached view. Must be called after content was removed.
    fn invalidate_view(&self) {
        *lock(&self.cached_view) = None;
    }

    /// Returns whether the layout contains any entry or blob.
    pub(crate) fn has_content(&self) -> Result<bool> {
        Ok(self.storage.index()?.descriptors().next().is_some() || self.storage.has_blobs()?)
    }

    pub(crate) fn content(&self, digest: &Digest) -> Result<Option<Content>> {
        self.storage.find(digest)
    }

    /// Returns the manifest with a tag or digest.
    pub(crate) fn manifest(
        &self,
        reference: &Reference,
    ) -> Result<Option<(ManifestInfo, Content)>> {
        let index = self.storage.index()?;
        let entry = match reference {
            Reference::Tag(tag) => match index.find_by_name(tag.as_str())? {
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
            // If the index has an entry but the content is missing, report this damage instead of a
            // manifest that does not exist.
            return if entry.is_some() {
                Err(self.missing_content_error(digest))
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
        let following = tags
            .into_iter()
            .filter(|tag| is_after_page_start(tag.as_str(), page));
        Ok(Page::from_items(
            following.take(page.limit.saturating_add(1)).collect(),
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
            is_after_page_start(descriptor.digest.as_str(), page)
                && artifact_type
                    .is_none_or(|wanted| descriptor.artifact_type.as_ref() == Some(wanted))
        });
        Ok(referrers_page(referrers.cloned(), page.limit))
    }

    pub(crate) fn manifests(&self, page: &PageRequest) -> Result<Page<Descriptor>> {
        let index = self.storage.index()?;
        let view = self.view(&index)?;
        let names = |digest: &Digest| {
            let annotations = index
                .entries_of(digest)
                .flat_map(|entry| &entry.annotations);
            annotations
                .filter(|(key, name)| {
                    self.storage.name_annotations().contains(&key.as_str())
                        && name.parse::<Tag>().is_err()
                })
                .map(|(key, name)| (key.clone(), name.clone()))
                .collect()
        };
        let following = view
            .manifests()
            .filter(|manifest| is_after_page_start(manifest.digest.as_str(), page));
        let described = following.map(|manifest| Descriptor {
            annotations: names(&manifest.digest),
            ..manifest
        });
        Ok(referrers_page(described, page.limit))
    }

    /// Returns whether the layout has `digest` as a blob, and not as a manifest.
    pub(crate) fn has_blob(&self, digest: &Digest) -> Result<bool> {
        Ok(self.storage.find(digest)?.is_some() && !self.is_manifest(digest)?)
    }

    fn is_manifest(&self, digest: &Digest) -> Result<bool> {
        Ok(self
            .view(&self.storage.index()?)?
            .manifest_type(digest)
            .is_some())
    }

    /// Returns the view of `index`, from the cache if possible.
    fn view(&self, index: &Arc<LayoutIndex>) -> Result<Arc<View>> {
        let mut cached = lock(&self.cached_view);
        let added = std::mem::take(&mut *lock(&self.added_content));
        if let Some(cached) = cached.as_ref()
            && cached.index.as_ptr() == Arc::as_ptr(index)
            && !added.iter().any(|digest| cached.view.lacks(digest))
        {
            return Ok(Arc::clone(&cached.view));
        }
        // Forget the old view first: if an error occurs, the new content would not be considered.
        *cached = None;
        let view = Arc::new(self.compute_view(index, None)?);
        *cached = Some(CachedView {
            index: Arc::downgrade(index),
            view: Arc::clone(&view),
        });
        Ok(view)
    }

    /// Computes the view that an index would have if the content with the digest `without` did not
    /// exist.
    fn compute_view(&self, index: &LayoutIndex, without: Option<&Digest>) -> Result<View> {
        View::compute(
            index,
            &mut lock(&self.manifest_cache),
            |digest| self.storage.find(digest),
            without,
        )
    }

    fn missing_content_error(&self, digest: &Digest) -> Error {
        let message = format!(
            "the index of {} references {digest}, but the content does not exist",
            self.storage.describe()
        );
        Error::new(Kind::ManifestUnknown, message).with_help(COPY_AGAIN)
    }
}

/// Suggestion if a layout lacks content that it should have.
const COPY_AGAIN: &str = "copy the image again, or remove its entry from the index";

/// Content that exists during a change.
struct CurrentState<'a, S> {
    layout: &'a Layout<S>,
    view: &'a View,
}

impl<S: Storage> ContentLookup for CurrentState<'_, S> {
    fn find(&self, digest: &Digest) -> Result<Option<Stored>> {
        let media_type = self.view.manifest_type(digest).cloned();
        Ok(self.layout.storage.find(digest)?.map(|content| Stored {
            size: content.size(),
            media_type,
        }))
    }

    fn has_manifest(&self, digest: &Digest) -> Result<bool> {
        Ok(self.view.manifest_type(digest).is_some())
    }
}

fn is_after_page_start(item: &str, page: &PageRequest) -> bool {
    page.after.as_deref().is_none_or(|after| item > after)
}

/// Locks a mutex. Ignores poisoning: each change is applied in one step after all checks, so a
/// panic does not leave the value inconsistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
