//! Selection of the image for a platform in an index and its nested indexes.

use std::collections::{HashMap, HashSet};

use crate::{ChildKind, Descriptor, Digest, Manifest, MediaTypeRole, Platform};

/// Maximum nesting depth of indexes that the search follows.
const MAX_DEPTH: usize = 16;

/// Search for the image of one platform (image-spec, image-index.md, "`manifests`").
///
/// The search does no IO: [`PlatformSearch::next`] requests a nested index, and the caller provides
/// this index by calling [`PlatformSearch::supply`]. The search returns the first matching child in
/// document order. The search skips children of an unknown type, images without a platform, and
/// some nested indexes: those with a platform that does not match, those that were already
/// searched, and those more than 16 levels deep.
#[derive(Debug)]
pub struct PlatformSearch {
    wanted: Platform,
    /// Image with the best rank so far.
    best: Option<(usize, Descriptor)>,
    pending: Vec<(Descriptor, usize)>,
    depth: usize,
    seen: HashSet<Digest>,
}

/// Next step of a [`PlatformSearch`].
#[derive(Clone, Debug, PartialEq)]
pub enum SearchStep {
    /// Image for the platform.
    Found(Descriptor),
    /// Nested index to search. The caller supplies its children with [`PlatformSearch::supply`], or calls
    /// [`PlatformSearch::next`] again to skip it.
    Open(Descriptor),
    /// End of the search: no image matches the platform.
    NotFound,
}

impl PlatformSearch {
    /// Creates a search that starts with `children`, which are those of the root index.
    pub fn new(children: Vec<Descriptor>, wanted: Platform) -> Self {
        let mut search = Self {
            wanted,
            best: None,
            pending: Vec::new(),
            depth: 0,
            seen: HashSet::new(),
        };
        search.supply(children);
        search
    }

    /// Advances to the next nested index that the search needs, or to its end.
    #[expect(
        clippy::should_implement_trait,
        reason = "a step may request input, which an iterator cannot receive"
    )]
    pub fn next(&mut self) -> SearchStep {
        while let Some((descriptor, depth)) = self.pending.pop() {
            match descriptor.media_type.as_ref().map(crate::MediaType::role) {
                Some(MediaTypeRole::Manifest) => match self.rank(&descriptor) {
                    Some(0) => return SearchStep::Found(descriptor),
                    Some(rank) => self.offer(rank, descriptor),
                    None => (),
                },
                Some(MediaTypeRole::Index) if self.should_open(&descriptor, depth) => {
                    self.depth = depth;
                    return SearchStep::Open(descriptor);
                }
                _ => (),
            }
        }
        match self.best.take() {
            Some((_, descriptor)) => SearchStep::Found(descriptor),
            None => SearchStep::NotFound,
        }
    }

    /// Provides the children of the index that the last [`SearchStep::Open`] requested.
    pub fn supply(&mut self, children: Vec<Descriptor>) {
        // `pending` is a stack. Children are pushed in reverse, so that the search visits them in
        // document order, and the children of a nested index before that index's later siblings.
        let depth = self.depth + 1;
        let children = children.into_iter().map(|child| (child, depth));
        self.pending.extend(children.rev());
    }

    /// Records an image as the best one, unless an earlier one has the same or a better rank.
    fn offer(&mut self, rank: usize, descriptor: Descriptor) {
        if self.best.as_ref().is_none_or(|(best, _)| rank < *best) {
            self.best = Some((rank, descriptor));
        }
    }

    /// Returns the rank of a child, or `None` if it has no platform that fits.
    fn rank(&self, descriptor: &Descriptor) -> Option<usize> {
        descriptor.platform.as_ref()?.rank(&self.wanted)
    }

    fn should_open(&mut self, descriptor: &Descriptor, depth: usize) -> bool {
        depth < MAX_DEPTH
            && (descriptor.platform.is_none() || self.rank(descriptor).is_some())
            && self.seen.insert(descriptor.digest.clone())
    }
}

/// Returns the descriptors of the children of an index, in document order.
pub fn child_descriptors(index: &Manifest) -> impl Iterator<Item = &Descriptor> {
    let children = index.children().iter();
    children
        .filter(|child| child.kind == ChildKind::Manifest)
        .map(|child| &child.descriptor)
}

/// Returns the platforms that indexes declare for their children, by the digest of the child. If a
/// child has several platforms, the first one is returned.
pub fn child_platforms<'a>(
    indexes: impl IntoIterator<Item = &'a Manifest>,
) -> HashMap<&'a Digest, &'a Platform> {
    let mut platforms = HashMap::new();
    for child in indexes.into_iter().flat_map(Manifest::children) {
        if let Some(platform) = &child.descriptor.platform {
            platforms
                .entry(&child.descriptor.digest)
                .or_insert(platform);
        }
    }
    platforms
}

