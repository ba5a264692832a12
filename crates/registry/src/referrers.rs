//! What a list of referrers shows of each manifest (distribution-spec, "Listing Referrers").

use portolan_model::{Descriptor, Digest, Manifest};

use crate::Page;

/// Most bytes of descriptors on one page; clients read 4 MiB of an index and no more.
const PAGE_BYTES: usize = 2 << 20;

/// The descriptor under which a list of referrers shows `manifest`, stored as `digest`.
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

/// The page that `descriptors`, in order, begin: up to `limit` of them, and no more than stay well
/// below the 4 MiB that clients read, but one at least. No more are taken than are needed to know.
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
        let named = |name: usize| {
            let annotations = serde_json::json!({"a": "x".repeat(annotation)});
            image(&name.to_string())
                .field("annotations", annotations)
                .manifest()
        };
        (0..count)
            .map(named)
            .map(|manifest| referrer_descriptor(&manifest, &Digest::sha256(manifest.bytes())))
            .collect()
    }

    #[test]
    fn a_page_ends_at_its_limit() {
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
    fn a_page_ends_before_clients_stop_reading() {
        let page = referrers_page(referrers(3, 1 << 20), 100);
        assert_eq!((page.items.len(), page.next.is_some()), (1, true));
        assert_eq!(referrers_page(referrers(1, 3 << 20), 100).items.len(), 1);
    }
}
