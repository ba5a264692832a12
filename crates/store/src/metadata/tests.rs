//! The suite that each database passes: transactions, groups, and what the foreign keys hold.

use std::sync::Arc;

use portolan_model::fixtures::{Index, image, repository, tag};
use portolan_model::{Digest, RepositoryName};
use portolan_registry::{Error, Kind, Result, TagUpdate, TakenIn};

use super::*;
use crate::blobs::ObjectKey;

/// Instantiates the suite for one database.
macro_rules! database_tests {
    ($open:expr; $($test:ident)*) => {
        $(#[tokio::test]
        async fn $test() {
            let folder = tempfile::tempdir().unwrap();
            super::$test(Arc::new($open(folder.path()))).await;
        })*
    };
}

mod sqlite {
    use std::path::Path;

    use futures_util::FutureExt;

    use super::*;

    database_tests! { |folder: &Path| Sqlite::open(&folder.join("test.db")).unwrap();
        work_that_fails_leaves_its_group_alone
        work_is_done_even_if_nobody_waits
        a_held_blob_cannot_go
        a_held_manifest_cannot_go
        a_tag_cannot_point_to_nothing
        each_change_of_a_tag_is_recorded
        what_comes_later_is_held_by_the_edges_that_wait_for_it
        a_key_is_doomed_until_a_blob_takes_it
        work_that_panics_is_undone
        referrers_with_long_annotations_are_read_a_page_at_a_time
    }

    /// Explains each statement before it runs.
    struct Explaining<'a> {
        inner: &'a mut dyn Transaction,
        plans: Vec<String>,
    }

    impl Explaining<'_> {
        fn explain(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<()> {
            let explain: &'static str = Box::leak(format!("EXPLAIN QUERY PLAN {sql}").into());
            for mut row in self.inner.query(explain, parameters)? {
                let _ids = (row.integer()?, row.integer()?, row.integer()?);
                self.plans.push(format!("{} in {sql}", row.text()?));
            }
            Ok(())
        }
    }

    impl Transaction for Explaining<'_> {
        fn execute(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<u64> {
            self.explain(sql, parameters)?;
            self.inner.execute(sql, parameters)
        }

        fn query(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
            self.explain(sql, parameters)?;
            self.inner.query(sql, parameters)
        }
    }

    #[tokio::test]
    async fn no_statement_looks_through_a_repository() {
        let folder = tempfile::tempdir().unwrap();
        let database = Sqlite::open(&folder.path().join("test.db")).unwrap();
        let all = |inner: &mut dyn Transaction| {
            let mut transaction = Explaining {
                inner,
                plans: Vec::new(),
            };
            let (digest, name, tag) = (image("a").digest(), name(), tag("v1"));
            let repository_id = store_image(&mut transaction, &image("a"))?;
            let change = Change {
                repository_id,
                who: "somebody",
                now: 1,
            };
            set_tag(
                &mut transaction,
                change,
                &TagUpdate::always(tag.clone()),
                &digest,
            )?
            .unwrap();
            find_blob(&mut transaction, &name, &digest)?;
            find_manifest(&mut transaction, &name, &digest)?;
            find_manifest_by_tag(&mut transaction, &name, &tag)?;
            find_child_blob(&mut transaction, &name, &digest)?;
            holds_manifest(&mut transaction, repository_id, &digest)?;
            source_repositories(&mut transaction, &digest)?;
            parents(&mut transaction, &name, &digest)?;
            list_referrers(&mut transaction, &name, &digest, None, "", 10)?;
            list_tags(&mut transaction, &name, "", 10)?;
            remove_tags_on(&mut transaction, change, &digest)?;
            remove_manifest(&mut transaction, repository_id, &digest, 2)?;
            remove_blob(&mut transaction, &name, &digest, 2)?;
            withdraw(&mut transaction, repository_id, &digest, 2)?;
            Ok(transaction.plans)
        };
        for plan in database.write(all).await.unwrap() {
            let whole = [
                "SCAN",
                "(repository_id=?)",
                "(repository_id=? AND digest>?)",
            ];
            assert!(whole.iter().all(|whole| !plan.contains(whole)), "{plan}");
        }
    }

    #[tokio::test]
    async fn what_was_handed_over_is_done_when_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let database = Sqlite::open(&path).unwrap();
        for number in 0..500 {
            let name = repository(&format!("r{number}"));
            let write = database.write(move |transaction| repository_id(transaction, &name, 0));
            assert!(write.now_or_never().is_none());
        }
        drop(database);
        let stored: i64 = rusqlite::Connection::open(&path)
            .unwrap()
            .query_row("SELECT count(*) FROM repositories", [], |row| row.get(0))
            .unwrap();
        assert_eq!(stored, 500);
    }

    #[test]
    fn a_place_that_cannot_hold_a_log_is_refused() {
        let error = Sqlite::open(Path::new(":memory:")).err().unwrap();
        assert!(error.message().contains("write-ahead log"), "{error}");
    }

    #[tokio::test]
    async fn the_tables_of_a_newer_version_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        drop(Sqlite::open(&path).unwrap());
        rusqlite::Connection::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", 1000)
            .unwrap();
        let error = Sqlite::open(&path).err().unwrap();
        assert!(error.message().contains("run the newer version"), "{error}");
    }

    #[tokio::test]
    async fn what_was_committed_is_there_after_opening_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        Sqlite::open(&path)
            .unwrap()
            .write(|transaction| repository_id(transaction, &name(), 0))
            .await
            .unwrap();
        let again = Sqlite::open(&path).unwrap();
        assert!(
            again
                .read(|transaction| find_repository(transaction, &name()))
                .await
                .unwrap()
                .is_some()
        );
    }
}

