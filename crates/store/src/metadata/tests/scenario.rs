//! Steps that tests share, and a scenario that runs every statement of the metadata.

use std::sync::Arc;

use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, image, repository, tag};
use portolan_model::{Digest, Manifest, MediaType, RepositoryName};
use portolan_registry::{
    Attempt, Error, Kind, ParsedManifest, Policy, Precondition, Preset, PutManifest, Result,
    TagUpdate,
};

use crate::blobs::{Epoch, ObjectKey};
use crate::metadata::*;
use crate::writer::Put;

pub(crate) fn name() -> RepositoryName {
    repository("team/app")
}

pub(super) fn epoch(number: u8) -> Epoch {
    Epoch::from_bytes([number; 8])
}

/// Opens an epoch and reserves a range of keys.
pub(super) fn reserve(transaction: &mut dyn Transaction, number: u8) -> Result<KeyRange> {
    open_epoch(transaction, epoch(number), "a test")?;
    reserve_keys(transaction, epoch(number), &[])
}

/// Returns a key of a range.
pub(super) fn key(range: KeyRange, number: u64) -> ObjectKey {
    range.epoch.key(range.counters().start + number)
}

/// Stores blobs with the first keys of a range.
pub(super) fn store_blobs(
    transaction: &mut dyn Transaction,
    name: &RepositoryName,
    range: KeyRange,
    blobs: &[bytes::Bytes],
) -> Result<()> {
    for (content, number) in blobs.iter().zip(0..) {
        let object = NewObject {
            size: content.len() as u64,
            key: key(range, number),
        };
        link_blob(transaction, name, &Digest::sha256(content), Some(object))?;
    }
    Ok(())
}

/// Pushes a manifest as [`Put::store`] does, with a policy that allows absent content.
pub(crate) fn put(
    transaction: &mut dyn Transaction,
    bytes: bytes::Bytes,
    tags: Vec<TagUpdate>,
) -> Result<Digest> {
    put_with_types(transaction, bytes, tags, false)
}

/// Pushes a manifest. `are_types_stored` is whether its media types are assumed to have rows.
pub(super) fn put_with_types(
    transaction: &mut dyn Transaction,
    bytes: bytes::Bytes,
    tags: Vec<TagUpdate>,
    are_types_stored: bool,
) -> Result<Digest> {
    let options = PutManifest {
        tags,
        ..PutManifest::default()
    };
    let admission = Arc::new(Policy::from(Preset::Sparse));
    let put = Put::parse(&name(), Some("somebody".into()), bytes, options, admission)?;
    match put.store(transaction, |_| are_types_stored)? {
        Attempt::Done(stored) => Ok(stored.outcome.digest),
        Attempt::NeedsChildren(_) => Err(Error::new(Kind::Internal, "a child was not parsed")),
    }
}

/// Stores an image with its blobs.
pub(super) fn store_image(
    transaction: &mut dyn Transaction,
    range: KeyRange,
    image: &ImageFixture,
) -> Result<Digest> {
    store_blobs(transaction, &name(), range, &image.blobs())?;
    put(transaction, image.bytes(), Vec::new())
}

/// Returns a document with `count` references, more than fit into a page if `count` is large.
pub(crate) fn many_references(seed: &str, count: usize) -> bytes::Bytes {
    let digest = |number: usize| Digest::sha256(format!("{seed}-{number}").as_bytes());
    let things: Vec<_> = (0..count)
        .map(|number| serde_json::json!({"digest": digest(number), "size": 7}))
        .collect();
    let document = serde_json::json!({"mediaType": "application/x", "things": things});
    serde_json::to_vec(&document).unwrap().into()
}

/// Parses a document of [`many_references`].
pub(super) fn document(bytes: &bytes::Bytes) -> Document {
    let media_type = MediaType::new("application/x");
    let manifest = Manifest::parse(bytes.clone(), Some(&media_type)).unwrap();
    Document::new(&ParsedManifest::new(Digest::sha256(bytes), manifest))
}

