//! Several clients at once: whatever the order, each state is one that a single client could have made.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use portolan_model::Digest;
use portolan_model::fixtures::{Image, Index, blob, image};
use tokio::task::JoinSet;

use super::{Repository, refused};
use crate::{Deletion, Kind, Mount, Precondition, Registry, Result};

/// Times that each race is run, to meet more than one order of events.
const ROUNDS: usize = 12;

/// Clients of those races that are run by many.
pub(super) const CLIENTS: usize = 8;

/// Does two things at once, in threads of their own.
async fn both<A, B>(
    one: impl Future<Output = A> + Send + 'static,
    other: impl Future<Output = B> + Send + 'static,
) -> (A, B)
where
    A: Send + 'static,
    B: Send + 'static,
{
    let (one, other) = (tokio::spawn(one), tokio::spawn(other));
    (
        one.await.expect("one client ends"),
        other.await.expect("the other client ends"),
    )
}

/// Does things at once, and answers in any order.
pub(super) async fn all<T: Send + 'static>(
    clients: impl Iterator<Item: Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut running = JoinSet::new();
    for client in clients {
        running.spawn(client);
    }
    running.join_all().await
}

fn places(registry: &Arc<dyn Registry>) -> impl Iterator<Item = Repository> {
    (0..ROUNDS).map(|round| Repository::of(registry, &format!("round/{round}")))
}

/// A copy of the repository for a client of its own.
fn client<F: Future>(repository: &Repository, act: impl FnOnce(Repository) -> F) -> F {
    act(repository.clone())
}

/// Clients who finish the same blob at once all succeed.
pub async fn the_same_blob_at_once(registry: Arc<dyn Registry>) {
    for repository in places(&registry) {
        let digest = Digest::sha256(&blob("x"));
        let finish = |repository: Repository, digest: Digest| async move {
            let upload = repository.start().await;
            let upload = repository.write(&upload.id, Some(0), blob("x")).await?;
            repository
                .finish(&upload.id, None, Bytes::new(), &digest)
                .await
        };
        let put = |repository: Repository, digest: Digest| async move {
            repository.put_blob(&digest, blob("x")).await
        };
        let (one, other) = both(
            finish(repository.clone(), digest.clone()),
            finish(repository.clone(), digest.clone()),
        )
        .await;
        one.and(other).expect("both succeed");
        for result in all((0..CLIENTS).map(|_| put(repository.clone(), digest.clone()))).await {
            result.expect("each succeeds");
        }
        assert_eq!(
            repository.read(&digest).await.expect("the blob is there"),
            blob("x")
        );
    }
}

/// Of clients who append to one session at the same place, one is heard.
pub async fn the_same_piece_at_once(registry: Arc<dyn Registry>) {
    for repository in places(&registry) {
        let upload = repository.start().await;
        let upload = repository
            .write(&upload.id, Some(0), Bytes::from("01"))
            .await
            .expect("a piece");
        let write = |repository: Repository| {
            let id = upload.id.clone();
            async move { repository.write(&id, Some(2), Bytes::from("23")).await }
        };
        let results = all((0..CLIENTS).map(|_| client(&repository, write))).await;
        let (heard, others): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(heard.len(), 1, "one client appends");
        for other in others {
            let error = other.expect_err("the others come too late");
            assert!(matches!(error.kind(), Kind::OutOfOrder { .. }), "{error}");
        }
        let id = heard
            .into_iter()
            .next()
            .and_then(Result::ok)
            .expect("one client appends")
            .id;
        repository
            .finish(&id, Some(4), Bytes::new(), &Digest::sha256(b"0123"))
            .await
            .expect("the session ends well");
    }
}

/// The same manifest from several clients is one manifest.
pub async fn the_same_manifest_at_once(registry: Arc<dyn Registry>) {
    for repository in places(&registry) {
        let push =
            |repository: Repository| async move { repository.image(&image("a"), &["v1"]).await };
        for digest in all((0..CLIENTS).map(|_| client(&repository, push))).await {
            assert_eq!(digest, image("a").digest());
        }
        assert_eq!(repository.tagged("v1").await, Some(image("a").digest()));
    }
}

/// Different manifests from several clients are all there, with their tags.
pub async fn different_manifests_at_once(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let push = |repository: Repository, number: usize| async move {
        let name = format!("v{number}");
        repository.image(&image(&name), &[&name, "latest"]).await
    };
    let mut digests = all((0..CLIENTS * 2).map(|number| push(repository.clone(), number))).await;
    for number in 0..CLIENTS * 2 {
        let name = format!("v{number}");
        assert_eq!(repository.tagged(&name).await, Some(image(&name).digest()));
    }
    let latest = repository
        .tagged("latest")
        .await
        .expect("somebody came last");
    digests.retain(|digest| *digest == latest);
    assert_eq!(digests.len(), 1, "the last one wins");
}

async fn prepared(repository: &Repository, images: &[&Image]) {
    for image in images {
        for content in image.blobs() {
            repository.blob(content).await;
        }
    }
}

/// Two clients who both set a tag both succeed; one of them comes last, and both manifests are there.
pub async fn one_tag_at_once(registry: Arc<dyn Registry>) {
    for repository in places(&registry) {
        let (one, two) = (image("one"), image("two"));
        prepared(&repository, &[&one, &two]).await;
        let push = |image: Image| {
            let repository = repository.clone();
            async move { repository.put_if(&image, "v1", Precondition::None).await }
        };
        let (first, second) = both(push(one.clone()), push(two.clone())).await;
        first.and(second).expect("both succeed");
        let tagged = repository.tagged("v1").await.expect("the tag is set");
        assert!([one.digest(), two.digest()].contains(&tagged));
        for image in [one, two] {
            repository
                .get(image.digest())
                .await
                .expect("both manifests are there");
        }
    }
}

