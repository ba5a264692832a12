//! A simple push has the same result as the general case, and does not visit the other manifests.

use std::collections::BTreeSet;
use std::sync::Arc;

use portolan_model::fixtures::{ImageFixture, IndexFixture, image, tag};
use portolan_model::{Descriptor, Digest, Manifest, MediaType};
use portolan_registry::{Deletion, Policy, PushedManifest, PutManifest, TagUpdate};
use serde_json::json;
use tempfile::TempDir;

use crate::folder::{Access, Folder};
use crate::index::LayoutIndex;
use crate::layout::manifest_cache::ManifestCache;
use crate::layout::view::View;
use crate::layout::{Layout, PushAction, lock};
use crate::registry::layout_repository;
use crate::storage::Storage;

type FolderLayout = Layout<Arc<Folder>>;

fn open(folder: &TempDir, access: Access) -> FolderLayout {
    Layout::new(Arc::new(Folder::new(folder.path().to_owned(), access)))
}

fn options(manifest: &Manifest, tags: &[&str]) -> PutManifest {
    let updates = tags.iter().map(|name| TagUpdate::unconditional(tag(name)));
    PutManifest {
        media_type: Some(manifest.media_type().clone()),
        tags: updates.collect(),
        ..PutManifest::default()
    }
}

fn push(layout: &FolderLayout, manifest: &Manifest, tags: &[&str]) {
    let options = options(manifest, tags);
    let bytes = manifest.bytes().clone();
    let push = PushedManifest::parse(&layout_repository(), bytes, &options).unwrap();
    let policy = Policy::for_copies(true);
    layout
        .push_manifest(push, &options, &policy, PushAction::Put)
        .unwrap();
}

fn current_view(layout: &FolderLayout) -> Arc<View> {
    layout.view(&layout.storage().index().unwrap()).unwrap()
}

/// Returns everything that callers can find out from a view, and what its later changes depend on.
fn facts(view: &View, digests: &BTreeSet<Digest>) -> String {
    let manifests: Vec<_> = view.manifests().collect();
    let unresolved: Vec<_> = view.unresolved_manifests().cloned().collect();
    let of_each: Vec<_> = digests
        .iter()
        .map(|digest| {
            let referrers: Vec<_> = view.referrers(digest).cloned().collect();
            let types = (
                view.media_type(digest).cloned(),
                view.declared_type(digest).cloned(),
            );
            (digest.clone(), types, view.lacks(digest), referrers)
        })
        .collect();
    format!("{manifests:?} {unresolved:?} {of_each:?}")
}

/// Numbers that look random, and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn subset<'a>(&mut self, items: &[&'a str]) -> Vec<&'a str> {
        let chosen = items.iter().copied();
        chosen.filter(|_| self.below(3) == 0).collect()
    }
}

/// Returns manifests that reference each other in every way that matters.
fn manifests() -> Vec<Manifest> {
    let images = ["a", "b", "c"].map(image);
    let [a, b, c] = &images;
    let docker = image("d").docker();
    let plain = IndexFixture::oci().without_platform(a).without_platform(b);
    let other = IndexFixture::oci().without_platform(b).without_platform(c);
    let mut wrong_type = json!(b.descriptor());
    wrong_type["mediaType"] = json!(docker.media_type().as_str());
    let mut unknown_type = json!(c.descriptor());
    unknown_type["mediaType"] = json!("application/x-unknown");
    let odd = IndexFixture::oci().child(wrong_type).child(unknown_type);
    let nested = IndexFixture::oci()
        .nested_index(&plain, None)
        .without_platform(&docker);
    let referrer = image("r").subject(&a.descriptor());
    let mut manifests: Vec<_> = images.iter().map(ImageFixture::manifest).collect();
    manifests.extend([docker.manifest(), referrer.manifest()]);
    manifests.extend([plain, other, odd, nested].map(|index| index.manifest()));
    manifests
}

#[test]
fn has_the_same_result_as_the_general_case() {
    let manifests = manifests();
    let digests: BTreeSet<_> = manifests
        .iter()
        .map(|manifest| Digest::sha256(manifest.bytes()))
        .collect();
    for seed in 0..24 {
        let folder = tempfile::tempdir().unwrap();
        let access = [Access::Write, Access::Gather][seed % 2];
        let layout = open(&folder, access);
        let mut numbers = Numbers(seed as u64 * 7919);
        for step in 0..25 {
            let name = format!("seed {seed}, step {step}");
            let manifest = &manifests[numbers.below(manifests.len())];
            let digest = Digest::sha256(manifest.bytes());
            let before = layout.storage().index().unwrap();
            if numbers.below(8) == 0 && before.find(&digest).is_some() {
                layout
                    .delete_manifest(&layout_repository(), &digest, Deletion::Forced)
                    .unwrap();
            } else {
                let tags = numbers.subset(&["v1", "v2", "v3"]);
                push(&layout, manifest, &tags);
                let expected = general_result(&folder, &before, manifest, &tags);
                let index = layout.storage().index().unwrap();
                assert_eq!(index.to_bytes(), expected, "{name}");
            }
            let index = layout.storage().index().unwrap();
            let computed = open(&folder, Access::Read)
                .compute_view(&index, None)
                .unwrap();
            let view = current_view(&layout);
            assert_eq!(facts(&view, &digests), facts(&computed, &digests), "{name}");
        }
    }
}

/// Returns the index after a push, as the general case computes it.
fn general_result(
    folder: &TempDir,
    before: &LayoutIndex,
    manifest: &Manifest,
    tags: &[&str],
) -> bytes::Bytes {
    let digest = Digest::sha256(manifest.bytes());
    let general = open(folder, Access::Read);
    let index = general.index_with_manifest(before, &digest, manifest, &options(manifest, tags));
    index.unwrap().to_bytes()
}

#[test]
fn does_not_visit_other_manifests() {
    let folder = tempfile::tempdir().unwrap();
    let layout = open(&folder, Access::Gather);
    let images: Vec<_> = (0..6)
        .map(|number| image(&format!("image {number}")))
        .collect();
    push(&layout, &images[0].manifest(), &["v0", "latest"]);
    current_view(&layout);
    // The manifest can no longer be read, so a new computation of the view would miss it.
    *lock(&layout.manifest_cache) = ManifestCache::default();
    layout
        .storage()
        .remove_content(&images[0].digest())
        .unwrap();

    let index = IndexFixture::oci()
        .without_platform(&images[1])
        .without_platform(&images[2])
        .child(json!(missing_child()));
    push(&layout, &images[1].manifest(), &[]);
    push(&layout, &images[2].manifest(), &[]);
    push(&layout, &index.manifest(), &["index", "latest"]);
    push(&layout, &images[3].manifest(), &["v3", "latest"]);
    push(&layout, &images[3].manifest(), &["v4"]);
    push(
        &layout,
        &image("r").subject(&images[1].descriptor()).manifest(),
        &[],
    );
    layout.note_added_content(&Digest::sha256(b"blob"));
    let view = current_view(&layout);
    assert!(view.document(&images[0].digest()).is_some());

    layout.note_added_content(&missing_child().digest);
    let view = current_view(&layout);
    assert!(
        view.document(&images[0].digest()).is_none(),
        "the view depends on new content"
    );
}

fn missing_child() -> Descriptor {
    Descriptor::new(
        MediaType::OCI_MANIFEST.into(),
        Digest::sha256(b"missing"),
        7,
    )
}
