//! Pushed manifest: the decision whether to store it, and the statements that do so.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use portolan_model::{Digest, MediaType, RepositoryName};
use portolan_registry::{
    Admission, AdmittedManifest, Attempt, ContentLookup, Error, Kind, ParsedManifest,
    PushedManifest, PutManifest, PutOutcome, Result, Stored, TagUpdate, UnparsedChild,
};

use crate::cache::Affected;
use crate::metadata::{
    Children, Document, DocumentState, REFERENCES_PAGE, Statement, Transaction, View,
    ensure_repository, media_types, require_changes, set_tag, store_manifest, store_media_type,
};

/// Push of a manifest. A push whose outcome is [`Attempt::NeedsChildren`] is tried again after
/// these children were parsed.
#[derive(Clone)]
pub(crate) struct Put {
    pub(super) push: PushedManifest,
    /// Name of the caller for the tag history. `None` for an anonymous caller.
    who: Option<String>,
    document: Arc<Document>,
    pub(super) options: PutManifest,
    admission: Arc<dyn Admission>,
    /// Parsed children that the repository has as blobs and that are declared to be manifests, by
    /// digest and type.
    children: HashMap<(Digest, MediaType), Arc<Document>>,
}

/// Result of a successful push.
pub(crate) struct StoredPut {
    pub(crate) outcome: PutOutcome,
    /// Media types whose rows the transaction has stored. They are added to the cache after the
    /// commit.
    pub(super) media_types: Vec<MediaType>,
}

impl Put {
    /// Parses a pushed manifest.
    pub(crate) fn parse(
        repository: &RepositoryName,
        who: Option<String>,
        bytes: Bytes,
        options: PutManifest,
        admission: Arc<dyn Admission>,
    ) -> Result<Self> {
        let push = PushedManifest::parse(repository, bytes, &options)?;
        Ok(Self {
            document: Arc::new(Document::new(push.document())),
            push,
            who,
            options,
            admission,
            children: HashMap::new(),
        })
    }

    /// Parses a child of the pushed manifest that the repository has as a blob, and keeps it for
    /// [`Put::store`]. A child that is not a manifest is reported there as a finding.
    pub(super) fn parse_child(&mut self, child: UnparsedChild, bytes: Bytes) -> Result<()> {
        if let Some(parsed) = self.push.parse_child(child, bytes)? {
            let document = Arc::new(Document::new(&parsed));
            self.children.insert(key(&parsed), document);
        }
        Ok(())
    }