/// Writes one page of an unfinished manifest. Returns whether there was one.
pub(super) fn write_one_page(
    transaction: &mut dyn Transaction,
    bytes: &bytes::Bytes,
) -> Result<bool> {
    let Some(unfinished) = find_unfinished(&name()).run(transaction)? else {
        return Ok(false);
    };
    let (digest, document) = (&unfinished.digest, document(bytes));
    write_page(
        transaction,
        &name(),
        digest,
        Some(&document),
        REFERENCES_PAGE,
    )?;
    Ok(true)
}

/// Pushes and deletes a manifest with many references.
fn unfinished(transaction: &mut dyn Transaction) -> Result<()> {
    let bytes = many_references("scenario", 2 * REFERENCES_PAGE);
    let digest = put(transaction, bytes.clone(), Vec::new())?;
    let found = find_unfinished_repository(0).run(transaction)?;
    assert_eq!(found.map(|(_, repository)| repository), Some(name()));
    while write_one_page(transaction, &bytes)? {}
    remove_manifest(transaction, &name(), &digest, true, None)?;
    while write_one_page(transaction, &bytes)? {}
    Ok(())
}

/// Runs every statement of the metadata at least once.
pub(super) fn run_everything(transaction: &mut dyn Transaction) -> Result<()> {
    close_epochs(transaction)?;
    assert!(!has_blobs().run(transaction)?);
    let range = reserve(transaction, 1)?;
    assert_eq!(first_epoch().run(transaction)?, Some(range.epoch));
    assert!(is_epoch_known(range.epoch).run(transaction)?);
    let (image, other) = (image("a").layers(["x", "y"]), repository("team/other"));
    let (config, layer) = (
        Digest::sha256(&image.blobs()[0]),
        Digest::sha256(&blob("x")),
    );
    store_image(transaction, range, &image)?;
    tags(transaction, &image)?;
    referrers(transaction, &image)?;
    child_blobs(transaction, range)?;
    reads(transaction, &image, &layer)?;
    unfinished(transaction)?;
    mount_blob(transaction, &name(), &other, &layer)?;
    blob_sources(&layer, 0, 10).run(transaction)?;
    let third = repository("team/third");
    mount_blob(transaction, &name(), &third, &layer)?;
    let removed = remove_repository(transaction, &third, None)?;
    assert_eq!(removed, Removal::Removed);
    remove_blob(transaction, &other, &layer, true)?;
    remove_blob(transaction, &name(), &config, true)?;
    remove_manifest(transaction, &name(), &image.digest(), true, None)?;
    remove_blob(transaction, &name(), &config, false)?;
    objects(transaction, range)
}

fn tags(transaction: &mut dyn Transaction, image: &ImageFixture) -> Result<()> {
    let update = |precondition| TagUpdate {
        tag: tag("v1"),
        precondition,
    };
    put(
        transaction,
        image.bytes(),
        vec![update(Precondition::Absent)],
    )?;
    put(
        transaction,
        IndexFixture::oci().bytes(),
        vec![update(Precondition::Present)],
    )?;
    put(transaction, image.bytes(), vec![update(Precondition::None)])?;
    find_manifest_by_tag(&name(), &tag("v1")).run(transaction)?;
    head_manifest_by_tag(&name(), &tag("v1")).run(transaction)?;
    list_tags(&name(), "", 10).run(transaction)?;
    remove_tag(transaction, &name(), &tag("v1"), None)?;
    Ok(())
}

fn referrers(transaction: &mut dyn Transaction, subject: &ImageFixture) -> Result<()> {
    let signature = image("signature").subject(&subject.descriptor());
    put(transaction, signature.bytes(), Vec::new())?;
    let wanted = MediaType::new(MediaType::OCI_CONFIG);
    for artifact_type in [None, Some(&wanted)] {
        let list = list_referrers(&name(), &subject.digest(), artifact_type, "", 10);
        assert_eq!(list.run(transaction)?.len(), 1);
    }
    Ok(())
}

