//! Test scenario: a document to check, and the stored content.

use std::collections::HashMap;

use bytes::Bytes;

use crate::fixtures::{ImageFixture, IndexFixture};
use crate::lint::{
    ContentKind, ContentRequest, ContentResponse, Finding, LintLimits, LintTree, Linter, Rule,
    Stored,
};
use crate::{Digest, Manifest, MediaType};

/// Document to check, with the stored content.
#[derive(Clone)]
pub(super) struct Scenario {
    bytes: Bytes,
    media_type: MediaType,
    limits: LintLimits,
    contents: HashMap<Digest, (Bytes, Option<MediaType>)>,
}

impl Scenario {
    pub(super) fn new(bytes: impl Into<Bytes>, media_type: &str) -> Self {
        let (bytes, media_type) = (bytes.into(), MediaType::new(media_type));
        Self {
            bytes,
            media_type,
            limits: LintLimits::default(),
            contents: HashMap::new(),
        }
    }

    pub(super) fn with_blob(mut self, bytes: &Bytes) -> Self {
        self.contents
            .insert(Digest::sha256(bytes), (bytes.clone(), None));
        self
    }

    /// Adds a manifest, stored with this type.
    pub(super) fn with_manifest(mut self, bytes: &Bytes, media_type: impl Into<MediaType>) -> Self {
        self.contents.insert(
            Digest::sha256(bytes),
            (bytes.clone(), Some(media_type.into())),
        );
        self
    }

    pub(super) fn with_image(self, image: &ImageFixture) -> Self {
        let world = image.blobs().iter().fold(self, Self::with_blob);
        world.with_manifest(&image.bytes(), image.media_type())
    }

    pub(super) fn with_index(self, index: &IndexFixture) -> Self {
        self.with_manifest(&index.bytes(), index.media_type())
    }

    pub(super) fn with_all(mut self, other: &Self) -> Self {
        self.contents.extend(other.contents.clone());
        self
    }

    pub(super) fn with_limits(self, depth: usize, documents: usize) -> Self {
        Self {
            limits: LintLimits {
                depth,
                documents,
                ..self.limits
            },
            ..self
        }
    }

    pub(super) fn lint(&self) -> LintTree {
        let manifest = Manifest::parse(self.bytes.clone(), Some(&self.media_type)).unwrap();
        let mut lint = Linter::new(Digest::sha256(&self.bytes), manifest, self.limits);
        while let Some(want) = lint.next_request() {
            lint.supply(&want, self.respond(&want));
        }
        lint.finish()
    }

    /// Returns the positions of the findings of a rule.
    pub(super) fn pointers(&self, rule: Rule) -> Vec<String> {
        self.findings(rule)
            .into_iter()
            .map(|finding| finding.pointer)
            .collect()
    }

    pub(super) fn findings(&self, rule: Rule) -> Vec<Finding> {
        self.lint()
            .findings()
            .filter(|finding| finding.rule == rule)
            .cloned()
            .collect()
    }

    pub(super) fn message(&self, rule: Rule) -> String {
        self.findings(rule).swap_remove(0).message
    }

    fn respond(&self, want: &ContentRequest) -> ContentResponse {
        let Some((bytes, media_type)) = self.contents.get(&want.digest) else {
            return ContentResponse::Absent;
        };
        let stored = Stored {
            size: bytes.len() as u64,
            media_type: media_type.clone(),
        };
        match (want.kind, media_type) {
            (ContentKind::Manifest, Some(media_type)) => {
                match Manifest::parse(bytes.clone(), Some(media_type)) {
                    Ok(manifest) => ContentResponse::Manifest(manifest),
                    Err(error) => ContentResponse::Unreadable(stored, error.to_string()),
                }
            }
            _ => ContentResponse::Content(stored, Some(bytes.clone())),
        }
    }
}

impl From<ImageFixture> for Scenario {
    fn from(image: ImageFixture) -> Self {
        Self::new(image.bytes(), image.media_type().as_str()).with_image(&image)
    }
}

impl From<IndexFixture> for Scenario {
    fn from(index: IndexFixture) -> Self {
        Self::new(index.bytes(), index.media_type().as_str())
    }
}
