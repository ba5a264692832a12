//! What is stored, by digest, and how a look at a tree finds it.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use portolan_model::lint::{Answer, Held, Lint, Seek, Tree, Want};
use portolan_model::{Digest, Manifest, MediaType};

/// Content by digest, as a repository holds it.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    stored: HashMap<Digest, Stored>,
    unasked: HashSet<Digest>,
}

/// Content that is there.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The type that it is stored with, if it is held as a manifest.
    pub media_type: Option<MediaType>,
    /// The content.
    pub bytes: Bytes,
}

impl Contents {
    /// Stores content under a digest, which is believed.
    pub fn put(&mut self, digest: Digest, media_type: Option<MediaType>, bytes: Bytes) {
        self.stored.insert(digest, Stored { media_type, bytes });
    }

    pub(super) fn remove(&mut self, digest: &Digest) {
        self.stored.remove(digest);
    }

    /// From now on nobody knows whether anything is there.
    pub(super) fn hide(&mut self, digest: Digest) {
        self.unasked.insert(digest);
    }

    /// What is stored under a digest.
    pub fn get(&self, digest: &Digest) -> Option<&Stored> {
        self.stored.get(digest)
    }

    /// Answers whatever a look at a tree wants, until it wants no more.
    pub fn tree(&self, mut lint: Lint) -> Tree {
        while let Some(want) = lint.next_want() {
            lint.supply(&want, self.answer(&want));
        }
        lint.finish()
    }

    /// What a repository that holds this finds for something that is wanted.
    pub fn answer(&self, want: &Want) -> Answer {
        if self.unasked.contains(&want.digest) {
            return Answer::Unknown;
        }
        let Some(Stored { media_type, bytes }) = self.stored.get(&want.digest) else {
            return Answer::Absent;
        };
        let held = Held {
            size: bytes.len() as u64,
            media_type: media_type.clone(),
        };
        match want.seek {
            Seek::Presence => Answer::Content(held, None),
            Seek::Config => Answer::Content(held, Some(bytes.clone())),
            Seek::Manifest => match Manifest::parse(
                bytes.clone(),
                media_type.as_ref().or(want.media_type.as_ref()),
            ) {
                Ok(manifest) => Answer::Manifest(manifest),
                Err(error) => Answer::Unreadable(held, error.to_string()),
            },
        }
    }
}
