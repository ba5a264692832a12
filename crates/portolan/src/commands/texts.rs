//! Values of arguments that several commands take.

use std::str::FromStr;

use portolan_model::{Descriptor, Digest, Platform};

/// An annotation, written `KEY=VALUE`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Annotation {
    pub(super) key: String,
    pub(super) value: String,
}

impl FromStr for Annotation {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self {
                key: key.into(),
                value: value.into(),
            }),
            _ => Err("an annotation is written KEY=VALUE"),
        }
    }
}

/// Children of an index: the one with a digest, or those for a platform.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Selector {
    /// By digest.
    Digest(Digest),
    /// By platform, `os.version` and features aside.
    Platform(Platform),
}

impl Selector {
    /// Whether it means this child.
    pub(super) fn selects(&self, child: &Descriptor) -> bool {
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
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains(':') {
            text.parse()
                .map(Self::Digest)
                .map_err(|error: portolan_model::DigestError| error.to_string())
        } else {
            text.parse()
                .map(Self::Platform)
                .map_err(|error: portolan_model::PlatformError| error.to_string())
        }
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
    fn annotations_have_a_key() {
        let annotation: Annotation = "a=b=c".parse().unwrap();
        assert_eq!(
            (annotation.key.as_str(), annotation.value.as_str()),
            ("a", "b=c")
        );
        assert!("a".parse::<Annotation>().is_err() && "=b".parse::<Annotation>().is_err());
    }

    #[test]
    fn children_by_digest_and_by_platform() {
        let mut child = Descriptor::of(Digest::sha256(b"x"));
        child.platform = "linux/arm64/v8".parse().ok();
        let selects = |text: &str| text.parse::<Selector>().unwrap().selects(&child);
        assert!(selects("linux/arm64") && selects(Digest::sha256(b"x").as_str()));
        assert!(!selects("linux/amd64") && !selects(Digest::sha256(b"y").as_str()));
        assert!("sha256:1".parse::<Selector>().is_err() && "linux".parse::<Selector>().is_err());
    }
}
