//! The one error of every registry: a kind, a sentence, machine-readable detail and a source.

use std::fmt;

use portolan_model::{Digest, ErrorCode, ManifestError, MediaType, RepositoryName};
use serde_json::{Value, json};

use crate::{Parent, Precondition, TagUpdate};

/// What a registry's calls answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a call did not do what was asked. Nothing was changed unless the method says otherwise.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    detail: Value,
    source: Option<Source>,
}

/// What went wrong, finer than the codes of the specification.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The repository has no such blob.
    BlobUnknown,
    /// The repository has no such manifest or tag.
    ManifestUnknown,
    /// There is no such repository.
    RepositoryUnknown,
    /// The repository has no such upload session.
    UploadUnknown,
    /// A manifest names content that the repository does not hold.
    ContentMissing,
    /// The bytes cannot be taken as a manifest, or the policy refuses it.
    ManifestInvalid,
    /// The content does not have the digest that was claimed, or one that cannot be verified.
    DigestInvalid,
    /// The content does not have the length that was claimed.
    SizeInvalid,
    /// The content is over a limit.
    TooLarge,
    /// A piece of an upload does not begin where the session stands.
    OutOfOrder {
        /// Number of bytes that the session has.
        offset: u64,
    },
    /// A range names no byte of the content.
    RangeUnsatisfiable {
        /// Size of the content in bytes.
        size: u64,
    },
    /// A tag is not where the caller said it would be.
    PreconditionFailed,
    /// The content is named by a stored manifest and was not to be deleted by force.
    Referenced,
    /// The caller has no right to do this.
    Denied,
    /// The caller has to say who it is, or what it said is not believed.
    Unauthorized,
    /// This registry does not offer that.
    Unsupported,
    /// Too much at once.
    TooManyRequests {
        /// When to try again, in seconds.
        retry_after: u32,
    },
    /// The body ended before it was complete: the sender hung up.
    BodyIncomplete,
    /// The body stood still for too long.
    BodyTimeout,
    /// The registry could not be reached, or failed in a way that may pass.
    Unavailable,
    /// There is no room left to store anything.
    StorageFull,
    /// A failure of this registry itself.
    Internal,
    /// Another registry's error with a code that is not in this list.
    Remote(ErrorCode),
}

impl Kind {
    /// The code that stands for this on the wire (distribution-spec, "Error Codes").
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::BlobUnknown => ErrorCode::BlobUnknown,
            Self::ManifestUnknown => ErrorCode::ManifestUnknown,
            Self::RepositoryUnknown => ErrorCode::NameUnknown,
            Self::UploadUnknown => ErrorCode::BlobUploadUnknown,
            Self::ContentMissing => ErrorCode::ManifestBlobUnknown,
            Self::ManifestInvalid => ErrorCode::ManifestInvalid,
            Self::DigestInvalid => ErrorCode::DigestInvalid,
            Self::SizeInvalid | Self::TooLarge => ErrorCode::SizeInvalid,
            Self::OutOfOrder { .. }
            | Self::RangeUnsatisfiable { .. }
            | Self::BodyIncomplete
            | Self::BodyTimeout => ErrorCode::BlobUploadInvalid,
            Self::PreconditionFailed | Self::Referenced | Self::Denied => ErrorCode::Denied,
            Self::Unauthorized => ErrorCode::Unauthorized,
            Self::Unsupported => ErrorCode::Unsupported,
            Self::TooManyRequests { .. } => ErrorCode::TooManyRequests,
            Self::Unavailable | Self::StorageFull | Self::Internal => ErrorCode::from("UNKNOWN"),
            Self::Remote(code) => code.clone(),
        }
    }
}

