//! Image config: the fields that the checks compare with the index and with the other images in it.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::Platform;

/// Maximum length of a string in bytes. Longer strings are ignored.
///
/// Real values are much shorter, and tens of thousands of configs may be in memory.
const MAX_TEXT: usize = 128;

/// Maximum number of operating system features. Longer lists are ignored.
const MAX_FEATURES: usize = 16;

/// Fields of an image config that the checks use (image-spec, config.md, "Properties").
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageConfig {
    /// Platform of the image.
    pub platform: Option<Platform>,
    /// Build date as written (RFC 3339, section 5.6), or `None` if it is missing or not a valid
    /// date.
    pub created: Option<String>,
}

/// Fields of the config as JSON values of any type, so that an invalid field does not prevent the
/// parsing of other fields.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawConfig {
    architecture: Value,
    os: Value,
    #[serde(rename = "os.version")]
    os_version: Value,
    #[serde(rename = "os.features")]
    os_features: Value,
    variant: Value,
    created: Value,
}

impl ImageConfig {
    /// Parses an image config leniently. Fields with invalid values are `None`.
    pub fn read(bytes: &[u8]) -> Self {
        let written: RawConfig = serde_json::from_slice(bytes).unwrap_or_default();
        let created = non_empty_string(written.created.clone())
            .filter(|text| text.parse::<Timestamp>().is_ok());
        Self {
            platform: written.platform(),
            created,
        }
    }

    pub(super) fn created_at(&self) -> Option<Timestamp> {
        self.created.as_ref()?.parse().ok()
    }
}

impl RawConfig {
    fn platform(self) -> Option<Platform> {
        Some(Platform {
            architecture: non_empty_string(self.architecture)?,
            os: non_empty_string(self.os)?,
            os_version: non_empty_string(self.os_version),
            os_features: short_strings(self.os_features).unwrap_or_default(),
            variant: non_empty_string(self.variant),
        })
    }
}

/// Returns the text if the value is a non-empty string of at most [`MAX_TEXT`] bytes. Go writes an
/// empty string for an unset field.
fn non_empty_string(value: Value) -> Option<String> {
    if let Value::String(text) = value {
        Some(text).filter(|text| (1..=MAX_TEXT).contains(&text.len()))
    } else {
        None
    }
}

fn short_strings(value: Value) -> Option<Vec<String>> {
    let texts: Vec<String> = serde_json::from_value(value).ok()?;
    (texts.len() <= MAX_FEATURES && texts.iter().all(|text| text.len() <= MAX_TEXT))
        .then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_dates_with_any_offset() {
        let created = |text: &str| {
            ImageConfig::read(serde_json::json!({"created": text}).to_string().as_bytes())
                .created_at()
        };
        let noon = created("2024-02-29T12:00:00Z");
        assert!(noon.is_some());
        assert_eq!(created("2024-02-29T17:30:00+05:30"), noon);
        assert_eq!(created("2024-02-29t04:00:00.000000000-08:00"), noon);
        for text in [
            "",
            "yesterday",
            "2023-02-29T12:00:00Z",
            "2024-02-29T12:00:00",
            "2024-02-29",
        ] {
            assert_eq!(created(text), None, "{text}");
        }
    }

    #[test]
    fn skips_invalid_fields_and_reads_the_others() {
        let config = ImageConfig::read(
            br#"{"os":"linux","architecture":"arm","variant":"v7","os.features":3,"created":7}"#,
        );
        assert_eq!(
            config,
            ImageConfig {
                platform: "linux/arm/v7".parse().ok(),
                created: None
            }
        );
        let config =
            ImageConfig::read(br#"{"os":"linux","variant":"","created":"2024-02-29T12:00:00Z"}"#);
        assert_eq!(
            config,
            ImageConfig {
                platform: None,
                created: Some("2024-02-29T12:00:00Z".into())
            }
        );
    }

    #[test]
    fn ignores_long_strings() {
        let long = "x".repeat(MAX_TEXT + 1);
        let config = ImageConfig::read(
            serde_json::json!({"os": "linux", "architecture": "arm", "variant": long, "os.features": [long]})
                .to_string()
                .as_bytes(),
        );
        assert_eq!(config.platform, "linux/arm".parse().ok());
        let config = serde_json::json!({"os": "linux", "architecture": long});
        assert_eq!(
            ImageConfig::read(config.to_string().as_bytes()).platform,
            None
        );
    }

    #[test]
    fn reads_nothing_from_other_content() {
        for bytes in [
            "",
            "no JSON",
            "[]",
            "{}",
            r#"{"os":"","architecture":"","created":7}"#,
        ] {
            assert_eq!(
                ImageConfig::read(bytes.as_bytes()),
                ImageConfig::default(),
                "{bytes}"
            );
        }
    }
}
