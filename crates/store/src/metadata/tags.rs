//! Tags, and the history of each change.

use portolan_model::{Digest, RepositoryName, Tag};
use portolan_registry::{Precondition, Result, TagUpdate};

use super::repositories::find;
use super::{Parameter, Timestamp, Transaction};

const FIND: &str = "SELECT digest FROM tags WHERE repository_id = ?1 AND name = ?2";
const SET: &str = "INSERT INTO tags (repository_id, name, digest, updated_at) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (repository_id, name) DO UPDATE SET digest = excluded.digest, updated_at = excluded.updated_at";
const CREATE: &str = "INSERT INTO tags (repository_id, name, digest, updated_at) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (repository_id, name) DO NOTHING";
const MOVE: &str = "UPDATE tags SET digest = ?3, updated_at = ?4 \
     WHERE repository_id = ?1 AND name = ?2 AND digest = ?5";
const REMOVE: &str = "DELETE FROM tags WHERE repository_id = ?1 AND name = ?2";
const ON_DIGEST: &str = "SELECT name FROM tags WHERE repository_id = ?1 AND digest = ?2";
const LIST: &str =
    "SELECT name FROM tags WHERE repository_id = ?1 AND name > ?2 ORDER BY name LIMIT ?3";
const RECORD: &str = "INSERT INTO tag_history \
     (repository_id, name, digest_before, digest_after, changed_at, changed_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// Who changes tags, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    pub(crate) repository_id: i64,
    pub(crate) who: &'a str,
    pub(crate) now: Timestamp,
}

/// Sets a tag if its precondition holds; else the error is where it is instead.
pub(crate) fn set_tag(
    transaction: &mut dyn Transaction,
    change: Change<'_>,
    update: &TagUpdate,
    digest: &Digest,
) -> Result<Result<(), Option<Digest>>> {
    let tag = &update.tag;
    let before = find_tag(transaction, change.repository_id, tag)?;
    let key = [
        change.repository_id.into(),
        tag.as_str().into(),
        digest.as_str().into(),
        change.now.into(),
    ];
    // The condition is part of the statement, so that it also holds where transactions run side by side.
    let changed = match (&update.precondition, &before) {
        (Precondition::None, _) => transaction.execute(SET, &key)?,
        (precondition, before) if !precondition.holds(before.as_ref()) => 0,
        (_, None) => transaction.execute(CREATE, &key)?,
        (_, Some(before)) => {
            let [repository_id, name, digest, now] = key;
            transaction.execute(
                MOVE,
                &[repository_id, name, digest, now, before.as_str().into()],
            )?
        }
    };
    if changed == 0 {
        return Ok(Err(before));
    }
    record(transaction, change, tag, before.as_ref(), Some(digest))?;
    Ok(Ok(()))
}

/// Removes a tag; answers whether it was there.
pub(crate) fn remove_tag(
    transaction: &mut dyn Transaction,
    change: Change<'_>,
    tag: &Tag,
) -> Result<bool> {
    let Some(before) = find_tag(transaction, change.repository_id, tag)? else {
        return Ok(false);
    };
    transaction.execute(REMOVE, &[change.repository_id.into(), tag.as_str().into()])?;
    record(transaction, change, tag, Some(&before), None)?;
    Ok(true)
}

/// Removes each tag on a digest.
pub(crate) fn remove_tags_on(
    transaction: &mut dyn Transaction,
    change: Change<'_>,
    digest: &Digest,
) -> Result<()> {
    let rows = transaction.query(
        ON_DIGEST,
        &[change.repository_id.into(), digest.as_str().into()],
    )?;
    for mut row in rows {
        remove_tag(transaction, change, &row.parsed()?)?;
    }
    Ok(())
}

/// The tags behind `after`, or `None` if there is no such repository.
pub(crate) fn list_tags(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    after: &str,
    limit: usize,
) -> Result<Option<Vec<Tag>>> {
    let Some(repository_id) = find(transaction, repository)? else {
        return Ok(None);
    };
    let rows = transaction.query(LIST, &[repository_id.into(), after.into(), limit.into()])?;
    rows.into_iter()
        .map(|mut row| row.parsed())
        .collect::<Result<_>>()
        .map(Some)
}

/// Where a tag points, if it is there.
pub(crate) fn find_tag(
    transaction: &mut dyn Transaction,
    repository_id: i64,
    tag: &Tag,
) -> Result<Option<Digest>> {
    let rows = transaction.query(FIND, &[repository_id.into(), tag.as_str().into()])?;
    rows.into_iter()
        .next()
        .map(|mut row| row.parsed())
        .transpose()
}

fn record(
    transaction: &mut dyn Transaction,
    change: Change<'_>,
    tag: &Tag,
    before: Option<&Digest>,
    after: Option<&Digest>,
) -> Result<()> {
    let parameters: [Parameter<'_>; 6] = [
        change.repository_id.into(),
        tag.as_str().into(),
        before.map(Digest::as_str).into(),
        after.map(Digest::as_str).into(),
        change.now.into(),
        change.who.into(),
    ];
    transaction.execute(RECORD, &parameters)?;
    Ok(())
}
