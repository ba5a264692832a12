//! A document, and what is stored beside it.

use std::collections::HashMap;

use bytes::Bytes;

use crate::fixtures::{Image, Index};
use crate::lint::{Answer, Finding, Held, Limits, Lint, Rule, Seek, Tree, Want};
use crate::{Digest, Manifest, MediaType};

/// A document, and what is stored beside it.
#[derive(Clone)]
pub(super) struct World {
    bytes: Bytes,
    media_type: MediaType,
    limits: Limits,
    contents: HashMap<Digest, (Bytes, Option<MediaType>)>,
}

impl World {
    pub(super) fn of(bytes: impl Into<Bytes>, media_type: &str) -> Self {
        let (bytes, media_type) = (bytes.into(), MediaType::new(media_type));
        Self {
            bytes,
            media_type,
            limits: Limits::default(),
            contents: HashMap::new(),
        }
    }

    pub(super) fn with_blob(mut self, bytes: &Bytes) -> Self {
        self.contents
            .insert(Digest::sha256(bytes), (bytes.clone(), None));
        self
    }

    /// With a manifest, stored as this type.
    pub(super) fn with(mut self, bytes: &Bytes, media_type: impl Into<MediaType>) -> Self {
        self.contents.insert(
            Digest::sha256(bytes),
            (bytes.clone(), Some(media_type.into())),
        );
        self
    }

    pub(super) fn with_image(self, image: &Image) -> Self {
        let world = image.blobs().iter().fold(self, Self::with_blob);
        world.with(&image.bytes(), image.media_type())
    }

    pub(super) fn with_index(self, index: &Index) -> Self {
        self.with(&index.bytes(), index.media_type())
    }

    pub(super) fn with_all(mut self, other: &Self) -> Self {
        self.contents.extend(other.contents.clone());
        self
    }

    pub(super) fn within(self, depth: usize, documents: usize) -> Self {
        Self {
            limits: Limits { depth, documents },
            ..self
        }
    }

    pub(super) fn lint(&self) -> Tree {
        let manifest = Manifest::parse(self.bytes.clone(), Some(&self.media_type)).unwrap();
        let mut lint = Lint::new(Digest::sha256(&self.bytes), manifest, self.limits);
        while let Some(want) = lint.next_want() {
            lint.supply(&want, self.answer(&want));
        }
        lint.finish()
    }

    /// Where in which document a rule finds something.
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

    fn answer(&self, want: &Want) -> Answer {
        let Some((bytes, media_type)) = self.contents.get(&want.digest) else {
            return Answer::Absent;
        };
        let held = Held {
            size: bytes.len() as u64,
            media_type: media_type.clone(),
        };
        match (want.seek, media_type) {
            (Seek::Manifest, Some(media_type)) => {
                match Manifest::parse(bytes.clone(), Some(media_type)) {
                    Ok(manifest) => Answer::Manifest(manifest),
                    Err(error) => Answer::Unreadable(held, error.to_string()),
                }
            }
            _ => Answer::Content(held, Some(bytes.clone())),
        }
    }
}

impl From<Image> for World {
    fn from(image: Image) -> Self {
        Self::of(image.bytes(), image.media_type().as_str()).with_image(&image)
    }
}

impl From<Index> for World {
    fn from(index: Index) -> Self {
        Self::of(index.bytes(), index.media_type().as_str())
    }
}
