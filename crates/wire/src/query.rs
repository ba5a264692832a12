//! Query parameters of requests.
//!
//! Unknown parameters are ignored. A `+` is a plus sign and not a space: media types contain plus
//! signs, clients do not always encode them, and no value of these parameters contains a space.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use portolan_model::{Algorithm, Digest, ErrorCode, MediaType, Reference, RepositoryName, Tag};

use crate::RequestError;

#[cfg(test)]
mod tests;

/// Maximum number of `tag` parameters in one request.
pub const MAX_TAGS: usize = 100;

/// Maximum length in bytes of the artifact type in the filter of a referrers list. RFC 6838 allows
/// 127 characters on each side of the slash.
const MAX_ARTIFACT_TYPE: usize = 255;

/// Characters that are percent-encoded in the value of a parameter.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Query parameters for one page of a list ("Listing Tags").
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PageQuery {
    /// `n`: maximum number of items on the page. Zero is allowed. A number larger than `usize::MAX`
    /// becomes `usize::MAX`.
    pub n: Option<usize>,
    /// `last`: last item of the previous page. The page begins after it.
    pub last: Option<String>,
}

impl PageQuery {
    /// Parses `n` and `last`. Ignores an empty `last`.
    ///
    /// # Errors
    /// Returns `UNSUPPORTED` if `n` is not a number.
    pub fn parse(query: &str) -> Result<Self, RequestError> {
        let n = first_value(query, "n")
            .map(|text| parse_number(&text))
            .transpose()?;
        let last = first_value(query, "last").filter(|last| !last.is_empty());
        Ok(Self {
            n,
            last: last.map(Cow::into_owned),
        })
    }
}

/// Writes the query without a question mark. It is empty if neither parameter is set.
impl std::fmt::Display for PageQuery {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n = self.n.map(|n| n.to_string());
        let pairs = n
            .as_deref()
            .map(|n| ("n", n))
            .into_iter()
            .chain(self.last.as_deref().map(|last| ("last", last)));
        formatter.write_str(&write(pairs))
    }
}

/// Query parameters of a request that starts an upload ("Pushing blobs", "Mounting a blob from
/// another repository").
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum UploadStart {
    /// `digest-algorithm`: starts a session whose closing digest uses this algorithm. The default
    /// is SHA-256.
    Session(Algorithm),
    /// `digest`: stores a blob in one request. The body of the request is the full blob.
    Monolithic(Digest),
    /// `mount`: mounts the blob from the repository `from`, or from any repository if `from` is not
    /// set.
    Mount {
        /// Digest of the blob.
        digest: Digest,
        /// Repository to mount the blob from.
        from: Option<RepositoryName>,
    },
}

impl UploadStart {
    /// Parses `mount`, `from`, `digest` and `digest-algorithm`, in this order of precedence.
    ///
    /// A mount that is not possible starts a session and is never an error. This includes a mount
    /// with a malformed `mount` or `from`.
    ///
    /// # Errors
    /// Returns `DIGEST_INVALID` if `digest` or `digest-algorithm` is malformed.
    pub fn parse(query: &str) -> Result<Self, RequestError> {
        if let Some(mount) = first_value(query, "mount") {
            let from = first_value(query, "from").filter(|from| !from.is_empty());
            return Ok(
                match (mount.parse(), from.map(|from| from.parse()).transpose()) {
                    (Ok(digest), Ok(from)) => Self::Mount { digest, from },
                    _ => Self::Session(Algorithm::Sha256),
                },
            );
        }
        if let Some(text) = first_value(query, "digest") {
            return Ok(Self::Monolithic(parse_digest(&text)?));
        }
        let Some(text) = first_value(query, "digest-algorithm") else {
            return Ok(Self::Session(Algorithm::Sha256));
        };
        let invalid =
            |error| RequestError::new(ErrorCode::DigestInvalid, "digest-algorithm", &text, &error);
        text.parse().map(Self::Session).map_err(invalid)
    }
}

/// Writes the query without a question mark. The query for a session with SHA-256 is empty.
impl std::fmt::Display for UploadStart {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&match self {
            Self::Session(Algorithm::Sha256) => String::new(),
            Self::Session(algorithm) => write([("digest-algorithm", algorithm.as_str())]),
            Self::Monolithic(digest) => write([("digest", digest.as_str())]),
            Self::Mount { digest, from } => {
                let from = from.as_ref().map(|from| ("from", from.as_str()));
                write([("mount", digest.as_str())].into_iter().chain(from))
            }
        })
    }
}

/// Parses the `digest` parameter of a request that closes an upload session ("Pushing a blob in
/// chunks").
///
/// # Errors
/// Returns `DIGEST_INVALID` if the parameter is missing or malformed.
pub fn closing_digest(query: &str) -> Result<Digest, RequestError> {
    let missing = || {
        RequestError::missing_part(
            ErrorCode::DigestInvalid,
            "digest",
            &"close the upload with ?digest=DIGEST",
        )
    };
    parse_digest(&first_value(query, "digest").ok_or_else(missing)?)
}

