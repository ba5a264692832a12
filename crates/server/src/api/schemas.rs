//! Descriptions of what other crates write as JSON. They are never made; the tests hold answers against them.
#![expect(dead_code, reason = "their fields are read by the description alone")]

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// Why a request was not done.
#[derive(ToSchema)]
pub(crate) struct Errors {
    /// The reasons, one at least.
    errors: Vec<ErrorEntry>,
}

/// One reason.
#[derive(ToSchema)]
struct ErrorEntry {
    /// A code of the distribution specification, or another in capitals.
    code: String,
    /// One sentence.
    message: String,
    /// Which, where, and what was expected.
    #[schema(value_type = Object)]
    detail: (),
}

/// A finding, and what the repository's policy does about it.
#[derive(ToSchema)]
pub(super) struct Judged {
    #[serde(flatten)]
    finding: Finding,
    verdict: Verdict,
}

/// What is done about a finding.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// Nothing.
    Accept,
    /// It is stored, and the answer says so.
    Warn,
    /// It is not stored.
    Reject,
}

/// What is remarkable or wrong about a document.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    /// The stable id of the rule that found it.
    rule: String,
    severity: Severity,
    /// The document that it is about; the one that was asked about if there is none.
    #[schema(nullable = false)]
    document: Option<String>,
    /// Where in that document, as a JSON pointer (RFC 6901).
    pointer: String,
    /// What was found, and what was expected: one sentence.
    message: String,
    /// The digest of the descriptor concerned.
    #[schema(nullable = false)]
    digest: Option<String>,
    /// The type that the descriptor names.
    #[schema(nullable = false)]
    media_type: Option<String>,
    /// The size in bytes that the descriptor claims.
    #[schema(nullable = false)]
    claimed_size: Option<u64>,
    /// The size in bytes of what is stored.
    #[schema(nullable = false)]
    stored_size: Option<u64>,
    /// The section of the specification that says so.
    section: String,
    /// What mends it: `REF` in a command is the manifest, where it has no name yet, and `DST` where the mended one goes.
    mend: String,
}

/// How grave a finding is.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// Works everywhere, but something is worth knowing.
    Info,
    /// Some tools will stumble.
    Warning,
    /// Against the specification, or the content cannot be used.
    Error,
}

/// A descriptor (image-spec, descriptor.md); further fields stand there as they were written.
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
    /// The content itself, in base64.
    #[schema(nullable = false)]
    data: Option<String>,
    #[serde(flatten)]
    other: BTreeMap<String, serde_json::Value>,
}

/// A platform (image-spec, image-index.md).
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
