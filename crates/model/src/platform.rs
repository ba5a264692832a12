//! Platforms: `os/architecture/variant` with `os.version` and `os.features` (image-spec, image-index.md).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The platform that an image is for, or that one is wanted for.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Platform {
    /// Go's `GOARCH`, for example `arm64`.
    pub architecture: String,
    /// Go's `GOOS`, for example `linux`.
    pub os: String,
    /// Version of the operating system, for example `10.0.20348.1547`.
    #[serde(
        rename = "os.version",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub os_version: Option<String>,
    /// Features of the operating system that the image needs, for example `win32k`.
    #[serde(rename = "os.features", default, skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// Variant of the processor, for example `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// The text is no platform.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a platform is written OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, for example linux/arm/v7"
)]
pub struct PlatformError;

impl Platform {
    /// Whether an image for `self` is what somebody who wants `wanted` asks for.
    ///
    /// Names are compared as Go spells them (`aarch64` is `arm64`, arm without a variant is `v7`).
    /// `os.version` counts as far as `wanted` gives it, component by component, so that
    /// `10.0.20348` is met by each of its builds. Features count only where `wanted` lists any:
    /// then it must offer all that the image needs.
    pub fn satisfies(&self, wanted: &Self) -> bool {
        self.os.eq_ignore_ascii_case(&wanted.os)
            && self.processor() == wanted.processor()
            && wanted
                .os_version
                .as_deref()
                .is_none_or(|version| self.has_version(version))
            && (wanted.os_features.is_empty()
                || self
                    .os_features
                    .iter()
                    .all(|feature| wanted.os_features.contains(feature)))
    }

    fn has_version(&self, wanted: &str) -> bool {
        let Some(version) = &self.os_version else {
            return false;
        };
        let mut components = version.split('.');
        wanted
            .split('.')
            .all(|component| components.next() == Some(component))
    }

    /// Architecture and variant as Go spells them.
    pub(crate) fn processor(&self) -> (String, String) {
        let architecture = self.architecture.to_ascii_lowercase();
        let variant = self
            .variant
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("x86_64" | "x86-64" | "amd64", "" | "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("i386" | "i686" | "386", _) => ("386", ""),
            ("aarch64" | "arm64", "" | "8" | "v8") => ("arm64", ""),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
            ("armel", _) | ("arm", "6") => ("arm", "v6"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "8") => ("arm", "v8"),
            other => other,
        };
        (architecture.into(), variant.into())
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let mut parts = text.split('/').map(str::to_owned);
        let (os, architecture, variant) = (parts.next(), parts.next(), parts.next());
        let platform = Self {
            os: os.unwrap_or_default(),
            architecture: architecture.unwrap_or_default(),
            variant,
            ..Self::default()
        };
        let named = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        };
        let right = parts.next().is_none()
            && named(&platform.os)
            && named(&platform.architecture)
            && platform.variant.as_deref().is_none_or(named);
        if right {
            Ok(platform)
        } else {
            Err(PlatformError)
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        if let Some(variant) = &self.variant {
            write!(formatter, "/{variant}")?;
        }
        if let Some(version) = &self.os_version {
            write!(formatter, " ({version})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    fn windows(version: &str) -> Platform {
        Platform {
            os_version: Some(version.into()),
            ..platform("windows/amd64")
        }
    }

    #[test]
    fn spellings_of_the_same_processor() {
        for (image, wanted) in [
            ("linux/amd64", "linux/x86_64"),
            ("linux/arm64/v8", "linux/aarch64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/v6", "linux/armel"),
            ("linux/386", "linux/i686"),
        ] {
            assert!(
                platform(image).satisfies(&platform(wanted)),
                "{image} for {wanted}"
            );
        }
        for (image, wanted) in [
            ("linux/arm/v6", "linux/arm/v7"),
            ("linux/amd64/v3", "linux/amd64"),
            ("windows/amd64", "linux/amd64"),
            ("unknown/unknown", "linux/amd64"),
        ] {
            assert!(
                !platform(image).satisfies(&platform(wanted)),
                "{image} for {wanted}"
            );
        }
    }

    #[test]
    fn versions_count_as_far_as_they_are_wanted() {
        let image = windows("10.0.20348.1547");
        assert!(image.satisfies(&platform("windows/amd64")));
        assert!(image.satisfies(&windows("10.0.20348")));
        assert!(!image.satisfies(&windows("10.0.2034")));
        assert!(!platform("windows/amd64").satisfies(&windows("10.0")));
    }

    #[test]
    fn features_must_be_on_offer() {
        let with = |features: &[&str]| Platform {
            os_features: features.iter().map(ToString::to_string).collect(),
            ..platform("windows/amd64")
        };
        assert!(with(&["win32k"]).satisfies(&platform("windows/amd64")));
        assert!(with(&["win32k"]).satisfies(&with(&["win32k", "other"])));
        assert!(!with(&["win32k"]).satisfies(&with(&["other"])));
    }

    #[test]
    fn texts_that_are_no_platform() {
        for text in ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux/am d64"] {
            assert_eq!(text.parse::<Platform>(), Err(PlatformError), "{text:?}");
        }
    }
}
