//! Tags, and the history of their changes.

use portolan_model::{Digest, RepositoryName, Tag};
use portolan_registry::{Precondition, Result, TagUpdate};

use super::{Lookup, Row, Statement, Transaction};

const FIND: &str = "SELECT g.repository_id, c.digest FROM repositories r \
     JOIN tags g ON g.repository_id = r.id JOIN manifests m ON m.id = g.manifest_id \
     JOIN manifest_contents c ON c.id = m.content_id WHERE r.name = ?1 AND g.name = ?2";
const SET: &str = "INSERT INTO tags (repository_id, name, manifest_id) \
     SELECT m.repository_id, ?3, m.id FROM manifest_contents c \
     JOIN manifests m ON m.content_id = c.id AND m.repository_id = ?1 WHERE c.digest = ?2 \
     ON CONFLICT (repository_id, name) DO UPDATE SET manifest_id = excluded.manifest_id";
const CREATE: &str = "INSERT INTO tags (repository_id, name, manifest_id) \
     SELECT m.repository_id, ?3, m.id FROM manifest_contents c \
     JOIN manifests m ON m.content_id = c.id AND m.repository_id = ?1 WHERE c.digest = ?2 \
     ON CONFLICT (repository_id, name) DO NOTHING";
const MOVE: &str = "UPDATE tags SET manifest_id = (SELECT m.id \
     FROM manifest_contents c JOIN manifests m ON m.content_id = c.id AND m.repository_id = ?1 \
     WHERE c.digest = ?2) WHERE repository_id = ?1 AND name = ?3 AND manifest_id = (SELECT m.id \
     FROM manifest_contents c JOIN manifests m ON m.content_id = c.id AND m.repository_id = ?1 \
     WHERE c.digest = ?4)";
const REMOVE: &str = "DELETE FROM tags WHERE repository_id = ?1 AND name = ?2";
const RECORD: &str = "INSERT INTO tag_history \
     (repository_id, name, digest_before, digest_after, changed_at, changed_by, cause) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const RECORD_PAGE: &str = "INSERT INTO tag_history \
     (repository_id, name, digest_before, changed_at, changed_by, cause) \
     SELECT repository_id, name, ?2, ?3, ?4, ?5 FROM tags WHERE manifest_id = ?1 ORDER BY name LIMIT ?6";
const REMOVE_PAGE: &str = "DELETE FROM tags WHERE repository_id = ?1 AND name IN \
     (SELECT name FROM tags WHERE manifest_id = ?2 ORDER BY name LIMIT ?3)";
const LIST: &str = "SELECT g.name FROM repositories r \
     LEFT JOIN tags g ON g.repository_id = r.id AND g.name > ?2 \
     WHERE r.name = ?1 AND r.has_content = 1 ORDER BY g.name LIMIT ?3";
const RECORD_ALL: &str = "INSERT INTO tag_history \
     (repository_id, name, digest_before, changed_at, changed_by, cause) \
     SELECT g.repository_id, g.name, c.digest, ?2, ?3, ?4 FROM tags g \
     JOIN manifests m ON m.id = g.manifest_id JOIN manifest_contents c ON c.id = m.content_id \
     WHERE g.repository_id = ?1 AND g.name > '' ORDER BY g.name LIMIT ?5";
const REMOVE_ALL: &str = "DELETE FROM tags WHERE repository_id = ?1 AND name IN \
     (SELECT name FROM tags WHERE repository_id = ?1 AND name > '' ORDER BY name LIMIT ?2)";

/// Cause of a change in the tag history: a push.
const PUSH: i64 = 1;
/// Cause of a change in the tag history: a deletion of the tag or its manifest.
const DELETE: i64 = 2;

/// Maximum number of tags that one transaction removes together with their manifest or repository.
pub(super) const PAGE: usize = 1000;

/// Digest that a tag refers to, and the repository of the tag.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TagRow {
    pub(crate) repository_id: i64,
    pub(crate) digest: Digest,
}

impl TagRow {
    pub(crate) fn read(mut row: Row) -> Result<Self> {
        Ok(Self {
            repository_id: row.integer()?,
            digest: row.digest()?,
        })
    }
}

/// Returns the statement that looks up a tag. The first row of the result is a [`TagRow`].
pub(crate) fn find_tag(repository: &RepositoryName, tag: &Tag) -> Statement<'static> {
    let parameters = [repository.to_string().into(), tag.to_string().into()];
    Statement::new(FIND, parameters)
}

