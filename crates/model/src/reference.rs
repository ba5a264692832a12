//! References to manifests: a tag or a digest in a repository, or a full image reference.

use std::fmt;
use std::str::FromStr;

use crate::{Digest, DigestError, NameError, RepositoryName, Tag, TagError};

/// Tag or digest that identifies a manifest in a repository, as in the path
/// `/v2/NAME/manifests/REFERENCE`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Reference {
    /// Tag that points to the manifest.
    Tag(Tag),
    /// Digest of the manifest.
    Digest(Digest),
}

/// Reason why a string is not a valid reference.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReferenceError {
    /// Invalid digest after `@`, or a reference with a colon that is not a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Tag that does not follow the grammar.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// Repository name that does not follow the grammar.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.contains(':') {
            Ok(Self::Digest(text.parse()?))
        } else {
            Ok(Self::Tag(text.parse()?))
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(formatter),
            Self::Digest(digest) => digest.fmt(formatter),
        }
    }
}

impl From<Tag> for Reference {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for Reference {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

/// Image reference, `HOST[:PORT]/NAME[:TAG][@DIGEST]`.
///
/// A name without a host refers to Docker Hub, as in the docker command.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ImageReference {
    /// Host and port as written, with an IPv6 address in brackets, or `docker.io` if the reference
    /// has no host or the host is `index.docker.io`.
    pub host: Box<str>,
    /// Name of the repository on that host.
    pub repository: RepositoryName,
    /// Tag, if the reference has one.
    pub tag: Option<Tag>,
    /// Digest, if the reference has one. It takes precedence over the tag.
    pub digest: Option<Digest>,
}

impl FromStr for ImageReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        let (host, path) = split_host(rest);
        let (name, tag) = match path.split_once(':') {
            Some((name, tag)) => (name, Some(tag.parse()?)),
            None => (path, None),
        };
        let repository = if host == DOCKER_HUB && !name.contains('/') {
            format!("library/{name}").parse()?
        } else {
            name.parse()?
        };
        Ok(Self {
            host: host.into(),
            repository,
            tag,
            digest,
        })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@{digest}")?;
        }
        Ok(())
    }
}

const DOCKER_HUB: &str = "docker.io";

/// Splits an image reference into the host and the rest. The first component is a host only if it
/// contains `.` or `:` or is `localhost`, as in the docker command.
fn split_host(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some(("index.docker.io", rest)) => (DOCKER_HUB, rest),
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => (DOCKER_HUB, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, String, Option<String>) {
        let reference: ImageReference = text.parse().unwrap();
        (
            reference.host.into(),
            reference.repository.to_string(),
            reference.tag.map(|tag| tag.to_string()),
        )
    }

    #[test]
    fn parses_a_reference_with_a_colon_as_a_digest() {
        assert!(matches!("v1".parse(), Ok(Reference::Tag(_))));
        assert!(matches!(
            "sha256:abc".parse::<Reference>(),
            Err(ReferenceError::Digest(_))
        ));
        assert!(matches!(
            Digest::sha256(b"").as_str().parse(),
            Ok(Reference::Digest(_))
        ));
        assert_eq!(
            "..".parse::<Reference>(),
            Err(ReferenceError::Tag(TagError))
        );
    }

    #[test]
    fn parses_hosts_ports_and_docker_hub_names() {
        let expect = |text, host: &str, name: &str, tag: Option<&str>| {
            assert_eq!(
                parts(text),
                (host.into(), name.into(), tag.map(Into::into)),
                "{text}"
            );
        };
        expect(
            "index.docker.io/alpine",
            "docker.io",
            "library/alpine",
            None,
        );
        expect(
            "memcached:1.6-alpine",
            "docker.io",
            "library/memcached",
            Some("1.6-alpine"),
        );
        expect("team/app", "docker.io", "team/app", None);
        expect("localhost/app:x", "localhost", "app", Some("x"));
        expect("127.0.0.1:5000/a/b:v1", "127.0.0.1:5000", "a/b", Some("v1"));
        expect("[::1]:5000/a", "[::1]:5000", "a", None);
    }

    #[test]
    fn display_is_the_inverse_of_parse() {
        let text = format!("quay.io/team/app:v1@{}", Digest::sha256(b""));
        assert_eq!(text.parse::<ImageReference>().unwrap().to_string(), text);
    }
}
