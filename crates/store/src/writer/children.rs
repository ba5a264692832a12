//! Parsing of children that a pushed manifest declares to be manifests, but that were pushed as
//! blobs. Each child is parsed once.

use std::collections::HashSet;

use portolan_model::{Digest, RepositoryName};
use portolan_registry::{MAX_MANIFEST_BYTES, Result, UnparsedChild};

use super::put::{Put, TransactionView};
use crate::metadata::{ChildBlob, Children, Lookup, find_children};
use crate::store::Store;

impl Store {
    /// Parses the children that the push must promote to manifests, and the children of these
    /// children in turn, as far as they are known before the transaction.
    pub(super) async fn parse_declared_children(&self, put: &mut Put) -> Result<()> {
        let (mut children, mut known) = (Children::default(), HashSet::new());
        loop {
            let declared = put.push.declared_children();
            let new: Vec<_> = declared
                .filter(|digest| known.insert(Digest::clone(digest)))
                .collect();
            if new.is_empty() {
                return Ok(());
            }
            self.find_children(put.push.repository(), new, &mut children)
                .await?;
            let unparsed = put.push.find_unparsed(&TransactionView(&children))?;
            self.parse_blobs(put, unparsed, &children).await?;
        }
    }

    /// Parses the children that an [`Attempt`](portolan_registry::Attempt) to store the manifest
    /// needs.
    pub(super) async fn parse_children(
        &self,
        put: &mut Put,
        unparsed: Vec<UnparsedChild>,
    ) -> Result<()> {
        let mut children = Children::default();
        let digests = unparsed.iter().map(|child| &child.digest);
        self.find_children(put.push.repository(), digests, &mut children)
            .await?;
        self.parse_blobs(put, unparsed, &children).await
    }

    /// Reads and parses blobs, within the limits of the push. Skips a blob that is broken or was
    /// deleted in the meantime; the next attempt reports it.
    async fn parse_blobs(
        &self,
        put: &mut Put,
        unparsed: Vec<UnparsedChild>,
        children: &Children,
    ) -> Result<()> {
        put.push.reserve(&unparsed)?;
        for child in unparsed {
            let blob = children.blob(&child.digest);
            let Some(ChildBlob { row, .. }) = blob.filter(|blob| !blob.is_broken) else {
                continue;
            };
            let digest = &child.digest;
            let read = self.read_whole(digest, row, MAX_MANIFEST_BYTES).await;
            if let Some(bytes) = self.if_undamaged(digest, &row.key, read).await? {
                put.parse_child(child, bytes)?;
            }
        }
        Ok(())
    }

    /// Looks up `digests` in the repository, and adds the content found to `children`.
    async fn find_children<'a>(
        &self,
        repository: &RepositoryName,
        digests: impl IntoIterator<Item = &'a Digest>,
        children: &mut Children,
    ) -> Result<()> {
        for statement in find_children(repository, digests) {
            let rows = Lookup::new(statement, Ok);
            children.add(self.parts.database.lookup(rows).await?)?;
        }
        Ok(())
    }
}
