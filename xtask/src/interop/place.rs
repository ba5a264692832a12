//! Where a kind stands in the registry: host, repository and tag.

use std::fmt;

/// A reference with a tag.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) repository: String,
    pub(crate) tag: String,
}

impl Place {
    /// The reference of the same repository by digest.
    pub(crate) fn by_digest(&self, digest: &str) -> String {
        format!("{}/{}@{digest}", self.host, self.repository)
    }

    /// The reference as skopeo, podman and buildah write it.
    pub(crate) fn transport(&self) -> String {
        format!("docker://{self}")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}:{}", self.host, self.repository, self.tag)
    }
}
