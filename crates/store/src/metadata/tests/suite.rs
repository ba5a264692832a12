//! Behavior of every database: transactions, groups of writes, and the content that foreign keys
//! protect.

use std::sync::Arc;

use portolan_model::Digest;
use portolan_model::fixtures::{IndexFixture, image, repository, tag};
use portolan_registry::{Error, Kind, Result, TagUpdate};

use super::scenario::{
    document, many_references, name, put, put_with_types, reserve, store_blobs, store_image,
    write_one_page,
};
use crate::metadata::*;

fn rejected() -> Error {
    Error::new(Kind::Denied, "rejected")
}

async fn is_listed(database: &Database, name: &str) -> bool {
    let listed = database.lookup(list_repositories("", 1000)).await.unwrap();
    listed.contains(&repository(name))
}

pub(super) async fn work_that_fails_leaves_its_group_alone(database: Arc<Database>) {
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let database = Arc::clone(&database);
            tokio::spawn(async move {
                let work = move |transaction: &mut dyn Transaction| {
                    ensure_repository(transaction, &repository(&format!("r{number}")))?;
                    if number % 3 == 0 {
                        Err(rejected())
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
        let listed = is_listed(&database, &format!("r{number}")).await;
        assert_eq!(listed, number % 3 != 0, "{number}");
    }
}

pub(super) async fn work_is_finished_even_if_nobody_waits(database: Arc<Database>) {
    tokio::select! {
        biased;
        _ = database.write(|transaction| ensure_repository(transaction, &name())) => (),
        // Reached after the first poll has queued the work, and before the result of the work is
        // sent.
        () = std::future::ready(()) => (),
    }
    database.write(|_| Ok(())).await.unwrap();
    assert!(is_listed(&database, "team/app").await);
}

pub(super) async fn work_that_panics_is_rolled_back(database: Arc<Database>) {
    let panics = |transaction: &mut dyn Transaction| -> Result<()> {
        ensure_repository(transaction, &name())?;
        panic!("as the test demands")
    };
    let error = database.write(panics).await.unwrap_err();
    assert_eq!(*error.kind(), Kind::Internal);
    assert!(!is_listed(&database, "team/app").await);
}

pub(super) async fn a_held_blob_cannot_be_deleted(database: Arc<Database>) {
    let store = |transaction: &mut dyn Transaction| {
        let range = reserve(transaction, 1)?;
        store_image(transaction, range, &image("a"))
    };
    database.write(store).await.unwrap();
    for sql in ["DELETE FROM repository_blobs", "DELETE FROM blobs"] {
        let delete = database.write(move |transaction| transaction.run(&Statement::new(sql, [])));
        let error = delete.await.unwrap_err();
        assert_eq!(*error.kind(), Kind::Internal, "{sql}");
    }
    let layer = Digest::sha256(&image("a").blobs()[1]);
    let found = database.lookup(find_blob(&name(), &layer)).await.unwrap();
    assert!(found.is_some());
}

pub(super) async fn a_held_manifest_cannot_be_deleted(database: Arc<Database>) {
    let store = |transaction: &mut dyn Transaction| {
        let range = reserve(transaction, 1)?;
        store_image(transaction, range, &image("a"))?;
        let index = IndexFixture::oci().image(&image("a"), "linux/amd64");
        put(transaction, index.bytes(), Vec::new())
    };
    database.write(store).await.unwrap();
    let delete = |transaction: &mut dyn Transaction| {
        let of_child = "DELETE FROM manifest_references WHERE child_manifest_id IS NULL";
        transaction.run(&Statement::new(of_child, []))?;
        let child = "DELETE FROM manifests WHERE id = (SELECT child_manifest_id \
            FROM manifest_references WHERE child_manifest_id IS NOT NULL)";
        transaction.run(&Statement::new(child, []))
    };
    assert!(database.write(delete).await.is_err());
}

pub(super) async fn a_tag_needs_a_manifest(database: Arc<Database>) {
    let set = |transaction: &mut dyn Transaction| {
        let id = ensure_repository(transaction, &name())?;
        let sql = "INSERT INTO tags (repository_id, name, manifest_id) VALUES (?1, 'v1', 5)";
        transaction.run(&Statement::new(sql, [id.into()]))
    };
    assert!(database.write(set).await.is_err());
}

pub(super) async fn changes_of_a_tag_are_recorded(database: Arc<Database>) {
    let change = |transaction: &mut dyn Transaction| {
        for content in ["a", "b", "b"] {
            let update = TagUpdate::unconditional(tag("v1"));
            put(transaction, image(content).bytes(), vec![update])?;
        }
        remove_tag(transaction, &name(), &tag("v1"), None)
    };
    assert!(database.write(change).await.unwrap());
    let sql = "SELECT digest_before, digest_after, changed_by, cause FROM tag_history ORDER BY id";
    let history = Lookup::rows(Statement::new(sql, []), |mut row| {
        Ok((
            row.optional_digest()?,
            row.optional_digest()?,
            row.optional_text()?,
            row.integer()?,
        ))
    });
    let history = database.lookup(history).await.unwrap();
    let (a, b) = (Some(image("a").digest()), Some(image("b").digest()));
    let somebody = || Some("somebody".to_owned());
    // Pushing the same digest again adds no row.
    let changes = [
        (None, a.clone(), somebody(), 1),
        (a, b.clone(), somebody(), 1),
        (b, None, None, 2),
    ];
    assert_eq!(history, changes);
}

pub(super) async fn late_content_is_held_by_the_edges_that_wait_for_it(database: Arc<Database>) {
    let sparse = |transaction: &mut dyn Transaction| {
        let index = IndexFixture::oci().image(&image("a"), "linux/amd64");
        put(transaction, index.bytes(), Vec::new())?;
        put(transaction, image("a").bytes(), Vec::new())
    };
    database.write(sparse).await.unwrap();
    let late = |transaction: &mut dyn Transaction| {
        let range = reserve(transaction, 1)?;
        store_blobs(transaction, &name(), range, &image("a").blobs())
    };
    database.write(late).await.unwrap();
    let waiting = "SELECT count(*) FROM manifest_references WHERE absent_digest IS NOT NULL";
    let waiting = Lookup::rows(Statement::new(waiting, []), |mut row| row.integer());
    assert_eq!(database.lookup(waiting).await.unwrap(), [0]);
    for sql in [
        "DELETE FROM repository_blobs",
        "UPDATE manifests SET id = id + 100 WHERE id IN (SELECT child_manifest_id FROM manifest_references)",
    ] {
        let change = database.write(move |transaction| transaction.run(&Statement::new(sql, [])));
        assert!(change.await.is_err(), "{sql}");
    }
}

pub(super) async fn long_annotations_are_left_out_of_lists(database: Arc<Database>) {
    let subject = image("subject");
    let (digest, descriptor) = (subject.digest(), subject.descriptor());
    let store = move |transaction: &mut dyn Transaction| {
        for length in [10, 16 << 10] {
            let annotations = serde_json::json!({"a": "x".repeat(length)});
            let referrer = image("referrer")
                .subject(&descriptor)
                .field("annotations", annotations);
            put(transaction, referrer.bytes(), Vec::new())?;
        }
        Ok(())
    };
    database.write(store).await.unwrap();
    let list = list_referrers(&name(), &digest, None, "", 10);
    let listed = database.lookup(list).await.unwrap();
    let mut lengths: Vec<_> = listed
        .iter()
        .map(|item| item.annotations.values().map(String::len).sum::<usize>())
        .collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [0, 10]);
}

pub(super) async fn referrers_are_listed_in_pages(database: Arc<Database>) {
    let subject = image("subject");
    let (digest, descriptor) = (subject.digest(), subject.descriptor());
    let store = move |transaction: &mut dyn Transaction| {
        for number in 0..40 {
            let referrer = image(&number.to_string()).subject(&descriptor);
            put(transaction, referrer.bytes(), Vec::new())?;
        }
        Ok(())
    };
    database.write(store).await.unwrap();
    let mut listed = Vec::<Digest>::new();
    loop {
        let after = listed.last().map(ToString::to_string).unwrap_or_default();
        let page = list_referrers(&name(), &digest, None, &after, 7);
        let page = database.lookup(page).await.unwrap();
        if page.is_empty() {
            break;
        }
        listed.extend(page.into_iter().map(|item| item.digest));
    }
    assert_eq!(listed.len(), 40);
    assert!(listed.is_sorted());
    // A position between two digests. It is not a digest itself.
    let between = list_referrers(&name(), &digest, None, &format!("{}0", listed[3]), 1);
    let next = database.lookup(between).await.unwrap();
    assert_eq!(next[0].digest, listed[4]);
}

pub(super) async fn a_repository_is_listed_while_it_has_content(database: Arc<Database>) {
    let image = image("a");
    let store = {
        let image = image.clone();
        move |transaction: &mut dyn Transaction| {
            let range = reserve(transaction, 1)?;
            store_image(transaction, range, &image)
        }
    };
    let digest = database.write(store).await.unwrap();
    for content in image.blobs() {
        assert!(is_listed(&database, "team/app").await);
        let delete = move |transaction: &mut dyn Transaction| {
            remove_blob(transaction, &name(), &Digest::sha256(&content), false)
        };
        assert_eq!(database.write(delete).await.unwrap(), Removal::Removed);
    }
    assert!(is_listed(&database, "team/app").await);
    let delete = move |transaction: &mut dyn Transaction| {
        remove_manifest(transaction, &name(), &digest, true, None)
    };
    assert_eq!(database.write(delete).await.unwrap(), Removal::Removed);
    assert!(!is_listed(&database, "team/app").await);
    let again = move |transaction: &mut dyn Transaction| {
        put(transaction, IndexFixture::oci().bytes(), Vec::new())
    };
    database.write(again).await.unwrap();
    assert!(is_listed(&database, "team/app").await);
}

pub(super) async fn tags_of_a_deleted_manifest_go_in_pages(database: Arc<Database>) {
    let store = |transaction: &mut dyn Transaction| {
        let tags = (0..1500).map(|number| TagUpdate::unconditional(tag(&format!("v{number}"))));
        put(transaction, IndexFixture::oci().bytes(), tags.collect())
    };
    let digest = database.write(store).await.unwrap();
    let delete = move |transaction: &mut dyn Transaction| {
        remove_manifest(transaction, &name(), &digest, true, None)
    };
    let left = || async {
        let list = database.lookup(list_tags(&name(), "", 2000)).await;
        list.unwrap().map_or(0, |tags| tags.len())
    };
    assert_eq!(
        database.write(delete.clone()).await.unwrap(),
        Removal::Partial
    );
    assert_eq!(left().await, 500);
    assert_eq!(
        database.write(delete.clone()).await.unwrap(),
        Removal::Removed
    );
    assert_eq!(left().await, 0);
    assert_eq!(database.write(delete).await.unwrap(), Removal::Unknown);
}

pub(super) async fn manifests_with_many_references_go_in_pages(database: Arc<Database>) {
    let write = database.write(|transaction| {
        let mut live = Vec::new();
        for seed in ["a", "b", "c"] {
            let bytes = many_references(seed, REFERENCES_PAGE);
            live.push(put(transaction, bytes, Vec::new())?);
        }
        Ok(live)
    });
    let pushed = write.await.unwrap();
    let left = async || {
        let listed = database.lookup(list_manifests(&name(), None, 10)).await;
        listed.unwrap().map_or(0, |manifests| manifests.len())
    };
    assert_eq!(left().await, pushed.len());
    for expected in [2, 1, 0] {
        let removal = database.write(|it| remove_repository(it, &name(), None));
        let end = if expected == 0 {
            Removal::Removed
        } else {
            Removal::Partial
        };
        assert_eq!((removal.await.unwrap(), left().await), (end, expected));
    }
}

pub(super) async fn references_beyond_a_page_are_written_later(database: Arc<Database>) {
    let bytes = many_references("a", 2 * REFERENCES_PAGE + 1);
    let child = Digest::sha256(format!("a-{}", 2 * REFERENCES_PAGE).as_bytes());
    let pushed = bytes.clone();
    let write = database.write(move |it| put(it, pushed.clone(), Vec::new()));
    let digest = write.await.unwrap();
    let parents = async || {
        let found = database.lookup(find_parents(&name(), &child, 10)).await;
        found.unwrap().len()
    };
    // A guarded removal must wait, because the edges do not show the last references yet.
    let wanted = digest.clone();
    let guarded = database.write(move |it| remove_manifest(it, &name(), &wanted, true, None));
    assert_eq!(guarded.await.unwrap(), Removal::Unfinished);
    let next_page = async || {
        let bytes = bytes.clone();
        let page = database.write(move |it| write_one_page(it, &bytes));
        page.await.unwrap()
    };
    for expected in [(true, 0), (true, 0), (true, 1), (false, 1)] {
        assert_eq!((next_page().await, parents().await), expected);
    }
    // A deleted manifest that is pushed again before all its edges are marked.
    let (wanted, pushed) = (digest.clone(), bytes.clone());
    let again = database.write(move |it| {
        let removed = remove_manifest(it, &name(), &wanted, true, None)?;
        put(it, pushed.clone(), Vec::new())?;
        Ok(removed)
    });
    assert_eq!(again.await.unwrap(), Removal::Removed);
    while next_page().await {}
    assert_eq!(parents().await, 1);
    // And one that is not.
    let removal = database.write(move |it| remove_manifest(it, &name(), &digest, true, None));
    assert_eq!(removal.await.unwrap(), Removal::Removed);
    for expected in [(true, 1), (true, 0), (false, 0)] {
        assert_eq!((next_page().await, parents().await), expected);
    }
}

pub(super) async fn one_transaction_finishes_several_manifests(database: Arc<Database>) {
    let write = database.write(|transaction| {
        let mut documents = Vec::new();
        for seed in ["a", "b"] {
            let bytes = many_references(seed, REFERENCES_PAGE + 1);
            put(transaction, bytes.clone(), Vec::new())?;
            documents.push(Arc::new(document(&bytes)));
        }
        Ok(documents)
    });
    let documents = write.await.unwrap();
    // The rest of the first manifest shares a transaction with most of the second one.
    for (begin, finished) in [(0, 0), (0, 1), (1, 1)] {
        let pages = documents[begin..].to_vec();
        let write = database.write(move |it| write_pages(it, &name(), &pages));
        assert_eq!(write.await.unwrap(), finished);
    }
    let left = database.lookup(find_unfinished(&name())).await;
    assert!(left.unwrap().is_none());
}

pub(super) async fn batches_return_rows_and_counts(database: Arc<Database>) {
    let work = |transaction: &mut dyn Transaction| {
        ensure_repository(transaction, &repository("a"))?;
        let outcomes = transaction.batch(&[
            Statement::new("UPDATE repositories SET has_content = 0", []),
            Statement::new("SELECT name FROM repositories", []),
            Statement::new("DELETE FROM repositories WHERE name = 'b'", []),
        ])?;
        let rows = outcomes.iter().map(|outcome| outcome.rows.len());
        Ok((
            outcomes[0].changed,
            outcomes[2].changed,
            rows.collect::<Vec<_>>(),
            transaction.now(),
        ))
    };
    let (updated, deleted, rows, now) = database.write(work).await.unwrap();
    assert_eq!((updated, deleted, rows), (1, 0, vec![0, 1, 0]));
    assert!(now > 1_700_000_000_000, "{now}");
}

pub(super) async fn a_push_that_would_store_nothing_fails(database: Arc<Database>) {
    let store = |transaction: &mut dyn Transaction| {
        put_with_types(transaction, image("a").bytes(), Vec::new(), true)
    };
    let error = database.write(store).await.unwrap_err();
    assert_eq!(*error.kind(), Kind::Internal);
    assert!(!is_listed(&database, "team/app").await);
}
