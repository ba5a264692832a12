//! Paths of requests ("Endpoints").
//!
//! Repository names can contain the words `blobs`, `manifests`, `tags` and `uploads`, so a path is
//! parsed from its right end. It is split at its slashes before it is percent-decoded: an encoded
//! slash may separate the components of a repository name, but never the parts of the path.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use portolan_model::{Digest, DigestError, ErrorCode, Reference, ReferenceError, RepositoryName};

use crate::RequestError;

mod api;
#[cfg(test)]
mod tests;

pub use api::ApiEndpoint;

/// Endpoint below `/v2/`, with the parameters in its path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Endpoint {
    /// `/v2/`: check whether the registry supports the protocol (end-1).
    Base,
    /// `/v2/_catalog`: list of repositories (Docker's registry protocol).
    Catalog,
    /// `/v2/NAME/tags/list` (end-8).
    Tags(RepositoryName),
    /// `/v2/NAME/manifests/REFERENCE` (end-3, end-7, end-9).
    Manifest(RepositoryName, Reference),
    /// `/v2/NAME/blobs/DIGEST` (end-2, end-10).
    Blob(RepositoryName, Digest),
    /// `/v2/NAME/blobs/uploads/`: start of an upload (end-4, end-11).
    Uploads(RepositoryName),
    /// `/v2/NAME/blobs/uploads/ID`: upload session (end-5, end-6, end-13).
    ///
    /// The registry chooses the id. The id can contain any characters but is never empty. It is
    /// encoded as base64url in the path.
    Upload(RepositoryName, Box<str>),
    /// `/v2/NAME/referrers/DIGEST` (end-12).
    Referrers(RepositoryName, Digest),
}

/// Error for a path that is not an endpoint.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EndpointError {
    /// The path does not match any endpoint.
    #[error("the path does not match any endpoint")]
    Unknown,
    /// The path matches an endpoint, but a name, tag, digest or upload id in it is malformed.
    #[error(transparent)]
    Invalid(#[from] RequestError),
}

impl Endpoint {
    /// Parses the percent-encoded path of a request without its query.
    ///
    /// Accepts `/v2/NAME/blobs/uploads` without the last slash too, because `uploads` is not a
    /// digest.
    ///
    /// # Errors
    /// Returns [`EndpointError::Unknown`] if the path does not match any endpoint, and
    /// [`EndpointError::Invalid`] if a part is malformed, with the code `NAME_INVALID` for a name,
    /// `DIGEST_INVALID` for a digest, `MANIFEST_INVALID` for a tag, and `BLOB_UPLOAD_UNKNOWN` for
    /// an upload id.
    pub fn parse(path: &str) -> Result<Self, EndpointError> {
        let rest = path.strip_prefix("/v2/").ok_or(EndpointError::Unknown)?;
        let decoded = rest.split('/').map(decode).collect::<Result<Vec<_>, _>>()?;
        let segments: Vec<&str> = decoded.iter().map(AsRef::as_ref).collect();
        Ok(match segments[..] {
            [""] => Self::Base,
            ["_catalog"] => Self::Catalog,
            [ref name @ .., "tags", "list"] => Self::Tags(parse_repository(name)?),
            [ref name @ .., "blobs", "uploads", ""] | [ref name @ .., "blobs", "uploads"] => {
                Self::Uploads(parse_repository(name)?)
            }
            [ref name @ .., "blobs", "uploads", id] => {
                Self::Upload(parse_repository(name)?, decode_upload_id(id)?)
            }
            [ref name @ .., "manifests", text] => {
                Self::Manifest(parse_repository(name)?, parse_reference(text)?)
            }
            [ref name @ .., "blobs", text] => {
                Self::Blob(parse_repository(name)?, parse_digest(text)?)
            }
            [ref name @ .., "referrers", text] => {
                Self::Referrers(parse_repository(name)?, parse_digest(text)?)
            }
            _ => return Err(EndpointError::Unknown),
        })
    }

    /// Returns the repository in the path, or `None` if the endpoint has none.
    pub fn into_repository(self) -> Option<RepositoryName> {
        match self {
            Self::Base | Self::Catalog => None,
            Self::Tags(name)
            | Self::Manifest(name, _)
            | Self::Blob(name, _)
            | Self::Uploads(name)
            | Self::Upload(name, _)
            | Self::Referrers(name, _) => Some(name),
        }
    }

    /// Returns the path of the endpoint. [`Endpoint::parse`] can parse it.
    pub fn to_path(&self) -> String {
        self.to_string()
    }
}

/// Writes the path. No part requires percent-encoding, because names, tags and digests contain no
/// character with a special meaning in a path.
impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => formatter.write_str("/v2/"),
            Self::Catalog => formatter.write_str("/v2/_catalog"),
            Self::Tags(name) => write!(formatter, "/v2/{name}/tags/list"),
            Self::Manifest(name, reference) => {
                write!(formatter, "/v2/{name}/manifests/{reference}")
            }
            Self::Blob(name, digest) => write!(formatter, "/v2/{name}/blobs/{digest}"),
            Self::Uploads(name) => write!(formatter, "/v2/{name}/blobs/uploads/"),
            Self::Upload(name, id) => {
                write!(formatter, "/v2/{name}/blobs/uploads/{}", upload_uuid(id))
            }
            Self::Referrers(name, digest) => write!(formatter, "/v2/{name}/referrers/{digest}"),
        }
    }
}

/// Returns an upload id in the form that is used in paths and in the `Docker-Upload-UUID` header:
/// base64url without padding.
pub fn upload_uuid(id: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(id)
}

fn decode(segment: &str) -> Result<Cow<'_, str>, RequestError> {
    percent_decode_str(segment).decode_utf8().map_err(|_| {
        RequestError::new(
            ErrorCode::NameInvalid,
            "path",
            segment,
            &"must be percent-encoded UTF-8",
        )
    })
}

fn parse_repository(components: &[&str]) -> Result<RepositoryName, RequestError> {
    let name = components.join("/");
    name.parse().map_err(|error| {
        RequestError::new(ErrorCode::NameInvalid, "repository name", &name, &error)
    })
}

pub(crate) fn parse_reference(text: &str) -> Result<Reference, RequestError> {
    text.parse().map_err(|error| match error {
        ReferenceError::Digest(error) => invalid_digest(text, error),
        other => RequestError::new(ErrorCode::ManifestInvalid, "tag", text, &other),
    })
}

fn parse_digest(text: &str) -> Result<Digest, RequestError> {
    text.parse().map_err(|error| invalid_digest(text, error))
}

fn invalid_digest(text: &str, error: DigestError) -> RequestError {
    RequestError::new(ErrorCode::DigestInvalid, "digest", text, &error)
}

fn decode_upload_id(text: &str) -> Result<Box<str>, RequestError> {
    let unknown = || {
        RequestError::new(
            ErrorCode::BlobUploadUnknown,
            "upload id",
            text,
            &"must be an id that this registry issued",
        )
    };
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| unknown())?;
    String::from_utf8(decoded)
        .map(Into::into)
        .map_err(|_| unknown())
}
