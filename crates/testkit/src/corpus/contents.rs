//! Stored content by digest, and its responses to the requests of a lint run.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use portolan_model::lint::{
    ContentKind, ContentRequest, ContentResponse, LintTree, Linter, Stored,
};
use portolan_model::{Digest, Manifest, MediaType};

/// Content of a repository, by digest.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    stored: HashMap<Digest, StoredContent>,
    /// Digests to which the repository responds [`ContentResponse::Unknown`].
    unknown: HashSet<Digest>,
}

/// Stored manifest or blob.
#[derive(Clone, Debug)]
pub struct StoredContent {
    /// Media type, or `None` for a blob.
    pub media_type: Option<MediaType>,
    /// Bytes of the manifest or blob.
    pub bytes: Bytes,
}

impl Contents {
    /// Stores content under `digest`. Does not verify the digest.
    pub fn put(&mut self, digest: Digest, media_type: Option<MediaType>, bytes: Bytes) {
        self.stored
            .insert(digest, StoredContent { media_type, bytes });
    }

    pub(super) fn remove(&mut self, digest: &Digest) {
        self.stored.remove(digest);
    }

    /// Makes the response to requests for `digest` [`ContentResponse::Unknown`].
    pub(super) fn hide(&mut self, digest: Digest) {
        self.unknown.insert(digest);
    }

    /// Returns the content that is stored under `digest`.
    pub fn get(&self, digest: &Digest) -> Option<&StoredContent> {
        self.stored.get(digest)
    }

    /// Supplies the responses to all requests of a lint run, and returns the resulting tree.
    pub fn tree(&self, mut lint: Linter) -> LintTree {
        while let Some(want) = lint.next_request() {
            lint.supply(&want, self.answer(&want));
        }
        lint.finish()
    }

    /// Returns the response to a request of a lint run, from a repository with this content.
    pub fn answer(&self, want: &ContentRequest) -> ContentResponse {
        if self.unknown.contains(&want.digest) {
            return ContentResponse::Unknown;
        }
        let Some(StoredContent { media_type, bytes }) = self.stored.get(&want.digest) else {
            return ContentResponse::Absent;
        };
        let stored = Stored {
            size: bytes.len() as u64,
            media_type: media_type.clone(),
        };
        match want.kind {
            ContentKind::Presence => ContentResponse::Content(stored, None),
            ContentKind::Config => ContentResponse::Content(stored, Some(bytes.clone())),
            ContentKind::Manifest => match Manifest::parse(
                bytes.clone(),
                media_type.as_ref().or(want.media_type.as_ref()),
            ) {
                Ok(manifest) => ContentResponse::Manifest(manifest),
                Err(error) => ContentResponse::Unreadable(stored, error.to_string()),
            },
        }
    }
}
