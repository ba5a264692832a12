//! State of a repository that a push depends on: the stored row of the pushed manifest, the tags
//! that the push sets, and the content that its documents reference. A single batch looks up all of
//! it.

use std::collections::HashMap;

use portolan_model::{Digest, MediaType, RepositoryName};
use portolan_registry::{Result, Stored, TagUpdate};

use super::tags::{TagRow, find_tag};
use super::{BlobRow, Outcome, Parameter, Row, Statement};

const TARGET: &str = "SELECT r.id, r.has_content, m.id, m.deleted_at FROM repositories r \
     LEFT JOIN manifest_contents c ON c.digest = ?2 \
     LEFT JOIN manifests m ON m.content_id = c.id AND m.repository_id = r.id WHERE r.name = ?1";
// With CROSS JOIN, SQLite looks up the digests first. Otherwise, the planner of SQLite prefers to
// scan all content of the repository.
const CHILDREN: &str = "SELECT c.digest, t.name, m.id, c.size, NULL, NULL, NULL, NULL \
     FROM repositories r CROSS JOIN manifest_contents c \
     CROSS JOIN manifests m JOIN media_types t ON t.id = m.media_type_id WHERE r.name = ?1 \
     AND c.digest IN (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) \
     AND m.content_id = c.id AND m.repository_id = r.id AND m.deleted_at IS NULL \
     UNION ALL SELECT b.digest, NULL, b.id, b.size, k.epoch, \
     coalesce(d.counter, b.id), l.manifest_deleted_at, d.broken_at \
     FROM repositories r CROSS JOIN blobs b CROSS JOIN repository_blobs l \
     JOIN key_epochs k ON k.id = b.epoch_id \
     LEFT JOIN damaged_blobs d ON d.blob_id = b.id WHERE r.name = ?1 \
     AND b.digest IN (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) \
     AND l.repository_id = r.id AND l.blob_id = b.id AND l.deleted_at IS NULL";

/// Number of digests that a single statement looks up.
const DIGESTS: usize = 16;

/// Returns the statements that look up which of `digests` a repository has, as manifests and as
/// blobs.
pub(crate) fn find_children<'a>(
    repository: &RepositoryName,
    digests: impl IntoIterator<Item = &'a Digest>,
) -> Vec<Statement<'static>> {
    let digests: Vec<_> = digests.into_iter().collect();
    let chunks = digests.chunks(DIGESTS);
    chunks
        .map(|chunk| {
            let mut parameters: Vec<Parameter<'static>> = vec![repository.to_string().into()];
            parameters.extend(chunk.iter().map(|digest| Parameter::from(*digest)));
            // Unused placeholders are NULL, because NULL equals no digest.
            parameters.resize(1 + DIGESTS, Parameter::Null);
            Statement {
                sql: CHILDREN,
                parameters,
                changes_one: false,
            }
        })
        .collect()
}

/// Results of [`find_children`]: the content that a repository has for a set of digests.
#[derive(Debug, Default)]
pub(crate) struct Children {
    found: HashMap<Digest, Child>,
}

#[derive(Debug, Default)]
/// Content that a repository has for one digest: a manifest, a blob, or both.
struct Child {
    manifest: Option<(MediaType, u64)>,
    /// True for a blob that this transaction stores as a manifest too.
    is_promoted: bool,
    blob: Option<ChildBlob>,
}

/// Child that the repository has as a blob.
#[derive(Clone, Debug)]
pub(crate) struct ChildBlob {
    pub(crate) id: i64,
    pub(crate) row: BlobRow,
    /// True if a client has deleted the blob as a manifest, so that it is served only as a blob.
    pub(crate) is_hidden: bool,
    /// True if the object of the blob is known to be missing or damaged. The repository does not
    /// serve the blob, but edges refer to it, because a push repairs it.
    pub(crate) is_broken: bool,
}

impl Children {
    /// Adds the rows of one statement of [`find_children`].
    pub(crate) fn add(&mut self, rows: Vec<Row>) -> Result<()> {
        for mut row in rows {
            let child = self.found.entry(row.digest()?).or_default();
            let (media_type, id, size) = (row.optional_media_type()?, row.integer()?, row.size()?);
            if let Some(media_type) = media_type {
                child.manifest = Some((media_type, size));
                continue;
            }
            child.blob = Some(ChildBlob {
                id,
                row: BlobRow {
                    size,
                    key: row.key()?,
                },
                is_hidden: row.optional_integer()?.is_some(),
                is_broken: row.optional_integer()?.is_some(),
            });
        }
        Ok(())
    }

