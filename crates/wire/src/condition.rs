//! Conditions of requests: `ETag`, `If-Match` and `If-None-Match` (RFC 9110, section 13).
//!
//! The entity tag of a manifest or blob is its digest between double quotes. An entity tag that is
//! no digest, or a weak one where RFC 9110 compares strongly, matches nothing.

use http::{HeaderMap, HeaderName, header};
use portolan_model::{Digest, ErrorCode};

use crate::RequestError;
use crate::list::elements;

/// The entity tag of content with this digest.
pub fn entity_tag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// What must hold of the tag that a manifest is pushed to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TagCondition {
    /// Nothing.
    None,
    /// `If-None-Match: *`: it must not exist.
    Absent,
    /// `If-Match: *`: it must exist.
    Present,
    /// `If-Match: "DIGEST", …`: it must point to one of these. None of them holds never.
    At(Vec<Digest>),
}

impl TagCondition {
    /// The condition that the headers of a request set.
    ///
    /// # Errors
    /// `UNSUPPORTED` for `If-None-Match` with anything but `*`: a tag that must be anywhere but at
    /// a digest is not offered, and passing over a condition would be worse than refusing it.
    pub fn of(headers: &HeaderMap) -> Result<Self, RequestError> {
        let absent = match tags(headers, &header::IF_NONE_MATCH) {
            None => false,
            Some(EntityTags::Any) => true,
            Some(EntityTags::Listed(_)) => return Err(unsupported(headers)),
        };
        Ok(match tags(headers, &header::IF_MATCH) {
            None if absent => Self::Absent,
            None => Self::None,
            Some(_) if absent => Self::At(Vec::new()),
            Some(EntityTags::Any) => Self::Present,
            Some(EntityTags::Listed(listed)) => Self::At(strong_digests(&listed)),
        })
    }

    /// The header that sets this condition on a request, if it is one.
    pub fn to_header(&self) -> Option<(HeaderName, String)> {
        match self {
            Self::None => None,
            Self::Absent => Some((header::IF_NONE_MATCH, "*".into())),
            Self::Present => Some((header::IF_MATCH, "*".into())),
            Self::At(digests) => {
                let listed: Vec<_> = digests.iter().map(entity_tag).collect();
                Some((header::IF_MATCH, listed.join(", ")))
            }
        }
    }
}

/// Whether a read may be answered with 304, since the client has the content already:
/// `If-None-Match` names its digest, strongly or weakly, or is `*`.
pub fn is_unmodified(headers: &HeaderMap, digest: &Digest) -> bool {
    match tags(headers, &header::IF_NONE_MATCH) {
        None => false,
        Some(EntityTags::Any) => true,
        Some(EntityTags::Listed(listed)) => listed.iter().any(|tag| tag.opaque == digest.as_str()),
    }
}

/// Whether a `Range` applies: without `If-Range`, or when that is the content's entity tag.
///
/// A date never is, since content has no date here.
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
    Listed(Vec<EntityTag<'a>>),
}

struct EntityTag<'a> {
    weak: bool,
    opaque: &'a str,
}

impl<'a> EntityTag<'a> {
    /// Takes a tag without quotes too, which is how some clients write a digest.
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

fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<EntityTags<'a>> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let texts: Vec<&str> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(elements)
        .collect();
    if texts.contains(&"*") {
        return Some(EntityTags::Any);
    }
    Some(EntityTags::Listed(
        texts.into_iter().filter_map(EntityTag::parse).collect(),
    ))
}

fn strong_digests(tags: &[EntityTag<'_>]) -> Vec<Digest> {
    tags.iter()
        .filter(|tag| !tag.weak)
        .filter_map(|tag| tag.opaque.parse().ok())
        .collect()
}

fn unsupported(headers: &HeaderMap) -> RequestError {
    let value = headers
        .get(header::IF_NONE_MATCH)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let expected =
        "when a manifest is pushed, If-None-Match takes * alone: the tag must not exist yet";
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
        TagCondition::of(&headers(pairs)).map_err(|error| error.code)
    }

    #[test]
    fn conditions_of_a_push() {
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
            Ok(TagCondition::At(vec![digest(), other]))
        );
    }

    #[test]
    fn a_condition_is_never_passed_over() {
        let never = Ok(TagCondition::At(Vec::new()));
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
    fn conditions_are_read_back() {
        for expected in [
            TagCondition::None,
            TagCondition::Absent,
            TagCondition::Present,
            TagCondition::At(vec![digest(), digest()]),
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
    fn reads_that_are_unmodified() {
        let read =
            |value: &str| is_unmodified(&headers(&[(header::IF_NONE_MATCH, value)]), &digest());
        assert!(
            read("*") && read(&format!("\"{A}\"")) && read(&format!("\"x\", W/\"{A}\"")) && read(A)
        );
        assert!(!read("\"x\"") && !read("") && !read(&format!("\"{A}")));
        assert!(!is_unmodified(&HeaderMap::new(), &digest()));
    }

    #[test]
    fn ranges_that_apply() {
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
                let _ = TagCondition::of(&headers);
                let _ = (is_unmodified(&headers, &digest()), range_applies(&headers, &digest()));
            }
        }
    }
}
