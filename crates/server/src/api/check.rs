//! Result of a dry run of a push.

use portolan_model::{Digest, Manifest, MediaType};
use portolan_registry::{Error, JudgedFinding, Kind, PutOutcome, Result};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::schemas;
use crate::fixes::FixRenderer;

/// Result of a check: the outcome that a push of a manifest would have. Nothing was stored.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckResult {
    /// True if the push would be accepted.
    accepted: bool,
    /// Digest of the manifest.
    #[schema(value_type = String)]
    digest: Digest,
    /// Media type that it would be stored with. Absent if the content is not a readable manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    media_type: Option<MediaType>,
    /// Digest of the manifest's subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    subject: Option<Digest>,
    /// Digest that the tags would point to, if the policy points them to a converted manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    normalized: Option<Digest>,
    /// Findings, with those that cause a rejection first.
    #[schema(value_type = Vec<schemas::JudgedFinding>)]
    findings: Vec<Value>,
    /// Error that a push would return.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<CheckError>,
}

/// Error response to a push.
#[derive(Debug, Serialize, ToSchema)]
struct CheckError {
    /// Error code of the distribution specification.
    code: String,
    /// Message in one sentence.
    message: String,
    /// Details of the error without the findings.
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(value_type = Object, required = false)]
    detail: Value,
}

impl CheckResult {
    /// Builds the result from the outcome of a dry run. `manifest` is absent if the content is
    /// unreadable. `renderer` renders the fixes.
    ///
    /// # Errors
    /// Returns errors that say nothing about the manifest: the registry failed, or the caller may
    /// not push.
    pub(crate) fn new(
        digest: Digest,
        manifest: Option<&Manifest>,
        outcome: Result<PutOutcome>,
        renderer: &FixRenderer,
    ) -> Result<Self> {
        let media_type = manifest.map(|manifest| manifest.media_type().clone());
        let subject = manifest
            .and_then(Manifest::subject)
            .map(|subject| subject.digest.clone());
        let base = Self {
            accepted: true,
            digest,
            media_type,
            subject,
            normalized: None,
            findings: Vec::new(),
            error: None,
        };
        match outcome {
            Ok(PutOutcome {
                findings,
                normalized,
                ..
            }) => Ok(Self {
                normalized,
                findings: render_findings(&findings, renderer),
                ..base
            }),
            Err(error) if is_push_error(&error) => Ok(Self {
                accepted: false,
                findings: render_findings(error.kind().findings(), renderer),
                error: Some(CheckError::from_error(&error)),
                ..base
            }),
            Err(error) => Err(error),
        }
    }
}

/// Returns whether an error is the response to the checked push, and not a failure of the check.
fn is_push_error(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::ManifestInvalid { .. }
            | Kind::ContentMissing { .. }
            | Kind::DigestInvalid
            | Kind::PreconditionFailed
    )
}

fn render_findings(findings: &[JudgedFinding], renderer: &FixRenderer) -> Vec<Value> {
    findings
        .iter()
        .map(|judged| renderer.to_json(judged))
        .collect()
}

impl CheckError {
    fn from_error(error: &Error) -> Self {
        let mut detail = error.detail();
        if let Some(detail) = detail.as_object_mut() {
            detail.remove("findings");
        }
        Self {
            code: error.kind().code().to_string(),
            message: error.message().to_owned(),
            detail,
        }
    }
}

fn is_empty(detail: &Value) -> bool {
    detail.as_object().is_none_or(serde_json::Map::is_empty)
}
