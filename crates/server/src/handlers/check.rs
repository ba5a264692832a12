//! `/api/v1/repositories/NAME/check`: what would a push get?

use bytes::Bytes;
use http::StatusCode;
use portolan_model::{Digest, ErrorCode, Manifest, Reference, RepositoryName};
use portolan_registry::PutManifest;
use portolan_wire::{RequestError, query};
use serde_json::json;

use super::push;
use crate::api::{Checked, Errors};
use crate::body::RequestBody;
use crate::call::Call;
use crate::error::{Answer, Failure};
use crate::mend::Mender;
use crate::reply::Reply;

/// Asks what a push of a manifest would get, without storing anything.
///
/// The body is the manifest, under the same limits and rules as a push: it may be chunked, and without a type or with a
/// generic one; `reference` may be the digest that it is pushed by. Or the body is empty, and `reference` names a manifest
/// that is stored. A manifest that would be refused is an answer, not an error.
#[utoipa::path(
    post,
    path = "/api/v1/repositories/{name}/check",
    operation_id = "check",
    tag = "repositories",
    params(
        ("name" = String, Path, description = "The repository. It need not exist, and is not made."),
        ("reference" = Option<String>, Query, description = "With a body, the digest that it is pushed by. Without one, a tag or digest that is stored, to be checked as if it were pushed there again."),
        ("tag" = Option<Vec<String>>, Query, description = "A tag that the push would set; it may be repeated."),
        ("If-Match" = Option<String>, Header, nullable = false, description = "As a push would send it: the tags must point to this digest, between double quotes, or exist for `*`."),
        ("If-None-Match" = Option<String>, Header, nullable = false, description = "As a push would send it: the tags must not exist, if it is `*`.")
    ),
    request_body(content = Option<String>, content_type = "*/*", description = "The manifest, or nothing."),
    responses(
        (status = 200, description = "What a push would get.", body = Checked),
        (status = 400, description = "A name, tag, digest or condition is malformed, or nothing or too much was given.", body = Errors),
        (status = 404, description = "`reference` names nothing that is stored.", body = Errors),
        (status = 405, description = "This registry cannot tell without storing.", body = Errors),
        (status = 413, description = "The manifest is too large.", body = Errors),
        (status = 429, description = "Too many pushes and checks at once; `Retry-After` says when to try again.", body = Errors),
        (status = "default", description = "Any other error.", body = Errors)
    )
)]
pub(crate) async fn check(call: &Call, body: RequestBody, repository: RepositoryName) -> Answer {
    let also = query::tags(call.query())?;
    let reference = query::reference(call.query())?;
    let options = push::options(call, reference.clone(), &also)?;
    let _slot = call.app.uploads.take()?;
    let sent = body.collect(call.app.limits.manifest_bytes).await?;
    let (mender, bytes, options) = match reference {
        None if sent.is_empty() => {
            return Err(wrong("send a manifest, or name a stored one with ?reference=").into());
        }
        Some(reference) if sent.is_empty() => {
            let (bytes, options) = stored(call, &repository, &reference, options).await?;
            (Mender::new(call, &repository, &reference), bytes, options)
        }
        Some(Reference::Tag(_)) => {
            return Err(wrong(
                "name the tag of a manifest that is sent with ?tag=; with a body, ?reference= is a digest",
            )
            .into());
        }
        None | Some(Reference::Digest(_)) => (Mender::default(), sent, options),
    };
    let claimed = options.media_type.clone();
    let digest = digest(&bytes, options.digest.as_ref());
    let options = PutManifest {
        dry_run: true,
        ..options
    };
    let outcome = call
        .registry()
        .put_manifest(&call.context, &repository, bytes.clone(), options)
        .await;
    // Not before, so that nothing is held beside the bytes while others have their turn.
    let manifest = Manifest::parse(bytes, claimed.as_ref()).ok();
    Reply::new(StatusCode::OK).json(&Checked::new(digest, manifest.as_ref(), outcome, &mender)?)
}

/// The digest that `bytes` have, of the algorithm of the one that they are sent by.
fn digest(bytes: &[u8], sent_by: Option<&Digest>) -> Digest {
    let other = sent_by.and_then(|digest| Digest::of(digest.algorithm(), bytes));
    other.unwrap_or_else(|| Digest::sha256(bytes))
}

/// What is stored, to be put again as it is.
async fn stored(
    call: &Call,
    repository: &RepositoryName,
    reference: &Reference,
    options: PutManifest,
) -> Result<(Bytes, PutManifest), Failure> {
    let (info, bytes) = call.place(repository.clone()).manifest(reference).await?;
    Ok((
        bytes,
        PutManifest {
            media_type: Some(info.media_type),
            digest: Some(info.digest),
            ..options
        },
    ))
}

fn wrong(expected: &str) -> RequestError {
    RequestError {
        code: ErrorCode::Unsupported,
        message: expected.into(),
        detail: json!({"expected": expected}),
    }
}
