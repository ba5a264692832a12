//! Error type of all registries: a kind with its data, a message and a source.

use std::fmt;

use portolan_model::{Digest, ErrorCode, ManifestError, MediaType, RepositoryName};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Host, JudgedFinding, Parent, Precondition, TagUpdate};

/// Result of a registry call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Failure of a registry call.
///
/// The call changed nothing unless the documentation of the method describes an exception.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: Box<str>,
    /// Further facts, which only people and other programs read.
    detail: Value,
    source: Option<Source>,
    origin: Option<Box<Origin>>,
    help: Option<Box<str>>,
}

/// Remote host that caused an error.
#[derive(Debug)]
struct Origin {
    host: Host,
    /// Position of the host in the message, in bytes.
    position: usize,
}

/// Category of an [`Error`], finer than the error codes of the specification.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The blob does not exist in the repository.
    BlobUnknown,
    /// The manifest or tag does not exist in the repository.
    ManifestUnknown,
    /// The repository does not exist.
    RepositoryUnknown,
    /// The upload session does not exist in the repository.
    UploadUnknown,
    /// A manifest references content that is not in the repository.
    ContentMissing {
        /// All findings about the manifest, rejected findings first. Empty if no policy has checked
        /// the manifest.
        findings: Vec<JudgedFinding>,
    },
    /// The bytes are not a valid manifest, or the policy rejects the manifest.
    ManifestInvalid {
        /// All findings about the manifest, rejected findings first. Empty if no policy has checked
        /// the manifest.
        findings: Vec<JudgedFinding>,
    },
    /// The content does not match the claimed digest, or the algorithm of the digest is not
    /// supported.
    DigestInvalid,
    /// The content does not have the claimed size.
    SizeInvalid,
    /// The content exceeds a limit.
    TooLarge,
    /// A chunk of an upload does not begin at the current offset of the session.
    OutOfOrder {
        /// Number of bytes that the session has received.
        offset: u64,
    },
    /// The requested range contains no byte of the content.
    RangeUnsatisfiable {
        /// Size of the content in bytes.
        size: u64,
    },
    /// A tag does not meet the [`Precondition`] of its update.
    PreconditionFailed,
    /// A stored manifest references the content, and the caller did not force the deletion.
    Referenced {
        /// The first [`Parent::MAX_LISTED`] manifests that reference the content, if they are known.
        parents: Vec<Parent>,
    },
    /// The caller lacks the required permission.
    Denied,
    /// The caller did not authenticate, or its credentials are invalid.
    Unauthorized,
    /// This registry does not support the operation.
    Unsupported,
    /// The caller exceeded a rate limit.
    TooManyRequests {
        /// Time to wait before the next attempt, in seconds.
        retry_after: u32,
    },
    /// The body ended early because the sender disconnected.
    BodyIncomplete,
    /// The body delivered no data for too long.
    BodyTimeout,
    /// The registry is unreachable, or failed in a way that may be temporary.
    Unavailable,
    /// The storage is full.
    StorageFull,
    /// This registry itself failed.
    Internal,
    /// Another registry returned an error code that no other variant represents.
    Remote(ErrorCode),
}

impl Kind {
    /// [`Kind::ContentMissing`] without findings.
    pub const CONTENT_MISSING: Self = Self::ContentMissing {
        findings: Vec::new(),
    };
    /// [`Kind::ManifestInvalid`] without findings.
    pub const MANIFEST_INVALID: Self = Self::ManifestInvalid {
        findings: Vec::new(),
    };
    /// [`Kind::Referenced`] without parents.
    pub const REFERENCED: Self = Self::Referenced {
        parents: Vec::new(),
    };

    /// Replaces the findings or parents with the lists in `detail`, the detail in an error response
    /// of another registry. Skips entries that this version cannot parse. Kinds without these lists
    /// are returned unchanged.
    #[must_use]
    pub fn with_facts(self, detail: &Value) -> Self {
        match self {
            Self::ContentMissing { .. } => Self::ContentMissing {
                findings: read_list(&detail["findings"]),
            },
            Self::ManifestInvalid { .. } => Self::ManifestInvalid {
                findings: read_list(&detail["findings"]),
            },
            Self::Referenced { .. } => Self::Referenced {
                parents: read_list(&detail["parents"]),
            },
            other => other,
        }
    }

    /// Returns all findings about a rejected manifest, or an empty slice for other errors.
    pub fn findings(&self) -> &[JudgedFinding] {
        match self {
            Self::ContentMissing { findings } | Self::ManifestInvalid { findings } => findings,
            _ => &[],
        }
    }

