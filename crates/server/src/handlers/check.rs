//! `/api/v1/repositories/NAME/-/check`: dry run of a push.

use bytes::Bytes;
use http::StatusCode;
use portolan_model::{Digest, ErrorCode, Manifest, Reference, RepositoryName};
use portolan_registry::{PutManifest, StoredManifest};
use portolan_wire::{RequestError, query};
use serde_json::json;

use super::put_options;
use crate::api::{CheckResult, Errors};
use crate::body::{Collected, RequestBody};
use crate::error::{HandlerResult, HttpError};
use crate::fixes::FixRenderer;
use crate::lane::document_weight;
use crate::request_context::RequestContext;
use crate::response_builder::ResponseBuilder;

/// Maximum memory for the response in bytes. The number of findings is limited.
const RESPONSE_MEMORY: usize = 1 << 20;

/// Checks how the registry would answer a push of a manifest, without storing anything.
///
/// The body is the manifest, under the same limits and rules as a push: it may be chunked, and may
/// have no type or a generic one; `reference` may be the digest to push it by. Alternatively the
/// body is empty, and `reference` names a stored manifest. If the push would be rejected, the
/// status is still 200, and the error is part of the result.
#[utoipa::path(
    post,
    path = "/api/v1/repositories/{name}/-/check",
    operation_id = "check",
    tag = "repositories",
    params(
        ("name" = String, Path, description = "Repository. It need not exist, and is not created."),
        ("reference" = Option<String>, Query, description = "With a body: the digest to push it by. Without a body: a stored tag or digest, checked as if it were pushed again."),
        ("tag" = Option<Vec<String>>, Query, description = "Tag that the push would set; may be repeated up to 100 times."),
        ("If-Match" = Option<String>, Header, nullable = false, description = "As in a push: the tags must point to one of up to 16 digests (in double quotes), or exist for `*`."),
        ("If-None-Match" = Option<String>, Header, nullable = false, description = "As in a push: the tags must not exist, for `*`.")
    ),
    request_body(content = Option<String>, content_type = "*/*", description = "Manifest, or empty."),
    responses(
        (status = 200, description = "Result of the check.", body = CheckResult),
        (status = 400, description = "A name, tag, digest or condition is malformed, there are too many tags or conditions, or the combination of body and parameters is invalid.", body = Errors),
        (status = 404, description = "No stored manifest matches `reference`.", body = Errors),
        (status = 405, description = "This registry does not support checks.", body = Errors),
        (status = 413, description = "The manifest is too large.", body = Errors),
        (status = 429, description = "Too many concurrent pushes and checks; retry after `Retry-After` seconds.", body = Errors),
        (status = "default", description = "Any other error.", body = Errors)
    )
)]
pub(crate) async fn check(
    call: &RequestContext,
    body: RequestBody,
    repository: RepositoryName,
) -> HandlerResult {
    let slot = body.acquire_slot(call).await?;
    let also = query::tags(call.query())?;
    let reference = query::reference(call.query())?;
    let options = put_options::options(&call.headers, reference.clone(), &also)?;
    let Collected {
        bytes: sent,
        memory,
    } = body.collect(call).await?;
    let (renderer, bytes, options) = match reference {
        None if sent.is_empty() => {
            return Err(invalid_request(
                "send a manifest in the body, or name a stored one with ?reference=",
            )
            .into());
        }
        Some(reference) if sent.is_empty() => {
            let (bytes, options) = load_stored(call, &repository, &reference, options).await?;
            (
                FixRenderer::new(call, &repository, &reference),
                bytes,
                options,
            )
        }
        Some(Reference::Tag(_)) => {
            return Err(invalid_request(
                "with a body, ?reference= must be a digest; name tags with ?tag=",
            )
            .into());
        }
        None | Some(Reference::Digest(_)) => (FixRenderer::default(), sent, options),
    };
    let client = call.client();
    let response = call.app.responses.reserve(client, RESPONSE_MEMORY).await?;
    let weight = document_weight(&bytes);
    let (app, context) = (call.app.clone(), call.context.clone());
    let work = async move {
        // A slow reader holds only the memory of the response.
        let _shares = (slot, memory);
        let claimed = options.media_type.clone();
        let digest = compute_digest(&bytes, options.digest.as_ref());
        let outcome = app
            .registry
            .check_manifest(&context, &repository, bytes.clone(), options)
            .await;
        // Parse only now: a parsed manifest takes more memory than its bytes, so do not hold one
        // while the registry waits for other requests.
        let manifest = Manifest::parse(bytes, claimed.as_ref()).ok();
        let result = CheckResult::new(digest, manifest.as_ref(), outcome, &renderer)?;
        ResponseBuilder::new(StatusCode::OK).json_in(&result, response, client)
    };
    call.app.lane.run(client, weight, work).await
}

/// Returns the digest of `bytes`. Uses the algorithm of `sent_by`, the digest of a push by digest,
/// or SHA-256 for any other push.
fn compute_digest(bytes: &[u8], sent_by: Option<&Digest>) -> Digest {
    let other = sent_by.and_then(|digest| Digest::compute(digest.algorithm(), bytes));
    other.unwrap_or_else(|| Digest::sha256(bytes))
}

/// Loads a stored manifest with options that push it again unchanged.
async fn load_stored(
    call: &RequestContext,
    repository: &RepositoryName,
    reference: &Reference,
    options: PutManifest,
) -> Result<(Bytes, PutManifest), HttpError> {
    let repository = call.repository(repository.clone());
    let StoredManifest { info, bytes } = repository.manifest(reference).await?;
    Ok((
        bytes,
        PutManifest {
            media_type: Some(info.media_type),
            digest: Some(info.digest),
            ..options
        },
    ))
}

fn invalid_request(expected: &str) -> RequestError {
    RequestError {
        code: ErrorCode::Unsupported,
        message: expected.into(),
        detail: json!({"expected": expected}),
    }
}
