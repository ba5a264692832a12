//! Conditions of requests: `ETag`, `If-Match` and `If-None-Match` (RFC 9110, section 13).
//!
//! The entity tag of a manifest or blob is its digest in double quotes. An entity tag that is not a
//! digest matches nothing. A weak entity tag matches nothing if RFC 9110 requires strong
//! comparison.

use http::{HeaderMap, HeaderName, header};
use portolan_model::{Digest, ErrorCode};

use crate::RequestError;
use crate::list::elements;

/// Maximum number of entity tags in the conditions of one push.
pub const MAX_CONDITIONS: usize = 16;

/// Returns the entity tag of the content with this digest.
pub fn entity_tag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// Condition on the tag of a manifest push.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TagCondition {
    /// No condition.
    None,
    /// `If-None-Match: *`: the tag must not exist.
    Absent,
    /// `If-Match: *`: the tag must exist.
    Present,
    /// `If-Match: "DIGEST", …`: the tag must point to one of these digests. An empty list never
    /// matches.
    PointsTo(Vec<Digest>),
}

impl TagCondition {
    /// Parses the condition in the headers of a manifest push.
    ///
    /// # Errors
    /// Returns `UNSUPPORTED` if the headers list more than [`MAX_CONDITIONS`] entity tags, before
    /// any of them is parsed, or if `If-None-Match` is anything other than `*`. An entity tag in
    /// `If-None-Match` would mean "any digest except this digest". Such a condition is not
    /// supported, and an error is safer than ignoring it.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, RequestError> {
        check_count(headers)?;
        let absent = match entity_tags(headers, &header::IF_NONE_MATCH) {
            None => false,
            Some(EntityTags::Any) => true,
            Some(EntityTags::List(_)) => return Err(unsupported_error(headers)),
        };
        Ok(match entity_tags(headers, &header::IF_MATCH) {
            None if absent => Self::Absent,
            None => Self::None,
            // The two headers contradict each other, so use the empty list: it never matches.
            Some(_) if absent => Self::PointsTo(Vec::new()),
            Some(EntityTags::Any) => Self::Present,
            Some(EntityTags::List(listed)) => Self::PointsTo(strong_digests(&listed)),
        })
    }

    /// Returns the name and value of the request header for this condition, or `None` for
    /// [`TagCondition::None`].
    pub fn to_header(&self) -> Option<(HeaderName, String)> {
        match self {
            Self::None => None,
            Self::Absent => Some((header::IF_NONE_MATCH, "*".into())),
            Self::Present => Some((header::IF_MATCH, "*".into())),
            Self::PointsTo(digests) => {
                let listed: Vec<_> = digests.iter().map(entity_tag).collect();
                Some((header::IF_MATCH, listed.join(", ")))
            }
        }
    }
}

/// Returns whether the response to a GET or HEAD request may be 304, because the client already has
/// the content.
///
/// This is the case if `If-None-Match` is `*`, or contains `digest` as a strong or weak entity tag.
pub fn is_unmodified(headers: &HeaderMap, digest: &Digest) -> bool {
    match entity_tags(headers, &header::IF_NONE_MATCH) {
        None => false,
        Some(EntityTags::Any) => true,
        Some(EntityTags::List(listed)) => listed.iter().any(|tag| tag.opaque == digest.as_str()),
    }
}

/// Returns whether the `Range` header applies: `If-Range` is missing or equals the entity tag of
/// the content.
///
/// A date in `If-Range` never matches, because a registry returns no date for its content.
pub fn range_applies(headers: &HeaderMap, digest: &Digest) -> bool {
    let Some(value) = headers.get(header::IF_RANGE) else {
        return true;
    };
    value
        .to_str()
        .ok()
        .and_then(EntityTag::parse)
        .is_some_and(|tag| !tag.weak && tag.opaque == digest.as_str())
}

enum EntityTags<'a> {
    Any,
    List(Vec<EntityTag<'a>>),
}

struct EntityTag<'a> {
    weak: bool,
    opaque: &'a str,
}

impl<'a> EntityTag<'a> {
    /// Parses an entity tag. Quotes are optional, because some clients send a bare digest.
    fn parse(text: &'a str) -> Option<Self> {
        let (weak, quoted) = text
            .trim()
            .strip_prefix("W/")
            .map_or((false, text.trim()), |rest| (true, rest));
        let opaque = quoted
            .strip_prefix('"')
            .map_or(Some(quoted), |rest| rest.strip_suffix('"'))?;
        Some(Self { weak, opaque })
    }
}

/// Returns the entity tags in all headers with this name, or `None` if there is no such header.
fn entity_tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<EntityTags<'a>> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let texts: Vec<&str> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(elements)
        .collect();
    if texts.contains(&"*") {
        return Some(EntityTags::Any);
    }
    Some(EntityTags::List(
        texts.into_iter().filter_map(EntityTag::parse).collect(),
    ))
}

/// Checks the total number of entity tags in `If-Match` and `If-None-Match`.
fn check_count(headers: &HeaderMap) -> Result<(), RequestError> {
    let mut listed = [header::IF_MATCH, header::IF_NONE_MATCH]
        .into_iter()
        .flat_map(|name| headers.get_all(name))
        .filter_map(|value| value.to_str().ok())
        .flat_map(elements);
    match listed.nth(MAX_CONDITIONS) {
        Some(_) => Err(RequestError::too_many(
            "conditions in If-Match and If-None-Match",
            MAX_CONDITIONS,
        )),
        None => Ok(()),
    }
}

