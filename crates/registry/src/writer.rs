//! Storing blobs and manifests and setting tags (distribution-spec, "Push").

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::{Digest, Finding, MediaType, RepositoryName, Tag};

use crate::{Body, Context, Error, JudgedFinding, PushedManifest, Result, Upload, Verdict};

/// Adds content to repositories.
///
/// Content is durable as soon as a call returns success. A call whose caller disconnects either
/// completes or changes nothing.
#[async_trait]
pub trait Writer: Send + Sync {
    /// Stores a manifest and sets its tags, atomically.
    ///
    /// Storing the same manifest again succeeds and sets the tags. The registry decides whether the
    /// media type and the referenced content are acceptable. A local registry decides by its
    /// [`Admission`](crate::Admission).
    ///
    /// # Errors
    /// Returns [`Kind::ManifestInvalid`](crate::Kind::ManifestInvalid) or
    /// [`Kind::ContentMissing`](crate::Kind::ContentMissing) with all [`Finding`]s if the registry
    /// rejects the manifest, [`Kind::DigestInvalid`](crate::Kind::DigestInvalid) if the bytes do
    /// not match the digest, and [`Kind::PreconditionFailed`](crate::Kind::PreconditionFailed) with
    /// the expected and the actual digest in the detail if a tag does not meet its
    /// [`Precondition`].
    async fn put_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome>;

    /// Returns the outcome of [`Writer::put_manifest`] without storing the manifest or setting a
    /// tag (a dry run).
    ///
    /// # Errors
    /// Returns the errors of [`Writer::put_manifest`], and
    /// [`Kind::Unsupported`](crate::Kind::Unsupported) if the registry cannot check a manifest
    /// without storing it.
    async fn check_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome>;

    /// Stores a blob in one call.
    ///
    /// # Errors
    /// Returns [`Kind::DigestInvalid`](crate::Kind::DigestInvalid) if the content does not match
    /// `digest` or the algorithm of `digest` is not supported, and the error of `body` if it fails.
    /// Stores nothing in these cases.
    async fn put_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()>;

    /// Adds a blob of another repository to this repository without transferring its bytes.
    ///
    /// Without `from`, uses any repository that the caller may pull from. If the blob cannot be
    /// mounted, opens an upload session, as the specification requires, instead of returning an
    /// error.
    ///
    /// # Errors
    /// Returns an error only if the registry itself fails.
    async fn mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<MountOutcome>;
}

/// Options for storing or checking a manifest.
#[derive(Clone, Debug, Default)]
pub struct PutManifest {
    /// Media type that the sender declared.
    pub media_type: Option<MediaType>,
    /// Digest that the manifest must have. If `None`, the SHA-256 digest of the bytes is used.
    pub digest: Option<Digest>,
    /// Tags that will point to the manifest.
    pub tags: Vec<TagUpdate>,
}

/// Tag to set, and the precondition for setting it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TagUpdate {
    /// Tag to set.
    pub tag: Tag,
    /// Condition that the current state of the tag must meet.
    pub precondition: Precondition,
}

impl TagUpdate {
    /// Creates an update that sets the tag regardless of its current state.
    pub fn unconditional(tag: Tag) -> Self {
        Self {
            tag,
            precondition: Precondition::None,
        }
    }
}

/// Condition on the current state of a tag before an update.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Precondition {
    /// No condition.
    None,
    /// The tag must not exist.
    Absent,
    /// The tag must exist. It may point to any manifest.
    Present,
    /// The tag must point to one of these digests. They are in an `Arc`, because all tags of a push
    /// often have the same condition.
    PointsTo(Arc<[Digest]>),
}

impl Precondition {
    /// Returns whether a tag that points to `current` meets the precondition.
    pub fn is_met(&self, current: Option<&Digest>) -> bool {
        match self {
            Self::None => true,
            Self::Absent => current.is_none(),
            Self::Present => current.is_some(),
            Self::PointsTo(digests) => current.is_some_and(|current| digests.contains(current)),
        }
    }
}

/// Outcome of [`Writer::put_manifest`] and [`Writer::check_manifest`].
#[derive(Clone, Debug, PartialEq)]
pub struct PutOutcome {
    /// Digest of the pushed manifest.
    pub digest: Digest,
    /// Digest of the subject of the manifest, even if the subject is not in the repository.
    pub subject: Option<Digest>,
    /// Findings about the manifest, with their verdicts. No verdict is [`Verdict::Reject`].
    pub findings: Vec<JudgedFinding>,
    /// Digest of the converted manifest that the tags point to, if the policy of the repository
    /// converts pushed manifests.
    pub normalized: Option<Digest>,
}

impl PutOutcome {
    /// Creates the outcome of `push` after its admission with `findings`.
    pub fn new(push: &PushedManifest, findings: Vec<JudgedFinding>) -> Self {
        let subject = push.manifest().subject();
        Self {
            digest: push.digest().clone(),
            subject: subject.map(|subject| subject.digest.clone()),
            findings,
            normalized: None,
        }
    }

    /// Returns the findings with the verdict [`Verdict::Warn`].
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|judged| judged.verdict == Verdict::Warn)
            .map(|judged| &judged.finding)
    }
}

/// Outcome of [`Writer::mount`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MountOutcome {
    /// The repository now has the blob.
    Mounted,
    /// Mounting was not possible. The blob can be uploaded through this session.
    Upload(Upload),
}

/// Returns the digest for `bytes`: `claimed` if it matches them, or their SHA-256 digest if
/// `claimed` is `None`.
///
/// # Errors
/// Returns [`Kind::DigestInvalid`](crate::Kind::DigestInvalid) if the bytes do not match `claimed`,
/// or if its algorithm is not supported.
pub fn verify_digest(bytes: &[u8], claimed: Option<&Digest>) -> Result<Digest> {
    let Some(claimed) = claimed else {
        return Ok(Digest::sha256(bytes));
    };
    let computed = Digest::compute(claimed.algorithm(), bytes)
        .ok_or_else(|| Error::digest_unverifiable(claimed))?;
    if computed == *claimed {
        Ok(computed)
    } else {
        Err(Error::digest_mismatch(claimed, &computed))
    }
}
