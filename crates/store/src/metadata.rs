//! Metadata of blobs, manifests and tags, and the interface to the database.
//!
//! The logic in this folder is synchronous and does not depend on the database: writes use a
//! [`Transaction`], and reads are [`Lookup`] values. A lookup has one statement, which runs outside
//! of any transaction. A database needs an adapter and its own migrations. All statements are
//! constants with placeholders such as `?1`, all numbers have 64 bits, and all keys compare by
//! bytes.
//!
//! A deleted manifest, or a deleted link of a repository to a blob, leaves a *tombstone*: a row
//! with `deleted_at`. A row that is not a tombstone is *live*. A blob whose object is missing or
//! damaged is *broken*.

mod blobs;
mod broken;
mod database;
mod document;
mod manifests;
mod objects;
mod references;
mod referrers;
mod repositories;
mod sqlite;
mod tags;
#[cfg(test)]
pub(crate) mod tests;
mod transaction;
mod unfinished;
mod value;
mod view;
mod work;

use portolan_registry::{Error, Kind};

pub(crate) use blobs::{
    BlobRow, BlobSize, Linked, NewObject, StoredBlob, blob_sources, find_blob, find_blob_content,
    find_blob_size, has_blobs, link_blob, mount_blob, remove_blob,
};
pub(crate) use broken::mark_broken;
pub(crate) use database::{Database, ping};
pub(crate) use document::Document;
pub(crate) use manifests::{
    DocumentState, ManifestHead, ManifestRow, find_child_blob, find_manifest, find_manifest_by_tag,
    head_manifest, head_manifest_by_tag, list_manifests, media_types, remove_manifest,
    store_manifest, store_media_type,
};
pub(crate) use objects::{
    EpochClosed, KeyRange, claim_objects, claim_own, close_epochs, closed_range, first_epoch,
    forget_objects, is_epoch_known, open_epoch, reserve_keys, sweep_range,
};
pub(crate) use references::{ParentRow, find_parents, manifest_bytes};
pub(crate) use referrers::{PAGE as REFERRERS_PAGE, list_referrers};
pub(crate) use repositories::{ensure_repository, list_repositories, remove_repository};
pub(crate) use sqlite::{Sqlite, is_failed_write};
pub(crate) use tags::{list_tags, remove_tag, set_tag};
pub(crate) use transaction::{Lookup, Outcome, Statement, Transaction, require_changes};
pub(crate) use unfinished::{
    REFERENCES_PAGE, UnfinishedManifest, find_unfinished, find_unfinished_repository, write_page,
    write_pages,
};
pub(crate) use value::{Parameter, Row, Value};
pub(crate) use view::{ChildBlob, Children, View, find_children};

/// Outcome of [`remove_manifest`], [`remove_blob`] and [`remove_repository`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Removal {
    /// The content was removed: a blob, a manifest with its tags, or a repository.
    Removed,
    /// Some tags of the manifest, or some content of the repository, were removed. The rest remains.
    Partial,
    /// The repository does not have the content, or does not exist.
    Unknown,
    /// A manifest of the repository references the content, so nothing was removed.
    Referenced,
    /// The repository has an unfinished manifest, so it is not known whether a manifest references
    /// the content, and nothing was removed.
    Unfinished,
}

/// Returns the error for a statement whose result is missing.
fn no_outcome() -> Error {
    Error::new(
        Kind::Internal,
        "the database returned fewer results than statements",
    )
}
