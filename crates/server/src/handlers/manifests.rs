//! `/v2/NAME/manifests/REFERENCE` ("Pulling manifests", "Pushing Manifests", "Deleting Manifests").

use axum_core::response::Response;
use http::{HeaderValue, StatusCode, header};
use portolan_model::{Finding, MediaType, Reference, RepositoryName, Tag};
use portolan_registry::{Body, ManifestInfo, ManifestRead, PutOutcome};
use portolan_wire::condition::{entity_tag, is_unmodified};
use portolan_wire::headers::{DOCKER_CONTENT_DIGEST, OCI_SUBJECT, OCI_TAG, PORTOLAN_NORMALIZED};
use portolan_wire::{Endpoint, query, warning};

use super::blobs::deletion;
use super::put_options;
use crate::body::{Collected, RequestBody};
use crate::detached::run_detached_in;
use crate::error::HandlerResult;
use crate::fixes::FixRenderer;
use crate::lane::document_weight;
use crate::request_context::RequestContext;
use crate::response_builder::ResponseBuilder;
use crate::response_memory::SHORT_RESPONSE;

/// Number of bytes in the head of a response that `OCI-Tag` headers leave free for warnings, if
/// there are warnings.
const WARNING_BYTES: usize = 1_200;

/// Maximum length of a media type in a response. RFC 6838 allows 127 characters on each side of the
/// slash.
const MAX_MEDIA_TYPE: usize = 255;

pub(crate) async fn get(
    call: &RequestContext,
    repository: &RepositoryName,
    reference: &Reference,
) -> HandlerResult {
    if call.headers.contains_key(header::IF_NONE_MATCH) {
        // If the client has the manifest already, its bytes are not read.
        let unmodified = head(call, repository, reference).await?;
        if unmodified.status() == StatusCode::NOT_MODIFIED {
            return Ok(unmodified);
        }
    }
    let read = || {
        call.registry()
            .get_manifest(&call.context, repository, reference)
    };
    let content = |ManifestRead { info, body }: &ManifestRead| {
        let is_large = matches!(body, Body::Full(bytes) if bytes.len() > SHORT_RESPONSE);
        is_large.then(|| (info.digest.clone(), info.size))
    };
    let responses = &call.app.responses;
    let (ManifestRead { info, body }, memory) =
        responses.read(call.client(), read, content).await?;
    Ok(start_response(StatusCode::OK, &info).stream(call, info.size, body, memory))
}

