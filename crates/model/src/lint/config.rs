//! What an image's config says that its index says too, or that its siblings can be compared by.

use serde::Deserialize;

use crate::Platform;

/// The part of an image's config that is looked at (image-spec, config.md).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageConfig {
    /// The platform that the image was built for.
    pub platform: Option<Platform>,
    /// When it was built, as it is written there (RFC 3339).
    pub created: Option<String>,
}

#[derive(Deserialize)]
struct Created {
    created: Option<String>,
}

impl ImageConfig {
    /// Reads what can be read; other content than a config says nothing.
    pub fn read(bytes: &[u8]) -> Self {
        let created = serde_json::from_slice::<Created>(bytes).ok().and_then(|config| config.created);
        Self { platform: serde_json::from_slice(bytes).ok(), created }
    }
}
