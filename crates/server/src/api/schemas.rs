//! Schemas of JSON that other crates write. These types are never constructed; the tests validate
//! responses against them.
#![expect(dead_code, reason = "only the OpenAPI description reads the fields")]

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// Error response.
#[derive(ToSchema)]
pub(crate) struct Errors {
    /// List of errors, at least one.
    errors: Vec<ErrorEntry>,
}

/// Single error.
#[derive(ToSchema)]
struct ErrorEntry {
    /// Code of the distribution specification, or another code in capitals.
    code: String,
    /// Message in one sentence.
    message: String,
    /// Object concerned, position, and expected value.
    #[schema(value_type = Object)]
    detail: (),
}

/// Finding with the verdict of the repository's policy.
#[derive(ToSchema)]
pub(super) struct JudgedFinding {
    #[serde(flatten)]
    finding: Finding,
    verdict: Verdict,
}

/// Verdict on a finding.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// No effect.
    Accept,
    /// Stored, with a warning in the response.
    Warn,
    /// Not stored.
    Reject,
}

/// Observation or problem in a document.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    /// Stable id of the rule.
    rule: String,
    severity: Severity,
    /// Digest of the document that the finding is about. Absent for the requested document itself.
    #[schema(nullable = false)]
    document: Option<String>,
    /// Position in that document, as a JSON pointer (RFC 6901).
    pointer: String,
    /// Found and expected values, in one sentence.
    message: String,
    /// Digest of the descriptor concerned.
    #[schema(nullable = false)]
    digest: Option<String>,
    /// Media type in the descriptor.
    #[schema(nullable = false)]
    media_type: Option<String>,
    /// Size in the descriptor, in bytes.
    #[schema(nullable = false)]
    claimed_size: Option<u64>,
    /// Size of the stored content, in bytes.
    #[schema(nullable = false)]
    stored_size: Option<u64>,
    /// Section of the specification that contains the requirement.
    section: String,
    /// Command or advice that fixes the problem. `REF` stands for the manifest if it has no name
    /// yet, and `DST` for the destination of the fixed manifest.
    fix: String,
}

/// Severity of a finding.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// Informational: it works everywhere.
    Info,
    /// Some tools will fail.
    Warning,
    /// Violates the specification, or the content is unusable.
    Error,
}

/// Descriptor (image-spec, descriptor.md). Additional fields are passed through unchanged.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[schema(nullable = false)]
    media_type: Option<String>,
    digest: String,
    #[schema(nullable = false)]
    size: Option<u64>,
    #[schema(nullable = false)]
    artifact_type: Option<String>,
    #[schema(nullable = false)]
    platform: Option<Platform>,
    #[schema(nullable = false)]
    annotations: Option<BTreeMap<String, String>>,
    #[schema(nullable = false)]
    urls: Option<Vec<String>>,
    /// Content of the descriptor, in base64.
    #[schema(nullable = false)]
    data: Option<String>,
    #[serde(flatten)]
    other: BTreeMap<String, serde_json::Value>,
}

/// Platform (image-spec, image-index.md).
#[derive(ToSchema)]
pub(super) struct Platform {
    architecture: String,
    os: String,
    #[serde(rename = "os.version")]
    #[schema(nullable = false)]
    os_version: Option<String>,
    #[serde(rename = "os.features")]
    #[schema(nullable = false)]
    os_features: Option<Vec<String>>,
    #[schema(nullable = false)]
    variant: Option<String>,
}
