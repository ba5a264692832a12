//! Platforms, `os/architecture/variant` with `os.version` and `os.features`.
//!
//! See image-spec, image-index.md, "platform".

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Json;
use crate::descriptor::{FieldError, Report, parse_optional, parse_strings};

/// Platform of an image, or a platform for which an image is requested.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Platform {
    /// Processor architecture, as in Go's `GOARCH`, for example `arm64`.
    pub architecture: String,
    /// Operating system, as in Go's `GOOS`, for example `linux`.
    pub os: String,
    /// Version of the operating system, for example `10.0.20348.1547`.
    #[serde(
        rename = "os.version",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub os_version: Option<String>,
    /// Operating system features that the image requires, for example `win32k`.
    #[serde(rename = "os.features", default, skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// Variant of the processor, for example `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// Normalized form of a platform. Clients cannot distinguish two platforms with the same key.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PlatformKey {
    system: String,
    processor: (String, String),
    os_version: Option<String>,
    os_features: Vec<String>,
}

/// Error for a string that is not a valid platform.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a platform must have the form OS[(VERSION)]/ARCHITECTURE[/VARIANT], for example linux/arm/v7 or windows(10.0.20348)/amd64"
)]
pub struct PlatformError;

impl Platform {
    /// Parses the platform in a descriptor. Passes each field that it skips to `report`. `null`
    /// counts as absent. Returns `None` if the value has no `os` and `architecture`.
    pub(crate) fn from_json(value: &Json, report: Report<'_>) -> Option<Self> {
        if *value == Json::Null {
            return None;
        }
        let required = |key| value.get(key).and_then(Json::as_str).map(str::to_owned);
        let (Some(os), Some(architecture)) = (required("os"), required("architecture")) else {
            let expected = "an object with os and architecture";
            report(FieldError::new(&["platform"], expected, value));
            return None;
        };
        let mut platform = Self {
            architecture,
            os,
            ..Self::default()
        };
        for (key, value) in value.as_object().unwrap_or_default() {
            let path = ["platform", key];
            let field = match key.as_str() {
                "variant" => &mut platform.variant,
                "os.version" => &mut platform.os_version,
                "os.features" => {
                    platform.os_features = parse_strings(&path, value, report);
                    continue;
                }
                _ => continue,
            };
            match parse_optional(value) {
                Ok(text) => *field = text.map(str::to_owned),
                Err(expected) => report(FieldError::new(&path, expected, value)),
            }
        }
        Some(platform)
    }

    /// Returns whether an image for `self` satisfies a request for `wanted`.
    ///
    /// Names are normalized to Go's spelling before they are compared (`aarch64` is `arm64`, `arm`
    /// without a variant is `arm/v7`). Only as many components of `os.version` are compared as
    /// `wanted` specifies, so every build of `10.0.20348` satisfies `10.0.20348`. If `wanted` lists
    /// OS features, it must list all features that the image requires.
    pub fn satisfies(&self, wanted: &Self) -> bool {
        self.processor() == wanted.processor() && self.has_same_system(wanted)
    }

    /// Returns how well an image for `self` fits a request for `wanted`: 0 if it
    /// [satisfies](Self::satisfies) the request, and more for each lower variant of the processor.
    /// Returns `None` if the image does not fit.
    ///
    /// A processor runs images for its lower variants: `amd64/v3` runs `amd64/v2` and `amd64`,
    /// `arm/v7` runs `arm/v6`, and `arm64/v9` runs `arm64`. An image for another architecture never
    /// fits, although some processors could run it.
    pub fn rank(&self, wanted: &Self) -> Option<usize> {
        if !self.has_same_system(wanted) {
            return None;
        }
        let own = self.processor();
        let (architecture, variant) = wanted.processor();
        let lower = lower_variants(&architecture, &variant);
        let variants = std::iter::once(variant).chain(lower);
        variants
            .map(|variant| processor(&architecture, &variant))
            .position(|fitting| fitting == own)
    }

