//! Changes to a layout: first the content, then the index in one step.

use std::sync::{Arc, Weak};

use portolan_model::{Descriptor, Digest, Json, Manifest, MediaType, RepositoryName, Tag};
use portolan_registry::{
    Admission, Attempt, Deletion, Error, MAX_MANIFEST_BYTES, PushedManifest, PutManifest,
    PutOutcome, Result, verify_digest,
};

use super::simple_push::{Addition, Before, SimplePush};
use super::view::View;
use super::{CurrentState, Layout, lock};
use crate::index::LayoutIndex;
use crate::storage::Storage;

/// Action to take on a pushed manifest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PushAction {
    /// Store the manifest and set its tags.
    Put,
    /// Return the outcome of storing the manifest, without storing it.
    Check,
}

impl<S: Storage> Layout<S> {
    /// Stores and tags a manifest, or only checks it, as `action` requires. Reads and parses the
    /// children that the admission needs while no lock is held.
    pub(crate) fn push_manifest(
        &self,
        mut push: PushedManifest,
        options: &PutManifest,
        admission: &dyn Admission,
        action: PushAction,
    ) -> Result<PutOutcome> {
        self.storage.check_manifest(push.manifest(), options)?;
        loop {
            let children = match self.try_push(&push, options, admission, action)? {
                Attempt::Done(outcome) => return Ok(outcome),
                Attempt::NeedsChildren(children) => children,
            };
            push.reserve(&children)?;
            for child in children {
                // Skip a blob that was deleted in the meantime: the next attempt reports it.
                if let Some(content) = self.storage.find(&child.digest)? {
                    let bytes = content.read(MAX_MANIFEST_BYTES as u64)?;
                    verify_digest(&bytes, Some(&child.digest))?;
                    push.parse_child(child, bytes)?;
                }
            }
        }
    }

    /// Checks whether a push can be stored and, for [`PushAction::Put`], stores it. Holds the lock
    /// for changes.
    fn try_push(
        &self,
        push: &PushedManifest,
        options: &PutManifest,
        admission: &dyn Admission,
        action: PushAction,
    ) -> Result<Attempt<PutOutcome>> {
        let _changing = lock(&self.change_lock);
        let index = self.storage.index()?;
        let view = self.view(&index)?;
        let present = CurrentState {
            layout: self,
            view: &view,
        };
        // Promoted blobs need no work: a blob becomes a manifest as soon as it can be reached from
        // `index.json` as a child.
        push.admit(admission, &present)?.and_then(|admitted| {
            check_preconditions(&index, options)?;
            if action == PushAction::Put {
                self.commit_manifest(index, view, push, options)?;
            }
            Ok(PutOutcome::new(push, admitted.findings))
        })
    }

    /// Stores a manifest and sets its tags. `index` and `view` are the current ones. They are
    /// changed in place if nothing else uses them.
    fn commit_manifest(
        &self,
        index: Arc<LayoutIndex>,
        view: Arc<View>,
        push: &PushedManifest,
        options: &PutManifest,
    ) -> Result<()> {
        let (digest, manifest) = (push.digest(), push.manifest());
        self.storage.store_manifest(digest, manifest.bytes())?;
        self.note_added_content(digest);
        let document = lock(&self.manifest_cache).insert_manifest(digest, manifest);
        let before = Before {
            index: &index,
            view: &view,
            has_content: |digest: &Digest| Ok(self.storage.find(digest)?.is_some()),
        };
        let tags = options.tags.iter().map(|update| update.tag.clone());
        let simple = before.plan(describe(digest, manifest), &document, tags.collect())?;
        let index = match simple {
            None => index,
            Some(simple) => {
                drop(view);
                if self.commit_simple(index, simple)? {
                    return Ok(());
                }
                self.storage.index()?
            }
        };
        let changed = self.index_with_manifest(&index, digest, manifest, options)?;
        self.storage.replace_index(changed)
    }

