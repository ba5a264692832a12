//! What a case is made of: images and indexes by their symbolic names, and documents that no tool would write.

use bytes::Bytes;
use portolan_model::fixtures::{Image, Index};
use portolan_model::{Digest, MediaType};
use serde_json::{Value, json};

/// A document with the type that it is sent or described with.
pub(super) trait Document {
    /// The type.
    fn media_type(&self) -> MediaType;

    /// The document's bytes.
    fn bytes(&self) -> Bytes;

    /// The blobs that it names, the config first.
    fn blobs(&self) -> Vec<Bytes> {
        Vec::new()
    }

    /// A descriptor of it, as JSON.
    fn describe(&self) -> Value {
        portolan_model::fixtures::describe(self.media_type().as_str(), &self.bytes())
    }

    /// The digest that it is named by.
    fn sha256(&self) -> Digest {
        Digest::sha256(&self.bytes())
    }

    /// The same document with one piece of its text replaced, and the blobs that the first one names.
    ///
    /// # Panics
    /// When the piece does not stand there exactly once.
    fn edited(&self, from: &str, to: &str) -> Text {
        let text = String::from_utf8(self.bytes().to_vec()).expect("a document is text");
        assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
        Text {
            media_type: self.media_type(),
            content: text.replace(from, to),
            blobs: self.blobs(),
        }
    }
}

impl Document for Image {
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

impl Document for Index {
    fn media_type(&self) -> MediaType {
        self.media_type()
    }

    fn bytes(&self) -> Bytes {
        self.bytes()
    }
}

/// A document that is given as its text.
pub(super) struct Text {
    media_type: MediaType,
    content: String,
    blobs: Vec<Bytes>,
}

impl Text {
    /// A document of any type.
    pub(super) fn new(media_type: &str, content: impl Into<String>) -> Self {
        Self {
            media_type: media_type.into(),
            content: content.into(),
            blobs: Vec::new(),
        }
    }
}

impl Document for Text {
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

/// A JSON value with one more member.
pub(super) fn with(mut value: Value, key: &str, member: Value) -> Value {
    value[key] = member;
    value
}

/// A descriptor with a platform.
pub(super) fn on(descriptor: Value, platform: &str) -> Value {
    let (os, architecture) = platform.split_once('/').unwrap_or((platform, ""));
    with(
        descriptor,
        "platform",
        json!({"os": os, "architecture": architecture}),
    )
}
