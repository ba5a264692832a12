//! `/v2/NAME/blobs/DIGEST` ("Pulling blobs", "Deleting Blobs").

use http::{StatusCode, header};
use portolan_model::{ByteRange, Digest, MediaType, RepositoryName};
use portolan_registry::{BlobRead, Body, Deletion};
use portolan_wire::condition::{entity_tag, is_unmodified, range_applies};
use portolan_wire::headers::DOCKER_CONTENT_DIGEST;
use portolan_wire::query;
use portolan_wire::range::{ContentRange, RangeRequest};

use crate::error::HandlerResult;
use crate::request_context::RequestContext;
use crate::response_builder::ResponseBuilder;
use crate::response_memory::SHORT_RESPONSE;

pub(crate) async fn get(
    call: &RequestContext,
    repository: &RepositoryName,
    digest: &Digest,
) -> HandlerResult {
    if is_unmodified(&call.headers, digest) {
        return head(call, repository, digest).await;
    }
    let range = requested_range(call, digest);
    let read = || {
        call.registry()
            .get_blob(&call.context, repository, digest, range)
    };
    // A manifest that is read as a blob is in memory.
    let content = |read: &BlobRead| match &read.body {
        Body::Full(bytes) if bytes.len() > SHORT_RESPONSE => Some((digest.clone(), read.size)),
        _ => None,
    };
    let responses = &call.app.responses;
    let (read, memory) = responses.read(call.client(), read, content).await?;
    let BlobRead {
        size,
        range: part,
        body,
    } = read;
    let length = part.end - part.start;
    let reply = match range {
        Some(_) => start_response(StatusCode::PARTIAL_CONTENT, digest).header(
            header::CONTENT_RANGE,
            ContentRange {
                part: Some(part),
                size: Some(size),
            }
            .to_string(),
        ),
        None => start_response(StatusCode::OK, digest),
    };
    Ok(reply.stream(call, length, body, memory))
}

pub(crate) async fn head(
    call: &RequestContext,
    repository: &RepositoryName,
    digest: &Digest,
) -> HandlerResult {
    let info = call
        .registry()
        .head_blob(&call.context, repository, digest)
        .await?;
    let status = if is_unmodified(&call.headers, digest) {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    Ok(start_response(status, digest).head(info.size))
}

pub(crate) async fn delete(
    call: &RequestContext,
    repository: &RepositoryName,
    digest: &Digest,
) -> HandlerResult {
    call.registry()
        .delete_blob(&call.context, repository, digest, deletion(call))
        .await?;
    Ok(ResponseBuilder::new(StatusCode::ACCEPTED).empty())
}

/// Returns the requested deletion mode: forced deletion also removes content that a manifest
/// references.
pub(super) fn deletion(call: &RequestContext) -> Deletion {
    if query::is_forced(call.query()) {
        Deletion::Forced
    } else {
        Deletion::Guarded
    }
}

/// Returns the requested range of the blob. A request for several ranges gets the full blob. This
/// is always correct, while the first range only would be wrong.
fn requested_range(call: &RequestContext, digest: &Digest) -> Option<ByteRange> {
    match RangeRequest::from_headers(&call.headers) {
        RangeRequest::Part(range) if range_applies(&call.headers, digest) => Some(range),
        _ => None,
    }
}

fn start_response(status: StatusCode, digest: &Digest) -> ResponseBuilder {
    ResponseBuilder::new(status)
        .header(header::CONTENT_TYPE, MediaType::OCTET_STREAM)
        .header(DOCKER_CONTENT_DIGEST, digest.as_str())
        .header(header::ETAG, entity_tag(digest))
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
}
