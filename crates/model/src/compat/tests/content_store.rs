//! Content by digest. Tests build trees from it.

use std::collections::HashMap;

use bytes::Bytes;

use crate::compat::{DetectedFeatures, Feature};
use crate::fixtures::{ImageFixture, IndexFixture};
use crate::lint::{
    ContentKind, ContentRequest, ContentResponse, LintLimits, LintTree, Linter, Stored,
};
use crate::{Digest, Manifest, MediaType};

/// Stored content by digest, with the media type if the content is a manifest.
#[derive(Clone, Default)]
pub(super) struct ContentStore(HashMap<Digest, (Bytes, Option<MediaType>)>);

impl ContentStore {
    /// Adds an image and its blobs.
    pub(super) fn image(mut self, image: &ImageFixture) -> Self {
        for blob in image.blobs() {
            self = self.blob(&blob);
        }
        self.manifest(image.bytes(), &image.media_type())
    }

    pub(super) fn index(self, index: &IndexFixture) -> Self {
        self.manifest(index.bytes(), &index.media_type())
    }

    pub(super) fn manifest(self, bytes: Bytes, media_type: &MediaType) -> Self {
        let digest = Digest::sha256(&bytes);
        self.put(digest, bytes, Some(media_type.clone()))
    }

    pub(super) fn blob(self, bytes: &Bytes) -> Self {
        self.put(Digest::sha256(bytes), bytes.clone(), None)
    }

    pub(super) fn put(
        mut self,
        digest: Digest,
        bytes: Bytes,
        media_type: Option<MediaType>,
    ) -> Self {
        self.0.insert(digest, (bytes, media_type));
        self
    }

    /// Stores an image and returns its tree.
    pub(super) fn image_tree(self, image: &ImageFixture) -> LintTree {
        self.image(image).tree(&image.digest())
    }

    /// Stores an index and returns its tree.
    pub(super) fn index_tree(self, index: &IndexFixture) -> LintTree {
        self.index(index).tree(&index.digest())
    }

    pub(super) fn tree(&self, digest: &Digest) -> LintTree {
        let (bytes, media_type) = &self.0[digest];
        let manifest = Manifest::parse(bytes.clone(), media_type.as_ref()).unwrap();
        let mut lint = Linter::new(digest.clone(), manifest, LintLimits::default());
        while let Some(want) = lint.next_request() {
            lint.supply(&want, self.answer(&want));
        }
        lint.finish()
    }

    fn answer(&self, want: &ContentRequest) -> ContentResponse {
        let Some((bytes, media_type)) = self.0.get(&want.digest) else {
            return ContentResponse::Absent;
        };
        match media_type {
            Some(_) if want.kind == ContentKind::Manifest => ContentResponse::Manifest(
                Manifest::parse(bytes.clone(), media_type.as_ref()).unwrap(),
            ),
            _ => {
                let stored = Stored {
                    size: bytes.len() as u64,
                    media_type: media_type.clone(),
                };
                ContentResponse::Content(
                    stored,
                    (want.kind == ContentKind::Config).then(|| bytes.clone()),
                )
            }
        }
    }
}

/// Returns the features of a tree, in the order of [`Feature`].
pub(super) fn features(tree: &LintTree) -> Vec<Feature> {
    DetectedFeatures::detect(tree).features().collect()
}