/// Formats the distinct platforms of the children of an index for a message. Returns `none` if no
/// child has a platform.
pub fn format_platforms<'a>(children: impl IntoIterator<Item = &'a Descriptor>) -> String {
    let platforms = children
        .into_iter()
        .filter_map(|child| child.platform.as_ref())
        .filter(|platform| platform.os != "unknown")
        .map(ToString::to_string);
    let mut seen = HashSet::new();
    let distinct: Vec<_> = platforms
        .filter(|platform| seen.insert(platform.clone()))
        .collect();
    if distinct.is_empty() {
        "none".into()
    } else {
        distinct.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{IndexFixture, blob, image};

    fn search(index: &IndexFixture, others: &[&IndexFixture], platform: &str) -> SearchStep {
        let children = |index: &IndexFixture| -> Vec<_> {
            child_descriptors(&index.manifest()).cloned().collect()
        };
        let mut search = PlatformSearch::new(children(index), platform.parse().unwrap());
        loop {
            match search.next() {
                SearchStep::Open(wanted) => {
                    if let Some(index) = others.iter().find(|other| other.digest() == wanted.digest)
                    {
                        search.supply(children(index));
                    }
                }
                end => return end,
            }
        }
    }

    fn found_digest(step: &SearchStep) -> Option<&Digest> {
        if let SearchStep::Found(descriptor) = step {
            Some(&descriptor.digest)
        } else {
            None
        }
    }

    #[test]
    fn selects_the_first_match_and_skips_unknown_children() {
        let (first, second) = (image("first"), image("second"));
        let index = IndexFixture::oci()
            .child_of_type(
                "application/vnd.example.unknown",
                &blob("x"),
                Some("linux/amd64"),
            )
            .without_platform(&image("nowhere"))
            .image(&image("attestation"), "unknown/unknown")
            .image(&first.clone().docker(), "linux/amd64")
            .image(&second, "linux/amd64");
        assert_eq!(
            found_digest(&search(&index, &[], "linux/amd64")),
            Some(&first.docker().digest())
        );
        assert_eq!(search(&index, &[], "linux/s390x"), SearchStep::NotFound);
    }

    #[test]
    fn prefers_the_exact_variant_to_a_lower_one() {
        let (low, middle, high) = (image("v5"), image("v6"), image("v7"));
        let inner = IndexFixture::oci().image(&high, "linux/arm/v7");
        let index = IndexFixture::oci()
            .image(&low, "linux/arm/v5")
            .image(&middle, "linux/arm/v6")
            .nested_index(&inner, None);
        for (wanted, found) in [
            ("linux/armhf", Some(high.digest())),
            ("linux/arm/v6", Some(middle.digest())),
            ("linux/arm/v8", Some(high.digest())),
            ("linux/arm64", None),
        ] {
            let step = search(&index, &[&inner], wanted);
            assert_eq!(found_digest(&step), found.as_ref(), "{wanted}");
        }
    }

    #[test]
    fn searches_nested_indexes_in_document_order() {
        let wanted = image("nested");
        let inner = IndexFixture::docker().image(&wanted, "linux/arm64");
        let windows = IndexFixture::oci().image(&image("windows"), "windows/amd64");
        let index = IndexFixture::oci()
            .nested_index(&windows, Some("windows/amd64"))
            .nested_index(&inner, None)
            .image(&image("later"), "linux/arm64");
        assert_eq!(
            found_digest(&search(&index, &[&inner, &windows], "linux/arm64/v8")),
            Some(&wanted.digest())
        );
    }

    #[test]
    fn skips_an_index_that_is_not_supplied() {
        let index = IndexFixture::oci()
            .nested_index(&IndexFixture::oci(), None)
            .image(&image("a"), "linux/amd64");
        assert_eq!(
            found_digest(&search(&index, &[], "linux/amd64")),
            Some(&image("a").digest())
        );
    }

    #[test]
    fn formats_each_platform_once() {
        let index = IndexFixture::oci()
            .image(&image("a"), "linux/arm64")
            .image(&image("b"), "linux/amd64")
            .image(&image("c"), "linux/arm64")
            .image(&image("attestation"), "unknown/unknown");
        assert_eq!(
            format_platforms(child_descriptors(&index.manifest())),
            "linux/arm64, linux/amd64"
        );
        assert_eq!(format_platforms([]), "none");
    }

    #[test]
    fn limits_the_nesting_depth() {
        let mut indexes = vec![IndexFixture::oci().image(&image("deep"), "linux/amd64")];
        for _ in 0..MAX_DEPTH {
            let outer = IndexFixture::oci().nested_index(indexes.last().unwrap(), None);
            indexes.push(outer);
        }
        let all: Vec<_> = indexes.iter().collect();
        assert_eq!(
            search(all[MAX_DEPTH], &all, "linux/amd64"),
            SearchStep::NotFound
        );
        assert!(found_digest(&search(all[MAX_DEPTH - 1], &all, "linux/amd64")).is_some());
    }
}
