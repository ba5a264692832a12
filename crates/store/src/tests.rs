//! What a push and a pull cost in statements, and that no more creeps in.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use portolan_model::Digest;
use portolan_model::fixtures::{image, repository, tag};
use portolan_registry::{Context, PutManifest, Reader, Result, TagUpdate, Writer};

use crate::metadata::{Database, Parameter, Row, Sqlite, Transaction};
use crate::store::{Settings, Store};

/// A database that counts the statements it is given.
struct Counting {
    inner: Sqlite,
    count: Arc<AtomicUsize>,
}

struct CountingTransaction<'a> {
    inner: &'a mut dyn Transaction,
    count: &'a AtomicUsize,
}

impl Transaction for CountingTransaction<'_> {
    fn execute(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<u64> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.inner.execute(sql, parameters)
    }

    fn query(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.inner.query(sql, parameters)
    }
}

impl Database for Counting {
    async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut dyn Transaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let count = Arc::clone(&self.count);
        self.inner
            .write(move |inner| {
                work(&mut CountingTransaction {
                    inner,
                    count: &count,
                })
            })
            .await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&mut dyn Transaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let count = Arc::clone(&self.count);
        self.inner
            .read(move |inner| {
                work(&mut CountingTransaction {
                    inner,
                    count: &count,
                })
            })
            .await
    }
}

struct Subject {
    store: Store<Counting>,
    count: Arc<AtomicUsize>,
    _folder: tempfile::TempDir,
}

async fn subject() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let count = Arc::<AtomicUsize>::default();
    let settings = Settings {
        folder: folder.path().to_owned(),
        upload_expiry: Duration::from_mins(1),
    };
    let counter = Arc::clone(&count);
    let open = |path: &Path| {
        Ok(Counting {
            inner: Sqlite::open(path)?,
            count: counter,
        })
    };
    Subject {
        store: Store::open_with(&settings, open).await.unwrap(),
        count,
        _folder: folder,
    }
}

impl Subject {
    async fn statements<T>(&self, work: impl Future<Output = Result<T>>) -> usize {
        let before = self.count.load(Ordering::Relaxed);
        work.await.unwrap();
        self.count.load(Ordering::Relaxed) - before
    }
}

#[tokio::test]
async fn a_pull_takes_one_statement_a_request() {
    let subject = subject().await;
    let (store, context, name, image) = (
        &subject.store,
        Context::anonymous(),
        repository("a"),
        image("x"),
    );
    for blob in image.blobs() {
        store
            .put_blob(&context, &name, &Digest::sha256(&blob), blob.into())
            .await
            .unwrap();
    }
    let options = PutManifest {
        tags: vec![TagUpdate::always(tag("v1"))],
        ..PutManifest::default()
    };
    store
        .put_manifest(&context, &name, image.bytes(), options)
        .await
        .unwrap();

    let (by_tag, by_digest) = (tag("v1").into(), image.digest().into());
    assert_eq!(
        subject
            .statements(store.get_manifest(&context, &name, &by_tag))
            .await,
        1
    );
    assert_eq!(
        subject
            .statements(store.get_manifest(&context, &name, &by_digest))
            .await,
        1
    );
    let blob = Digest::sha256(&image.blobs()[0]);
    assert_eq!(
        subject
            .statements(store.get_blob(&context, &name, &blob, None))
            .await,
        1
    );
}

#[tokio::test]
async fn a_push_takes_a_fixed_number_of_statements() {
    let subject = subject().await;
    let (store, context, name) = (&subject.store, Context::anonymous(), repository("a"));
    let warm = image("warm");
    for blob in warm.blobs() {
        store
            .put_blob(&context, &name, &Digest::sha256(&blob), blob.into())
            .await
            .unwrap();
    }

    // Is it known; blob, key, repository, link, edges that wait for it.
    let new = image("x").blobs();
    let put = |blob: bytes::Bytes| {
        let digest = Digest::sha256(&blob);
        let name = name.clone();
        async move {
            store
                .put_blob(&Context::anonymous(), &name, &digest, blob.into())
                .await
        }
    };
    assert_eq!(subject.statements(put(new[0].clone())).await, 6);
    assert_eq!(subject.statements(put(new[1].clone())).await, 6);
    // Is it known; is it still; repository, link, edges.
    assert_eq!(subject.statements(put(new[1].clone())).await, 5);

    // Repository; config and layer; bytes, manifest; edges cleared, two set, those that wait; tag read, set, recorded.
    let options = PutManifest {
        tags: vec![TagUpdate::always(tag("v1"))],
        ..PutManifest::default()
    };
    let put = store.put_manifest(&context, &name, image("x").bytes(), options);
    assert_eq!(subject.statements(put).await, 12);
}
