//! What belongs to a manifest by its name alone: the tags that cosign gives to signatures.

use std::collections::HashMap;

use portolan_model::{Digest, Tag};

use super::Place;
use crate::{Kind, PageRequest, Result};

/// Items asked for at a time.
const PAGE: usize = 1000;

/// All names that begin with an algorithm known here and a hyphen are behind the first of these, and before the other.
const BEFORE: &str = "sha2";
const BEHIND: &str = "sha6";

/// The tags of a repository under which cosign keeps signatures, attestations and bills of materials:
/// `sha256-HEX.sig`, `.att` and `.sbom`.
pub(super) struct Tags(HashMap<String, Vec<Tag>>);

impl Tags {
    /// Those of a place.
    pub(super) async fn of(place: &Place) -> Result<Self> {
        let Place {
            registry,
            context,
            repository,
            ..
        } = place;
        let mut tags = Self(HashMap::new());
        let mut request = PageRequest {
            limit: PAGE,
            after: Some(BEFORE.to_owned()),
        };
        loop {
            let page = match registry.tags(context, repository, &request).await {
                Err(error) if *error.kind() == Kind::RepositoryUnknown => return Ok(tags),
                page => page?,
            };
            let is_behind = page
                .items
                .last()
                .is_some_and(|last| last.as_str() >= BEHIND);
            page.items.into_iter().for_each(|tag| tags.add(tag));
            match page.next {
                Some(next) if !is_behind => request.after = Some(next),
                _ => return Ok(tags),
            }
        }
    }

    fn add(&mut self, tag: Tag) {
        if let Some((name, "sig" | "att" | "sbom")) = tag.as_str().rsplit_once('.') {
            self.0.entry(name.to_owned()).or_default().push(tag);
        }
    }

    /// Those that say something about a manifest.
    pub(super) fn about(&self, digest: &Digest) -> &[Tag] {
        self.0
            .get(&name(digest))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Those that say something about one of several manifests, each with that.
    pub(super) fn about_any<'a>(&self, digests: &'a [Digest]) -> Vec<(&'a Digest, Tag)> {
        let mut found = Vec::new();
        for digest in digests {
            found.extend(self.about(digest).iter().map(|tag| (digest, tag.clone())));
        }
        found
    }
}

/// The tag of the same kind for another digest.
pub(super) fn renamed(tag: &Tag, old: &Digest, new: &Digest) -> Option<Tag> {
    let suffix = tag.as_str().strip_prefix(&name(old))?;
    format!("{}{suffix}", name(new)).parse().ok()
}

fn name(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm(), digest.encoded())
}
