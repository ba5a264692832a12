//! Changing a layout: the content first, then the index, in one step.

use portolan_model::{Descriptor, Digest, Json, Manifest, MediaType, RepositoryName, Tag};
use portolan_registry::{Deletion, Error, PutManifest, PutOutcome, Result, admit};

use super::view::View;
use super::{Layout, Present, lock};
use crate::index::Index;
use crate::storage::Storage;

impl<S: Storage> Layout<S> {
    /// Stores a manifest and names it, unless that is only to be tried. What it names has to be there, as the
    /// policy says.
    pub(crate) fn put_manifest(
        &self,
        digest: Digest,
        manifest: &Manifest,
        options: &PutManifest,
    ) -> Result<PutOutcome> {
        self.storage.accept(manifest, options)?;
        let _changing = lock(&self.changing);
        let index = self.storage.index()?;
        let view = self.view(&index)?;
        let present = Present {
            layout: self,
            view: &view,
        };
        // What is taken in is a manifest as soon as the index leads to it.
        let findings = admit(manifest, &options.policy, &options.known, &present)?.findings;
        for update in &options.tags {
            let current = index
                .named(update.tag.as_str())?
                .map(|current| &current.digest);
            if !update.precondition.holds(current) {
                return Err(Error::precondition_failed(update, current));
            }
        }
        if !options.dry_run {
            self.keep_manifest(&index, &digest, manifest, options)?;
        }
        let subject = manifest.subject().map(|subject| subject.digest.clone());
        Ok(PutOutcome {
            digest,
            subject,
            findings,
            normalised: None,
        })
    }

    fn keep_manifest(
        &self,
        index: &Index,
        digest: &Digest,
        manifest: &Manifest,
        options: &PutManifest,
    ) -> Result<()> {
        self.storage.keep_manifest(digest, manifest.bytes())?;
        self.content_changed();
        lock(&self.documents).take(digest, manifest);
        let changed = self.with_manifest(index, digest, manifest, options)?;
        self.storage.replace_index(changed)
    }

    /// The index that leads to the manifest: by its tags, through another one that names it, or by an
    /// entry of its own. Entries of what it names itself are not needed any more.
    fn with_manifest(
        &self,
        index: &Index,
        digest: &Digest,
        manifest: &Manifest,
        options: &PutManifest,
    ) -> Result<Index> {
        let mut index = index.clone();
        let descriptor = describe(digest, manifest);
        index.describe(&descriptor);
        let mut superfluous: Vec<Digest> = Vec::new();
        for update in &options.tags {
            let moved = index
                .named(update.tag.as_str())?
                .map(|moved| moved.digest.clone());
            superfluous.extend(moved.filter(|moved| moved != digest));
            index.name(update.tag.as_str(), &descriptor);
        }
        let mut view = self.look(&index, None)?;
        if view.manifest_type(digest) != Some(manifest.media_type()) {
            index.add(&descriptor);
            view = self.look(&index, None)?;
        }
        superfluous.extend(view.children(digest).map(|child| child.digest.clone()));
        self.without_superfluous(index, &view, &superfluous)
    }

    /// The index without the bare entries of those manifests that it leads to anyway, as what they are.
    fn without_superfluous(
        &self,
        index: Index,
        view: &View,
        superfluous: &[Digest],
    ) -> Result<Index> {
        let mut bare = superfluous
            .iter()
            .filter(|digest| index.has_bare(digest))
            .peekable();
        if bare.peek().is_none() {
            return Ok(index);
        }
        let mut without = index.clone();
        bare.for_each(|digest| without.remove_bare(digest));
        if self.look(&without, None)?.covers(view) {
            return Ok(without);
        }
        // Not all of them are; each is looked at by itself.
        let mut index = index;
        for digest in superfluous {
            let mut without = index.clone();
            without.remove_bare(digest);
            if self.look(&without, None)?.covers(view) {
                index = without;
            }
        }
        Ok(index)
    }

    pub(crate) fn delete_tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<()> {
        let _changing = lock(&self.changing);
        let index = self.storage.index()?;
        let Some(named) = index.named(tag.as_str())?.map(|named| named.digest.clone()) else {
            return Err(Error::manifest_unknown(repository, tag));
        };
        let view = self.view(&index)?;
        let mut changed = Index::clone(&index);
        changed.take_name(tag.as_str(), None);
        let changed = self.without_superfluous(changed, &view, &[named])?;
        self.storage.replace_index(changed)
    }

    /// Removes a manifest from the index, and its bytes. What it named stays: children that nothing
    /// else leads to get entries of their own.
    pub(crate) fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        self.storage.accept_deletions()?;
        let _changing = lock(&self.changing);
        let index = self.storage.index()?;
        let view = self.view(&index)?;
        if view.media_type(digest).is_none() && index.find(digest).is_none() {
            return Err(Error::manifest_unknown(repository, digest));
        }
        guard(&view, digest, deletion)?;
        let mut changed = Index::clone(&index);
        changed.remove(digest);
        let left = self.look(&changed, Some(digest))?;
        for child in view.children(digest) {
            let was_manifest = view.manifest_type(&child.digest).is_some();
            if was_manifest
                && left.manifest_type(&child.digest).is_none()
                && changed.find(&child.digest).is_none()
            {
                changed.add(&bare(child));
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
        self.storage.accept_deletions()?;
        let _changing = lock(&self.changing);
        let view = self.view(&self.storage.index()?)?;
        if self.storage.find(digest)?.is_none() || view.manifest_type(digest).is_some() {
            return Err(Error::blob_unknown(repository, digest));
        }
        guard(&view, digest, deletion)?;
        self.drop_content(digest)
    }

    fn drop_content(&self, digest: &Digest) -> Result<()> {
        lock(&self.documents).forget(digest);
        let dropped = self.storage.drop_content(digest);
        self.content_changed();
        dropped
    }
}

fn guard(view: &View, digest: &Digest, deletion: Deletion) -> Result<()> {
    if deletion == Deletion::Forced {
        return Ok(());
    }
    let parents = view.parents(digest);
    if parents.is_empty() {
        Ok(())
    } else {
        Err(Error::referenced(digest, &parents))
    }
}

/// The descriptor with which the index shows a manifest: its artifact type only if it states one.
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

fn bare(child: &Descriptor) -> Descriptor {
    Descriptor {
        media_type: child.media_type.clone(),
        size: child.size,
        artifact_type: child.artifact_type.clone(),
        ..Descriptor::of(child.digest.clone())
    }
}