/// Pushes and deletes a child that is a blob whose type is not a known manifest type.
fn child_blobs(transaction: &mut dyn Transaction, range: KeyRange) -> Result<()> {
    let thing = bytes::Bytes::from(r#"{"mediaType":"text/thing"}"#);
    let digest = Digest::sha256(&thing);
    let index = IndexFixture::oci().child_of_type("text/thing", &thing, None);
    put(transaction, index.bytes(), Vec::new())?;
    let object = NewObject {
        size: thing.len() as u64,
        key: key(range, 50),
    };
    link_blob(transaction, &name(), &digest, Some(object))?;
    assert!(
        find_child_blob(&name(), &digest)
            .run(transaction)?
            .is_some()
    );
    let removed = remove_manifest(transaction, &name(), &digest, false, None)?;
    assert_eq!(removed, Removal::Removed);
    assert!(
        find_child_blob(&name(), &digest)
            .run(transaction)?
            .is_none()
    );
    put(transaction, index.bytes(), Vec::new())?;
    assert!(
        find_child_blob(&name(), &digest)
            .run(transaction)?
            .is_some()
    );
    // The child is pushed as a manifest. After that, it is served as this manifest.
    put(transaction, thing, Vec::new())?;
    assert!(
        find_child_blob(&name(), &digest)
            .run(transaction)?
            .is_none()
    );
    Ok(())
}

fn reads(transaction: &mut dyn Transaction, image: &ImageFixture, layer: &Digest) -> Result<()> {
    find_blob(&name(), layer).run(transaction)?;
    find_blob_size(&name(), layer).run(transaction)?;
    find_blob_content(layer).run(transaction)?;
    find_manifest(&name(), &image.digest()).run(transaction)?;
    head_manifest(&name(), &image.digest()).run(transaction)?;
    list_repositories("", 10).run(transaction)?;
    list_manifests(&name(), Some(layer), 10).run(transaction)?;
    for parent in find_parents(&name(), layer, 10).run(transaction)? {
        manifest_bytes(parent.content_id).run(transaction)?;
    }
    Ok(())
}

fn objects(transaction: &mut dyn Transaction, range: KeyRange) -> Result<()> {
    let known = NewObject {
        size: 1,
        key: key(range, 60),
    };
    link_blob(
        transaction,
        &name(),
        &Digest::sha256(&blob("x")),
        Some(known),
    )?;
    forget_objects(transaction, range.epoch, &[known.key])?;
    repair(transaction, range)?;
    close_epochs(transaction)?;
    closed_range().run(transaction)?;
    sweep_range(transaction, range)?;
    let next = reserve(transaction, 2)?;
    reserve_keys(transaction, next.epoch, &[next.id])?;
    let claimed = claim_objects(transaction, next.epoch, 100)?;
    assert_eq!(claimed.len(), 100);
    // None of these objects belongs to a blob. Test an object that belongs to a blob separately.
    claim_used(transaction, range, next.epoch)
}

/// Marks a blob as broken and replaces its object.
fn repair(transaction: &mut dyn Transaction, range: KeyRange) -> Result<()> {
    let digest = Digest::sha256(&blob("x"));
    let stored = find_blob_content(&digest).run(transaction)?;
    let key_before = stored.unwrap().row.key;
    assert!(mark_broken(transaction, &digest, &key_before)?);
    let object = NewObject {
        size: blob("x").len() as u64,
        key: key(range, 61),
    };
    let linked = link_blob(transaction, &name(), &digest, Some(object))?;
    assert_eq!(linked, Linked::New);
    Ok(())
}

/// Checks that the object of a blob is not claimed, even if it has a row. No correct process writes
/// such a row.
fn claim_used(transaction: &mut dyn Transaction, range: KeyRange, epoch: Epoch) -> Result<()> {
    loop {
        let claimed = claim_objects(transaction, epoch, 100)?;
        forget_objects(transaction, epoch, &claimed)?;
        if claimed.is_empty() {
            break;
        }
    }
    transaction.execute(&Statement::new(
        "INSERT INTO unreferenced_objects (epoch_id, counter, unreferenced_at) \
         SELECT id, ?2, 0 FROM key_epochs WHERE epoch = ?1",
        key(range, 0).parameters(),
    ))?;
    assert_eq!(claim_objects(transaction, epoch, 100)?, []);
    Ok(())
}

pub(super) async fn every_statement_runs(database: Arc<Database>) {
    database.write(run_everything).await.unwrap();
}
