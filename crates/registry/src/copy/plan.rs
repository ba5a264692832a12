//! Plan of a copy: all steps, determined before anything is written.

use bytes::Bytes;
use portolan_model::convert::Remark;
use portolan_model::{Descriptor, Digest, Manifest, MediaType, Platform, RepositoryName};
use serde::Serialize;

use super::CopyRequest;
use crate::{Error, Kind, Precondition, Result, TagUpdate};

/// Plan of a copy. The field names of its JSON form are stable.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    #[serde(skip)]
    pub(super) request: CopyRequest,
    /// Display name of the source, for example `quay.io/team/app:v1`.
    pub source: String,
    /// Display name of the target repository.
    pub target: String,
    /// Digest of the requested manifest at the source.
    pub source_digest: Digest,
    /// Digest of the requested manifest at the target. It differs from `source_digest` if the
    /// manifest is rewritten.
    pub digest: Digest,
    /// Tags to set at the target.
    pub tags: Vec<String>,
    /// Manifests and indexes, in storage order.
    pub manifests: Vec<PlannedDocument>,
    /// Blobs, without duplicates.
    pub blobs: Vec<PlannedBlob>,
    /// Documents whose digest changes because they are rewritten. Parents come before their
    /// children.
    pub rewritten: Vec<RewrittenDocument>,
    /// Content that the conversion loses, drops or leaves unchanged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<Remark>,
    /// Remarks for the user, for example about skipped content.
    pub remarks: Vec<String>,
}

/// Planned action for a blob or a manifest.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "action")]
pub enum PlannedAction {
    /// Copy the content to the target.
    Copy,
    /// Mount the blob from another repository of the target registry.
    Mount {
        /// Repository to mount from.
        from: RepositoryName,
    },
    /// Do nothing, because the target already has the content.
    Present,
    /// Copy the content if the source has it. Otherwise, skip it.
    CopyIfPresent,
}

/// Manifest in a plan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedDocument {
    /// Digest of the document at the target.
    pub digest: Digest,
    /// Media type to declare when the manifest is stored. If `None`, no type is declared, and the
    /// registry uses the type in the document.
    pub media_type: Option<MediaType>,
    /// Size of the manifest in bytes.
    pub size: u64,
    /// Planned action.
    #[serde(flatten)]
    pub action: PlannedAction,
    /// Tags to set together with the manifest.
    pub tags: Vec<String>,
    #[serde(skip)]
    pub(super) updates: Vec<TagUpdate>,
    #[serde(skip)]
    pub(super) bytes: Bytes,
    /// Position in the order of storage. Documents with a lower rank are stored earlier.
    #[serde(skip)]
    pub(super) rank: usize,
    /// True if the document is stored as a blob when the target rejects it as a manifest.
    #[serde(skip)]
    pub(super) blob_fallback: bool,
}

/// Blob in a plan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedBlob {
    /// Digest of the blob.
    pub digest: Digest,
    /// Media type that the first descriptor of the blob declares.
    pub media_type: Option<MediaType>,
    /// Size in bytes that the first descriptor of the blob declares.
    pub size: Option<u64>,
    /// Planned action.
    #[serde(flatten)]
    pub action: PlannedAction,
    #[serde(skip)]
    pub(super) descriptor: Descriptor,
    /// True if the copy fails without the blob.
    #[serde(skip)]
    pub(super) required: bool,
    /// True if the size that the target reports differs from the size in the descriptor. In this
    /// case, the blob is uploaded and not mounted, because a mount would use the same damaged
    /// content.
    #[serde(skip)]
    pub(super) is_damaged: bool,
}

/// Document whose digest changes because it is rewritten.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RewrittenDocument {
    /// Digest of the document at the source.
    pub old: Digest,
    /// Digest of the document at the target.
    pub new: Digest,
    /// Media type of the document at the target.
    pub media_type: Option<MediaType>,
    /// Platform that an index declares for the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// Numbers of blobs and manifests by planned or performed action, with the total sizes of the
