//! Documents for cases: images and indexes from fixtures, and text that no tool would write.

use bytes::Bytes;
use portolan_model::fixtures::{ImageFixture, IndexFixture};
use portolan_model::{Digest, MediaType};
use serde_json::{Value, json};

/// Manifest or index for a case, together with the blobs that it references.
pub(super) trait Document {
    /// Returns the media type of the document.
    fn media_type(&self) -> MediaType;

    /// Returns the bytes of the document.
    fn bytes(&self) -> Bytes;

    /// Returns the blobs that the document references, the config first.
    fn blobs(&self) -> Vec<Bytes> {
        Vec::new()
    }

    /// Returns a descriptor of the document, as JSON.
    fn describe(&self) -> Value {
        portolan_model::fixtures::descriptor_json(self.media_type().as_str(), &self.bytes())
    }

    /// Returns the SHA-256 digest of the document.
    fn sha256(&self) -> Digest {
        Digest::sha256(&self.bytes())
    }

    /// Returns the document with `from` replaced by `to` in its text, and with the same blobs.
    ///
    /// # Panics
    /// Panics unless the text contains `from` exactly once.
    fn replace_text(&self, from: &str, to: &str) -> TextDocument {
        let text = String::from_utf8(self.bytes().to_vec()).expect("a document is valid UTF-8");
        assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
        TextDocument {
            media_type: self.media_type(),
            content: text.replace(from, to),
            blobs: self.blobs(),
        }
    }
}

impl Document for ImageFixture {
    fn media_type(&self) -> MediaType {
        self.media_type()
    }

    fn bytes(&self) -> Bytes {
        self.bytes()
    }

    fn blobs(&self) -> Vec<Bytes> {
        self.blobs()
    }
}

impl Document for IndexFixture {
    fn media_type(&self) -> MediaType {
        self.media_type()
    }

    fn bytes(&self) -> Bytes {
        self.bytes()
    }
}

/// Document with a given text, which need not be valid.
pub(super) struct TextDocument {
    media_type: MediaType,
    content: String,
    blobs: Vec<Bytes>,
}

impl TextDocument {
    /// Creates a document of any media type.
    pub(super) fn new(media_type: &str, content: impl Into<String>) -> Self {
        Self {
            media_type: media_type.into(),
            content: content.into(),
            blobs: Vec::new(),
        }
    }
}

impl Document for TextDocument {
    fn media_type(&self) -> MediaType {
        self.media_type.clone()
    }

    fn bytes(&self) -> Bytes {
        self.content.clone().into()
    }

    fn blobs(&self) -> Vec<Bytes> {
        self.blobs.clone()
    }
}

/// Returns a JSON object with an additional or replaced member.
pub(super) fn with_member(mut value: Value, key: &str, member: Value) -> Value {
    value[key] = member;
    value
}

/// Returns a descriptor with a platform, given as `OS/ARCHITECTURE`.
pub(super) fn with_platform(descriptor: Value, platform: &str) -> Value {
    let (os, architecture) = platform.split_once('/').unwrap_or((platform, ""));
    with_member(
        descriptor,
        "platform",
        json!({"os": os, "architecture": architecture}),
    )
}
