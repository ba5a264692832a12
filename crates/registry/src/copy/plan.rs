//! What a copy will do, before it does anything.

use bytes::Bytes;
use portolan_model::convert::Remark;
use portolan_model::{Descriptor, Digest, MediaType, Platform, RepositoryName};
use serde::Serialize;

use super::Request;
use crate::{Precondition, TagUpdate};

/// All that a copy will do. Its JSON has stable names.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    #[serde(skip)]
    pub(super) request: Request,
    #[serde(skip)]
    pub(super) sparse: bool,
    /// What people call the source, for example `quay.io/team/app`.
    pub source: String,
    /// What people call the target.
    pub target: String,
    /// The digest at the source.
    pub source_digest: Digest,
    /// The digest at the target: another one if the document has to be written anew.
    pub digest: Digest,
    /// The tags that are set at the target.
    pub tags: Vec<String>,
    /// The manifests, in the order in which they are stored.
    pub manifests: Vec<PlannedDocument>,
    /// The blobs, each once.
    pub blobs: Vec<PlannedBlob>,
    /// Documents that change, and so get another digest; parents before their children.
    pub rewritten: Vec<Rewritten>,
    /// What a conversion loses, leaves out or leaves as it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<Remark>,
    /// What is worth knowing: what is left out, what cannot follow.
    pub remarks: Vec<String>,
}

/// What is done about a part.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "action")]
pub enum Action {
    /// Its bytes go to the target.
    Copy,
    /// The target is asked to take it from another of its own repositories.
    Mount {
        /// That repository.
        from: RepositoryName,
    },
    /// The target has it.
    There,
    /// It may be absent, and is copied if the source turns out to have it.
    CopyIfThere,
}

/// A manifest of a plan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedDocument {
    /// Its digest at the target.
    pub digest: Digest,
    /// The type that it is stored with; without one, the document says it.
    pub media_type: Option<MediaType>,
    /// Its size in bytes.
    pub size: u64,
    /// What is done about it.
    #[serde(flatten)]
    pub action: Action,
    /// The tags that are set together with it.
    pub tags: Vec<String>,
    #[serde(skip)]
    pub(super) updates: Vec<TagUpdate>,
    #[serde(skip)]
    pub(super) bytes: Bytes,
    /// Documents of a lower rank are stored before it.
    #[serde(skip)]
    pub(super) rank: usize,
    /// Whether a target that does not take it as a manifest is offered it as a blob.
    #[serde(skip)]
    pub(super) or_blob: bool,
}

/// A blob of a plan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedBlob {
    /// Its digest.
    pub digest: Digest,
    /// The type that the first descriptor gives it.
    pub media_type: Option<MediaType>,
    /// The size in bytes that the first descriptor gives it.
    pub size: Option<u64>,
    /// What is done about it.
    #[serde(flatten)]
    pub action: Action,
    #[serde(skip)]
    pub(super) descriptor: Descriptor,
    /// Whether the copy fails without it.
    #[serde(skip)]
    pub(super) required: bool,
}

/// A document that changes.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rewritten {
    /// Its digest at the source.
    pub old: Digest,
    /// Its digest at the target.
    pub new: Digest,
    /// Its type at the target.
    pub media_type: Option<MediaType>,
    /// The platform that an index gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// Numbers of parts and of their bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Blobs whose bytes move or moved.
    pub copied: usize,
    /// Their bytes.
    pub copied_bytes: u64,
    /// Blobs that are or were mounted.
    pub mounted: usize,
    /// Their bytes.
    pub mounted_bytes: u64,
    /// Blobs that were there.
    pub there: usize,
    /// Their bytes.
    pub there_bytes: u64,
    /// Manifests that are or were stored.
    pub manifests: usize,
}

/// What a copy has done.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The digest at the source.
    pub source_digest: Digest,
    /// The digest at the target.
    pub digest: Digest,
    /// What moved, and what did not have to.
    #[serde(flatten)]
    pub tally: Tally,
    /// Blobs that the source turned out not to have, and that could be left out.
    pub absent: Vec<Digest>,
}

impl Plan {
    /// What will move, as far as that can be known beforehand.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for blob in &self.blobs {
            let size = blob.size.unwrap_or_default();
            match blob.action {
                Action::Copy | Action::CopyIfThere => tally.copy(size),
                Action::Mount { .. } => tally.mount(size),
                Action::There => tally.found(size),
            }
        }
        tally.manifests = self
            .manifests
            .iter()
            .filter(|document| document.is_stored())
            .count();
        tally
    }

    /// The same plan to be looked at alone, without the bytes that carrying it out needs.
    #[must_use]
    pub fn without_bytes(mut self) -> Self {
        self.manifests
            .iter_mut()
            .for_each(|document| document.bytes = Bytes::new());
        self
    }

    /// The same plan for a target that holds no conditions on tags: they are set wherever they point.
    #[must_use]
    pub fn without_conditions(mut self) -> Self {
        let updates = self
            .manifests
            .iter_mut()
            .flat_map(|document| &mut document.updates);
        updates.for_each(|update| update.precondition = Precondition::None);
        self
    }

    /// Whether the target has everything, its tags too.
    pub fn is_nothing(&self) -> bool {
        !self.manifests.iter().any(PlannedDocument::is_stored)
            && self.blobs.iter().all(|blob| blob.action == Action::There)
    }
}

impl PlannedDocument {
    /// Whether it is sent: it is not there, or a tag is to be set on it.
    pub(super) fn is_stored(&self) -> bool {
        self.action != Action::There || !self.updates.is_empty()
    }
}

impl Tally {
    pub(super) fn copy(&mut self, bytes: u64) {
        self.copied += 1;
        self.copied_bytes += bytes;
    }

    pub(super) fn mount(&mut self, bytes: u64) {
        self.mounted += 1;
        self.mounted_bytes += bytes;
    }

    pub(super) fn found(&mut self, bytes: u64) {
        self.there += 1;
        self.there_bytes += bytes;
    }
}