/// blobs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Number of copied blobs.
    pub copied: usize,
    /// Total size of the copied blobs in bytes.
    pub copied_bytes: u64,
    /// Number of mounted blobs.
    pub mounted: usize,
    /// Total size of the mounted blobs in bytes.
    pub mounted_bytes: u64,
    /// Number of blobs that were already present at the target.
    pub present: usize,
    /// Total size of the blobs that were already present, in bytes.
    pub present_bytes: u64,
    /// Number of manifests that are sent to the target.
    pub manifests: usize,
}

/// Outcome of an executed plan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyOutcome {
    /// Digest of the requested manifest at the source.
    pub source_digest: Digest,
    /// Digest of the requested manifest at the target.
    pub digest: Digest,
    /// Number of blobs and manifests that were copied, mounted or already present.
    #[serde(flatten)]
    pub tally: Tally,
    /// Optional blobs that were skipped because the source does not have them.
    pub absent: Vec<Digest>,
}

impl Plan {
    /// Removes the requested manifest from the plan, and returns it. Everything that it references
    /// is still copied.
    ///
    /// # Errors
    /// Returns an error if the plan does not contain the manifest, because its tags are up to date.
    pub fn take_root(&mut self) -> Result<Manifest> {
        let position = self
            .manifests
            .iter()
            .position(|document| document.digest == self.digest)
            .ok_or_else(|| Error::new(Kind::Internal, "the plan does not contain its manifest"))?;
        let root = self.manifests.remove(position);
        Manifest::parse(root.bytes, root.media_type.as_ref())
            .map_err(|error| Error::manifest_unreadable(root.media_type.as_ref(), &error))
    }

    /// Counts the planned transfers. The outcome may differ, for example if a blob cannot be
    /// mounted.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for blob in &self.blobs {
            let size = blob.size.unwrap_or_default();
            match blob.action {
                PlannedAction::Copy | PlannedAction::CopyIfPresent => tally.add_copied(size),
                PlannedAction::Mount { .. } => tally.add_mounted(size),
                PlannedAction::Present => tally.add_present(size),
            }
        }
        tally.manifests = self
            .manifests
            .iter()
            .filter(|document| document.is_sent())
            .count();
        tally
    }

    /// Drops the content of the manifests to save memory. Afterwards, the plan can be displayed,
    /// but not executed.
    #[must_use]
    pub fn without_bytes(mut self) -> Self {
        self.manifests
            .iter_mut()
            .for_each(|document| document.bytes = Bytes::new());
        self
    }

    /// Drops the preconditions of tags, for a target that does not support them. Executing the plan
    /// sets the tags regardless of where they point.
    #[must_use]
    pub fn without_conditions(mut self) -> Self {
        let updates = self
            .manifests
            .iter_mut()
            .flat_map(|document| &mut document.updates);
        updates.for_each(|update| update.precondition = Precondition::None);
        self
    }

    /// Returns whether the target already has everything, including the tags.
    pub fn is_up_to_date(&self) -> bool {
        !self.manifests.iter().any(PlannedDocument::is_sent)
            && self
                .blobs
                .iter()
                .all(|blob| blob.action == PlannedAction::Present)
    }
}

impl PlannedDocument {
    /// Returns whether the document must be sent to the target: it is missing there, or tags must
    /// be set to it.
    pub(super) fn is_sent(&self) -> bool {
        self.action != PlannedAction::Present || !self.updates.is_empty()
    }
}

impl Tally {
    pub(super) fn add_copied(&mut self, bytes: u64) {
        self.copied += 1;
        self.copied_bytes += bytes;
    }

    pub(super) fn add_mounted(&mut self, bytes: u64) {
        self.mounted += 1;
        self.mounted_bytes += bytes;
    }

    pub(super) fn add_present(&mut self, bytes: u64) {
        self.present += 1;
        self.present_bytes += bytes;
    }
}
