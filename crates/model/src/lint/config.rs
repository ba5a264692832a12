//! What an image's config says that its index says too, or that its siblings can be compared by.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::Platform;

/// Longest text that says something. Nothing that is chosen by is near it, and ten thousand configs are kept.
const MAX_TEXT: usize = 128;

/// Most features of an operating system.
const MAX_FEATURES: usize = 16;

/// The part of an image's config that is looked at (image-spec, config.md, "Properties").
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageConfig {
    /// The platform that the image was built for.
    pub platform: Option<Platform>,
    /// When it was built, as it is written there (RFC 3339, section 5.6), if that is a date.
    pub created: Option<String>,
}

/// The same as it is written, of whatever type.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
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
    /// Reads what can be read; other content than a config says nothing.
    pub fn read(bytes: &[u8]) -> Self {
        let written: Written = serde_json::from_slice(bytes).unwrap_or_default();
        let created =
            text(written.created.clone()).filter(|text| text.parse::<Timestamp>().is_ok());
        Self {
            platform: written.platform(),
            created,
        }
    }

    pub(super) fn created_at(&self) -> Option<Timestamp> {
        self.created.as_ref()?.parse().ok()
    }
}

impl Written {
    fn platform(self) -> Option<Platform> {
        Some(Platform {
            architecture: text(self.architecture)?,
            os: text(self.os)?,
            os_version: text(self.os_version),
            os_features: texts(self.os_features).unwrap_or_default(),
            variant: text(self.variant),
        })
    }
}

/// Go's writers leave empty what they do not know.
fn text(value: Value) -> Option<String> {
    if let Value::String(text) = value {
        Some(text).filter(|text| (1..=MAX_TEXT).contains(&text.len()))
    } else {
        None
    }
}

fn texts(value: Value) -> Option<Vec<String>> {
    let texts: Vec<String> = serde_json::from_value(value).ok()?;
    (texts.len() <= MAX_FEATURES && texts.iter().all(|text| text.len() <= MAX_TEXT))
        .then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_may_have_any_offset() {
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
    fn what_can_be_read_is_read() {
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
    fn only_what_is_short_is_kept() {
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
    fn other_content_says_nothing() {
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
