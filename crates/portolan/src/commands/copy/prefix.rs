//! A place under which several images keep their names.

use std::path::Path;

use portolan_model::{Digest, ImageReference, Tag};

use crate::failure::{Failure, Outcome};
use crate::location::{Format, Local, Location, Name};

/// Where several images go to.
#[derive(Debug)]
pub(super) enum Prefix {
    /// A host, and perhaps the beginning of the repositories on it.
    Registry { host: String, path: Option<String> },
    /// A folder or archive.
    Local(Local),
}

impl Prefix {
    /// Reads `HOST[/PATH]`, `oci:FOLDER`, `oci-archive:FILE` or `docker-archive:FILE`.
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let wrong = |reason: &str| {
            Failure::usage(anyhow::anyhow!(
                "\"{text}\" is no place for several images: {reason}"
            ))
        };
        if let Ok(Location::Local(local)) = text.parse() {
            return match local.name {
                None => Ok(Self::Local(local)),
                Some(_) => Err(wrong(
                    "each keeps its own name; leave out what stands behind the path",
                )),
            };
        }
        let plain = text
            .strip_prefix("docker://")
            .unwrap_or(text)
            .trim_end_matches('/');
        let (host, path) = match plain.split_once('/') {
            Some((host, path)) if is_host(host) => (host, Some(path)),
            None if is_host(plain) => (plain, None),
            _ => ("docker.io", Some(plain)),
        };
        if path.is_some_and(|path| path.parse::<portolan_model::RepositoryName>().is_err()) {
            return Err(wrong("write HOST or HOST/PATH, without a tag"));
        }
        Ok(Self::Registry {
            host: host.into(),
            path: path.map(Into::into),
        })
    }

    /// Where the image at `source` goes to.
    pub(super) fn under(&self, source: &Location) -> Outcome<Location> {
        let names = Names::of(source)?;
        match self {
            Self::Registry { host, path } => {
                let repository = match path {
                    Some(path) => format!("{path}/{}", names.repository),
                    None => names.repository,
                };
                let repository = repository.parse().map_err(|error| {
                    Failure::usage(anyhow::anyhow!(
                        "{source} cannot be {host}/{repository}: {error}"
                    ))
                })?;
                let host = host.as_str().into();
                Ok(Location::Registry(ImageReference {
                    host,
                    repository,
                    tag: names.tag,
                    digest: names.digest,
                }))
            }
            Self::Local(local) => Ok(Location::Local(Local {
                name: names.on_disk(local.format),
                ..local.clone()
            })),
        }
    }
}

/// Whether docker would read this as a host.
fn is_host(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost"
}

/// What an image is called, wherever it is.
struct Names {
    repository: String,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl Names {
    fn of(location: &Location) -> Outcome<Self> {
        let local = match location {
            Location::Registry(image) => return Ok(Self::of_image(image.clone())),
            Location::Local(local) => local,
        };
        let repository = stem(&local.path);
        match &local.name {
            None => Ok(Self {
                repository,
                tag: None,
                digest: None,
            }),
            Some(Name::Digest(digest)) => Ok(Self {
                repository,
                tag: None,
                digest: Some(digest.clone()),
            }),
            Some(Name::Given(name)) => match name.parse() {
                Ok(tag) => Ok(Self {
                    repository,
                    tag: Some(tag),
                    digest: None,
                }),
                Err(_) => name.parse().map(Self::of_image).map_err(|error| {
                    Failure::usage(anyhow::anyhow!(
                        "{location} has no name to keep: {error}; copy it by itself"
                    ))
                }),
            },
        }
    }

    fn of_image(image: ImageReference) -> Self {
        Self {
            repository: image.repository.to_string(),
            tag: image.tag,
            digest: image.digest,
        }
    }

    /// A layout tells images apart by their tags, docker by whole names.
    fn on_disk(self, format: Format) -> Option<Name> {
        match (self.tag, self.digest) {
            (Some(tag), _) if format == Format::DockerArchive => {
                Some(Name::Given(format!("{}:{tag}", self.repository)))
            }
            (Some(tag), _) => Some(Name::Given(tag.to_string())),
            (None, digest) => digest.map(Name::Digest),
        }
    }
}

/// The name of a file without its ending.
fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under(prefix: &str, source: &str) -> String {
        Prefix::parse(prefix)
            .unwrap()
            .under(&source.parse().unwrap())
            .unwrap()
            .to_string()
    }

    #[test]
    fn images_keep_their_names() {
        let digest = Digest::sha256(b"");
        for (prefix, source, target) in [
            (
                "127.0.0.1:5000",
                "alpine:3.20",
                "127.0.0.1:5000/library/alpine:3.20",
            ),
            (
                "quay.io/mirror/",
                "ghcr.io/team/app:v1",
                "quay.io/mirror/team/app:v1",
            ),
            ("team", "localhost/app", "docker.io/team/app"),
            ("localhost", "oci:images/App.old:v1", "localhost/app:v1"),
            (
                "localhost",
                "docker-archive:x.tar:docker.io/library/alpine:3.20",
                "localhost/library/alpine:3.20",
            ),
            ("oci:folder", "quay.io/team/app:v1", "oci:folder:v1"),
            (
                "docker-archive:x.tar",
                "quay.io/team/app:v1",
                "docker-archive:x.tar:team/app:v1",
            ),
        ] {
            assert_eq!(under(prefix, source), target, "{source} under {prefix}");
        }
        let source = format!("quay.io/team/app@{digest}");
        assert_eq!(
            under("localhost", &source),
            format!("localhost/team/app@{digest}")
        );
        assert_eq!(under("oci:folder", &source), format!("oci:folder@{digest}"));
    }

    #[test]
    fn a_prefix_has_no_tag() {
        for text in ["quay.io/team:v1", "oci:folder:v1", "quay.io/"] {
            let prefix = Prefix::parse(text);
            assert_eq!(prefix.is_err(), text != "quay.io/", "{text}");
        }
    }
}