    /// Returns the normalized form: names in Go's spelling, and sorted OS features.
    pub fn key(&self) -> PlatformKey {
        let mut os_features = self.os_features.clone();
        os_features.sort_unstable();
        PlatformKey {
            system: self.system(),
            processor: self.processor(),
            os_version: self.os_version.clone(),
            os_features,
        }
    }

    /// Returns whether the operating system, its version and its features are those of `wanted`.
    fn has_same_system(&self, wanted: &Self) -> bool {
        self.system() == wanted.system()
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

    /// Returns the operating system in Go's spelling.
    pub(crate) fn system(&self) -> String {
        let os = self.os.to_ascii_lowercase();
        if os == "macos" { "darwin".into() } else { os }
    }

    /// Returns the architecture and variant in Go's spelling.
    pub(crate) fn processor(&self) -> (String, String) {
        processor(
            &self.architecture.to_ascii_lowercase(),
            &self
                .variant
                .as_deref()
                .unwrap_or_default()
                .to_ascii_lowercase(),
        )
    }
}

/// Normalizes a lower-case architecture and variant to Go's spelling.
fn processor(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = match (architecture, variant) {
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

/// Returns the variants below `variant` that a processor also runs, from high to low.
fn lower_variants(architecture: &str, variant: &str) -> Vec<String> {
    let Some((major, minor)) = variant_version(variant) else {
        return Vec::new();
    };
    let versions = |major: u8, minors: Range<u8>| {
        let minors = minors.rev();
        minors.map(move |minor| match minor {
            0 => format!("v{major}"),
            minor => format!("v{major}.{minor}"),
        })
    };
    match (architecture, major) {
        ("amd64", _) => (1..major).rev().map(|major| format!("v{major}")).collect(),
        ("arm", _) => (5..major).rev().map(|major| format!("v{major}")).collect(),
        ("arm64", 8) => versions(8, 0..minor).collect(),
        // Version 9.0 of the architecture includes 8.5, 9.1 includes 8.6, and so on.
        ("arm64", 9) => versions(9, 0..minor)
            .chain(versions(8, 0..minor + 6))
            .collect(),
        _ => Vec::new(),
    }
}

/// Parses a variant such as `v7` or `v8.2`, with one digit for each number.
fn variant_version(variant: &str) -> Option<(u8, u8)> {
    let digit = |text: &str| text.parse().ok().filter(|number: &u8| *number < 10);
    let version = variant.strip_prefix('v')?;
    match version.split_once('.') {
        Some((major, minor)) => Some((digit(major)?, digit(minor)?)),
        None => Some((digit(version)?, 0)),
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    /// Parses `OS/ARCHITECTURE` or `OS/ARCHITECTURE/VARIANT`. The version and the features of the
    /// operating system can follow its name, as containerd writes them: `windows(10.0.20348)/amd64`
    /// or `windows(10.0.20348+win32k)/amd64`.
    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let mut parts = text.split('/');
        let (system, architecture, variant) = (parts.next(), parts.next(), parts.next());
        if parts.next().is_some() {
            return Err(PlatformError);
        }
        let (os, options) = match system.and_then(|system| system.split_once('(')) {
            Some((os, options)) => (Some(os), options.strip_suffix(')').ok_or(PlatformError)?),
            None => (system, ""),
        };
        let mut options = options.split('+');
        let os_version = options.next().filter(|version| !version.is_empty());
        Ok(Self {
            architecture: name(architecture.unwrap_or_default())?,
            os: name(os.unwrap_or_default())?,
            os_version: os_version.map(name).transpose()?,
            os_features: options.map(name).collect::<Result<_, _>>()?,
            variant: variant.map(name).transpose()?,
        })
    }
}

/// Returns the text if it is a valid name in a platform.
fn name(text: &str) -> Result<String, PlatformError> {
    let is_valid = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    is_valid.then(|| text.to_owned()).ok_or(PlatformError)
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.os)?;
        if self.os_version.is_some() || !self.os_features.is_empty() {
            let version = self.os_version.as_deref().unwrap_or_default();
            write!(formatter, "({version}")?;
            for feature in &self.os_features {
                write!(formatter, "+{feature}")?;
            }
            formatter.write_str(")")?;
        }
        write!(formatter, "/{}", self.architecture)?;
        match &self.variant {
            Some(variant) => write!(formatter, "/{variant}"),
            None => Ok(()),
        }
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
    fn treats_spellings_of_the_same_processor_as_equal() {
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
    fn ranks_lower_variants_of_the_same_architecture() {
        for (image, wanted, rank) in [
            ("linux/arm64", "linux/arm64/v8", Some(0)),
            ("linux/amd64/v2", "linux/amd64/v3", Some(1)),
            ("linux/amd64", "linux/amd64/v3", Some(2)),
            ("linux/amd64/v2", "linux/amd64", None),
            ("linux/arm/v7", "linux/armhf", Some(0)),
            ("linux/arm/v5", "linux/arm/v7", Some(2)),
            ("linux/arm/v7", "linux/arm/v6", None),
            ("linux/arm64", "linux/arm64/v8.2", Some(2)),
            ("linux/arm64/v8.5", "linux/arm64/v9", Some(1)),
            ("linux/arm64", "linux/arm64/v9.1", Some(8)),
            ("linux/arm/v7", "linux/arm64", None),
            ("linux/386", "linux/amd64", None),
            ("darwin/arm64", "macOS/aarch64", Some(0)),
            (
                "windows(10.0.20348.1)/amd64",
                "windows(10.0.20348)/amd64/v2",
                Some(1),
            ),
            (
                "windows(10.0.17763.1)/amd64",
                "windows(10.0.20348)/amd64",
                None,
            ),
        ] {
            assert_eq!(
                platform(image).rank(&platform(wanted)),
                rank,
                "{image} for {wanted}"
            );
        }
    }

    #[test]
    fn parses_what_it_formats() {
        for text in [
            "linux/arm/v7",
            "windows(10.0.20348)/amd64",
            "windows(10.0.20348.1547+win32k)/amd64",
            "windows(+win32k)/amd64/v2",
        ] {
            assert_eq!(platform(text).to_string(), text);
        }
        let parsed = platform("windows(10.0.20348+win32k)/amd64");
        assert_eq!(parsed.os_version.as_deref(), Some("10.0.20348"));
        assert_eq!(parsed.os_features, ["win32k"]);
    }

    #[test]
    fn compares_versions_as_far_as_requested() {
        let image = windows("10.0.20348.1547");
        assert!(image.satisfies(&platform("windows/amd64")));
        assert!(image.satisfies(&windows("10.0.20348")));
        assert!(!image.satisfies(&windows("10.0.2034")));
        assert!(!platform("windows/amd64").satisfies(&windows("10.0")));
    }

    #[test]
    fn requires_all_features_of_the_image() {
        let with = |features: &[&str]| Platform {
            os_features: features.iter().map(ToString::to_string).collect(),
            ..platform("windows/amd64")
        };
        assert!(with(&["win32k"]).satisfies(&platform("windows/amd64")));
        assert!(with(&["win32k"]).satisfies(&with(&["win32k", "other"])));
        assert!(!with(&["win32k"]).satisfies(&with(&["other"])));
    }

    #[test]
    fn rejects_invalid_platforms() {
        for text in [
            "",
            "linux",
            "linux/",
            "/amd64",
            "a/b/c/d",
            "linux/am d64",
            "windows(10.0/amd64",
            "windows(10.0)x/amd64",
            "windows(10.0+)/amd64",
            "(10.0)/amd64",
            "windows/amd64(10.0)",
        ] {
            assert_eq!(text.parse::<Platform>(), Err(PlatformError), "{text:?}");
        }
    }
}