    /// Records that this transaction also stores the blob `digest` as a manifest. The row of the
    /// manifest is written before the edges that refer to it.
    pub(crate) fn promote(&mut self, digest: &Digest) {
        self.found.entry(digest.clone()).or_default().is_promoted = true;
    }

    /// Returns the size and type of the content with this digest: those of the manifest, or of the
    /// blob if there is no manifest. A broken blob is not found.
    pub(crate) fn find(&self, digest: &Digest) -> Option<Stored> {
        let child = self.found.get(digest)?;
        let usable = child.blob.as_ref().filter(|blob| !blob.is_broken);
        let blob = usable.map(|blob| Stored {
            size: blob.row.size,
            media_type: None,
        });
        let manifest = child.manifest.as_ref().map(|(media_type, size)| Stored {
            size: *size,
            media_type: Some(media_type.clone()),
        });
        manifest.or(blob)
    }

    /// Returns whether the repository has `digest` as a manifest when the transaction commits.
    pub(crate) fn is_manifest(&self, digest: &Digest) -> bool {
        let child = self.found.get(digest);
        child.is_some_and(|child| child.is_promoted || child.manifest.is_some())
    }

    /// Returns the blob with `digest`, if the repository has it. It may be broken.
    pub(crate) fn blob(&self, digest: &Digest) -> Option<&ChildBlob> {
        self.found.get(digest)?.blob.as_ref()
    }
}

/// State of the repository of a push, and of the row of the pushed manifest in this repository.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) repository_id: i64,
    /// True if the repository has live content.
    pub(crate) has_content: bool,
    /// True if the manifest has a row, even if the row is a tombstone.
    pub(crate) has_row: bool,
    /// True if the manifest has a row that is not a tombstone.
    pub(crate) is_live: bool,
}

/// State of a repository that a push depends on.
#[derive(Debug)]
pub(crate) struct View {
    /// `None` if the repository does not exist.
    pub(crate) target: Option<Target>,
    /// Digest of each tag that the push sets, before the push. `None` for a new tag.
    pub(crate) tags: Vec<Option<Digest>>,
    pub(crate) children: Children,
}

impl View {
    /// Returns the statements whose outcomes [`View::decode`] decodes.
    pub(crate) fn statements<'a>(
        repository: &RepositoryName,
        digest: &Digest,
        tags: &[TagUpdate],
        children: impl IntoIterator<Item = &'a Digest>,
    ) -> Vec<Statement<'static>> {
        let parameters = [repository.to_string().into(), digest.into()];
        let mut statements = vec![Statement::new(TARGET, parameters)];
        let tags = tags.iter();
        statements.extend(tags.map(|update| find_tag(repository, &update.tag)));
        statements.extend(find_children(repository, children));
        statements
    }

    /// Decodes the outcomes of [`View::statements`]. `tag_count` is the number of tags that these
    /// looked up.
    pub(crate) fn decode(tag_count: usize, outcomes: Vec<Outcome>) -> Result<Self> {
        let mut rows = outcomes.into_iter().map(|outcome| outcome.rows);
        let mut next = || rows.next().ok_or_else(super::no_outcome);
        let target = next()?.into_iter().next().map(target).transpose()?;
        let mut tags = Vec::new();
        for _ in 0..tag_count {
            let row = next()?.into_iter().next().map(TagRow::read).transpose()?;
            tags.push(row.map(|row| row.digest));
        }
        let mut children = Children::default();
        rows.try_for_each(|rows| children.add(rows))?;
        Ok(Self {
            target,
            tags,
            children,
        })
    }
}

fn target(mut row: Row) -> Result<Target> {
    let repository_id = row.integer()?;
    let has_content = row.integer()? == 1;
    let (manifest, deleted) = (row.optional_integer()?, row.optional_integer()?);
    Ok(Target {
        repository_id,
        has_content,
        has_row: manifest.is_some(),
        is_live: manifest.is_some() && deleted.is_none(),
    })
}
