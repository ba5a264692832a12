//! Tests of the cache without a database.

use portolan_model::MediaType;
use portolan_model::fixtures::{repository, tag};

use super::*;
use crate::blobs::Epoch;

const MEMORY: u64 = 1 << 20;

fn cache() -> Cache {
    Cache::new(MEMORY).unwrap()
}

fn digest(text: &str) -> Digest {
    Digest::sha256(text.as_bytes())
}

fn head(text: &str) -> ManifestHead {
    ManifestHead {
        digest: digest(text),
        media_type: MediaType::new(MediaType::OCI_MANIFEST),
        size: text.len() as u64,
    }
}

fn v1() -> Reference {
    Reference::Tag(tag("v1"))
}

/// Change that moves the tag `v1`.
fn moved() -> Affected {
    Affected::Some {
        tags: vec![tag("v1")],
        digests: Vec::new(),
    }
}

/// Returns the digest of the tag `v1`, if it is cached.
fn cached(cache: &Cache, name: &str) -> Option<Digest> {
    Some(cache.head(&repository(name), &v1())?.digest)
}

fn fill(cache: &Cache, name: &str, text: &str) {
    cache
        .begin_fill(&repository(name))
        .add_head(&v1(), &head(text));
}

#[test]
fn a_read_is_cached_for_its_repository_alone() {
    let cache = cache();
    fill(&cache, "a", "one");
    assert_eq!(cached(&cache, "a"), Some(digest("one")));
    assert!(
        cache
            .head(&repository("a"), &digest("one").into())
            .is_some()
    );
    assert_eq!(cached(&cache, "b"), None);
    assert!(
        cache
            .head(&repository("b"), &digest("one").into())
            .is_none()
    );
}

#[test]
fn a_change_removes_what_it_affects_and_nothing_else() {
    let cache = cache();
    fill(&cache, "a", "one");
    drop(cache.begin_change(&repository("a"), moved()));
    assert_eq!(cached(&cache, "a"), None);
    let reference = digest("one").into();
    assert!(cache.head(&repository("a"), &reference).is_some());
}

#[test]
fn a_read_that_a_change_overtakes_is_not_cached() {
    let (cache, name) = (cache(), repository("a"));
    let before = cache.begin_fill(&name);
    let change = cache.begin_change(&name, moved());
    let during = cache.begin_fill(&name);
    before.add_head(&v1(), &head("one"));
    assert_eq!(cached(&cache, "a"), None, "the change is in progress");
    drop(change);
    during.add_head(&v1(), &head("one"));
    assert_eq!(
        cached(&cache, "a"),
        None,
        "the read began before the commit"
    );
    fill(&cache, "a", "two");
    assert_eq!(cached(&cache, "a"), Some(digest("two")));
}

#[test]
fn nothing_is_cached_until_the_last_of_several_changes_ends() {
    let (cache, name) = (cache(), repository("a"));
    let changes = [moved(), moved()].map(|affected| cache.begin_change(&name, affected));
    for change in changes {
        fill(&cache, "a", "one");
        assert_eq!(cached(&cache, "a"), None);
        drop(change);
    }
    fill(&cache, "a", "one");
    assert_eq!(cached(&cache, "a"), Some(digest("one")));
}

#[test]
fn a_change_of_a_repository_invalidates_all_its_entries() {
    let (cache, name) = (cache(), repository("a"));
    let row = BlobRow {
        size: 7,
        key: Epoch::from_bytes([1; 8]).key(7),
    };
    fill(&cache, "a", "one");
    cache.begin_fill(&name).add_blob(&digest("blob"), row);
    assert_eq!(cache.blob(&name, &digest("blob")), Some(row));
    drop(cache.begin_change(&name, Affected::All));
    assert_eq!(cached(&cache, "a"), None);
    assert_eq!(cache.blob(&name, &digest("blob")), None);
    // An earlier tag must not return with the manifest that it pointed to.
    let reference = digest("one").into();
    cache.begin_fill(&name).add_head(&reference, &head("one"));
    assert!(cache.head(&name, &reference).is_some());
    assert_eq!(cached(&cache, "a"), None);
}

#[test]
fn equal_bytes_are_in_memory_once() {
    let cache = cache();
    let [one, two] = [(); 2].map(|()| cache.share(&digest("x"), vec![1; 1000].into()));
    assert_eq!(one.as_ptr(), two.as_ptr());
    assert_eq!(cache.bytes(&digest("x")).unwrap().as_ptr(), one.as_ptr());
}

#[test]
fn the_budget_holds_and_bytes_that_are_sent_stay() {
    let cache = cache();
    let sent = cache.share(&digest("sent"), vec![0; 10_000].into());
    for number in 0..1_000 {
        cache.share(&digest(&number.to_string()), vec![0; 10_000].into());
        assert!(cache.entries.used() <= MEMORY);
    }
    let again = cache.bytes(&digest("sent"));
    assert_eq!(again.map(|bytes| bytes.as_ptr()), Some(sent.as_ptr()));
}

#[test]
fn without_memory_nothing_is_cached() {
    let cache = Cache::new(0).unwrap();
    fill(&cache, "a", "one");
    assert_eq!(cached(&cache, "a"), None);
    let sent = cache.share(&digest("x"), vec![1; 1000].into());
    assert_eq!(cache.bytes(&digest("x")), Some(sent.clone()));
    drop(sent);
    cache.share(&digest("y"), vec![1; 1000].into());
    assert_eq!(cache.bytes(&digest("x")), None, "nobody reads it anymore");
}

#[test]
fn large_bytes_are_shared_but_not_cached() {
    let cache = cache();
    let large = || Bytes::from(vec![1; 20_000]);
    fill(&cache, "a", "one");
    let readers: Vec<_> = (0..100)
        .map(|number| cache.share(&digest(&number.to_string()), large()))
        .collect();
    assert_eq!(
        cached(&cache, "a"),
        Some(digest("one")),
        "it is not displaced"
    );
    let again = [
        cache.bytes(&digest("7")).unwrap(),
        cache.share(&digest("7"), large()),
    ];
    assert!(
        again
            .iter()
            .all(|bytes| bytes.as_ptr() == readers[7].as_ptr())
    );
    drop(readers);
    assert_eq!(cache.large.len(), 1);
    drop(again);
    assert_eq!(cache.large.len(), 0);
    assert_eq!(cache.bytes(&digest("7")), None);
}

#[test]
fn memory_is_free_again_after_the_last_reader() {
    let cache = cache();
    let sent: Vec<_> = (0..200)
        .map(|number| cache.share(&digest(&number.to_string()), vec![0; 10_000].into()))
        .collect();
    assert!(cache.entries.used() > MEMORY);
    drop(sent);
    cache.trim();
    assert!(cache.entries.used() <= MEMORY);
}