/// Returns the statement that sets a tag and the statement that records the change in the tag
/// history, or `None` if the tag points to `digest` already. `before` is the current digest of the
/// tag; the caller has checked that it meets the precondition of `update`. `who` is the caller's
/// name for the tag history.
///
/// The first statement contains the precondition too: if a concurrent change came first, the
/// statement changes no row. The caller must check this, and reject the push.
pub(crate) fn set_tag<'a>(
    transaction: &dyn Transaction,
    repository_id: i64,
    update: &'a TagUpdate,
    before: Option<&Digest>,
    digest: &Digest,
    who: Option<&'a str>,
) -> Option<[Statement<'a>; 2]> {
    if before == Some(digest) {
        return None;
    }
    let (name, now) = (update.tag.as_str(), transaction.now());
    let key = [repository_id.into(), digest.into(), name.into()];
    let set = match (&update.precondition, before) {
        (Precondition::None, _) => Statement::new(SET, key),
        (_, None) => Statement::new(CREATE, key),
        (_, Some(before)) => {
            let [repository_id, digest, name] = key;
            Statement::new(MOVE, [repository_id, digest, name, before.into()])
        }
    };
    let record = [
        repository_id.into(),
        name.into(),
        before.into(),
        digest.into(),
        now.into(),
        who.into(),
        PUSH.into(),
    ];
    Some([set, Statement::new(RECORD, record).changing_one()])
}

/// Removes a tag, and returns whether it existed. `who` is the caller's name for the tag history.
pub(crate) fn remove_tag(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    tag: &Tag,
    who: Option<&str>,
) -> Result<bool> {
    let now = transaction.now();
    let found = transaction.query(&find_tag(repository, tag))?;
    let Some(row) = found.into_iter().next() else {
        return Ok(false);
    };
    let TagRow {
        repository_id,
        digest,
    } = TagRow::read(row)?;
    let record = [
        repository_id.into(),
        tag.as_str().into(),
        (&digest).into(),
        super::Parameter::Null,
        now.into(),
        who.into(),
        DELETE.into(),
    ];
    transaction.batch(&[
        Statement::new(REMOVE, [repository_id.into(), tag.as_str().into()]),
        Statement::new(RECORD, record),
    ])?;
    Ok(true)
}

/// Removes up to [`PAGE`] tags of a manifest, and returns whether more tags may be left.
pub(super) fn remove_tags_of(
    transaction: &mut dyn Transaction,
    repository_id: i64,
    manifest_id: i64,
    digest: &Digest,
    who: Option<&str>,
) -> Result<bool> {
    let record = [
        manifest_id.into(),
        digest.into(),
        transaction.now().into(),
        who.into(),
        DELETE.into(),
        PAGE.into(),
    ];
    let outcomes = transaction.batch(&[
        Statement::new(RECORD_PAGE, record),
        Statement::new(
            REMOVE_PAGE,
            [repository_id.into(), manifest_id.into(), PAGE.into()],
        ),
    ])?;
    Ok(outcomes
        .iter()
        .any(|outcome| outcome.changed >= PAGE as u64))
}

/// Removes up to [`PAGE`] tags of a repository, and returns whether more may be left.
pub(super) fn remove_page(
    transaction: &mut dyn Transaction,
    repository_id: i64,
    who: Option<&str>,
) -> Result<bool> {
    let record = [
        repository_id.into(),
        transaction.now().into(),
        who.into(),
        DELETE.into(),
        PAGE.into(),
    ];
    let outcomes = transaction.batch(&[
        Statement::new(RECORD_ALL, record),
        Statement::new(REMOVE_ALL, [repository_id.into(), PAGE.into()]),
    ])?;
    Ok(outcomes
        .iter()
        .any(|outcome| outcome.changed >= PAGE as u64))
}

/// Returns a lookup of up to `limit` tags, sorted by name, starting after `after`. The result is
/// `None` if the repository does not exist.
pub(crate) fn list_tags(
    repository: &RepositoryName,
    after: &str,
    limit: usize,
) -> Lookup<Option<Vec<Tag>>> {
    let parameters = [
        repository.to_string().into(),
        after.to_owned().into(),
        limit.into(),
    ];
    Lookup::new(Statement::new(LIST, parameters), |rows| {
        if rows.is_empty() {
            return Ok(None);
        }
        // A repository without such tags yields one row with the tag NULL. This distinguishes it
        // from a repository that does not exist.
        let mut tags = Vec::new();
        for mut row in rows {
            if let Some(tag) = row.optional_parsed()? {
                tags.push(tag);
            }
        }
        Ok(Some(tags))
    })
    .into_list()
}
