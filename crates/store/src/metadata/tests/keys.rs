//! Tests of object keys on every database, step by step: the object of a blob is never deleted, and
//! every other object is found.

use std::sync::Arc;

use portolan_model::Digest;
use portolan_registry::Result;

use super::scenario::{epoch, key, name, reserve};
use crate::metadata::*;

fn link(
    transaction: &mut dyn Transaction,
    range: KeyRange,
    number: u64,
    content: &[u8],
) -> Result<Linked> {
    let object = NewObject {
        size: content.len() as u64,
        key: key(range, number),
    };
    link_blob(transaction, &name(), &Digest::sha256(content), Some(object))
}

pub(super) async fn an_epoch_is_opened_once(database: Arc<Database>) {
    let open = |transaction: &mut dyn Transaction| open_epoch(transaction, epoch(1), "a test");
    assert!(database.write(open).await.unwrap());
    assert!(!database.write(open).await.unwrap());
    database.write(close_epochs).await.unwrap();
    assert!(!database.write(open).await.unwrap());
}

pub(super) async fn a_closed_epoch_creates_no_blob(database: Arc<Database>) {
    let reserve = |transaction: &mut dyn Transaction| reserve(transaction, 1);
    let range = database.write(reserve).await.unwrap();
    database.write(close_epochs).await.unwrap();
    let linked = database
        .write(move |transaction| link(transaction, range, 0, b"late"))
        .await;
    assert!(EpochClosed::is_cause_of(&linked.unwrap_err()));
    let found = find_blob_content(&Digest::sha256(b"late"));
    assert_eq!(database.lookup(found).await.unwrap(), None);
    let reserved = database
        .write(move |transaction| reserve_keys(transaction, epoch(1), &[]))
        .await;
    assert!(EpochClosed::is_cause_of(&reserved.unwrap_err()));
}

pub(super) async fn a_lost_race_leaves_a_claimed_object(database: Arc<Database>) {
    let race = |transaction: &mut dyn Transaction| {
        let range = reserve(transaction, 1)?;
        let first = link(transaction, range, 0, b"content")?;
        let second = link(transaction, range, 1, b"content")?;
        // The push that lost the race finds only its own key claimed.
        Ok((first, second, claim_objects(transaction, epoch(1), 10)?))
    };
    let (first, second, claimed) = database.write(race).await.unwrap();
    assert_eq!((first, second), (Linked::New, Linked::Known));
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].counter() % KeyRange::LENGTH, 1);
    let forget = move |transaction: &mut dyn Transaction| {
        forget_objects(transaction, epoch(1), &claimed)?;
        claim_objects(transaction, epoch(1), 10)
    };
    assert_eq!(database.write(forget).await.unwrap(), []);
}

pub(super) async fn a_replaced_object_is_deleted_and_its_successor_is_not(database: Arc<Database>) {
    let content = b"content";
    let replace = move |transaction: &mut dyn Transaction| {
        let range = reserve(transaction, 1)?;
        link(transaction, range, 0, content)?;
        let digest = Digest::sha256(content);
        assert!(mark_broken(transaction, &digest, &key(range, 0))?);
        assert!(!mark_broken(transaction, &digest, &key(range, 0))?);
        assert_eq!(
            link_blob(transaction, &name(), &digest, None)?,
            Linked::Gone
        );
        assert_eq!(link(transaction, range, 1, content)?, Linked::New);
        assert_eq!(link(transaction, range, 2, content)?, Linked::Known);
        // Only the object that the blob has now can break it.
        assert!(!mark_broken(transaction, &digest, &key(range, 0))?);
        assert!(!claim_own(transaction, &key(range, 1))?);
        Ok(range)
    };
    let range = database.write(replace).await.unwrap();
    let sweep = move |transaction: &mut dyn Transaction| {
        close_epochs(transaction)?;
        sweep_range(transaction, range)?;
        open_epoch(transaction, epoch(2), "a test")?;
        let claimed = claim_objects(transaction, epoch(2), 1000)?;
        forget_objects(transaction, epoch(2), &claimed)?;
        // No correct process writes this row.
        let insert = "INSERT INTO unreferenced_objects (epoch_id, counter, unreferenced_at) \
            SELECT id, ?2, 0 FROM key_epochs WHERE epoch = ?1";
        transaction.execute(&Statement::new(insert, key(range, 1).parameters()))?;
        let wrong = claim_objects(transaction, epoch(2), 1000)?;
        Ok((claimed, wrong))
    };
    let (claimed, wrong) = database.write(sweep).await.unwrap();
    assert_eq!(claimed.len(), 255);
    assert!(claimed.contains(&key(range, 0)) && !claimed.contains(&key(range, 1)));
    assert_eq!(wrong, []);
    let stored = find_blob_content(&Digest::sha256(content));
    let stored = database.lookup(stored).await.unwrap().unwrap();
    assert_eq!((stored.row.key, stored.is_broken), (key(range, 1), false));
}

