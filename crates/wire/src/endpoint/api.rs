//! What the path of a request to Portolan's own API names.
//!
//! As below `/v2/`, a path is split at its slashes before anything is decoded and read from its right
//! end, so that repository names may hold any word and their slashes may be written as `%2F` or not.

use std::fmt;

use http::Method;
use portolan_model::{Reference, RepositoryName};

use super::{EndpointError, decode, reference, repository};

#[cfg(test)]
mod tests;

/// What a path below `/api/v1/` names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ApiEndpoint {
    /// `/api/v1/openapi.json`: the description of the API.
    Description,
    /// `/api/v1/repositories/NAME/check`: what a push would get.
    Check(RepositoryName),
    /// `/api/v1/repositories/NAME/tree/REFERENCE`: everything below a manifest.
    Tree(RepositoryName, Reference),
}

impl ApiEndpoint {
    /// Reads the path of a request as it was sent, percent-encoded and without the query.
    ///
    /// `…/a/tree/check` is the tree below the tag `check` of `a` and the checks of `a/tree` alike. What
    /// is posted is checked; the tree is meant by every other method.
    ///
    /// # Errors
    /// [`EndpointError::Unknown`], or with the code `NAME_INVALID` for a name, `DIGEST_INVALID` for
    /// a digest, `MANIFEST_INVALID` for a tag.
    pub fn parse(path: &str, method: &Method) -> Result<Self, EndpointError> {
        let rest = path
            .strip_prefix("/api/v1/")
            .ok_or(EndpointError::Unknown)?;
        let decoded = rest.split('/').map(decode).collect::<Result<Vec<_>, _>>()?;
        let segments: Vec<&str> = decoded.iter().map(AsRef::as_ref).collect();
        Ok(match segments[..] {
            ["openapi.json"] => Self::Description,
            ["repositories", ref name @ .., "check"] if method == Method::POST => {
                Self::Check(repository(name)?)
            }
            ["repositories", ref name @ .., "tree", text] => {
                Self::Tree(repository(name)?, reference(text)?)
            }
            ["repositories", ref name @ .., "check"] => Self::Check(repository(name)?),
            _ => return Err(EndpointError::Unknown),
        })
    }

    /// The path, which [`ApiEndpoint::parse`] reads back with a method that the endpoint knows.
    pub fn to_path(&self) -> String {
        self.to_string()
    }
}

/// Writes the path. No part of it needs percent-encoding, as below `/v2/`.
impl fmt::Display for ApiEndpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Description => formatter.write_str("/api/v1/openapi.json"),
            Self::Check(name) => write!(formatter, "/api/v1/repositories/{name}/check"),
            Self::Tree(name, reference) => {
                write!(formatter, "/api/v1/repositories/{name}/tree/{reference}")
            }
        }
    }
}