    /// Returns the error code that represents this kind on the wire (distribution-spec, "Error
    /// Codes").
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::BlobUnknown => ErrorCode::BlobUnknown,
            Self::ManifestUnknown => ErrorCode::ManifestUnknown,
            Self::RepositoryUnknown => ErrorCode::NameUnknown,
            Self::UploadUnknown => ErrorCode::BlobUploadUnknown,
            Self::ContentMissing { .. } => ErrorCode::ManifestBlobUnknown,
            Self::ManifestInvalid { .. } => ErrorCode::ManifestInvalid,
            Self::DigestInvalid => ErrorCode::DigestInvalid,
            Self::SizeInvalid | Self::TooLarge => ErrorCode::SizeInvalid,
            Self::OutOfOrder { .. }
            | Self::RangeUnsatisfiable { .. }
            | Self::BodyIncomplete
            | Self::BodyTimeout => ErrorCode::BlobUploadInvalid,
            Self::PreconditionFailed | Self::Referenced { .. } | Self::Denied => ErrorCode::Denied,
            Self::Unauthorized => ErrorCode::Unauthorized,
            Self::Unsupported => ErrorCode::Unsupported,
            Self::TooManyRequests { .. } => ErrorCode::TooManyRequests,
            Self::Unavailable | Self::StorageFull | Self::Internal => ErrorCode::from("UNKNOWN"),
            Self::Remote(code) => code.clone(),
        }
    }
}