fn name() -> RepositoryName {
    repository("team/app")
}

fn refused() -> Error {
    Error::new(Kind::Denied, "refused")
}

fn new_blob(content: &[u8]) -> NewBlob {
    NewBlob {
        digest: Digest::sha256(content),
        size: content.len() as u64,
        key: Some(ObjectKey::random().unwrap()),
    }
}

/// Stores an image with its blobs; answers the repository's id.
fn store_image(
    transaction: &mut dyn Transaction,
    image: &portolan_model::fixtures::Image,
) -> Result<i64> {
    for content in image.blobs() {
        link_blob(transaction, &name(), &new_blob(&content), 1)?;
    }
    let id = repository_id(transaction, &name(), 1)?;
    let new = TakenIn {
        digest: image.digest(),
        manifest: image.manifest(),
    };
    store_manifest(transaction, id, &new, 1)?;
    Ok(id)
}

async fn work_that_fails_leaves_its_group_alone<D: Database>(database: Arc<D>) {
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let database = Arc::clone(&database);
            tokio::spawn(async move {
                let work = move |transaction: &mut dyn Transaction| {
                    repository_id(transaction, &repository(&format!("r{number}")), 0)?;
                    if number % 3 == 0 {
                        Err(refused())
                    } else {
                        Ok(number)
                    }
                };
                database.write(work).await
            })
        })
        .collect();
    let mut stored = 0;
    for task in tasks {
        stored += usize::from(task.await.unwrap().is_ok());
    }
    assert_eq!(stored, 133);
    for number in 0..200 {
        let find = move |transaction: &mut dyn Transaction| {
            find_repository(transaction, &repository(&format!("r{number}")))
        };
        assert_eq!(
            database.read(find).await.unwrap().is_some(),
            number % 3 != 0,
            "{number}"
        );
    }
}

async fn work_is_done_even_if_nobody_waits<D: Database>(database: Arc<D>) {
    tokio::select! {
        biased;
        _ = database.write(|transaction| repository_id(transaction, &name(), 0)) => (),
        // Reached once the work was handed over, and before it can be done.
        () = std::future::ready(()) => (),
    }
    database.write(|_| Ok(())).await.unwrap();
    assert!(
        database
            .read(|transaction| find_repository(transaction, &name()))
            .await
            .unwrap()
            .is_some()
    );
}

async fn a_held_blob_cannot_go<D: Database>(database: Arc<D>) {
    database
        .write(|transaction| store_image(transaction, &image("a")))
        .await
        .unwrap();
    for sql in ["DELETE FROM repository_blobs", "DELETE FROM blobs"] {
        let error = database
            .write(move |transaction| transaction.execute(sql, &[]))
            .await
            .unwrap_err();
        assert_eq!(*error.kind(), Kind::Internal, "{sql}");
    }
    let layer = Digest::sha256(&image("a").blobs()[1]);
    assert!(
        database
            .read(move |transaction| find_blob(transaction, &name(), &layer))
            .await
            .unwrap()
            .is_some()
    );
}

async fn a_held_manifest_cannot_go<D: Database>(database: Arc<D>) {
    let index = Index::oci().image(&image("a"), "linux/amd64");
    let new = TakenIn {
        digest: index.digest(),
        manifest: index.manifest(),
    };
    let store = move |transaction: &mut dyn Transaction| {
        let id = store_image(transaction, &image("a"))?;
        store_manifest(transaction, id, &new, 1)
    };
    database.write(store).await.unwrap();
    let child = image("a").digest();
    let delete = move |transaction: &mut dyn Transaction| {
        transaction.execute(
            "DELETE FROM manifest_references WHERE parent = ?1",
            &[child.as_str().into()],
        )?;
        transaction.execute(
            "DELETE FROM manifests WHERE digest = ?1",
            &[child.as_str().into()],
        )
    };
    assert!(database.write(delete).await.is_err());
}

async fn a_tag_cannot_point_to_nothing<D: Database>(database: Arc<D>) {
    let set = |transaction: &mut dyn Transaction| {
        let repository_id = repository_id(transaction, &name(), 0)?;
        let change = Change {
            repository_id,
            who: "anonymous",
            now: 0,
        };
        set_tag(
            transaction,
            change,
            &TagUpdate::always(tag("v1")),
            &Digest::sha256(b"nothing"),
        )
    };
    assert!(database.write(set).await.is_err());
}