/// Of clients who each want to make a tag, one does, and only its manifest is stored.
pub async fn one_tag_that_must_be_absent(registry: Arc<dyn Registry>) {
    for repository in places(&registry) {
        one_wins(&repository, &Precondition::Absent).await;
    }
}

/// Of clients who each want to move a tag from where they saw it, one does.
pub async fn one_tag_that_must_be_where_it_was(registry: Arc<dyn Registry>) {
    for repository in places(&registry) {
        let before = repository.index(&Index::oci(), &["v1"]).await;
        one_wins(&repository, &Precondition::At(vec![before])).await;
    }
}

async fn one_wins(repository: &Repository, precondition: &Precondition) {
    let names: Vec<_> = (0..CLIENTS).map(|number| number.to_string()).collect();
    let images: Vec<_> = names.iter().map(|name| image(name)).collect();
    prepared(repository, &images.iter().collect::<Vec<_>>()).await;
    let push = |image: Image| {
        let (repository, precondition) = (repository.clone(), precondition.clone());
        async move {
            (
                image.digest(),
                repository.put_if(&image, "v1", precondition).await,
            )
        }
    };
    let mut winners = Vec::new();
    for (digest, result) in all(images.into_iter().map(push)).await {
        if result.is_ok() {
            winners.push(digest);
        } else {
            refused(result, &Kind::PreconditionFailed);
            refused(repository.get(&digest).await, &Kind::ManifestUnknown);
        }
    }
    assert_eq!(winners.len(), 1, "one client wins");
    assert_eq!(repository.tagged("v1").await, winners.pop());
}

/// An index is put, or its child is deleted, never both.
pub async fn an_index_and_the_deletion_of_its_child(registry: Arc<dyn Registry>) {
    for repository in places(&registry) {
        let child = repository.image(&image("a"), &[]).await;
        let index = Index::oci().image(&image("a"), "linux/amd64");
        let (put, deleted) = both(
            client(&repository, |repository| async move {
                repository
                    .put(index.bytes(), &index.media_type(), &["v1"])
                    .await
            }),
            client(&repository, |repository| async move {
                repository.delete_manifest(&child, Deletion::Guarded).await
            }),
        )
        .await;
        let there = repository.get(image("a").digest()).await.is_ok();
        one_of_both(put, deleted, there);
    }
}

/// An image is put, or its layer is deleted, never both.
pub async fn an_image_and_the_deletion_of_its_layer(registry: Arc<dyn Registry>) {
    for repository in places(&registry) {
        let image = image("a").layers(["x"]);
        prepared(&repository, &[&image]).await;
        let layer = Digest::sha256(&blob("x"));
        let asked = layer.clone();
        let (put, deleted) = both(
            client(&repository, |repository| async move {
                repository
                    .put(image.bytes(), &image.media_type(), &["v1"])
                    .await
            }),
            client(&repository, |repository| async move {
                repository.delete_blob(&asked, Deletion::Guarded).await
            }),
        )
        .await;
        one_of_both(put, deleted, repository.read(&layer).await.is_ok());
    }
}

fn one_of_both<T: std::fmt::Debug>(put: Result<T>, deleted: Result<()>, there: bool) {
    if put.is_ok() {
        refused(deleted, &Kind::Referenced);
        assert!(there, "what a stored manifest names is there");
    } else {
        refused(put, &Kind::ContentMissing);
        deleted.expect("nothing names it");
        assert!(!there, "what was deleted is gone");
    }
}

/// A blob is mounted, or was deleted before; what was mounted stays.
pub async fn a_mount_and_the_deletion_of_its_source(registry: Arc<dyn Registry>) {
    let target = Repository::of(&registry, "team/target");
    for (round, source) in places(&registry).enumerate() {
        let content = blob(&round.to_string());
        let digest = source.blob(content.clone()).await;
        let (asked, deleted, from) = (digest.clone(), digest.clone(), source.clone());
        let (mount, deletion) = both(
            client(&target, |target| async move {
                target.mount(&asked, Some(&from)).await
            }),
            client(&source, |source| async move {
                source.delete_blob(&deleted, Deletion::Guarded).await
            }),
        )
        .await;
        deletion.expect("nothing names it");
        refused(source.read(&digest).await, &Kind::BlobUnknown);
        match mount {
            Mount::Mounted => {
                assert_eq!(target.read(&digest).await.expect("it was mounted"), content)
            }
            Mount::Upload(_) => drop(refused(target.read(&digest).await, &Kind::BlobUnknown)),
        }
    }
}

/// While a tag moves, its readers see one manifest or the other, whole.
pub async fn a_moving_tag_is_never_torn(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let (one, two) = (image("one"), image("two").docker());
    for image in [&two, &one] {
        repository.image(image, &["v1"]).await;
    }
    let (writer, images) = (repository.clone(), [one.clone(), two.clone()]);
    let moving = tokio::spawn(async move {
        for image in images.iter().cycle().take(ROUNDS * 4) {
            writer
                .manifest(image.bytes(), &image.media_type(), &["v1"])
                .await;
        }
    });
    while !moving.is_finished() {
        let (info, bytes) = repository.get("v1").await.expect("the tag is always there");
        let image = if info.digest == one.digest() {
            &one
        } else {
            &two
        };
        assert_eq!(
            (info.digest, info.media_type, bytes),
            (image.digest(), image.media_type(), image.bytes())
        );
    }
    moving.await.expect("the writer ends");
}