impl Error {
    /// An error without detail.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            detail: Value::Null,
            source: None,
        }
    }

    /// A failure of this registry, while it was doing what `message` says.
    pub fn internal(message: impl Into<String>, source: impl Into<Source>) -> Self {
        Self::new(Kind::Internal, message).with_source(source)
    }

    /// No such blob in this repository.
    pub fn blob_unknown(repository: &RepositoryName, digest: &Digest) -> Self {
        Self::new(Kind::BlobUnknown, "this repository has no such blob")
            .with_detail(json!({"repository": repository.as_str(), "digest": digest}))
    }

    /// No such manifest or tag in this repository.
    pub fn manifest_unknown(repository: &RepositoryName, reference: impl fmt::Display) -> Self {
        Self::new(
            Kind::ManifestUnknown,
            "this repository has no such manifest",
        )
        .with_detail(json!({"repository": repository.as_str(), "reference": reference.to_string()}))
    }

    /// No such repository.
    pub fn repository_unknown(repository: &RepositoryName) -> Self {
        Self::new(Kind::RepositoryUnknown, "there is no such repository")
            .with_detail(json!({"repository": repository.as_str()}))
    }

    /// No such upload session in this repository.
    pub fn upload_unknown(repository: &RepositoryName, upload: impl fmt::Display) -> Self {
        let message = "this repository has no such upload session; it may have been finished, cancelled or expired, start a new one";
        Self::new(Kind::UploadUnknown, message)
            .with_detail(json!({"repository": repository.as_str(), "upload": upload.to_string()}))
    }

    /// A piece begins elsewhere than where the session stands, at `offset`.
    pub fn out_of_order(offset: u64, begins_at: u64) -> Self {
        let message = format!(
            "the session has {offset} bytes, so the next piece begins there and not at {begins_at}"
        );
        Self::new(Kind::OutOfOrder { offset }, message)
            .with_detail(json!({"received": offset, "beginsAt": begins_at}))
    }

    /// The content hashes to something else than was claimed.
    pub fn digest_mismatch(claimed: &Digest, computed: &Digest) -> Self {
        Self::new(
            Kind::DigestInvalid,
            "the content does not have the digest that was claimed for it",
        )
        .with_detail(json!({"claimed": claimed, "computed": computed}))
    }

    /// The digest is of an algorithm that is known by name alone.
    pub fn digest_unverifiable(digest: &Digest) -> Self {
        let message = "content is taken under sha256 and sha512 digests only, since no other can be verified here";
        Self::new(Kind::DigestInvalid, message).with_detail(
            json!({"digest": digest, "algorithm": digest.algorithm().as_str(), "supported": ["sha256", "sha512"]}),
        )
    }

    /// The bytes that were sent or described as `claimed` cannot be a manifest.
    pub fn manifest_unreadable(claimed: Option<&MediaType>, error: &ManifestError) -> Self {
        let reason = match error {
            ManifestError::Json(_) => "not-json",
            ManifestError::NoObject(_) => "no-object",
            ManifestError::Schema1 => "schema-1",
            ManifestError::UnknownKind => "unknown-kind",
        };
        Self::new(Kind::ManifestInvalid, error.to_string())
            .with_detail(json!({"mediaType": claimed, "reason": reason}))
    }

    /// A tag is at `actual`, which is not what its update expects.
    pub fn precondition_failed(update: &TagUpdate, actual: Option<&Digest>) -> Self {
        let expected = match &update.precondition {
            Precondition::None => Value::Null,
            Precondition::Absent => "absent".into(),
            Precondition::Present => "present".into(),
            Precondition::At(digests) => json!(digests),
        };
        Self::new(
            Kind::PreconditionFailed,
            "the tag is not where the request expects it; look at it again",
        )
        .with_detail(json!({"tag": update.tag.as_str(), "expected": expected, "actual": actual}))
    }

    /// The content stays because stored manifests name it; the first [`Parent::MOST_TOLD`] are told.
    pub fn referenced(digest: &Digest, parents: &[Parent]) -> Self {
        let message = "manifests of this repository name this content; delete them first, or delete it by force";
        let told = &parents[..parents.len().min(Parent::MOST_TOLD)];
        Self::new(Kind::Referenced, message).with_detail(json!({"digest": digest, "parents": told}))
    }

    /// A range names no byte of content that has `size` bytes.
    pub fn range_unsatisfiable(size: u64) -> Self {
        let message = format!("the range lies outside of the {size} bytes there are");
        Self::new(Kind::RangeUnsatisfiable { size }, message).with_detail(json!({"size": size}))
    }

    /// The same error, its sentence beginning with what was being done.
    #[must_use]
    pub fn while_doing(self, what: impl fmt::Display) -> Self {
        Self {
            message: format!("{what}: {}", self.message),
            ..self
        }
    }

    /// The same error with detail for machines.
    #[must_use]
    pub fn with_detail(self, detail: Value) -> Self {
        Self { detail, ..self }
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn with_source(self, source: impl Into<Source>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }

    /// Whether the same call may succeed later: the other side was busy, or could not be heard.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            Kind::Unavailable
                | Kind::TooManyRequests { .. }
                | Kind::BodyIncomplete
                | Kind::BodyTimeout
        )
    }

    /// What went wrong.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// One sentence for a person.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Which, where, and what was expected, for a machine.
    pub fn detail(&self) -> &Value {
        &self.detail
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