    /// Returns the statements that look up the [`View`] of this push.
    pub(super) fn lookups(&self) -> Vec<Statement<'static>> {
        let children = self.children.values();
        let children = children.flat_map(|document| document.digests());
        let digests = self.document.digests().chain(children);
        // The documents of a push often reference the same content.
        let digests: BTreeSet<_> = digests.collect();
        View::statements(
            self.push.repository(),
            &self.document.digest,
            &self.options.tags,
            digests,
        )
    }

    /// Returns whether the documents of this push have so many edges that [`Put::store`] leaves them
    /// to [`write_page`](crate::metadata::write_page).
    pub(super) fn is_paged(&self) -> bool {
        let edges = self.documents().map(|document| document.edges.len());
        edges.sum::<usize>() > REFERENCES_PAGE
    }

    /// Returns the pushed manifest and its parsed children.
    pub(super) fn documents(&self) -> impl Iterator<Item = &Arc<Document>> {
        self.children.values().chain([&self.document])
    }

    /// Returns the entries of the cache that this push affects.
    pub(super) fn affected_entries(&self) -> Affected {
        let children = self.children.values().map(|child| &child.digest);
        let digests = children.chain([&self.document.digest]);
        Affected::Some {
            tags: self.options.tags.iter().map(|it| it.tag.clone()).collect(),
            digests: digests.cloned().collect(),
        }
    }

    /// Checks the manifest with the [`Admission`], and stores it with its tags. `is_stored` returns
    /// whether a media type is known to have a row.
    pub(crate) fn store(
        &self,
        transaction: &mut dyn Transaction,
        is_stored: impl Fn(&MediaType) -> bool,
    ) -> Result<Attempt<StoredPut>> {
        let outcomes = transaction.batch(&self.lookups())?;
        let mut view = View::decode(self.options.tags.len(), outcomes)?;
        let admitted = self.admit(&view)?;
        admitted.and_then(|AdmittedManifest { promoted, findings }| {
            let promoted = self.promoted_documents(&promoted)?;
            for document in &promoted {
                view.children.promote(&document.digest);
            }
            let media_types = self.write(transaction, &view, &promoted, is_stored)?;
            Ok(StoredPut {
                outcome: PutOutcome::new(&self.push, findings),
                media_types,
            })
        })
    }

    /// Returns the outcome of [`Put::store`] with `view`, without writing anything.
    pub(super) fn rehearse(&self, view: &View) -> Result<Attempt<PutOutcome>> {
        self.admit(view)?.and_then(|admitted| {
            self.check_tags(view)?;
            Ok(PutOutcome::new(&self.push, admitted.findings))
        })
    }

    /// Checks the manifest, and its children that were pushed as blobs, with the [`Admission`].
    fn admit(&self, view: &View) -> Result<Attempt<AdmittedManifest>> {
        self.push
            .admit(&*self.admission, &TransactionView(&view.children))
    }

    /// Returns the documents of the promoted children, in storage order: children first.
    fn promoted_documents(&self, promoted: &[Arc<ParsedManifest>]) -> Result<Vec<Arc<Document>>> {
        let documents = promoted.iter().map(|child| {
            self.children
                .get(&key(child))
                .cloned()
                .ok_or_else(|| Error::new(Kind::Internal, "a promoted child was not parsed"))
        });
        documents.collect()
    }

    /// Returns an error if a tag does not meet its precondition.
    fn check_tags(&self, view: &View) -> Result<()> {
        let mut updates = self.options.tags.iter().zip(&view.tags);
        match updates.find(|(update, before)| !update.precondition.is_met(before.as_ref())) {
            Some((update, before)) => Err(Error::precondition_failed(update, before.as_ref())),
            None => Ok(()),
        }
    }

    /// Writes documents and tags in one batch, and returns the media types whose rows this stores.
    /// Children come first, because references to them are stored as foreign keys.
    fn write(
        &self,
        transaction: &mut dyn Transaction,
        view: &View,
        promoted: &[Arc<Document>],
        is_stored: impl Fn(&MediaType) -> bool,
    ) -> Result<Vec<MediaType>> {
        self.check_tags(view)?;
        let repository_id = match view.target {
            Some(target) if target.has_content => target.repository_id,
            _ => ensure_repository(transaction, self.push.repository())?,
        };
        let documents = || {
            promoted
                .iter()
                .map(Arc::as_ref)
                .chain([self.document.as_ref()])
        };
        let mut new_types: Vec<_> = documents()
            .flat_map(|document| media_types(document, &view.children))
            .filter(|media_type| !is_stored(media_type))
            .collect();
        new_types.sort_unstable_by_key(|media_type| media_type.as_str());
        new_types.dedup_by_key(|media_type| media_type.as_str());

        let mut statements: Vec<_> = new_types
            .iter()
            .map(|media_type| store_media_type(media_type))
            .collect();
        let is_paged = self.is_paged();
        for document in promoted {
            // The view does not show whether a child has a tombstone, so assume one: a row that is
            // not live.
            let state = DocumentState {
                has_row: true,
                is_live: false,
                has_unwritten_edges: is_paged,
            };
            let children = &view.children;
            statements.extend(store_manifest(
                transaction,
                repository_id,
                document,
                children,
                state,
            ));
        }
        let target = view.target;
        let state = DocumentState {
            has_row: target.is_some_and(|target| target.has_row),
            is_live: target.is_some_and(|target| target.is_live),
            has_unwritten_edges: is_paged,
        };
        statements.extend(store_manifest(
            transaction,
            repository_id,
            &self.document,
            &view.children,
            state,
        ));
        let tags = self.tag_changes(transaction, view, repository_id);
        let first_tag = statements.len();
        statements.extend(tags.iter().flat_map(|(_, _, change)| change.clone()));
        let outcomes = transaction.batch(&statements)?;
        // The first of the two statements of each tag has the precondition, and changes no row if
        // it is not met.
        let changed = outcomes.iter().skip(first_tag).step_by(2);
        for ((update, before, _), outcome) in tags.iter().zip(changed) {
            if outcome.changed == 0 {
                return Err(Error::precondition_failed(update, *before));
            }
        }
        require_changes(&statements, &outcomes)?;
        Ok(new_types.into_iter().cloned().collect())
    }

    /// Returns the tags to change. Each tag has its digest before the push and the statements of
    /// [`set_tag`].
    fn tag_changes<'a>(
        &'a self,
        transaction: &dyn Transaction,
        view: &'a View,
        repository_id: i64,
    ) -> Vec<(&'a TagUpdate, Option<&'a Digest>, [Statement<'a>; 2])> {
        let updates = self.options.tags.iter().zip(&view.tags);
        let changes = updates.filter_map(|(update, before)| {
            let (before, digest) = (before.as_ref(), &self.document.digest);
            let change = set_tag(
                transaction,
                repository_id,
                update,
                before,
                digest,
                self.who.as_deref(),
            )?;
            Some((update, before, change))
        });
        changes.collect()
    }
}

/// Returns the key of a child in [`Put::children`].
fn key(parsed: &ParsedManifest) -> (Digest, MediaType) {
    (parsed.digest.clone(), parsed.manifest.media_type().clone())
}

/// [`ContentLookup`] in the results of the lookups of a push.
pub(super) struct TransactionView<'a>(pub(super) &'a Children);

impl ContentLookup for TransactionView<'_> {
    fn find(&self, digest: &Digest) -> Result<Option<Stored>> {
        Ok(self.0.find(digest))
    }

    fn has_manifest(&self, digest: &Digest) -> Result<bool> {
        Ok(self.0.is_manifest(digest))
    }
}
