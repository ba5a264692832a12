//! References as they are typed: an image in a registry, in a folder, or in an archive.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use portolan_model::{Digest, ImageReference};

use crate::failure::Failure;

/// Where something is: `HOST/NAME[:TAG][@DIGEST]`, `oci:FOLDER[:REF]`, `oci-archive:FILE[:REF]` or
/// `docker-archive:FILE[:REF]`, and `@DIGEST` in the place of `:REF`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Location {
    /// In a registry.
    Registry(ImageReference),
    /// On disk.
    Local(Local),
}

/// Something on disk.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Local {
    pub(crate) format: Format,
    pub(crate) path: PathBuf,
    pub(crate) name: Option<Name>,
}

/// How images are kept on disk.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Format {
    /// An OCI image layout in a folder.
    Oci,
    /// The same in a tar file.
    OciArchive,
    /// What `docker save` writes.
    DockerArchive,
}

/// Which image on disk.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Name {
    /// The one of this name.
    Given(String),
    /// The one with this digest.
    Digest(Digest),
}

/// Why a text names no place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LocationError(String);

impl Format {
    const ALL: [Self; 3] = [Self::Oci, Self::OciArchive, Self::DockerArchive];

    fn as_str(self) -> &'static str {
        match self {
            Self::Oci => "oci",
            Self::OciArchive => "oci-archive",
            Self::DockerArchive => "docker-archive",
        }
    }
}

/// Transports of other tools that would be read as a strange image of Docker Hub.
const FOREIGN: [&str; 8] = [
    "containerd",
    "containers-storage",
    "dir",
    "docker-daemon",
    "file",
    "http",
    "https",
    "ostree",
];

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        if let Some(reference) = text.strip_prefix("docker://") {
            return registry(reference);
        }
        let Some((transport, rest)) = text.split_once(':') else {
            return registry(text);
        };
        if let Some(format) = Format::ALL
            .into_iter()
            .find(|format| format.as_str() == transport)
        {
            return local(format, rest).map(Self::Local);
        }
        if FOREIGN.contains(&transport) {
            return Err(LocationError(format!(
                "\"{transport}:\" is not understood here; write HOST/NAME:TAG, oci:FOLDER:REF, oci-archive:FILE:REF or docker-archive:FILE:REF"
            )));
        }
        registry(text)
    }
}

fn registry(text: &str) -> Result<Location, LocationError> {
    if text.is_empty() {
        return Err(LocationError(
            "a reference is empty; write HOST/NAME:TAG".into(),
        ));
    }
    text.parse()
        .map(Location::Registry)
        .map_err(|error| LocationError(format!("\"{text}\" is no reference: {error}")))
}

fn local(format: Format, text: &str) -> Result<Local, LocationError> {
    let (path, name) = match text
        .rsplit_once('@')
        .map(|(path, digest)| (path, digest.parse()))
    {
        Some((path, Ok(digest))) => (path, Some(Name::Digest(digest))),
        _ => match text.split_once(':') {
            Some((path, name)) => (path, Some(Name::Given(name.into()))),
            None => (text, None),
        },
    };
    let what = if format == Format::Oci {
        "FOLDER"
    } else {
        "FILE"
    };
    if path.is_empty() {
        return Err(LocationError(format!(
            "\"{format}:{text}\" names no {what}; write {format}:{what}[:REF]"
        )));
    }
    if name == Some(Name::Given(String::new())) {
        return Err(LocationError(format!(
            "\"{format}:{text}\" ends with a colon; write what stands behind it, or drop it"
        )));
    }
    Ok(Local {
        format,
        path: path.into(),
        name,
    })
}

impl Location {
    /// The host that it is on, if it is on one.
    pub(crate) fn host(&self) -> Option<&str> {
        match self {
            Self::Registry(image) => Some(&image.host),
            Self::Local(_) => None,
        }
    }

    /// The failure with the name of what it is about, and what to do if its registry lets nobody in.
    pub(crate) fn failed(&self, failure: impl Into<Failure>) -> Failure {
        self.advised(failure).about(self)
    }

    /// The failure with what to do if its registry lets nobody in.
    pub(crate) fn advised(&self, failure: impl Into<Failure>) -> Failure {
        match self.host() {
            Some(host) => failure.into().with_login(host),
            None => failure.into(),
        }
    }

