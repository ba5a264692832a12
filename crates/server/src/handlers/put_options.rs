//! Options for a push of a manifest, parsed from the request.

use http::HeaderMap;
use portolan_model::{ErrorCode, MediaType, Reference, Tag};
use portolan_registry::{Precondition, PutManifest, TagUpdate};
use portolan_wire::condition::TagCondition;
use portolan_wire::{RequestError, request_head};
use serde_json::json;

/// Returns the options for a push to `reference` and to the tags in `also`. Without a reference,
/// the manifest is pushed by the digest of its content. The condition of the request applies to
/// each tag. All tags share one condition: with a copy for each tag, a client could choose two long
/// lists and use memory for the product of their lengths.
pub(super) fn options(
    headers: &HeaderMap,
    reference: Option<Reference>,
    also: &[Tag],
) -> Result<PutManifest, RequestError> {
    let media_type = request_head::content_type(headers)?.map(MediaType::new);
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
    let precondition = precondition(TagCondition::from_headers(headers)?);
    if tags.is_empty() && precondition != Precondition::None {
        return Err(condition_requires_tag());
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
    })
}

fn precondition(condition: TagCondition) -> Precondition {
    match condition {
        TagCondition::None => Precondition::None,
        TagCondition::Absent => Precondition::Absent,
        TagCondition::Present => Precondition::Present,
        TagCondition::PointsTo(digests) => Precondition::PointsTo(digests.into()),
    }
}

fn condition_requires_tag() -> RequestError {
    let expected =
        "If-Match and If-None-Match require a tag; push to a tag, or name one with ?tag=";
    RequestError {
        code: ErrorCode::Unsupported,
        message: expected.into(),
        detail: json!({"expected": expected}),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::header;
    use portolan_model::Digest;
    use portolan_wire::condition::{MAX_CONDITIONS, entity_tag};
    use portolan_wire::query::MAX_TAGS;

    use super::*;

    #[test]
    fn all_tags_share_one_condition() {
        let digests = (0..MAX_CONDITIONS).map(|number| Digest::sha256(&number.to_be_bytes()));
        let listed: Vec<_> = digests.map(|digest| entity_tag(&digest)).collect();
        let value = listed.join(", ").parse().unwrap();
        let tags: Vec<Tag> = (0..MAX_TAGS)
            .map(|number| format!("v{number}").parse().unwrap())
            .collect();
        let options = options(
            &HeaderMap::from_iter([(header::IF_MATCH, value)]),
            None,
            &tags,
        );
        let updates = options.unwrap().tags;
        assert_eq!(updates.len(), MAX_TAGS);
        let Precondition::PointsTo(digests) = &updates[0].precondition else {
            panic!("{:?}", updates[0]);
        };
        assert_eq!(digests.len(), MAX_CONDITIONS);
        assert_eq!(Arc::strong_count(digests), MAX_TAGS);
    }
}
