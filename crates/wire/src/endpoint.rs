//! What a request's path names ("Endpoints").
//!
//! Repository names may hold the words `blobs`, `manifests`, `tags` and `uploads`, so a path is read
//! from its right end. It is split at its slashes before anything is decoded: an encoded slash
//! separates components of a name, never parts of the path.

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

/// What a path below `/v2/` names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Endpoint {
    /// `/v2/`: whether this is a registry at all (end-1).
    Base,
    /// `/v2/_catalog`: the repositories (Docker's registry protocol).
    Catalog,
    /// `/v2/NAME/tags/list` (end-8).
    Tags(RepositoryName),
    /// `/v2/NAME/manifests/REFERENCE` (end-3, end-7, end-9).
    Manifest(RepositoryName, Reference),
    /// `/v2/NAME/blobs/DIGEST` (end-2, end-10).
    Blob(RepositoryName, Digest),
    /// `/v2/NAME/blobs/uploads/`: where uploads begin (end-4, end-11).
    Uploads(RepositoryName),
    /// `/v2/NAME/blobs/uploads/ID`: one upload session (end-5, end-6, end-13).
    ///
    /// The id is the registry's own, of any characters but never empty; it travels as base64url.
    Upload(RepositoryName, Box<str>),
    /// `/v2/NAME/referrers/DIGEST` (end-12).
    Referrers(RepositoryName, Digest),
}

/// Why a path names nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EndpointError {
    /// No endpoint of the specification looks like this.
    #[error("no endpoint of the distribution specification has this path")]
    Unknown,
    /// The endpoint is clear, but a name, tag, digest or upload id within it is malformed.
    #[error(transparent)]
    Invalid(#[from] RequestError),
}

impl Endpoint {
    /// Reads the path of a request as it was sent, percent-encoded and without the query.
    ///
    /// `/blobs/uploads` without the last slash is taken too, since `uploads` is no digest.
    ///
    /// # Errors
    /// [`EndpointError::Unknown`], or with the code `NAME_INVALID` for a name, `DIGEST_INVALID` for
    /// a digest, `MANIFEST_INVALID` for a tag, `BLOB_UPLOAD_UNKNOWN` for an upload id.
    pub fn parse(path: &str) -> Result<Self, EndpointError> {
        let rest = path.strip_prefix("/v2/").ok_or(EndpointError::Unknown)?;
        let decoded = rest.split('/').map(decode).collect::<Result<Vec<_>, _>>()?;
        let segments: Vec<&str> = decoded.iter().map(AsRef::as_ref).collect();
        Ok(match segments[..] {
            [""] => Self::Base,
            ["_catalog"] => Self::Catalog,
            [ref name @ .., "tags", "list"] => Self::Tags(repository(name)?),
            [ref name @ .., "blobs", "uploads", ""] | [ref name @ .., "blobs", "uploads"] => {
                Self::Uploads(repository(name)?)
            }
            [ref name @ .., "blobs", "uploads", id] => {
                Self::Upload(repository(name)?, upload_id(id)?)
            }
            [ref name @ .., "manifests", text] => {
                Self::Manifest(repository(name)?, reference(text)?)
            }
            [ref name @ .., "blobs", text] => Self::Blob(repository(name)?, digest(text)?),
            [ref name @ .., "referrers", text] => Self::Referrers(repository(name)?, digest(text)?),
            _ => return Err(EndpointError::Unknown),
        })
    }

    /// The path, which [`Endpoint::parse`] reads back.
    pub fn to_path(&self) -> String {
        self.to_string()
    }
}

/// Writes the path. No part of it needs percent-encoding: the grammars of names, tags and digests
/// hold nothing that a path gives a meaning to.
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

/// An upload id as it stands in a path and in `Docker-Upload-UUID`: base64url without padding.
pub fn upload_uuid(id: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(id)
}

fn decode(segment: &str) -> Result<Cow<'_, str>, RequestError> {
    percent_decode_str(segment).decode_utf8().map_err(|_| {
        RequestError::new(
            ErrorCode::NameInvalid,
            "path",
            segment,
            &"a path is encoded UTF-8",
        )
    })
}

fn repository(components: &[&str]) -> Result<RepositoryName, RequestError> {
    let name = components.join("/");
    name.parse().map_err(|error| {
        RequestError::new(ErrorCode::NameInvalid, "repository name", &name, &error)
    })
}

pub(crate) fn reference(text: &str) -> Result<Reference, RequestError> {
    text.parse().map_err(|error| match error {
        ReferenceError::Digest(error) => invalid_digest(text, error),
        other => RequestError::new(ErrorCode::ManifestInvalid, "tag", text, &other),
    })
}

fn digest(text: &str) -> Result<Digest, RequestError> {
    text.parse().map_err(|error| invalid_digest(text, error))
}

fn invalid_digest(text: &str, error: DigestError) -> RequestError {
    RequestError::new(ErrorCode::DigestInvalid, "digest", text, &error)
}

fn upload_id(text: &str) -> Result<Box<str>, RequestError> {
    let unknown = || {
        RequestError::new(
            ErrorCode::BlobUploadUnknown,
            "upload id",
            text,
            &"an id that this registry gave out",
        )
    };
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| unknown())?;
    String::from_utf8(decoded)
        .map(Into::into)
        .map_err(|_| unknown())
}