    /// Writes all gathered changes of the index, durably.
    pub(crate) fn save(&self) -> Result<()> {
        let _changing = lock(&self.change_lock);
        self.storage.save()
    }

    /// Commits a push that was planned for `index`. Returns false and changes nothing if another
    /// program has changed the index in the meantime.
    fn commit_simple(&self, index: Arc<LayoutIndex>, push: SimplePush) -> Result<bool> {
        let digest = push.change.descriptor.digest.clone();
        let before = Arc::downgrade(&index);
        drop(index);
        let Some(index) = self.storage.change_index(&before, push.change)? else {
            return Ok(false);
        };
        let mut cached = lock(&self.cached_view);
        let outdated = cached.as_mut();
        // Another thread may have computed the new view in the meantime.
        let outdated = outdated.filter(|cached| Weak::ptr_eq(&cached.index, &before));
        let Some(outdated) = outdated else {
            return Ok(true);
        };
        outdated.index = Arc::downgrade(&index);
        if let Some(Addition { document, missing }) = push.addition {
            // The content of a missing child may have been added since it was looked up.
            if missing
                .iter()
                .any(|child| self.storage.find(child).is_ok_and(|found| found.is_some()))
            {
                *cached = None;
                return Ok(true);
            }
            Arc::make_mut(&mut outdated.view).add(&digest, &document, missing);
        }
        Ok(true)
    }

    /// Returns a copy of `index` with the tags of `options` set. The manifest can be reached from
    /// this copy.
    ///
    /// Adds an entry for the manifest only if no tag or other index already makes it reachable with
    /// the right type. Removes bare entries that are no longer needed: those of its children, and
    /// of manifests that lost a tag to this manifest.
    pub(super) fn index_with_manifest(
        &self,
        index: &LayoutIndex,
        digest: &Digest,
        manifest: &Manifest,
        options: &PutManifest,
    ) -> Result<LayoutIndex> {
        let mut index = index.clone();
        let descriptor = describe(digest, manifest);
        index.update_types(&descriptor);
        let mut superfluous: Vec<Digest> = Vec::new();
        for update in &options.tags {
            let moved = index
                .find_by_name(update.tag.as_str())?
                .map(|moved| moved.digest.clone());
            superfluous.extend(moved.filter(|moved| moved != digest));
            index.assign_name(update.tag.as_str(), &descriptor);
        }
        let mut view = self.compute_view(&index, None)?;
        // Another index may already make the manifest reachable, but with a different type.
        if view.manifest_type(digest) != Some(manifest.media_type()) {
            index.add(&descriptor);
            view = self.compute_view(&index, None)?;
        }
        superfluous.extend(view.children(digest).map(|child| child.digest.clone()));
        self.remove_superfluous_entries(index, &view, &superfluous)
    }

    /// Removes the bare entries of those manifests in `superfluous` that are also reachable without
    /// the entry, with the same type. A bare entry has no tag and no annotations, only the type,
    /// size and digest of its content.
    fn remove_superfluous_entries(
        &self,
        index: LayoutIndex,
        view: &View,
        superfluous: &[Digest],
    ) -> Result<LayoutIndex> {
        let mut bare = superfluous
            .iter()
            .filter(|digest| index.has_bare(digest))
            .peekable();
        if bare.peek().is_none() {
            return Ok(index);
        }
        let mut without = index.clone();
        bare.for_each(|digest| without.remove_bare(digest));
        if self.compute_view(&without, None)?.covers(view) {
            return Ok(without);
        }
        // At least one of the entries is needed, so try to remove each of them separately.
        let mut index = index;
        for digest in superfluous {
            let mut without = index.clone();
            without.remove_bare(digest);
            if self.compute_view(&without, None)?.covers(view) {
                index = without;
            }
        }
        Ok(index)
    }