/// Returns the URL of the request that closes an upload session: its location with `digest` added
/// to the query.
pub fn closing_location(location: &str, digest: &Digest) -> String {
    let separator = if location.contains('?') { '&' } else { '?' };
    format!(
        "{location}{separator}{}",
        write([("digest", digest.as_str())])
    )
}

/// Parses all `tag` parameters of a manifest push by digest, in order ("Pushing Manifests").
///
/// # Errors
/// Returns `UNSUPPORTED` if there are more than [`MAX_TAGS`] parameters, before any of them is
/// parsed, and `MANIFEST_INVALID` if a tag is malformed.
pub fn tags(query: &str) -> Result<Vec<Tag>, RequestError> {
    if all_values(query, "tag").nth(MAX_TAGS).is_some() {
        return Err(RequestError::too_many("tag parameters", MAX_TAGS));
    }
    let parse = |text: Cow<'_, str>| {
        text.parse()
            .map_err(|error| RequestError::new(ErrorCode::ManifestInvalid, "tag", &text, &error))
    };
    all_values(query, "tag").map(parse).collect()
}

/// Parses the `reference` parameter of a request that checks a stored manifest (Portolan's API).
///
/// # Errors
/// Returns `DIGEST_INVALID` if a digest is malformed, and `MANIFEST_INVALID` if a tag is malformed.
pub fn reference(query: &str) -> Result<Option<Reference>, RequestError> {
    first_value(query, "reference")
        .map(|text| crate::endpoint::parse_reference(&text))
        .transpose()
}

/// Returns the query of a manifest push that sets these tags, without a question mark.
pub fn write_tags(tags: &[Tag]) -> String {
    write(tags.iter().map(|tag| ("tag", tag.as_str())))
}

/// Parses the `artifactType` parameter of a request for referrers ("Listing Referrers").
///
/// Only one type is supported. Returns `None` for several types, separated by commas or in several
/// parameters, and for a type that is too long for the link to the next page. In this case, the
/// response has no `OCI-Filters-Applied` header, and the client filters the list itself.
pub fn artifact_type(query: &str) -> Option<MediaType> {
    let mut given = all_values(query, "artifactType").filter(|text| !text.is_empty());
    let only = given
        .next()
        .filter(|text| !text.contains(',') && text.len() <= MAX_ARTIFACT_TYPE)?;
    if given.any(|other| other != only) {
        None
    } else {
        Some(MediaType::new(&only))
    }
}

/// Returns the query that filters by an artifact type, without a question mark.
pub fn write_artifact_type(artifact_type: &MediaType) -> String {
    write([("artifactType", artifact_type.as_str())])
}

/// Returns whether a request to delete content is forced: it has the parameter `force=true`,
/// `force=1` or `force`. If so, content that a manifest references is deleted too.
pub fn is_forced(query: &str) -> bool {
    first_value(query, "force").is_some_and(|text| matches!(&*text, "" | "1" | "true"))
}

/// Returns the upstream registry of a pull from a mirror: the `ns` parameter, which containerd
/// sends.
pub fn namespace(query: &str) -> Option<String> {
    first_value(query, "ns")
        .filter(|host| !host.is_empty())
        .map(Cow::into_owned)
}

/// Joins query strings with `&`. Skips empty queries.
pub fn join(queries: &[&str]) -> String {
    let parts: Vec<_> = queries
        .iter()
        .copied()
        .filter(|query| !query.is_empty())
        .collect();
    parts.join("&")
}

fn all_values<'a>(query: &'a str, key: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
    let decode = |text: &'a str| percent_decode_str(text).decode_utf8_lossy();
    let pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .filter(move |(name, _)| decode(name) == key)
        .map(move |(_, value)| decode(value))
}

fn first_value<'a>(query: &'a str, key: &'a str) -> Option<Cow<'a, str>> {
    all_values(query, key).next()
}

fn write<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let encoded =
        |(key, value): (&str, &str)| format!("{key}={}", utf8_percent_encode(value, ENCODED));
    pairs.into_iter().map(encoded).collect::<Vec<_>>().join("&")
}

fn parse_digest(text: &str) -> Result<Digest, RequestError> {
    text.parse()
        .map_err(|error| RequestError::new(ErrorCode::DigestInvalid, "digest", text, &error))
}

fn parse_number(text: &str) -> Result<usize, RequestError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(RequestError::new(
            ErrorCode::Unsupported,
            "n",
            text,
            &"must be a number of items, 0 or more",
        ));
    }
    Ok(text.parse().unwrap_or(usize::MAX))
}
