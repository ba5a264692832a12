//! The image for a platform, found through nested indexes, passing over whatever is unknown.

use std::collections::HashSet;

use crate::{Child, ChildKind, Descriptor, Digest, Manifest, Platform, Role};

/// Deepest nesting of indexes that is followed.
const MAX_DEPTH: usize = 16;

/// A search for the image of one platform (image-spec, image-index.md, "`manifests`").
///
/// It reads nothing by itself: [`PlatformSearch::next`] says which document it wants to see, and
/// [`PlatformSearch::supply`] gives it. The first child that matches wins, in the order of the
/// document. A child of an unknown type and one without a platform is passed over, as is a nested
/// index whose own platform does not match, one seen before and one deeper than 16.
#[derive(Debug)]
pub struct PlatformSearch {
    wanted: Platform,
    pending: Vec<(Descriptor, usize)>,
    depth: usize,
    seen: HashSet<Digest>,
}

/// What a search says next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// This child is the image.
    Found(Descriptor),
    /// This nested index has to be looked into: supply it, or go on without it.
    Open(Descriptor),
    /// There is no image for the platform.
    NotFound,
}

impl PlatformSearch {
    /// A search that begins with the children of `index`.
    pub fn new(index: &Manifest, wanted: Platform) -> Self {
        let mut search = Self {
            wanted,
            pending: Vec::new(),
            depth: 0,
            seen: HashSet::new(),
        };
        search.push_children(index);
        search
    }

    /// Goes on to the next match, or to the next index that it has to see.
    #[expect(
        clippy::should_implement_trait,
        reason = "a step may ask for input, which no iterator can take"
    )]
    pub fn next(&mut self) -> Step {
        while let Some((descriptor, depth)) = self.pending.pop() {
            match descriptor.media_type.as_ref().map(crate::MediaType::role) {
                Some(Role::Manifest) if self.matches(&descriptor) == Some(true) => {
                    return Step::Found(descriptor);
                }
                Some(Role::Index) if self.worth_opening(&descriptor, depth) => {
                    self.depth = depth;
                    return Step::Open(descriptor);
                }
                _ => (),
            }
        }
        Step::NotFound
    }

    /// Gives the index that the last [`Step::Open`] asked for.
    pub fn supply(&mut self, index: &Manifest) {
        self.push_children(index);
    }

    fn push_children(&mut self, index: &Manifest) {
        let depth = self.depth + 1;
        let children = index
            .children()
            .iter()
            .filter(|child| child.kind == ChildKind::Manifest);
        let descriptors: Vec<_> = children
            .map(|child: &Child| (child.descriptor.clone(), depth))
            .collect();
        self.pending.extend(descriptors.into_iter().rev());
    }

    fn matches(&self, descriptor: &Descriptor) -> Option<bool> {
        descriptor
            .platform
            .as_ref()
            .map(|platform| platform.satisfies(&self.wanted))
    }

    fn worth_opening(&mut self, descriptor: &Descriptor, depth: usize) -> bool {
        depth < MAX_DEPTH
            && self.matches(descriptor) != Some(false)
            && self.seen.insert(descriptor.digest.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Index, blob, image};

    fn search(index: &Index, others: &[&Index], platform: &str) -> Step {
        let mut search = PlatformSearch::new(&index.manifest(), platform.parse().unwrap());
        loop {
            match search.next() {
                Step::Open(wanted) => {
                    if let Some(found) = others.iter().find(|other| other.digest() == wanted.digest)
                    {
                        search.supply(&found.manifest());
                    }
                }
                end => return end,
            }
        }
    }

    fn found(step: &Step) -> Option<&Digest> {
        if let Step::Found(descriptor) = step {
            Some(&descriptor.digest)
        } else {
            None
        }
    }

    #[test]
    fn the_first_match_wins_and_the_unknown_is_passed_over() {
        let (first, second) = (image("first"), image("second"));
        let index = Index::oci()
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
            found(&search(&index, &[], "linux/amd64")),
            Some(&first.docker().digest())
        );
        assert_eq!(search(&index, &[], "linux/s390x"), Step::NotFound);
    }

    #[test]
    fn nested_indexes_are_searched_in_their_place() {
        let wanted = image("nested");
        let inner = Index::docker().image(&wanted, "linux/arm64");
        let windows = Index::oci().image(&image("windows"), "windows/amd64");
        let index = Index::oci()
            .nested(&windows, Some("windows/amd64"))
            .nested(&inner, None)
            .image(&image("later"), "linux/arm64");
        assert_eq!(
            found(&search(&index, &[&inner, &windows], "linux/arm64/v8")),
            Some(&wanted.digest())
        );
    }

    #[test]
    fn an_index_that_cannot_be_had_is_passed_over() {
        let index = Index::oci()
            .nested(&Index::oci(), None)
            .image(&image("a"), "linux/amd64");
        assert_eq!(
            found(&search(&index, &[], "linux/amd64")),
            Some(&image("a").digest())
        );
    }

    #[test]
    fn depth_is_bounded() {
        let mut indexes = vec![Index::oci().image(&image("deep"), "linux/amd64")];
        for _ in 0..MAX_DEPTH {
            let outer = Index::oci().nested(indexes.last().unwrap(), None);
            indexes.push(outer);
        }
        let all: Vec<_> = indexes.iter().collect();
        assert_eq!(search(all[MAX_DEPTH], &all, "linux/amd64"), Step::NotFound);
        assert!(found(&search(all[MAX_DEPTH - 1], &all, "linux/amd64")).is_some());
    }
}