    pub(crate) fn delete_tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<()> {
        let _changing = lock(&self.change_lock);
        let index = self.storage.index()?;
        let Some(named) = index
            .find_by_name(tag.as_str())?
            .map(|named| named.digest.clone())
        else {
            return Err(Error::manifest_unknown(repository, tag));
        };
        let view = self.view(&index)?;
        let mut changed = LayoutIndex::clone(&index);
        changed.remove_name(tag.as_str(), None);
        let changed = self.remove_superfluous_entries(changed, &view, &[named])?;
        self.storage.replace_index(changed)
    }

    /// Deletes a manifest: its index entries and its content. Keeps the children of the manifest: a
    /// child that would become unreachable gets its own entry.
    pub(crate) fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        self.storage.check_deletions()?;
        let _changing = lock(&self.change_lock);
        let index = self.storage.index()?;
        let view = self.view(&index)?;
        if view.media_type(digest).is_none() && index.find(digest).is_none() {
            return Err(Error::manifest_unknown(repository, digest));
        }
        check_unreferenced(&view, digest, deletion)?;
        let mut changed = LayoutIndex::clone(&index);
        changed.remove(digest);
        let left = self.compute_view(&changed, Some(digest))?;
        for child in view.children(digest) {
            let was_manifest = view.manifest_type(&child.digest).is_some();
            if was_manifest
                && left.manifest_type(&child.digest).is_none()
                && changed.find(&child.digest).is_none()
            {
                changed.add(&bare_descriptor(child));
            }
        }
        self.storage.replace_index(changed)?;
        self.drop_content(digest)
    }

    pub(crate) fn delete_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        self.storage.check_deletions()?;
        let _changing = lock(&self.change_lock);
        let view = self.view(&self.storage.index()?)?;
        if self.storage.find(digest)?.is_none() || view.manifest_type(digest).is_some() {
            return Err(Error::blob_unknown(repository, digest));
        }
        check_unreferenced(&view, digest, deletion)?;
        self.drop_content(digest)
    }

    /// Deletes all entries and all content.
    pub(crate) fn delete_all(&self) -> Result<()> {
        self.storage.check_deletions()?;
        let _changing = lock(&self.change_lock);
        let mut index = LayoutIndex::clone(&*self.storage.index()?);
        index.clear();
        self.storage.replace_index(index)?;
        let removed = self.storage.remove_all_content();
        self.invalidate_view();
        removed
    }

    /// Removes content from the storage and the cache.
    fn drop_content(&self, digest: &Digest) -> Result<()> {
        lock(&self.manifest_cache).remove(digest);
        let dropped = self.storage.remove_content(digest);
        self.invalidate_view();
        dropped
    }
}

fn check_preconditions(index: &LayoutIndex, options: &PutManifest) -> Result<()> {
    for update in &options.tags {
        let current = index
            .find_by_name(update.tag.as_str())?
            .map(|current| &current.digest);
        if !update.precondition.is_met(current) {
            return Err(Error::precondition_failed(update, current));
        }
    }
    Ok(())
}

fn check_unreferenced(view: &View, digest: &Digest, deletion: Deletion) -> Result<()> {
    if deletion == Deletion::Forced {
        return Ok(());
    }
    let parents = view.parents(digest);
    if parents.is_empty() {
        Ok(())
    } else {
        Err(Error::content_referenced(digest, &parents))
    }
}

/// Returns the descriptor of a manifest for the index. It has an artifact type only if the manifest
/// specifies one.
fn describe(digest: &Digest, manifest: &Manifest) -> Descriptor {
    let artifact_type = manifest
        .document()
        .get("artifactType")
        .and_then(Json::as_str);
    Descriptor {
        artifact_type: artifact_type
            .filter(|text| !text.is_empty())
            .map(MediaType::new),
        ..Descriptor::new(
            manifest.media_type().clone(),
            digest.clone(),
            manifest.bytes().len() as u64,
        )
    }
}

/// Returns the descriptor of `child` without annotations and other optional fields.
fn bare_descriptor(child: &Descriptor) -> Descriptor {
    Descriptor {
        media_type: child.media_type.clone(),
        size: child.size,
        artifact_type: child.artifact_type.clone(),
        ..Descriptor::from_digest(child.digest.clone())
    }
}
