//! Paths of requests to Portolan's own API.
//!
//! A path is split at its slashes before it is percent-decoded, as below `/v2/`. The segment `-`
//! marks the end of a repository name. No name contains it, because a component begins with a
//! letter or a digit. Therefore, a name can contain words like `check`, and its slashes may be
//! encoded as `%2F`.

use std::fmt;

use portolan_model::{Reference, RepositoryName};

use super::{EndpointError, decode, parse_reference, parse_repository};

#[cfg(test)]
mod tests;

/// Segment between the repository name and the rest of the path.
const SEPARATOR: &str = "-";

/// Endpoint below `/api/v1/`, with the parameters in its path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ApiEndpoint {
    /// `/api/v1/openapi.json`: OpenAPI description of the API.
    Description,
    /// `/api/v1/repositories/NAME`: repository as a whole.
    Repository(RepositoryName),
    /// `/api/v1/repositories/NAME/-/manifests`: list of the manifests, tagged or not.
    Manifests(RepositoryName),
    /// `/api/v1/repositories/NAME/-/check`: check of a manifest. The response is the predicted
    /// result of a push.
    Check(RepositoryName),
    /// `/api/v1/repositories/NAME/-/tree/REFERENCE`: manifest with all documents below it.
    Tree(RepositoryName, Reference),
}

impl ApiEndpoint {
    /// Parses the percent-encoded path of a request without its query.
    ///
    /// # Errors
    /// Returns [`EndpointError::Unknown`] if the path does not match any endpoint, and
    /// [`EndpointError::Invalid`] if a part is malformed, with the code `NAME_INVALID` for a name,
    /// `DIGEST_INVALID` for a digest, and `MANIFEST_INVALID` for a tag.
    pub fn parse(path: &str) -> Result<Self, EndpointError> {
        let rest = path
            .strip_prefix("/api/v1/")
            .ok_or(EndpointError::Unknown)?;
        let decoded = rest.split('/').map(decode).collect::<Result<Vec<_>, _>>()?;
        let segments: Vec<&str> = decoded.iter().map(AsRef::as_ref).collect();
        Ok(match segments[..] {
            ["openapi.json"] => Self::Description,
            ["repositories", ref name @ ..] if !name.is_empty() && !name.contains(&SEPARATOR) => {
                Self::Repository(parse_repository(name)?)
            }
            ["repositories", ref name @ .., SEPARATOR, "manifests"] => {
                Self::Manifests(parse_repository(name)?)
            }
            ["repositories", ref name @ .., SEPARATOR, "check"] => {
                Self::Check(parse_repository(name)?)
            }
            ["repositories", ref name @ .., SEPARATOR, "tree", text] => {
                Self::Tree(parse_repository(name)?, parse_reference(text)?)
            }
            _ => return Err(EndpointError::Unknown),
        })
    }

    /// Returns the repository in the path, or `None` if the endpoint has none.
    pub fn into_repository(self) -> Option<RepositoryName> {
        match self {
            Self::Description => None,
            Self::Repository(name)
            | Self::Manifests(name)
            | Self::Check(name)
            | Self::Tree(name, _) => Some(name),
        }
    }

    /// Returns the path of the endpoint. [`ApiEndpoint::parse`] can parse it.
    pub fn to_path(&self) -> String {
        self.to_string()
    }
}

/// Writes the path. No part requires percent-encoding, as below `/v2/`.
impl fmt::Display for ApiEndpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Description => formatter.write_str("/api/v1/openapi.json"),
            Self::Repository(name) => write!(formatter, "/api/v1/repositories/{name}"),
            Self::Manifests(name) => write!(
                formatter,
                "/api/v1/repositories/{name}/{SEPARATOR}/manifests"
            ),
            Self::Check(name) => {
                write!(formatter, "/api/v1/repositories/{name}/{SEPARATOR}/check")
            }
            Self::Tree(name, reference) => write!(
                formatter,
                "/api/v1/repositories/{name}/{SEPARATOR}/tree/{reference}"
            ),
        }
    }
}
