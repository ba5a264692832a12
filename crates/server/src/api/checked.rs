//! What a push would get.

use portolan_model::{Digest, Manifest, MediaType};
use portolan_registry::{Error, Kind, PutOutcome, Result};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::schemas;
use crate::mend::Mender;

/// What a push of a manifest would get, of which nothing was done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checked {
    /// Whether it would be stored.
    accepted: bool,
    /// The digest that it has.
    #[schema(value_type = String)]
    digest: Digest,
    /// The type that it would be stored with; absent for what cannot be read as a manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    media_type: Option<MediaType>,
    /// The manifest that it says something about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    subject: Option<Digest>,
    /// The digest that its tags would point to, where the policy has them set to a converted manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    normalised: Option<Digest>,
    /// Everything that was found, what is rejected first.
    #[schema(value_type = Vec<schemas::Judged>)]
    findings: Vec<Value>,
    /// What the push would be refused with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<Refusal>,
}

/// The error that a push would be answered with.
#[derive(Debug, Serialize, ToSchema)]
struct Refusal {
    /// The code of the distribution specification.
    code: String,
    /// One sentence.
    message: String,
    /// What else the error says, but for the findings.
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(value_type = Object, required = false)]
    detail: Value,
}

impl Checked {
    /// What is said of a manifest, if it can be read as one, that has `digest` and of which a push
    /// would get `outcome`. `mender` names it.
    ///
    /// # Errors
    /// Those that say nothing of the manifest: the registry failed, or would let nobody push.
    pub(crate) fn new(
        digest: Digest,
        manifest: Option<&Manifest>,
        outcome: Result<PutOutcome>,
        mender: &Mender,
    ) -> Result<Self> {
        let media_type = manifest.map(|manifest| manifest.media_type().clone());
        let subject = manifest
            .and_then(Manifest::subject)
            .map(|subject| subject.digest.clone());
        let read = Self {
            accepted: true,
            digest,
            media_type,
            subject,
            normalised: None,
            findings: Vec::new(),
            error: None,
        };
        let mut checked = match outcome {
            Ok(PutOutcome {
                findings,
                normalised,
                ..
            }) => {
                let findings = findings.iter().map(|judged| json!(judged)).collect();
                Self {
                    normalised,
                    findings,
                    ..read
                }
            }
            Err(error) if is_about_the_push(&error) => {
                let (findings, error) = refusal(&error);
                Self {
                    accepted: false,
                    findings,
                    error: Some(error),
                    ..read
                }
            }
            Err(error) => return Err(error),
        };
        for finding in &mut checked.findings {
            mender.mend(finding);
        }
        Ok(checked)
    }
}

/// Whether an error answers what was asked: the push itself would be refused.
fn is_about_the_push(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::ManifestInvalid
            | Kind::ContentMissing
            | Kind::DigestInvalid
            | Kind::PreconditionFailed
    )
}

fn refusal(error: &Error) -> (Vec<Value>, Refusal) {
    let mut detail = error.detail().clone();
    let findings = detail
        .as_object_mut()
        .and_then(|detail| detail.remove("findings"));
    let findings = match findings {
        Some(Value::Array(findings)) => findings,
        _ => Vec::new(),
    };
    (
        findings,
        Refusal {
            code: error.kind().code().to_string(),
            message: error.message().to_owned(),
            detail,
        },
    )
}

fn is_empty(detail: &Value) -> bool {
    detail.as_object().is_none_or(serde_json::Map::is_empty)
}