pub(super) async fn a_sweep_spares_the_keys_of_blobs(database: Arc<Database>) {
    let range = database
        .write(|transaction| reserve(transaction, 1))
        .await
        .unwrap();
    database
        .write(move |transaction| link(transaction, range, 7, b"stays"))
        .await
        .unwrap();
    database.write(close_epochs).await.unwrap();
    let found = database.lookup(closed_range()).await.unwrap();
    assert_eq!(found, Some(range));
    let sweep = move |transaction: &mut dyn Transaction| sweep_range(transaction, range);
    database.write(sweep).await.unwrap();
    // Run the sweep again, as after a crash.
    database.write(sweep).await.unwrap();
    assert_eq!(database.lookup(closed_range()).await.unwrap(), None);
    let claim = |transaction: &mut dyn Transaction| {
        open_epoch(transaction, epoch(2), "a test")?;
        claim_objects(transaction, epoch(2), 1000)
    };
    let claimed = database.write(claim).await.unwrap();
    assert_eq!(claimed.len(), 255);
    assert!(!claimed.contains(&key(range, 7)));
}

pub(super) async fn a_range_of_an_open_epoch_is_not_swept(database: Arc<Database>) {
    let sweep = |transaction: &mut dyn Transaction| {
        let range = reserve(transaction, 1)?;
        assert_eq!(closed_range().run(transaction)?, None);
        sweep_range(transaction, range)?;
        link(transaction, range, 0, b"content")?;
        claim_objects(transaction, epoch(1), 10)
    };
    assert_eq!(database.write(sweep).await.unwrap(), []);
}

pub(super) async fn claims_of_a_process_that_ended_are_taken_over(database: Arc<Database>) {
    let claim = |transaction: &mut dyn Transaction, number| {
        open_epoch(transaction, epoch(number), "a test")?;
        claim_objects(transaction, epoch(number), 10)
    };
    let lose = |transaction: &mut dyn Transaction| {
        let range = reserve(transaction, 1)?;
        link(transaction, range, 0, b"content")?;
        link(transaction, range, 1, b"content")
    };
    database.write(lose).await.unwrap();
    // Another process does not claim the object while the epoch of the first process is open.
    let others = database
        .write(move |transaction| claim(transaction, 2))
        .await;
    assert_eq!(others.unwrap(), []);
    database.write(close_epochs).await.unwrap();
    let taken = database
        .write(move |transaction| claim(transaction, 3))
        .await;
    assert_eq!(taken.unwrap().len(), 1);
    let closed = |transaction: &mut dyn Transaction| claim_objects(transaction, epoch(1), 10);
    let error = database.write(closed).await.unwrap_err();
    assert!(EpochClosed::is_cause_of(&error));
}

pub(super) async fn an_object_that_a_blob_has_is_not_claimed(database: Arc<Database>) {
    let work = |transaction: &mut dyn Transaction| {
        let range = reserve(transaction, 1)?;
        link(transaction, range, 0, b"content")?;
        let insert = "INSERT INTO unreferenced_objects (epoch_id, counter, unreferenced_at) \
            SELECT id, ?2, 0 FROM key_epochs WHERE epoch = ?1";
        transaction.execute(&Statement::new(insert, key(range, 0).parameters()))?;
        let claimed = claim_objects(transaction, epoch(1), 10)?;
        let own = claim_own(transaction, &key(range, 0))?;
        let left = "SELECT counter FROM unreferenced_objects";
        let left = transaction.query(&Statement::new(left, []))?.len();
        Ok((claimed, own, left))
    };
    let (claimed, own, left) = database.write(work).await.unwrap();
    assert_eq!((claimed, own, left), (Vec::new(), false, 0));
}
