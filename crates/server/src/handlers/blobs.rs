//! `/v2/NAME/blobs/DIGEST` ("Pulling blobs", "Deleting Blobs").

use http::{StatusCode, header};
use portolan_model::{ByteRange, Digest, MediaType, RepositoryName};
use portolan_registry::{BlobRead, Deletion};
use portolan_wire::condition::{entity_tag, is_unmodified, range_applies};
use portolan_wire::headers::DOCKER_CONTENT_DIGEST;
use portolan_wire::query;
use portolan_wire::range::{ContentRange, RangeRequest};

use crate::call::Call;
use crate::error::Answer;
use crate::reply::Reply;

pub(crate) async fn get(call: &Call, repository: &RepositoryName, digest: &Digest) -> Answer {
    if is_unmodified(&call.headers, digest) {
        return head(call, repository, digest).await;
    }
    let range = wanted(call, digest);
    let BlobRead {
        size,
        range: part,
        body,
    } = call
        .registry()
        .get_blob(&call.context, repository, digest, range)
        .await?;
    let length = part.end - part.start;
    let reply = match range {
        Some(_) => about(StatusCode::PARTIAL_CONTENT, digest).header(
            header::CONTENT_RANGE,
            ContentRange {
                part: Some(part),
                size: Some(size),
            }
            .to_string(),
        ),
        None => about(StatusCode::OK, digest),
    };
    Ok(reply.content(length, body))
}

pub(crate) async fn head(call: &Call, repository: &RepositoryName, digest: &Digest) -> Answer {
    let info = call
        .registry()
        .head_blob(&call.context, repository, digest)
        .await?;
    let status = if is_unmodified(&call.headers, digest) {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    Ok(about(status, digest).head(info.size))
}

pub(crate) async fn delete(call: &Call, repository: &RepositoryName, digest: &Digest) -> Answer {
    call.registry()
        .delete_blob(&call.context, repository, digest, deletion(call))
        .await?;
    Ok(Reply::new(StatusCode::ACCEPTED).empty())
}

/// Whether content that a manifest names is to go, too.
pub(super) fn deletion(call: &Call) -> Deletion {
    if query::force(call.query()) {
        Deletion::Forced
    } else {
        Deletion::Guarded
    }
}

/// The part of the blob that is asked for. Several parts are answered with the whole, which is
/// always right; the first part alone would be wrong.
fn wanted(call: &Call, digest: &Digest) -> Option<ByteRange> {
    match RangeRequest::of(&call.headers) {
        RangeRequest::Part(range) if range_applies(&call.headers, digest) => Some(range),
        _ => None,
    }
}

fn about(status: StatusCode, digest: &Digest) -> Reply {
    Reply::new(status)
        .header(header::CONTENT_TYPE, MediaType::OCTET_STREAM)
        .header(DOCKER_CONTENT_DIGEST, digest.as_str())
        .header(header::ETAG, entity_tag(digest))
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
}
