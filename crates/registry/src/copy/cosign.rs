//! Tags that cosign creates for signatures. The name of such a tag contains the digest of the
//! signed manifest.

use std::collections::HashMap;

use portolan_model::{Digest, Tag};

use crate::{Kind, PageRequest, Repository, Result};

/// Number of items to request per page.
const PAGE: usize = 1000;

/// Bounds of the listing, so that not all tags of a repository are listed. Tags that begin with
/// `sha256-` or `sha512-` sort after the first bound and before the second.
const LISTING_START: &str = "sha2";
const LISTING_END: &str = "sha6";

/// Tags in a repository that cosign creates for signatures, attestations and SBOMs:
/// `sha256-HEX.sig`, `.att` and `.sbom`.
pub(super) struct CosignTags(HashMap<String, Vec<Tag>>);

impl CosignTags {
    /// Lists the cosign tags of a repository.
    pub(super) async fn list(repository: &Repository) -> Result<Self> {
        let mut tags = Self(HashMap::new());
        let mut request = PageRequest {
            limit: PAGE,
            after: Some(LISTING_START.to_owned()),
        };
        loop {
            let page = match repository.tags_page(&request).await {
                Err(error) if *error.kind() == Kind::RepositoryUnknown => return Ok(tags),
                page => page?,
            };
            let is_behind = page
                .items
                .last()
                .is_some_and(|last| last.as_str() >= LISTING_END);
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

    /// Returns the cosign tags of a manifest.
    pub(super) fn for_digest(&self, digest: &Digest) -> &[Tag] {
        self.0
            .get(&tag_stem(digest))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Returns the cosign tags of several manifests, as pairs of the manifest's digest and the tag.
    pub(super) fn for_digests<'a>(&self, digests: &'a [Digest]) -> Vec<(&'a Digest, Tag)> {
        let mut found = Vec::new();
        for digest in digests {
            found.extend(
                self.for_digest(digest)
                    .iter()
                    .map(|tag| (digest, tag.clone())),
            );
        }
        found
    }
}

/// Returns `tag`, a cosign tag of `old`, with the digest in its name replaced by `new`, or `None`
/// if `tag` is not a cosign tag of `old`.
pub(super) fn rename(tag: &Tag, old: &Digest, new: &Digest) -> Option<Tag> {
    let suffix = tag.as_str().strip_prefix(&tag_stem(old))?;
    format!("{}{suffix}", tag_stem(new)).parse().ok()
}

/// Returns the digest of the manifest that a tag belongs to: of the signed manifest for a cosign tag,
/// and of the subject for a referrers tag (distribution-spec, "Referrers Tag Schema").
pub(crate) fn subject_of_tag(tag: &Tag) -> Option<Digest> {
    let (stem, suffix) = match tag.as_str().rsplit_once('.') {
        Some((stem, suffix)) => (stem, Some(suffix)),
        None => (tag.as_str(), None),
    };
    let (algorithm, encoded) = stem.split_once('-')?;
    let is_attached = matches!(suffix, None | Some("sig" | "att" | "sbom"));
    let digest = format!("{algorithm}:{encoded}").parse().ok()?;
    is_attached.then_some(digest)
}

fn tag_stem(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm(), digest.encoded_part())
}
