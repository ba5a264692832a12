//! `/v2/NAME/manifests/REFERENCE` ("Pulling manifests", "Pushing Manifests", "Deleting Manifests").

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use portolan_model::{ErrorCode, MediaType, Reference, RepositoryName, Tag};
use portolan_registry::{ManifestInfo, ManifestRead, Precondition, PutManifest, PutOutcome, TagUpdate};
use portolan_wire::condition::{TagCondition, entity_tag, is_unmodified};
use portolan_wire::headers::{DOCKER_CONTENT_DIGEST, OCI_SUBJECT, OCI_TAG};
use portolan_wire::{Endpoint, RequestError, query, warning};
use serde_json::json;

use super::blobs::deletion;
use crate::body::RequestBody;
use crate::call::Call;
use crate::detached::detached;
use crate::error::{Answer, Failure};
use crate::reply::Reply;

pub(crate) async fn get(call: &Call, repository: &RepositoryName, reference: &Reference) -> Answer {
    let ManifestRead { info, body } = call.registry().get_manifest(&call.context, repository, reference).await?;
    if is_unmodified(&call.headers, &info.digest) {
        return Ok(about(StatusCode::NOT_MODIFIED, &info).head(info.size));
    }
    Ok(about(StatusCode::OK, &info).content(info.size, body))
}

pub(crate) async fn head(call: &Call, repository: &RepositoryName, reference: &Reference) -> Answer {
    let info = call.registry().head_manifest(&call.context, repository, reference).await?;
    let unmodified = is_unmodified(&call.headers, &info.digest);
    let status = if unmodified { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    Ok(about(status, &info).head(info.size))
}

pub(crate) async fn put(call: &Call, body: RequestBody, repository: RepositoryName, reference: Reference) -> Answer {
    let also = query::tags(call.query())?;
    let options = options(call, reference, &also)?;
    let slot = call.app.uploads.take()?;
    let bytes = body.collect(call.app.limits.manifest_bytes).await?;
    let (context, name) = (call.context.clone(), repository.clone());
    let outcome = detached(&call.app, |app| async move {
        let _slot = slot;
        app.registry.put_manifest(&context, &name, bytes, options).await
    });
    Ok(created(repository, outcome.await?, &also))
}

pub(crate) async fn delete(call: &Call, repository: &RepositoryName, reference: &Reference) -> Answer {
    let registry = call.registry();
    match reference {
        Reference::Tag(tag) => registry.delete_tag(&call.context, repository, tag).await?,
        Reference::Digest(digest) => {
            registry.delete_manifest(&call.context, repository, digest, deletion(call)).await?;
        }
    }
    Ok(Reply::new(StatusCode::ACCEPTED).empty())
}

/// What a push asks for. Its condition holds for each tag that it sets.
fn options(call: &Call, reference: Reference, also: &[Tag]) -> Result<PutManifest, Failure> {
    let media_type =
        call.headers.get(header::CONTENT_TYPE).map(|value| MediaType::new(&String::from_utf8_lossy(value.as_bytes())));
    let (digest, named) = match reference {
        Reference::Digest(digest) => (Some(digest), None),
        Reference::Tag(tag) => (None, Some(tag)),
    };
    let mut tags: Vec<Tag> = Vec::new();
    for tag in named.iter().chain(also) {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    let precondition = precondition(TagCondition::of(&call.headers)?);
    if tags.is_empty() && precondition != Precondition::None {
        return Err(condition_without_tag().into());
    }
    let tags = tags.into_iter().map(|tag| TagUpdate { tag, precondition: precondition.clone() }).collect();
    Ok(PutManifest { media_type, digest, tags, ..PutManifest::default() })
}

fn precondition(condition: TagCondition) -> Precondition {
    match condition {
        TagCondition::None => Precondition::None,
        TagCondition::Absent => Precondition::Absent,
        TagCondition::Present => Precondition::Present,
        TagCondition::At(digests) => Precondition::At(digests),
    }
}

fn condition_without_tag() -> RequestError {
    let expected = "If-Match and If-None-Match are about a tag; push to one, or name one with ?tag=";
    RequestError { code: ErrorCode::Unsupported, message: expected.into(), detail: json!({"expected": expected}) }
}

fn created(repository: RepositoryName, outcome: PutOutcome, tags: &[Tag]) -> Response {
    let sentences: Vec<String> = outcome
        .warnings()
        .map(|finding| format!("{} at {:?}: {}", finding.rule.id(), finding.pointer, finding.message))
        .collect();
    let PutOutcome { digest, subject, .. } = outcome;
    let mut reply = Reply::new(StatusCode::CREATED)
        .header(DOCKER_CONTENT_DIGEST, digest.as_str())
        .header(header::ETAG, entity_tag(&digest));
    for tag in tags {
        reply = reply.header(OCI_TAG, tag.as_str());
    }
    if let Some(subject) = subject {
        reply = reply.header(OCI_SUBJECT, subject.as_str());
    }
    for warning in warning::values(sentences.iter().map(String::as_str)) {
        reply = reply.header(header::WARNING, warning);
    }
    reply.header(header::LOCATION, Endpoint::Manifest(repository, digest.into()).to_path()).empty()
}

/// The headers of a manifest. Its type is whatever it was pushed with, so browsers are told to run
/// nothing of it.
fn about(status: StatusCode, info: &ManifestInfo) -> Reply {
    let unwritable = |_| HeaderValue::from_static(MediaType::OCTET_STREAM);
    let media_type = HeaderValue::from_str(info.media_type.as_str()).unwrap_or_else(unwritable);
    Reply::new(status)
        .header(header::CONTENT_TYPE, media_type)
        .header(DOCKER_CONTENT_DIGEST, info.digest.as_str())
        .header(header::ETAG, entity_tag(&info.digest))
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::CONTENT_SECURITY_POLICY, "sandbox")
}