impl Error {
    /// Creates an error without detail or source.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into().into(),
            detail: Value::Null,
            source: None,
            origin: None,
            help: None,
        }
    }

    /// Creates the error for a response of another host, or for a failure to reach it.
    ///
    /// The message is the name of the host, followed by `predicate`: `returned DENIED: no access`.
    pub fn from_host(kind: Kind, host: impl Into<Host>, predicate: impl fmt::Display) -> Self {
        let host = host.into();
        Self {
            origin: Some(Box::new(Origin {
                host: host.clone(),
                position: 0,
            })),
            ..Self::new(kind, format!("{host} {predicate}"))
        }
    }

    /// Creates an error for a failure of this registry itself. `message` names the operation that
    /// failed.
    pub fn internal(message: impl Into<String>, source: impl Into<Source>) -> Self {
        Self::new(Kind::Internal, message).with_source(source)
    }

    /// Creates the error for a blob that does not exist in a repository.
    pub fn blob_unknown(repository: &RepositoryName, digest: &Digest) -> Self {
        Self::new(
            Kind::BlobUnknown,
            "the blob was not found in this repository",
        )
        .with_detail(json!({"repository": repository.as_str(), "digest": digest}))
    }

    /// Creates the error for a manifest or tag that does not exist in a repository.
    pub fn manifest_unknown(repository: &RepositoryName, reference: impl fmt::Display) -> Self {
        Self::new(
            Kind::ManifestUnknown,
            "the manifest was not found in this repository",
        )
        .with_detail(json!({"repository": repository.as_str(), "reference": reference.to_string()}))
    }

    /// Creates the error for a repository that does not exist.
    pub fn repository_unknown(repository: &RepositoryName) -> Self {
        Self::new(Kind::RepositoryUnknown, "the repository does not exist")
            .with_detail(json!({"repository": repository.as_str()}))
    }

    /// Creates the error for an upload session that does not exist in a repository.
    pub fn upload_unknown(repository: &RepositoryName, upload: impl fmt::Display) -> Self {
        let message = "the upload session was not found in this repository: it may be finished, canceled or expired; start a new one";
        Self::new(Kind::UploadUnknown, message)
            .with_detail(json!({"repository": repository.as_str(), "upload": upload.to_string()}))
    }

    /// Creates the error for a chunk that begins at `begins_at` although the session has received
    /// `offset` bytes.
    pub fn out_of_order(offset: u64, begins_at: u64) -> Self {
        let message = format!(
            "the session has {offset} bytes, so the next chunk must begin there, not at {begins_at}"
        );
        Self::new(Kind::OutOfOrder { offset }, message)
            .with_detail(json!({"received": offset, "beginsAt": begins_at}))
    }

    /// Creates the error for content that does not match the claimed digest.
    pub fn digest_mismatch(claimed: &Digest, computed: &Digest) -> Self {
        Self::new(
            Kind::DigestInvalid,
            "the content does not match the claimed digest",
        )
        .with_detail(json!({"claimed": claimed, "computed": computed}))
    }

    /// Creates the error for a digest whose algorithm is not supported.
    pub fn digest_unverifiable(digest: &Digest) -> Self {
        let message = "only sha256 and sha512 digests are accepted, because other algorithms cannot be verified";
        Self::new(Kind::DigestInvalid, message).with_detail(
            json!({"digest": digest, "algorithm": digest.algorithm().as_str(), "supported": ["sha256", "sha512"]}),
        )
    }

    /// Creates the error for bytes that are not a manifest of the `claimed` type.
    pub fn manifest_unreadable(claimed: Option<&MediaType>, error: &ManifestError) -> Self {
        let reason = match error {
            ManifestError::Json(_) => "not-json",
            ManifestError::NotAnObject(_) => "no-object",
            ManifestError::Schema1 => "schema-1",
            ManifestError::UnknownKind => "unknown-kind",
            ManifestError::TooManyReferences { .. } => "too-many-references",
        };
        let mut detail = json!({"mediaType": claimed, "reason": reason});
        if let ManifestError::TooManyReferences { limit, .. } = error {
            detail["limit"] = json!(limit);
        }
        Self::new(Kind::MANIFEST_INVALID, error.to_string()).with_detail(detail)
    }

    /// Creates the error for a tag that points to `actual` although the precondition of `update`
    /// requires otherwise.
    pub fn precondition_failed(update: &TagUpdate, actual: Option<&Digest>) -> Self {
        let expected = match &update.precondition {
            Precondition::None => Value::Null,
            Precondition::Absent => "absent".into(),
            Precondition::Present => "present".into(),
            Precondition::PointsTo(digests) => json!(&digests[..]),
        };
        Self::new(
            Kind::PreconditionFailed,
            "the tag does not point to what the request expects",
        )
        .with_detail(json!({"tag": update.tag.as_str(), "expected": expected, "actual": actual}))
    }

    /// Creates the error for the deletion of content that stored manifests reference. The error
    /// lists the first [`Parent::MAX_LISTED`] of `parents`.
    pub fn content_referenced(digest: &Digest, parents: &[Parent]) -> Self {
        let message = "manifests in this repository reference this content";
        let parents = parents.iter().take(Parent::MAX_LISTED).cloned().collect();
        Self::new(Kind::Referenced { parents }, message).with_detail(json!({"digest": digest}))
    }

    /// Creates the error for a range that contains no byte of content of `size` bytes.
    pub fn range_unsatisfiable(size: u64) -> Self {
        let message = format!("the range is outside the content, which has {size} bytes");
        Self::new(Kind::RangeUnsatisfiable { size }, message)
    }

    /// Prepends `failure`, a description of the failed operation, to the message.
    #[must_use]
    pub fn with_prefix(mut self, failure: impl fmt::Display) -> Self {
        let message = format!("{failure}: {}", self.message);
        if let Some(origin) = &mut self.origin {
            origin.position += message.len() - self.message.len();
        }
        Self {
            message: message.into(),
            ..self
        }
    }

    /// Appends `remark` to the message.
    #[must_use]
    pub fn with_suffix(self, remark: impl fmt::Display) -> Self {
        Self {
            message: format!("{}; {remark}", self.message).into(),
            ..self
        }
    }

    /// Replaces the kind. Drops the detail, because it belongs to the previous kind.
    #[must_use]
    pub fn with_kind(self, kind: Kind) -> Self {
        Self {
            kind,
            detail: Value::Null,
            ..self
        }
    }

    /// Sets the machine-readable detail. Fields of `detail` take precedence over the fields that
    /// [`Error::detail`] adds from the kind.
    #[must_use]
    pub fn with_detail(self, detail: Value) -> Self {
        Self { detail, ..self }
    }

    /// Sets the cause of the error.
    #[must_use]
    pub fn with_source(self, source: impl Into<Source>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }

    /// Sets the suggestion for the user of the command line. It is not a part of the message.
    #[must_use]
    pub fn with_help(self, help: impl Into<Box<str>>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// Returns whether the same call may succeed later, because the other side was busy or
    /// unreachable.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            Kind::Unavailable
                | Kind::TooManyRequests { .. }
                | Kind::BodyIncomplete
                | Kind::BodyTimeout
        )
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Returns the human-readable message, one sentence. It includes the host of the
    /// [origin](Error::origin).
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the suggestion for the user of the command line, if there is one.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Returns the message with `name` in place of the origin's host, for a text that names the host
    /// already.
    pub fn message_with(&self, name: &str) -> String {
        let Some(Origin { host, position }) = self.origin.as_deref() else {
            return self.message.to_string();
        };
        let (before, rest) = self.message.split_at(*position);
        format!("{before}{name}{}", &rest[host.as_str().len()..])
    }

    /// Returns the remote host that sent this error or was unreachable, or `None` if the error
    /// comes from this process.
    pub fn origin(&self) -> Option<&Host> {
        self.origin.as_ref().map(|origin| &origin.host)
    }

    /// Returns the machine-readable detail for other processes: the object that caused the error,
    /// the expected state, and the data of the kind.
    ///
    /// The detail of another registry's error is returned as it was received. Code must read the
    /// data from [`Error::kind`], never from the detail.
    pub fn detail(&self) -> Value {
        let (key, facts) = match &self.kind {
            Kind::ContentMissing { findings } | Kind::ManifestInvalid { findings }
                if !findings.is_empty() =>
            {
                ("findings", json!(findings))
            }
            Kind::Referenced { parents } if !parents.is_empty() => ("parents", json!(parents)),
            Kind::RangeUnsatisfiable { size } => ("size", json!(size)),
            _ => return self.detail.clone(),
        };
        match self.detail.clone() {
            Value::Null => json!({key: facts}),
            Value::Object(mut detail) => {
                detail.entry(key).or_insert(facts);
                Value::Object(detail)
            }
            other => other,
        }
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

/// Deserializes the entries of a JSON array. Skips entries that cannot be parsed, because a newer
/// registry may have sent them.
fn read_list<T: for<'de> Deserialize<'de>>(list: &Value) -> Vec<T> {
    let entries = list.as_array().into_iter().flatten();
    entries
        .filter_map(|entry| T::deserialize(entry).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use portolan_model::{Finding, Rule};

    use super::*;
    use crate::Verdict;

    fn judged() -> JudgedFinding {
        JudgedFinding {
            finding: Finding {
                digest: Some(Digest::sha256(b"x")),
                stored_size: Some(1),
                ..Finding::new(Rule::MissingChild, "/layers/0", "absent")
            },
            verdict: Verdict::Reject,
        }
    }

    #[test]
    fn facts_survive_the_way_through_the_detail() {
        let kinds = [
            Kind::ContentMissing {
                findings: vec![judged()],
            },
            Kind::ManifestInvalid {
                findings: vec![judged()],
            },
            Kind::Referenced {
                parents: vec![Parent {
                    digest: Digest::sha256(b"y"),
                    pointer: "/config".into(),
                }],
            },
        ];
        for kind in kinds {
            let detail = Error::new(kind.clone(), "no").detail();
            let empty = match kind {
                Kind::ContentMissing { .. } => Kind::CONTENT_MISSING,
                Kind::ManifestInvalid { .. } => Kind::MANIFEST_INVALID,
                _ => Kind::REFERENCED,
            };
            assert_eq!(empty.with_facts(&detail), kind);
        }
    }

    #[test]
    fn keeps_a_received_detail_and_skips_unknown_findings() {
        let newer = json!({"rule": "from-the-future", "message": "?", "verdict": "reject"});
        let detail = json!({"findings": [newer, judged()], "more": 1});
        let kind = Kind::MANIFEST_INVALID.with_facts(&detail);
        assert_eq!(kind.findings(), [judged()]);
        let error = Error::new(kind, "no").with_detail(detail.clone());
        assert_eq!(error.detail(), detail);
    }

    #[test]
    fn facts_are_added_to_the_detail() {
        let parent = Parent {
            digest: Digest::sha256(b"y"),
            pointer: "/config".into(),
        };
        let content = Digest::sha256(b"x");
        let error = Error::content_referenced(&content, std::slice::from_ref(&parent));
        assert_eq!(
            error.detail(),
            json!({"digest": content, "parents": [parent]})
        );
    }

    #[test]
    fn message_names_the_origin_or_its_role() {
        let error = Error::from_host(Kind::Denied, "quay.io", "returned DENIED: no");
        assert_eq!(error.message(), "quay.io returned DENIED: no");
        let error = error
            .with_prefix("failed to copy quay.io/app")
            .with_suffix("again");
        assert_eq!(error.origin().map(Host::as_str), Some("quay.io"));
        assert_eq!(
            error.message(),
            "failed to copy quay.io/app: quay.io returned DENIED: no; again"
        );
        assert_eq!(
            error.message_with("the registry"),
            "failed to copy quay.io/app: the registry returned DENIED: no; again"
        );
        assert_eq!(Error::new(Kind::Denied, "no").message_with("it"), "no");
    }
}
