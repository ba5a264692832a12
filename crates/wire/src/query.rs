//! The query parameters of each request, read and written.
//!
//! Unknown parameters are passed over. A `+` is a plus and never a space: media types are full of
//! them, clients do not always encode them, and nothing that is asked for here holds a space.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use portolan_model::{Algorithm, Digest, ErrorCode, MediaType, Reference, RepositoryName, Tag};

use crate::RequestError;

#[cfg(test)]
mod tests;

/// Characters of a value that are written as `%XX`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Which page of a list is wanted ("Listing Tags").
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PageQuery {
    /// `n`: most items that the page may have; zero is allowed. One that is too large for the type
    /// counts as the largest.
    pub n: Option<usize>,
    /// `last`: the item that the page begins behind.
    pub last: Option<String>,
}

impl PageQuery {
    /// Reads `n` and `last`; an empty `last` is none.
    ///
    /// # Errors
    /// `UNSUPPORTED` when `n` is not a number.
    pub fn parse(query: &str) -> Result<Self, RequestError> {
        let n = first(query, "n").map(|text| number(&text)).transpose()?;
        let last = first(query, "last").filter(|last| !last.is_empty());
        Ok(Self {
            n,
            last: last.map(Cow::into_owned),
        })
    }
}

/// Writes the query, without a question mark; nothing for the first page of any length.
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

/// How an upload begins ("Pushing blobs", "Mounting a blob from another repository").
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum UploadStart {
    /// With a session; the digest at its end will be of this algorithm, SHA-256 unless
    /// `digest-algorithm` says otherwise.
    Session(Algorithm),
    /// `digest`: the body is the whole blob.
    Whole(Digest),
    /// `mount`: by taking the blob from another repository, from any where `from` is not given.
    Mount {
        /// The blob.
        digest: Digest,
        /// Where it is said to be.
        from: Option<RepositoryName>,
    },
}

impl UploadStart {
    /// Reads `mount`, `from`, `digest` and `digest-algorithm`, in this order of precedence.
    ///
    /// A mount whose digest or source is malformed cannot be done, and what cannot be mounted is
    /// answered with a session, never with an error.
    ///
    /// # Errors
    /// `DIGEST_INVALID` for a malformed `digest` or `digest-algorithm`.
    pub fn parse(query: &str) -> Result<Self, RequestError> {
        if let Some(mount) = first(query, "mount") {
            let from = first(query, "from").filter(|from| !from.is_empty());
            return Ok(
                match (mount.parse(), from.map(|from| from.parse()).transpose()) {
                    (Ok(digest), Ok(from)) => Self::Mount { digest, from },
                    _ => Self::Session(Algorithm::Sha256),
                },
            );
        }
        if let Some(text) = first(query, "digest") {
            return Ok(Self::Whole(digest(&text)?));
        }
        let Some(text) = first(query, "digest-algorithm") else {
            return Ok(Self::Session(Algorithm::Sha256));
        };
        let invalid =
            |error| RequestError::new(ErrorCode::DigestInvalid, "digest-algorithm", &text, &error);
        text.parse().map(Self::Session).map_err(invalid)
    }
}

/// Writes the query, without a question mark; nothing for a session of SHA-256.
impl std::fmt::Display for UploadStart {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&match self {
            Self::Session(Algorithm::Sha256) => String::new(),
            Self::Session(algorithm) => write([("digest-algorithm", algorithm.as_str())]),
            Self::Whole(digest) => write([("digest", digest.as_str())]),
            Self::Mount { digest, from } => {
                let from = from.as_ref().map(|from| ("from", from.as_str()));
                write([("mount", digest.as_str())].into_iter().chain(from))
            }
        })
    }
}

/// The `digest` that closes an upload session ("Pushing a blob in chunks").
///
/// # Errors
/// `DIGEST_INVALID` when it is missing or malformed.
pub fn closing_digest(query: &str) -> Result<Digest, RequestError> {
    let missing = || {
        RequestError::missing(
            ErrorCode::DigestInvalid,
            "digest",
            &"an upload is closed with ?digest=",
        )
    };
    digest(&first(query, "digest").ok_or_else(missing)?)
}

