//! Default values of [`Settings`], and the form of the settings in the configuration: the tables
//! `[storage]`, `[storage.uploads]` and `[storage.cache]`. Durations are strings such as `90s` or `1day`.

use std::time::Duration;

use portolan_files::sessions::MAX_PARTIAL_UPLOADS;
use serde::{Deserialize, Serialize};

use crate::{ByteSize, Reserve, Settings};

/// Settings of upload sessions.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct UploadSettings {
    /// Maximum idle time of an upload session. It begins again with each process.
    #[serde(with = "humantime_serde")]
    pub expire: Duration,
    /// Maximum number of idle upload sessions with content in one repository. Beyond it, the client
    /// that has the most of them loses its least recently used one, if that has been idle for a
    /// minute.
    pub per_repository: usize,
}

/// Settings of the cache of what repositories serve.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheSettings {
    /// Memory for cached content. With 0, content is only shared while it is being sent.
    pub memory: ByteSize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            folder: "./portolan-data".into(),
            reserve: Reserve::default(),
            uploads: UploadSettings::default(),
            cache: CacheSettings::default(),
        }
    }
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            memory: ByteSize::new(32 << 20),
        }
    }
}

impl Default for UploadSettings {
    fn default() -> Self {
        Self {
            expire: Duration::from_hours(24),
            per_repository: MAX_PARTIAL_UPLOADS,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(document: Value) -> Result<Settings, serde_json::Error> {
        serde_json::from_value(document)
    }

    #[test]
    fn missing_keys_have_their_defaults() {
        for document in [json!({}), json!({"uploads": {}})] {
            assert_eq!(read(document).unwrap(), Settings::default());
        }
        let document = json!({
            "folder": "/srv", "reserve": "1GiB", "uploads": {"expire": "90s"}, "cache": {"memory": "8MiB"}
        });
        let settings = read(document).unwrap();
        let expected = Settings {
            folder: "/srv".into(),
            reserve: Reserve::Bytes(ByteSize::new(1 << 30)),
            uploads: UploadSettings {
                expire: Duration::from_secs(90),
                ..UploadSettings::default()
            },
            cache: CacheSettings {
                memory: ByteSize::new(8 << 20),
            },
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn settings_are_written_by_key() {
        let written = serde_json::to_value(Settings::default()).unwrap();
        assert_eq!(
            written,
            json!({
                "folder": "./portolan-data", "reserve": "1%",
                "uploads": {"expire": "1day", "per_repository": 100}, "cache": {"memory": "32MiB"}
            })
        );
    }

    #[test]
    fn invalid_reserves_are_rejected() {
        for value in [json!("lots"), json!(-1)] {
            let error = read(json!({"reserve": value})).unwrap_err();
            assert!(
                error.to_string().contains("neither a percentage"),
                "{value}: {error}"
            );
        }
        let number = read(json!({"reserve": 4096})).unwrap();
        assert_eq!(number.reserve, Reserve::Bytes(ByteSize::new(4096)));
    }

    #[test]
    fn unknown_keys_are_rejected() {
        for document in [
            json!({"foldr": "/srv"}),
            json!({"upload_expiry": "1s"}),
            json!({"uploads": {"expiry": "1s"}}),
        ] {
            let error = read(document.clone()).unwrap_err();
            assert!(
                error.to_string().contains("unknown field"),
                "{document}: {error}"
            );
        }
    }
}
