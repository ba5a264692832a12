//! Storing blobs and manifests and setting tags (distribution-spec, "Push").

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::{Algorithm, Digest, Finding, MediaType, RepositoryName, Tag};

use crate::{Body, Context, Error, Judged, Policy, Result, Verdict};

/// Adds content to a repository.
///
/// What answers with success is durable from that moment. A call whose caller has gone away either
/// does everything or nothing, but for the pieces that an upload session already has.
#[async_trait]
pub trait Writer: Send + Sync {
    /// Stores a manifest under its digest and sets its tags, all of it or nothing.
    ///
    /// Storing the same again is no error and sets the tags. The type and the content that the
    /// document names are judged by [`PutManifest::policy`].
    ///
    /// # Errors
    /// [`Kind::ManifestInvalid`](crate::Kind::ManifestInvalid) and
    /// [`Kind::ContentMissing`](crate::Kind::ContentMissing) with all findings in the detail;
    /// [`Kind::DigestInvalid`](crate::Kind::DigestInvalid);
    /// [`Kind::PreconditionFailed`](crate::Kind::PreconditionFailed) with both digests.
    async fn put_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome>;

    /// Stores a blob in one call.
    ///
    /// # Errors
    /// [`Kind::DigestInvalid`](crate::Kind::DigestInvalid) when the content has another digest or
    /// none can be computed; the error that `body` ends with. Nothing is kept then.
    async fn put_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()>;

    /// Opens an upload session. `algorithm` is the one that the digest at the end will be of.
    ///
    /// # Errors
    /// [`Kind::Unsupported`](crate::Kind::Unsupported) for an algorithm that is known by name alone.
    async fn start_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload>;

    /// Where a session stands.
    ///
    /// # Errors
    /// [`Kind::UploadUnknown`](crate::Kind::UploadUnknown), also for a session of another repository.
    async fn upload_status(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload>;

    /// Appends to a session. `offset` is where the sender says that `body` begins.
    ///
    /// # Errors
    /// [`Kind::UploadUnknown`](crate::Kind::UploadUnknown);
    /// [`Kind::OutOfOrder`](crate::Kind::OutOfOrder) with the session as it was; the error that
    /// `body` ends with: what came before it is kept, and the session goes on from there.
    async fn write_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload>;

    /// Appends the last piece, which may be empty, and stores the whole as a blob. The session ends.
    ///
    /// # Errors
    /// As [`Writer::write_upload`], after which the session lives on, and
    /// [`Kind::DigestInvalid`](crate::Kind::DigestInvalid), after which it is gone.
    async fn finish_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()>;

    /// Ends a session and drops what it has.
    ///
    /// # Errors
    /// [`Kind::UploadUnknown`](crate::Kind::UploadUnknown).
    async fn cancel_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()>;

    /// Makes a blob of another repository one of this repository's too, without moving bytes.
    ///
    /// Without `from`, any repository that the caller may pull from will do. What cannot be mounted
    /// is answered with an upload session, as the specification wants it, never with an error.
    ///
    /// # Errors
    /// Failures of the registry itself alone.
    async fn mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<Mount>;
}

/// How a manifest is to be stored.
#[derive(Clone, Debug, Default)]
pub struct PutManifest {
    /// The type that it was sent with.
    pub media_type: Option<MediaType>,
    /// The digest that it must have; without one it is stored under its SHA-256.
    pub digest: Option<Digest>,
    /// The tags that are to point to it.
    pub tags: Vec<TagUpdate>,
    /// What is done about each finding.
    pub policy: Policy,
    /// What was found before, and is judged together with what is found now.
    pub known: Vec<Finding>,
    /// Whether nothing is stored and no tag is set: the answer is the one that a put would get now.
    pub dry_run: bool,
}

/// A tag that is to be set, and what must hold for that.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TagUpdate {
    /// The tag.
    pub tag: Tag,
    /// What must hold.
    pub precondition: Precondition,
}

impl TagUpdate {
    /// Sets the tag wherever it is now.
    pub fn always(tag: Tag) -> Self {
        Self {
            tag,
            precondition: Precondition::None,
        }
    }
}

/// What must hold of a tag when it is set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Precondition {
    /// Nothing.
    None,
    /// It must not exist.
    Absent,
    /// It must exist, wherever it points.
    Present,
    /// It must point to one of these.
    At(Vec<Digest>),
}

impl Precondition {
    /// Whether it holds for a tag that points to `current`.
    pub fn holds(&self, current: Option<&Digest>) -> bool {
        match self {
            Self::None => true,
            Self::Absent => current.is_none(),
            Self::Present => current.is_some(),
            Self::At(digests) => current.is_some_and(|current| digests.contains(current)),
        }
    }
}

/// What became of a manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct PutOutcome {
    /// The digest that it is stored under.
    pub digest: Digest,
    /// The manifest that it says something about, present or not.
    pub subject: Option<Digest>,
    /// What was found, and what the policy says of it; nothing of it is rejected.
    pub findings: Vec<Judged>,
    /// The digest that the tags point to, if the policy has them set to a converted document.
    pub normalised: Option<Digest>,
}

impl PutOutcome {
    /// The findings that the policy wants told.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|judged| judged.verdict == Verdict::Warn)
            .map(|judged| &judged.finding)
    }
}

/// The id of an upload session: opaque, and perhaps another after each call.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct UploadId(Box<str>);

impl UploadId {
    /// An id as an implementation gives it out.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// An id that nobody can guess: 128 random bits in hexadecimal.
    ///
    /// # Errors
    /// [`Kind::Internal`](crate::Kind::Internal) when the system gives no randomness.
    pub fn random() -> Result<Self> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)
            .map_err(|error| Error::internal("making an id for an upload session", error))?;
        Ok(Self::new(format!("{:032x}", u128::from_be_bytes(bits))))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An upload session as it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Upload {
    /// The id for the next call.
    pub id: UploadId,
    /// Number of bytes that it has.
    pub offset: u64,
}

/// What became of a mount.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Mount {
    /// The repository has the blob now.
    Mounted,
    /// It could not be mounted; it can be uploaded through this session.
    Upload(Upload),
}

/// The digest that `bytes` are stored under: the claimed one, if it is theirs, or else their SHA-256.
///
/// # Errors
/// [`Kind::DigestInvalid`](crate::Kind::DigestInvalid) when the claimed digest is another, or of an
/// algorithm that is known by name alone.
pub fn verified_digest(bytes: &[u8], claimed: Option<&Digest>) -> Result<Digest> {
    let Some(claimed) = claimed else {
        return Ok(Digest::sha256(bytes));
    };
    let computed = Digest::of(claimed.algorithm(), bytes)
        .ok_or_else(|| Error::digest_unverifiable(claimed))?;
    if computed == *claimed {
        Ok(computed)
    } else {
        Err(Error::digest_mismatch(claimed, &computed))
    }
}
