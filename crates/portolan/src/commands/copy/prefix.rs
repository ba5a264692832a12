//! Destination prefix. Each source keeps its repository name and tag below it.

use std::path::Path;

use portolan_client::Scheme;
use portolan_model::{Digest, ImageReference, Tag};

use crate::failure::{Failure, Outcome};
use crate::host::split_scheme;
use crate::image_ref::{self, LocalFormat, LocalLocation, LocalReference, Location, RemoteImage};

/// Destination prefix for one or more images.
#[derive(Debug)]
pub(super) enum Prefix {
    /// Host, and optionally a prefix of the repository names on this host.
    Registry {
        scheme: Option<Scheme>,
        host: String,
        path: Option<String>,
    },
    /// Folder or archive.
    Local(LocalLocation),
}

impl Prefix {
    /// Parses `HOST[/PATH]`, `oci:FOLDER`, `oci-archive:FILE` or `docker-archive:FILE`.
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let wrong = |reason: &str, help: &str| {
            Failure::usage(anyhow::anyhow!(
                "\"{text}\" cannot be the destination of several images: {reason}"
            ))
            .with_hint(help)
        };
        if image_ref::is_path(text) {
            return Err(image_ref::path_error(text).into());
        }
        if let Ok(Location::Local(local)) = text.parse() {
            return match local.reference {
                None => Ok(Self::Local(local)),
                Some(_) => Err(wrong(
                    "each image keeps its own name",
                    &format!("use `{}:{}`", local.format, local.path.display()),
                )),
            };
        }
        let text = text.strip_prefix("docker://").unwrap_or(text);
        if let Some(host) = image_ref::strip_credentials(text) {
            return Err(image_ref::credentials_error(host).into());
        }
        let (scheme, plain) = split_scheme(text);
        let plain = plain.trim_end_matches('/');
        let (host, path) = match plain.split_once('/') {
            Some((host, path)) if is_host(host) => (host, Some(path)),
            None if is_host(plain) => (plain, None),
            _ if scheme.is_some() => {
                return Err(wrong(
                    "a scheme needs a host",
                    "write HOST or HOST/PATH after the scheme",
                ));
            }
            _ => ("docker.io", Some(plain)),
        };
        if path.is_some_and(|path| path.parse::<portolan_model::RepositoryName>().is_err()) {
            return Err(wrong(
                "each image keeps its own tag",
                "write HOST or HOST/PATH, without a tag",
            ));
        }
        Ok(Self::Registry {
            scheme,
            host: host.into(),
            path: path.map(Into::into),
        })
    }

    /// Returns the destination of the image at `source`.
    pub(super) fn apply(&self, source: &Location) -> Outcome<Location> {
        let names = ImageNames::from_location(source)?;
        match self {
            Self::Registry { scheme, host, path } => {
                let repository = match path {
                    Some(path) => format!("{path}/{}", names.repository),
                    None => names.repository,
                };
                let repository = repository.parse().map_err(|error| {
                    Failure::usage(anyhow::anyhow!(
                        "{source} cannot be copied to {host}/{repository}: {error}"
                    ))
                })?;
                let host = host.as_str().into();
                Ok(Location::Registry(RemoteImage {
                    scheme: *scheme,
                    reference: ImageReference {
                        host,
                        repository,
                        tag: names.tag,
                        digest: names.digest,
                    },
                }))
            }
            Self::Local(local) => Ok(Location::Local(LocalLocation {
                reference: names.into_local_name(local.format),
                ..local.clone()
            })),
        }
    }
}

/// Returns whether docker parses `text` as a host if it is the first component of a reference.
fn is_host(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost"
}

/// Repository name, tag and digest of an image, independent of its host, folder or archive.
struct ImageNames {
    repository: String,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl ImageNames {
    fn from_location(location: &Location) -> Outcome<Self> {
        let local = match location {
            Location::Registry(image) => return Ok(Self::from_image(image.reference.clone())),
            Location::Local(local) => local,
        };
        let repository = lowercase_stem(&local.path);
        match &local.reference {
            None => Ok(Self {
                repository,
                tag: None,
                digest: None,
            }),
            Some(LocalReference::Digest(digest)) => Ok(Self {
                repository,
                tag: None,
                digest: Some(digest.clone()),
            }),
            Some(LocalReference::Name(name)) => match name.parse() {
                Ok(tag) => Ok(Self {
                    repository,
                    tag: Some(tag),
                    digest: None,
                }),
                Err(_) => name.parse().map(Self::from_image).map_err(|error| {
                    Failure::usage(anyhow::anyhow!(
                        "the name of {location} is not valid in a registry: {error}"
                    ))
                    .with_hint("copy it separately")
                }),
            },
        }
    }

    fn from_image(image: ImageReference) -> Self {
        Self {
            repository: image.repository.to_string(),
            tag: image.tag,
            digest: image.digest,
        }
    }

    /// Returns the name of the image in a folder or archive. A layout identifies images by tag, and
    /// a Docker archive by repository and tag.
    fn into_local_name(self, format: LocalFormat) -> Option<LocalReference> {
        match (self.tag, self.digest) {
            (Some(tag), _) if format == LocalFormat::DockerArchive => {
                Some(LocalReference::Name(format!("{}:{tag}", self.repository)))
            }
            (Some(tag), _) => Some(LocalReference::Name(tag.to_string())),
            (None, digest) => digest.map(LocalReference::Digest),
        }
    }
}

/// Returns the name of a file without its extension, in lower case, as a repository name.
fn lowercase_stem(path: &Path) -> String {
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
            .apply(&source.parse().unwrap())
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
            (
                "http://r.test/team",
                "https://quay.io/app:v1",
                "http://r.test/team/app:v1",
            ),
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
