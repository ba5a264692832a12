//! What a push of a manifest asks for, read from its request.

use http::header;
use portolan_model::{ErrorCode, MediaType, Reference, Tag};
use portolan_registry::{Precondition, PutManifest, TagUpdate};
use portolan_wire::RequestError;
use portolan_wire::condition::TagCondition;
use serde_json::json;

use crate::call::Call;

/// A push to `reference`, or to nothing but the digest of what is sent, and to the tags in `also`. Its
/// condition holds for each tag that it sets.
pub(super) fn options(
    call: &Call,
    reference: Option<Reference>,
    also: &[Tag],
) -> Result<PutManifest, RequestError> {
    let media_type = call
        .headers
        .get(header::CONTENT_TYPE)
        .map(|value| MediaType::new(&String::from_utf8_lossy(value.as_bytes())));
    let (digest, named) = match reference {
        None => (None, None),
        Some(Reference::Digest(digest)) => (Some(digest), None),
        Some(Reference::Tag(tag)) => (None, Some(tag)),
    };
    let mut tags: Vec<Tag> = Vec::new();
    for tag in named.iter().chain(also) {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    let precondition = precondition(TagCondition::of(&call.headers)?);
    if tags.is_empty() && precondition != Precondition::None {
        return Err(condition_without_tag());
    }
    let tags = tags
        .into_iter()
        .map(|tag| TagUpdate {
            tag,
            precondition: precondition.clone(),
        })
        .collect();
    Ok(PutManifest {
        media_type,
        digest,
        tags,
        ..PutManifest::default()
    })
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
    let expected =
        "If-Match and If-None-Match are about a tag; push to one, or name one with ?tag=";
    RequestError {
        code: ErrorCode::Unsupported,
        message: expected.into(),
        detail: json!({"expected": expected}),
    }
}