/// The location of an upload session, with the `digest` that closes it joined to its query.
pub fn closing_location(location: &str, digest: &Digest) -> String {
    let separator = if location.contains('?') { '&' } else { '?' };
    format!(
        "{location}{separator}{}",
        write([("digest", digest.as_str())])
    )
}

/// Every `tag` that a manifest pushed by digest is to get, in the order given ("Pushing Manifests").
///
/// # Errors
/// `MANIFEST_INVALID` for a malformed tag.
pub fn tags(query: &str) -> Result<Vec<Tag>, RequestError> {
    let parse = |text: Cow<'_, str>| {
        text.parse()
            .map_err(|error| RequestError::new(ErrorCode::ManifestInvalid, "tag", &text, &error))
    };
    all(query, "tag").map(parse).collect()
}

/// The `reference` that a check is about, if it is about something stored (Portolan's API).
///
/// # Errors
/// `DIGEST_INVALID` for a malformed digest, `MANIFEST_INVALID` for a malformed tag.
pub fn reference(query: &str) -> Result<Option<Reference>, RequestError> {
    first(query, "reference")
        .map(|text| crate::endpoint::reference(&text))
        .transpose()
}

/// The query that gives these tags to a manifest, without a question mark.
pub fn write_tags(tags: &[Tag]) -> String {
    write(tags.iter().map(|tag| ("tag", tag.as_str())))
}

/// The `artifactType` that referrers are to have ("Listing Referrers").
///
/// Only one can be filtered by. None is returned for several, joined by commas or repeated: the
/// client then finds no `OCI-Filters-Applied` in the answer and filters by itself.
pub fn artifact_type(query: &str) -> Option<MediaType> {
    let mut given = all(query, "artifactType").filter(|text| !text.is_empty());
    let only = given.next().filter(|text| !text.contains(','))?;
    if given.any(|other| other != only) {
        None
    } else {
        Some(MediaType::new(&only))
    }
}

/// The query that filters by an artifact type, without a question mark.
pub fn write_artifact_type(artifact_type: &MediaType) -> String {
    write([("artifactType", artifact_type.as_str())])
}

/// Whether something may be deleted although a manifest names it: `force=true`, `force=1` or `force`.
pub fn force(query: &str) -> bool {
    first(query, "force").is_some_and(|text| matches!(&*text, "" | "1" | "true"))
}

/// The upstream registry that a pull is meant for, which containerd gives as `ns`.
pub fn namespace(query: &str) -> Option<String> {
    first(query, "ns")
        .filter(|host| !host.is_empty())
        .map(Cow::into_owned)
}

/// Joins queries to one, passing over those that are empty.
pub fn join(queries: &[&str]) -> String {
    let parts: Vec<_> = queries
        .iter()
        .copied()
        .filter(|query| !query.is_empty())
        .collect();
    parts.join("&")
}

fn all<'a>(query: &'a str, key: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
    let decode = |text: &'a str| percent_decode_str(text).decode_utf8_lossy();
    let pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .filter(move |(name, _)| decode(name) == key)
        .map(move |(_, value)| decode(value))
}

fn first<'a>(query: &'a str, key: &'a str) -> Option<Cow<'a, str>> {
    all(query, key).next()
}

fn write<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let encoded =
        |(key, value): (&str, &str)| format!("{key}={}", utf8_percent_encode(value, ENCODED));
    pairs.into_iter().map(encoded).collect::<Vec<_>>().join("&")
}

fn digest(text: &str) -> Result<Digest, RequestError> {
    text.parse()
        .map_err(|error| RequestError::new(ErrorCode::DigestInvalid, "digest", text, &error))
}

fn number(text: &str) -> Result<usize, RequestError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(RequestError::new(
            ErrorCode::Unsupported,
            "n",
            text,
            &"n is a number of items, 0 or more",
        ));
    }
    Ok(text.parse().unwrap_or(usize::MAX))
}
