//! Content by digest, out of which trees are read.

use std::collections::HashMap;

use bytes::Bytes;

use crate::compat::{Feature, Observed};
use crate::fixtures::{Image, Index};
use crate::lint::{Answer, Held, Limits, Lint, Seek, Tree, Want};
use crate::{Digest, Manifest, MediaType};

/// What is stored, and the type that it is stored with if it is a manifest.
#[derive(Clone, Default)]
pub(super) struct Shelf(HashMap<Digest, (Bytes, Option<MediaType>)>);

impl Shelf {
    /// With an image and its blobs.
    pub(super) fn image(mut self, image: &Image) -> Self {
        for blob in image.blobs() {
            self = self.blob(&blob);
        }
        self.manifest(image.bytes(), &image.media_type())
    }

    pub(super) fn index(self, index: &Index) -> Self {
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

    /// The tree below an image that is stored here.
    pub(super) fn tree_of_image(self, image: &Image) -> Tree {
        self.image(image).tree(&image.digest())
    }

    /// The tree below an index that is stored here.
    pub(super) fn tree_of(self, index: &Index) -> Tree {
        self.index(index).tree(&index.digest())
    }

    pub(super) fn tree(&self, digest: &Digest) -> Tree {
        let (bytes, media_type) = &self.0[digest];
        let manifest = Manifest::parse(bytes.clone(), media_type.as_ref()).unwrap();
        let mut lint = Lint::new(digest.clone(), manifest, Limits::default());
        while let Some(want) = lint.next_want() {
            lint.supply(&want, self.answer(&want));
        }
        lint.finish()
    }

    fn answer(&self, want: &Want) -> Answer {
        let Some((bytes, media_type)) = self.0.get(&want.digest) else {
            return Answer::Absent;
        };
        match media_type {
            Some(_) if want.seek == Seek::Manifest => {
                Answer::Manifest(Manifest::parse(bytes.clone(), media_type.as_ref()).unwrap())
            }
            _ => {
                let held = Held {
                    size: bytes.len() as u64,
                    media_type: media_type.clone(),
                };
                Answer::Content(held, (want.seek == Seek::Config).then(|| bytes.clone()))
            }
        }
    }
}

/// The features of a tree, in their order.
pub(super) fn features(tree: &Tree) -> Vec<Feature> {
    Observed::of(tree).features().collect()
}
