//! What belongs to a manifest by its name alone: the tags that cosign gives to signatures.

use std::collections::HashSet;

use portolan_model::{Digest, Tag};

use super::Place;
use crate::{Kind, PageRequest, Result};

/// Items asked for at a time.
const PAGE: usize = 1000;

/// The tags under which cosign keeps signatures, attestations and bills of materials of `digests`:
/// `sha256-HEX.sig`, `.att` and `.sbom`.
pub(super) async fn tags(place: &Place, digests: &[Digest]) -> Result<Vec<Tag>> {
    let wanted: HashSet<String> = digests.iter().flat_map(names).collect();
    let Some(least) = wanted.iter().min() else { return Ok(Vec::new()) };
    let Place { registry, context, repository, .. } = place;
    // They begin behind whatever is smaller by a character.
    let (mut found, mut request) = (Vec::new(), PageRequest { limit: PAGE, after: Some(least[..6].to_owned()) });
    loop {
        let page = match registry.tags(context, repository, &request).await {
            Err(error) if *error.kind() == Kind::RepositoryUnknown => return Ok(found),
            page => page?,
        };
        found.extend(page.items.iter().filter(|tag| wanted.contains(tag.as_str())).cloned());
        match page.next {
            Some(next) if page.items.last().is_none_or(|last| last.as_str() < BEHIND) => request.after = Some(next),
            _ => return Ok(found),
        }
    }
}

/// The tag of the same kind for another digest.
pub(super) fn renamed(tag: &Tag, old: &Digest, new: &Digest) -> Option<Tag> {
    let suffix = tag.as_str().strip_prefix(&name(old))?;
    format!("{}{suffix}", name(new)).parse().ok()
}

/// Behind all names that begin with an algorithm known here and a hyphen.
const BEHIND: &str = "sha6";

fn name(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm(), digest.encoded())
}

fn names(digest: &Digest) -> impl Iterator<Item = String> {
    let name = name(digest);
    ["sig", "att", "sbom"].into_iter().map(move |suffix| format!("{name}.{suffix}"))
}