pub(crate) async fn head(
    call: &RequestContext,
    repository: &RepositoryName,
    reference: &Reference,
) -> HandlerResult {
    let info = call
        .registry()
        .head_manifest(&call.context, repository, reference)
        .await?;
    let unmodified = is_unmodified(&call.headers, &info.digest);
    let status = if unmodified {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    Ok(start_response(status, &info).head(info.size))
}

pub(crate) async fn put(
    call: &RequestContext,
    body: RequestBody,
    repository: RepositoryName,
    reference: Reference,
) -> HandlerResult {
    let slot = body.acquire_slot(call).await?;
    let also = query::tags(call.query())?;
    let by_tag = matches!(reference, Reference::Tag(_));
    let options = put_options::options(&call.headers, Some(reference), &also)?;
    let Collected { bytes, memory } = body.collect(call).await?;
    let (context, name) = (call.context.clone(), repository.clone());
    let tag = options.tags.first().map(|update| update.tag.clone());
    let weight = document_weight(&bytes);
    let share = call.app.lane.enter(call.client(), weight).await?;
    let outcome = run_detached_in(share, &call.app, |app| async move {
        // Hold the shares until the work ends, even if the client disconnects earlier.
        let _shares = (slot, memory);
        app.registry
            .put_manifest(&context, &name, bytes, options)
            .await
    });
    let outcome = outcome
        .await
        .map_err(|error| FixRenderer::default().render_error(error))?;
    // If the manifest was converted, the tag points to the converted manifest, but the findings are
    // about the pushed manifest.
    let tag = tag.filter(|_| outcome.normalized.is_none());
    let pushed = tag.map_or_else(|| outcome.digest.clone().into(), Reference::Tag);
    let renderer = FixRenderer::new(call, &repository, &pushed);
    let warnings = Warnings {
        sentences: outcome
            .warnings()
            .map(|finding| warning_text(finding, &renderer))
            .collect(),
        further: outcome.warnings().map(|finding| finding.omitted).sum(),
    };
    Ok(created_response(
        repository, outcome, by_tag, &also, &warnings,
    ))
}

pub(crate) async fn delete(
    call: &RequestContext,
    repository: &RepositoryName,
    reference: &Reference,
) -> HandlerResult {
    let registry = call.registry();
    match reference {
        Reference::Tag(tag) => registry.delete_tag(&call.context, repository, tag).await?,
        Reference::Digest(digest) => {
            registry
                .delete_manifest(&call.context, repository, digest, deletion(call))
                .await?;
        }
    }
    Ok(ResponseBuilder::new(StatusCode::ACCEPTED).empty())
}

/// Warnings about a pushed manifest.
struct Warnings {
    sentences: Vec<String>,
    /// Number of warnings that the registry has omitted.
    further: usize,
}

/// Builds the response to a push. `Docker-Content-Digest` is the digest of the pushed manifest.
/// `ETag` is the entity tag of the manifest at the pushed reference. For a tag, this is the
/// converted manifest if the policy converts manifests.
///
/// All tags are set, but `OCI-Tag` lists only those that fit into the head, and warnings that do
/// not fit are counted.
fn created_response(
    repository: RepositoryName,
    outcome: PutOutcome,
    by_tag: bool,
    tags: &[Tag],
    warnings: &Warnings,
) -> Response {
    let PutOutcome {
        digest,
        subject,
        normalized,
        ..
    } = outcome;
    let served = normalized.as_ref().filter(|_| by_tag).unwrap_or(&digest);
    let mut reply = ResponseBuilder::new(StatusCode::CREATED)
        .header(DOCKER_CONTENT_DIGEST, digest.as_str())
        .header(header::ETAG, entity_tag(served));
    if let Some(normalized) = &normalized {
        reply = reply.header(PORTOLAN_NORMALIZED, normalized.as_str());
    }
    if let Some(subject) = subject {
        reply = reply.header(OCI_SUBJECT, subject.as_str());
    }
    reply = reply.header(
        header::LOCATION,
        Endpoint::Manifest(repository, digest.into()).to_path(),
    );
    let reserve = if warnings.sentences.is_empty() {
        0
    } else {
        WARNING_BYTES
    };
    for tag in tags {
        reply = reply.header_if_room(OCI_TAG, tag.as_str(), reserve);
    }
    let sentences = warnings.sentences.iter().map(String::as_str);
    for warning in warning::header_values(sentences, warnings.further, reply.room()) {
        reply = reply.header(header::WARNING, warning);
    }
    reply.empty()
}

/// Returns the text of a warning for a finding: rule, position, problem, and fix.
fn warning_text(finding: &Finding, renderer: &FixRenderer) -> String {
    let Finding {
        rule,
        document,
        pointer,
        message,
        ..
    } = finding;
    let document = document
        .as_ref()
        .map_or_else(String::new, |digest| format!(" of {digest}"));
    format!(
        "{rule} at {pointer:?}{document}: {message}; help: {}",
        renderer.fix(finding)
    )
}

/// Starts a response with the headers of a manifest. The client of the push chose the media type,
/// so browsers must not execute the content. A type that is too long or not valid in a header is
/// replaced with `application/octet-stream`.
fn start_response(status: StatusCode, info: &ManifestInfo) -> ResponseBuilder {
    let media_type = Some(info.media_type.as_str())
        .filter(|text| text.len() <= MAX_MEDIA_TYPE)
        .and_then(|text| HeaderValue::from_str(text).ok())
        .unwrap_or(HeaderValue::from_static(MediaType::OCTET_STREAM));
    ResponseBuilder::new(status)
        .header(header::CONTENT_TYPE, media_type)
        .header(DOCKER_CONTENT_DIGEST, info.digest.as_str())
        .header(header::ETAG, entity_tag(&info.digest))
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::CONTENT_SECURITY_POLICY, "sandbox")
}
