//! References to kinds in the registry: host, repository and tag.

use std::fmt;

/// Reference with a tag.
#[derive(Clone, Debug)]
pub(crate) struct TaggedReference {
    pub(crate) host: String,
    pub(crate) repository: String,
    pub(crate) tag: String,
}

impl TaggedReference {
    /// Returns a reference by digest to the same repository.
    pub(crate) fn digest_reference(&self, digest: &str) -> String {
        format!("{}/{}@{digest}", self.host, self.repository)
    }

    /// Returns the reference as skopeo, podman and buildah write it.
    pub(crate) fn transport_reference(&self) -> String {
        format!("docker://{self}")
    }
}

impl fmt::Display for TaggedReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}:{}", self.host, self.repository, self.tag)
    }
}
