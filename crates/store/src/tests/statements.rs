//! Numbers of statements and round trips of a push and of a pull. They must not grow.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{IndexFixture, image, repository, tag};
use portolan_model::{Digest, Reference};
use portolan_registry::{Context, PutManifest, Reader, Result, TagUpdate, Writer};

use super::counting::Counts;
use super::{Counting, Database, Store, SystemRuntime, settings};
use crate::metadata::Sqlite;
use crate::runtime::Runtime;

struct Counted {
    store: Store,
    counts: Arc<Counts>,
    _folder: tempfile::TempDir,
}

async fn counted() -> Counted {
    let folder = tempfile::tempdir().unwrap();
    let counts = Arc::<Counts>::default();
    let counter = Arc::clone(&counts);
    let runtime = Arc::new(SystemRuntime);
    let open = |path: PathBuf| {
        let clock: Arc<dyn Runtime> = Arc::new(SystemRuntime);
        let inner = Sqlite::open(&path, &clock)?;
        let counts = counter;
        Ok(Database::Counting(Counting { inner, counts }))
    };
    let store = Store::open_with(&settings(&folder), runtime, open).await;
    Counted {
        store: store.unwrap(),
        counts,
        _folder: folder,
    }
}

impl Counted {
    /// Returns the number of statements and of round trips that `work` takes.
    async fn cost<T>(&self, work: impl Future<Output = Result<T>>) -> (usize, usize) {
        self.counts.take();
        work.await.unwrap();
        self.counts.take()
    }

    async fn cost_of_blob(&self, name: &str, blob: &Bytes) -> (usize, usize) {
        let (context, name) = (Context::anonymous(), repository(name));
        let digest = Digest::sha256(blob);
        let put = self
            .store
            .put_blob(&context, &name, &digest, blob.clone().into());
        self.cost(put).await
    }

    async fn cost_of_manifest(&self, bytes: Bytes, tags: &[&str]) -> (usize, usize) {
        let (context, name) = (Context::anonymous(), repository("a"));
        let updates = tags.iter().map(|name| TagUpdate::unconditional(tag(name)));
        let options = PutManifest {
            tags: updates.collect(),
            ..PutManifest::default()
        };
        let put = self.store.put_manifest(&context, &name, bytes, options);
        self.cost(put).await
    }
}

#[tokio::test]
async fn a_pull_takes_one_statement_until_it_is_cached() {
    let subject = counted().await;
    let (store, context, name) = (&subject.store, Context::anonymous(), repository("a"));
    let digest = store.push("a", &image("x"), "v1").await;
    let get = |reference| {
        let (context, name) = (&context, &name);
        async move { store.get_manifest(context, name, &reference).await }
    };
    let head = |reference| {
        let (context, name) = (&context, &name);
        async move { store.head_manifest(context, name, &reference).await }
    };
    let (by_tag, by_digest) = (Reference::Tag(tag("v1")), Reference::Digest(digest));
    assert_eq!(subject.cost(head(by_digest.clone())).await, (1, 1));
    assert_eq!(subject.cost(head(by_tag.clone())).await, (1, 1));
    assert_eq!(subject.cost(get(by_tag.clone())).await, (1, 1));
    for reference in [by_tag, by_digest] {
        assert_eq!(subject.cost(get(reference.clone())).await, (0, 0));
        assert_eq!(subject.cost(head(reference)).await, (0, 0));
    }
    let blob = Digest::sha256(&image("x").blobs()[0]);
    let costs = [(1, 1), (0, 0)];
    for cost in costs {
        let get = store.get_blob(&context, &name, &blob, None);
        assert_eq!(subject.cost(get).await, cost);
    }
    let head = store.head_blob(&context, &name, &blob);
    assert_eq!(subject.cost(head).await, (0, 0));
}

#[tokio::test]
async fn a_blob_takes_a_fixed_number_of_statements() {
    let subject = counted().await;
    subject.store.push("a", &image("warm"), "warm").await;
    let new = image("x").blobs();
    // A lookup whether the content is stored, then the blob, its link, and the edges that wait for
    // it.
    assert_eq!(subject.cost_of_blob("a", &new[0]).await, (4, 2));
    assert_eq!(subject.cost_of_blob("a", &new[1]).await, (4, 2));
    // The content is stored: the lookup, then the link and the edges.
    assert_eq!(subject.cost_of_blob("a", &new[1]).await, (3, 2));
    // The repository is new. In addition: a lookup whether the content is still stored, the
    // repository, and link and edges again.
    assert_eq!(subject.cost_of_blob("b", &new[1]).await, (8, 6));
}

#[tokio::test]
async fn a_manifest_takes_three_round_trips_at_most() {
    let subject = counted().await;
    subject.store.push("a", &image("warm"), "warm").await;
    for blob in image("x").blobs() {
        subject.cost_of_blob("a", &blob).await;
    }
    // Lookups of the target, the tag and the children. Then the bytes, the manifest, two edges, the
    // edges that wait for it, the tag and its history.
    let bytes = image("x").bytes();
    assert_eq!(
        subject.cost_of_manifest(bytes.clone(), &["v1"]).await,
        (10, 2)
    );
    // The same manifest again: its edges are replaced, no edges wait for it, and the tag does not
    // change.
    assert_eq!(subject.cost_of_manifest(bytes, &["v1"]).await, (8, 2));
    // The children of an index are looked up before the transaction, in case they are blobs. The
    // first manifest of a media type stores that type.
    let index = IndexFixture::oci()
        .image(&image("x"), "linux/amd64")
        .bytes();
    assert_eq!(subject.cost_of_manifest(index, &["v2"]).await, (11, 3));
}
