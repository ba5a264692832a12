//! Descriptors and pages of lists of referrers (distribution-spec, "Listing Referrers").

use portolan_model::{Descriptor, Digest, Manifest};

use crate::Page;

/// Maximum total size of the descriptors on one page, in bytes of JSON. Clients read at most 4 MiB
/// of an index.
const PAGE_BYTES: usize = 2 << 20;

/// Creates the descriptor of `manifest` for a list of referrers. `digest` is the digest of the
/// manifest.
pub fn referrer_descriptor(manifest: &Manifest, digest: &Digest) -> Descriptor {
    let annotations = manifest
        .annotations()
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    Descriptor {
        artifact_type: manifest.artifact_type(),
        annotations: annotations.collect(),
        ..Descriptor::new(
            manifest.media_type().clone(),
            digest.clone(),
            manifest.bytes().len() as u64,
        )
    }
}

/// Builds the first page of `descriptors`. They must be ordered by digest.
///
/// The page has up to `limit` descriptors and stays well below the 4 MiB that clients read. If
/// `descriptors` is not empty and `limit` is not 0, the page has at least one descriptor. Takes
/// only one descriptor more from the iterator, to determine whether another page follows.
pub fn referrers_page(
    descriptors: impl IntoIterator<Item = Descriptor>,
    limit: usize,
) -> Page<Descriptor> {
    let mut page = Page {
        items: Vec::<Descriptor>::new(),
        next: None,
    };
    let mut bytes = 0;
    for descriptor in descriptors {
        bytes += serde_json::to_vec(&descriptor).map_or(0, |text| text.len());
        if page.items.len() == limit || (bytes > PAGE_BYTES && !page.items.is_empty()) {
            page.next = page.items.last().map(|last| last.digest.to_string());
            break;
        }
        page.items.push(descriptor);
    }
    page
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::image;

    use super::*;

    fn referrers(count: usize, annotation: usize) -> Vec<Descriptor> {
        let referrer = |name: usize| {
            let annotations = serde_json::json!({"a": "x".repeat(annotation)});
            image(&name.to_string())
                .field("annotations", annotations)
                .manifest()
        };
        (0..count)
            .map(referrer)
            .map(|manifest| referrer_descriptor(&manifest, &Digest::sha256(manifest.bytes())))
            .collect()
    }

    #[test]
    fn page_ends_at_its_limit() {
        let all = referrers(3, 1);
        let page = referrers_page(all.clone(), 2);
        assert_eq!(
            (&page.items[..], page.next),
            (&all[..2], Some(all[1].digest.to_string()))
        );
        assert_eq!(
            referrers_page(all.clone(), 3),
            Page {
                items: all.clone(),
                next: None
            }
        );
        assert_eq!(
            referrers_page(all, 0),
            Page {
                items: Vec::new(),
                next: None
            }
        );
    }

    #[test]
    fn page_stays_below_the_size_that_clients_read() {
        let page = referrers_page(referrers(3, 1 << 20), 100);
        assert_eq!((page.items.len(), page.next.is_some()), (1, true));
        assert_eq!(referrers_page(referrers(1, 3 << 20), 100).items.len(), 1);
    }
}