    /// Whether it is a folder.
    pub(crate) fn is_folder(&self) -> bool {
        matches!(
            self,
            Self::Local(Local {
                format: Format::Oci,
                ..
            })
        )
    }

    /// Whether it is a file, which is put into its place when all of it is there.
    pub(crate) fn is_archive(&self) -> bool {
        matches!(self, Self::Local(_)) && !self.is_folder()
    }

    /// Whether it holds images alone, and no index.
    pub(crate) fn is_docker_archive(&self) -> bool {
        matches!(
            self,
            Self::Local(Local {
                format: Format::DockerArchive,
                ..
            })
        )
    }

    /// Where the image is, without saying which: `quay.io/team/app`, `oci:folder`.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Registry(image) => format!("{}/{}", image.host, image.repository),
            Self::Local(local) => local.place(),
        }
    }

    /// Whether it names content by its digest.
    pub(crate) fn has_digest(&self) -> bool {
        match self {
            Self::Registry(image) => image.digest.is_some(),
            Self::Local(local) => matches!(local.name, Some(Name::Digest(_))),
        }
    }

    /// The same with the tag that a registry takes where nothing is named; on disk there is none.
    pub(crate) fn complete(&self) -> Self {
        match self {
            Self::Registry(image) if !self.names_image() => {
                let tag = "latest".parse().ok();
                Self::Registry(ImageReference {
                    tag,
                    ..image.clone()
                })
            }
            _ => self.clone(),
        }
    }

    /// Whether it names an image, and not just where images are.
    pub(crate) fn names_image(&self) -> bool {
        match self {
            Self::Registry(image) => image.tag.is_some() || image.digest.is_some(),
            Self::Local(local) => local.name.is_some(),
        }
    }
}

impl Local {
    fn place(&self) -> String {
        format!("{}:{}", self.format, self.path.display())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(image) => image.fmt(formatter),
            Self::Local(local) => {
                formatter.write_str(&local.place())?;
                match &local.name {
                    Some(Name::Given(name)) => write!(formatter, ":{name}"),
                    Some(Name::Digest(digest)) => write!(formatter, "@{digest}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for LocationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for LocationError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> String {
        text.parse::<Location>()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .to_string()
    }

    fn error(text: &str) -> String {
        text.parse::<Location>().unwrap_err().to_string()
    }

    #[test]
    fn registries() {
        assert_eq!(
            printed("docker://quay.io/team/app:v1"),
            "quay.io/team/app:v1"
        );
        assert_eq!(printed("alpine"), "docker.io/library/alpine");
        assert_eq!(printed("127.0.0.1:5000/app:v1"), "127.0.0.1:5000/app:v1");
        assert_eq!(
            "[::1]:5000/app".parse::<Location>().unwrap().host(),
            Some("[::1]:5000")
        );
    }

    #[test]
    fn folders_and_archives() {
        let digest = Digest::sha256(b"");
        for text in [
            "oci:folder",
            "oci:a/b:docker.io/library/alpine:3.20",
            "oci-archive:x.tar:v1",
            "docker-archive:x.tar",
        ] {
            assert_eq!(printed(text), text);
        }
        let Location::Local(local) = format!("oci:a@b@{digest}").parse().unwrap() else {
            panic!("it is on disk")
        };
        assert_eq!(
            (local.path, local.name),
            ("a@b".into(), Some(Name::Digest(digest)))
        );
        assert_eq!("oci:a:b".parse::<Location>().unwrap().place(), "oci:a");
    }

    #[test]
    fn mistakes_say_what_is_wrong() {
        assert!(
            error("oci:").contains("names no FOLDER"),
            "{}",
            error("oci:")
        );
        assert!(
            error("oci-archive:x:").contains("ends with a colon"),
            "{}",
            error("oci-archive:x:")
        );
        assert!(
            error("containers-storage:x").contains("not understood"),
            "{}",
            error("containers-storage:x")
        );
        assert!(
            error("https://quay.io/x").contains("not understood"),
            "{}",
            error("https://quay.io/x")
        );
        assert!(
            error("quay.io/Team/app").contains("\"quay.io/Team/app\" is no reference"),
            "{}",
            error("quay.io/Team/app")
        );
        assert!(
            error("quay.io/app@sha256:12").contains("is no reference"),
            "{}",
            error("quay.io/app@sha256:12")
        );
        assert!(error("").contains("empty"), "{}", error(""));
    }
}