async fn each_change_of_a_tag_is_recorded<D: Database>(database: Arc<D>) {
    let change = |transaction: &mut dyn Transaction| {
        let repository_id = store_image(transaction, &image("a"))?;
        store_image(transaction, &image("b"))?;
        let change = Change {
            repository_id,
            who: "somebody",
            now: 7,
        };
        for digest in [
            image("a").digest(),
            image("b").digest(),
            image("b").digest(),
        ] {
            set_tag(transaction, change, &TagUpdate::always(tag("v1")), &digest)?.unwrap();
        }
        remove_tag(transaction, change, &tag("v1"))
    };
    assert!(database.write(change).await.unwrap());
    let history = |transaction: &mut dyn Transaction| {
        let sql = "SELECT digest_before, digest_after, changed_by FROM tag_history ORDER BY id";
        let rows = transaction.query(sql, &[])?;
        rows.into_iter()
            .map(|mut row| Ok((row.optional_text()?, row.optional_text()?, row.text()?)))
            .collect()
    };
    let history: Vec<(Option<String>, Option<String>, String)> =
        database.read(history).await.unwrap();
    let (a, b) = (
        Some(image("a").digest().to_string()),
        Some(image("b").digest().to_string()),
    );
    let changes = [
        (None, a.clone()),
        (a, b.clone()),
        (b.clone(), b.clone()),
        (b, None),
    ];
    assert_eq!(
        history,
        changes.map(|(before, after)| (before, after, "somebody".into()))
    );
}

async fn what_comes_later_is_held_by_the_edges_that_wait_for_it<D: Database>(database: Arc<D>) {
    let image = image("a");
    let new = TakenIn {
        digest: image.digest(),
        manifest: image.manifest(),
    };
    let sparse = move |transaction: &mut dyn Transaction| {
        let id = repository_id(transaction, &name(), 1)?;
        store_manifest(transaction, id, &new, 1)
    };
    database.write(sparse).await.unwrap();
    let layer = image.blobs()[1].clone();
    database
        .write(move |transaction| link_blob(transaction, &name(), &new_blob(&layer), 2))
        .await
        .unwrap();
    let delete = |transaction: &mut dyn Transaction| {
        transaction.execute("DELETE FROM repository_blobs", &[])
    };
    assert!(database.write(delete).await.is_err());
}

async fn a_key_is_doomed_until_a_blob_takes_it<D: Database>(database: Arc<D>) {
    let (taken, left) = (new_blob(b"taken"), ObjectKey::random().unwrap());
    let (key, spare) = (taken.key.clone().unwrap(), left.clone());
    database
        .write(move |transaction| {
            doom(transaction, &key, 0).and_then(|()| doom(transaction, &spare, 0))
        })
        .await
        .unwrap();
    let linked = database
        .write(move |transaction| link_blob(transaction, &name(), &taken, 1))
        .await
        .unwrap();
    assert_eq!(linked, Linked::New);
    assert_eq!(database.read(all_doomed).await.unwrap(), [left]);
}

async fn work_that_panics_is_undone<D: Database>(database: Arc<D>) {
    let panics = |transaction: &mut dyn Transaction| -> Result<()> {
        repository_id(transaction, &name(), 0)?;
        panic!("as the test wants it")
    };
    assert_eq!(
        *database.write(panics).await.unwrap_err().kind(),
        Kind::Internal
    );
    let found = database
        .write(|transaction| find_repository(transaction, &name()))
        .await
        .unwrap();
    assert_eq!(found, None);
}

async fn referrers_with_long_annotations_are_read_a_page_at_a_time<D: Database>(database: Arc<D>) {
    let subject = image("subject");
    let (digest, descriptor) = (subject.digest(), subject.descriptor());
    let store = move |transaction: &mut dyn Transaction| {
        for number in 0..40 {
            let annotations = serde_json::json!({"a": "x".repeat(512 * 1024)});
            store_image(
                transaction,
                &image(&number.to_string())
                    .subject(&descriptor)
                    .field("annotations", annotations),
            )?;
        }
        Ok(())
    };
    database.write(store).await.unwrap();
    let mut listed = Vec::new();
    loop {
        let (digest, after) = (
            digest.clone(),
            listed.last().map(ToString::to_string).unwrap_or_default(),
        );
        let list = move |transaction: &mut dyn Transaction| {
            list_referrers(transaction, &name(), &digest, None, &after, 1000)
        };
        let found = database.read(list).await.unwrap();
        assert!(found.len() <= 16, "{} at once", found.len());
        let page = portolan_registry::referrers_page(found, 999);
        listed.extend(page.items.into_iter().map(|item| item.digest));
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(listed.len(), 40);
    assert!(listed.is_sorted());
}
