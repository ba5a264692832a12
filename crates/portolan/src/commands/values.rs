//! Argument values shared by several commands.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::str::FromStr;

use clap::Args;
use portolan_model::{Descriptor, Digest, Platform, RepositoryName, Tag};

/// Default of `--jobs`.
pub(super) const DEFAULT_JOBS: &str = "8";

/// Parses a platform.
pub(super) fn parse_platform(text: &str) -> Result<Platform, ValueError> {
    text.parse().map_err(|_| {
        ValueError::new(
            format!("\"{text}\" is not a platform"),
            "write os[(version)]/arch[/variant], for example linux/arm/v7 or windows(10.0.20348)/amd64",
        )
    })
}

/// Parses a number of parallel transfers.
pub(super) fn parse_jobs(text: &str) -> Result<NonZeroUsize, ValueError> {
    text.parse().map_err(|_| {
        ValueError::new(
            format!("\"{text}\" is not a number of transfers"),
            format!("write a number from 1, for example `--jobs {DEFAULT_JOBS}`"),
        )
    })
}

/// Parses the address of `--listen`.
pub(super) fn parse_address(text: &str) -> Result<SocketAddr, ValueError> {
    portolan_server::parse_listen_address(text).map_err(|_| {
        ValueError::new(
            format!("\"{text}\" is not an address to listen on"),
            "write IP:PORT, localhost:PORT or PORT, for example `--listen 127.0.0.1:5000`",
        )
    })
}

/// Parses a tag.
pub(super) fn parse_tag(text: &str) -> Result<Tag, ValueError> {
    text.parse().map_err(|error| {
        ValueError::new(
            format!("invalid tag \"{text}\": {error}"),
            "write a tag such as v1.2",
        )
    })
}

/// Parses the name of a repository.
pub(super) fn parse_repository(text: &str) -> Result<RepositoryName, ValueError> {
    text.parse().map_err(|error| {
        let lower = text.to_lowercase();
        if lower != text && lower.parse::<RepositoryName>().is_ok() {
            return ValueError::new(
                format!("the repository name \"{text}\" contains upper-case letters"),
                format!("use `{lower}`"),
            );
        }
        format!("invalid repository name \"{text}\": {error}").into()
    })
}

use crate::failure::{Failure, Outcome};
use crate::usage::ValueError;

/// Annotation, given as `KEY=VALUE`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Annotation {
    pub(super) key: String,
    pub(super) value: String,
}

impl FromStr for Annotation {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self {
                key: key.into(),
                value: value.into(),
            }),
            _ => Err(ValueError::new(
                format!("\"{text}\" is not an annotation"),
                "write KEY=VALUE, for example org.opencontainers.image.version=1.2",
            )),
        }
    }
}

/// Version of the operating system, for platforms that state none.
#[derive(Args)]
pub(super) struct PlatformVersion {
    /// Select images for this version of Windows.
    ///
    /// The same as --platform 'windows(V)/…'.
    #[arg(long, value_name = "V", requires = "platform")]
    platform_os_version: Option<String>,
}

impl PlatformVersion {
    /// Returns the platforms with the version: those for Windows that state none.
    pub(super) fn apply(&self, platforms: &[Platform]) -> Outcome<Vec<Platform>> {
        let mut platforms = platforms.to_vec();
        let Some(version) = &self.platform_os_version else {
            return Ok(platforms);
        };
        let mut windows = platforms
            .iter_mut()
            .filter(|platform| platform.os.eq_ignore_ascii_case("windows"))
            .peekable();
        if windows.peek().is_none() {
            let message = "--platform-os-version needs --platform windows/ARCHITECTURE";
            return Err(Failure::usage(anyhow::Error::msg(message)));
        }
        for platform in windows.filter(|platform| platform.os_version.is_none()) {
            platform.os_version = Some(version.clone());
        }
        Ok(platforms)
    }
}

/// Selector for children of an index: by digest or by platform.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Selector {
    /// Child with this digest.
    Digest(Digest),
    /// All children for this platform. `os.version` and `os.features` of a child are
    /// ignored unless the selector contains them.
    Platform(Platform),
}

impl Selector {
    /// Returns whether the selector matches the child.
    pub(super) fn matches(&self, child: &Descriptor) -> bool {
        match self {
            Self::Digest(digest) => child.digest == *digest,
            Self::Platform(wanted) => child
                .platform
                .as_ref()
                .is_some_and(|platform| platform.satisfies(wanted)),
        }
    }
}

impl FromStr for Selector {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if !text.contains(':') {
            return parse_platform(text).map(Self::Platform);
        }
        text.parse()
            .map(Self::Digest)
            .map_err(|error| format!("invalid digest \"{text}\": {error}").into())
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(formatter),
            Self::Platform(platform) => platform.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_require_a_key() {
        let annotation: Annotation = "a=b=c".parse().unwrap();
        assert_eq!(
            (annotation.key.as_str(), annotation.value.as_str()),
            ("a", "b=c")
        );
        assert!("a".parse::<Annotation>().is_err() && "=b".parse::<Annotation>().is_err());
    }

    #[test]
    fn applies_a_version_to_windows() {
        let platforms: Vec<Platform> = ["linux/amd64", "windows/amd64", "windows(10.0.1)/amd64"]
            .map(|text| text.parse().unwrap())
            .into();
        let version = PlatformVersion {
            platform_os_version: Some("10.0.20348".into()),
        };
        let applied: Vec<_> = version.apply(&platforms).unwrap();
        let applied: Vec<_> = applied.iter().map(ToString::to_string).collect();
        assert_eq!(
            applied,
            [
                "linux/amd64",
                "windows(10.0.20348)/amd64",
                "windows(10.0.1)/amd64"
            ]
        );
        assert!(version.apply(&platforms[..1]).is_err());
    }

    #[test]
    fn selects_children_by_digest_or_platform() {
        let mut child = Descriptor::from_digest(Digest::sha256(b"x"));
        child.platform = "linux/arm64/v8".parse().ok();
        let selects = |text: &str| text.parse::<Selector>().unwrap().matches(&child);
        assert!(selects("linux/arm64") && selects(Digest::sha256(b"x").as_str()));
        assert!(!selects("linux/amd64") && !selects(Digest::sha256(b"y").as_str()));
        assert!("sha256:1".parse::<Selector>().is_err() && "linux".parse::<Selector>().is_err());
    }
}