fn strong_digests(tags: &[EntityTag<'_>]) -> Vec<Digest> {
    tags.iter()
        .filter(|tag| !tag.weak)
        .filter_map(|tag| tag.opaque.parse().ok())
        .collect()
}

fn unsupported_error(headers: &HeaderMap) -> RequestError {
    let value = headers
        .get(header::IF_NONE_MATCH)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let expected = "a manifest push supports only *, which means that the tag must not exist yet";
    RequestError::new(
        ErrorCode::Unsupported,
        "If-None-Match",
        &value.unwrap_or_default(),
        &expected,
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn digest() -> Digest {
        A.parse().unwrap()
    }

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    fn condition(pairs: &[(HeaderName, &str)]) -> Result<TagCondition, ErrorCode> {
        TagCondition::from_headers(&headers(pairs)).map_err(|error| error.code)
    }

    #[test]
    fn parses_conditions_of_a_push() {
        let other = Digest::sha256(b"other");
        assert_eq!(condition(&[]), Ok(TagCondition::None));
        assert_eq!(
            condition(&[(header::IF_NONE_MATCH, "*")]),
            Ok(TagCondition::Absent)
        );
        assert_eq!(
            condition(&[(header::IF_MATCH, "*")]),
            Ok(TagCondition::Present)
        );
        let listed = format!("\"{A}\", W/\"{A}\", \"no digest\", {other}");
        assert_eq!(
            condition(&[(header::IF_MATCH, &listed)]),
            Ok(TagCondition::PointsTo(vec![digest(), other]))
        );
    }

    #[test]
    fn condition_is_never_ignored() {
        let never = Ok(TagCondition::PointsTo(Vec::new()));
        assert_eq!(condition(&[(header::IF_MATCH, "")]), never);
        assert_eq!(condition(&[(header::IF_MATCH, "W/\"x\"")]), never);
        assert_eq!(
            condition(&[(header::IF_MATCH, "*"), (header::IF_NONE_MATCH, "*")]),
            never
        );
        assert_eq!(
            condition(&[(header::IF_NONE_MATCH, &entity_tag(&digest()))]),
            Err(ErrorCode::Unsupported)
        );
    }

    #[test]
    fn conditions_are_counted_before_they_are_parsed() {
        let listed = |count: usize| vec!["a:b"; count].join(",");
        let most = condition(&[(header::IF_MATCH, &listed(MAX_CONDITIONS))]);
        assert!(matches!(most, Ok(TagCondition::PointsTo(digests)) if digests.len() == 16));
        let half = listed(MAX_CONDITIONS / 2 + 1);
        for pairs in [
            vec![(header::IF_MATCH, listed(MAX_CONDITIONS + 1))],
            vec![(header::IF_MATCH, listed(8_000))],
            vec![(header::IF_NONE_MATCH, listed(8_000))],
            vec![
                (header::IF_MATCH, half.clone()),
                (header::IF_MATCH, half.clone()),
            ],
            vec![
                (header::IF_MATCH, half.clone()),
                (header::IF_NONE_MATCH, half),
            ],
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(name, value.parse().unwrap());
            }
            let error = TagCondition::from_headers(&headers).unwrap_err();
            assert_eq!(error.code, ErrorCode::Unsupported);
            assert!(error.message.ends_with("at most 16"), "{error}");
            assert_eq!(error.detail["limit"], MAX_CONDITIONS);
        }
    }

    #[test]
    fn conditions_round_trip() {
        for expected in [
            TagCondition::None,
            TagCondition::Absent,
            TagCondition::Present,
            TagCondition::PointsTo(vec![digest(), digest()]),
        ] {
            let pairs: Vec<_> = expected.to_header().into_iter().collect();
            let pairs: Vec<_> = pairs
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str()))
                .collect();
            assert_eq!(condition(&pairs), Ok(expected));
        }
    }

    #[test]
    fn detects_unmodified_reads() {
        let read =
            |value: &str| is_unmodified(&headers(&[(header::IF_NONE_MATCH, value)]), &digest());
        assert!(
            read("*") && read(&format!("\"{A}\"")) && read(&format!("\"x\", W/\"{A}\"")) && read(A)
        );
        assert!(!read("\"x\"") && !read("") && !read(&format!("\"{A}")));
        assert!(!is_unmodified(&HeaderMap::new(), &digest()));
    }

    #[test]
    fn range_applies_without_if_range_or_if_it_matches() {
        let applies =
            |value: &str| range_applies(&headers(&[(header::IF_RANGE, value)]), &digest());
        assert!(range_applies(&HeaderMap::new(), &digest()));
        assert!(applies(&entity_tag(&digest())));
        assert!(
            !applies(&format!("W/\"{A}\""))
                && !applies("Sat, 29 Oct 1994 19:43:31 GMT")
                && !applies("\"x\"")
        );
    }

    proptest! {
        #[test]
        fn no_value_panics(value in "[ -~]*|[W/\"*, a\\\\]*") {
            for name in [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_RANGE] {
                let headers = headers(&[(name, &value)]);
                let _ = TagCondition::from_headers(&headers);
                let _ = (is_unmodified(&headers, &digest()), range_applies(&headers, &digest()));
            }
        }
    }
}
