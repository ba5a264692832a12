//! Tests of concurrent clients: the result of concurrent calls equals the result of the same calls
//! in some sequence.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use portolan_model::Digest;
use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, image};
use tokio::task::{JoinSet, yield_now};

use super::{TestRepository, expect_error};
use crate::{Deletion, Kind, MountOutcome, Precondition, Registry, Result};

/// Number of repetitions of each race, so that more than one order of events occurs.
const ROUNDS: usize = 12;

/// Number of changes of a tag that clients read at the same time.
const CHANGES: usize = 60;

/// Number of clients in races between more than two clients.
pub(super) const CLIENTS: usize = 8;

/// Runs two futures concurrently, in separate tasks.
async fn join_two<A, B>(
    one: impl Future<Output = A> + Send + 'static,
    other: impl Future<Output = B> + Send + 'static,
) -> (A, B)
where
    A: Send + 'static,
    B: Send + 'static,
{
    let (one, other) = (tokio::spawn(one), tokio::spawn(other));
    (
        one.await.expect("the first client does not panic"),
        other.await.expect("the second client does not panic"),
    )
}

/// Runs futures concurrently, and returns their results in any order.
pub(super) async fn join_all<T: Send + 'static>(
    clients: impl Iterator<Item: Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut running = JoinSet::new();
    for client in clients {
        running.spawn(client);
    }
    running.join_all().await
}

fn round_repositories(registry: &Arc<dyn Registry>) -> impl Iterator<Item = TestRepository> {
    (0..ROUNDS).map(|round| TestRepository::new(registry, &format!("round/{round}")))
}

/// Runs `act` with a clone of the repository.
fn with_clone<F: Future>(repository: &TestRepository, act: impl FnOnce(TestRepository) -> F) -> F {
    act(repository.clone())
}

/// Checks that several clients can push the same blob at the same time.
pub async fn concurrent_pushes_of_one_blob(registry: Arc<dyn Registry>) {
    for repository in round_repositories(&registry) {
        let digest = Digest::sha256(&blob("x"));
        let finish = |repository: TestRepository, digest: Digest| async move {
            let upload = repository.open_upload().await;
            let upload = repository
                .append_upload(&upload.id, Some(0), blob("x"))
                .await?;
            repository
                .finish_upload(&upload.id, None, Bytes::new(), &digest)
                .await
        };
        let put = |repository: TestRepository, digest: Digest| async move {
            repository.put_blob(&digest, blob("x")).await
        };
        let (one, other) = join_two(
            finish(repository.clone(), digest.clone()),
            finish(repository.clone(), digest.clone()),
        )
        .await;
        one.and(other).expect("both clients succeed");
        for result in join_all((0..CLIENTS).map(|_| put(repository.clone(), digest.clone()))).await
        {
            result.expect("every client succeeds");
        }
        assert_eq!(
            repository
                .read_blob(&digest)
                .await
                .expect("the blob exists"),
            blob("x")
        );
    }
}

/// Checks that if several clients append to one session at the same offset, exactly one client
/// succeeds.
pub async fn concurrent_writes_to_one_session(registry: Arc<dyn Registry>) {
    for repository in round_repositories(&registry) {
        let upload = repository.open_upload().await;
        let upload = repository
            .append_upload(&upload.id, Some(0), Bytes::from("01"))
            .await
            .expect("the chunk is accepted");
        let write = |repository: TestRepository| {
            let id = upload.id.clone();
            async move {
                repository
                    .append_upload(&id, Some(2), Bytes::from("23"))
                    .await
            }
        };
        let results = join_all((0..CLIENTS).map(|_| with_clone(&repository, write))).await;
        let (accepted, rejected): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(accepted.len(), 1, "exactly one client succeeds");
        for result in rejected {
            let error = result.expect_err("the other clients are too late");
            assert!(matches!(error.kind(), Kind::OutOfOrder { .. }), "{error}");
        }
        let id = accepted
            .into_iter()
            .next()
            .and_then(Result::ok)
            .expect("exactly one client succeeds")
            .id;
        repository
            .finish_upload(&id, Some(4), Bytes::new(), &Digest::sha256(b"0123"))
            .await
            .expect("the session finishes");
    }
}

/// Checks that several clients can push the same manifest at the same time.
pub async fn concurrent_pushes_of_one_manifest(registry: Arc<dyn Registry>) {
    for repository in round_repositories(&registry) {
        let push = |repository: TestRepository| async move {
            repository.push_image(&image("a"), &["v1"]).await
        };
        for digest in join_all((0..CLIENTS).map(|_| with_clone(&repository, push))).await {
            assert_eq!(digest, image("a").digest());
        }
        assert_eq!(
            repository.resolve_tag("v1").await,
            Some(image("a").digest())
        );
    }
}

/// Checks that different manifests from several clients are all stored with their tags.
pub async fn concurrent_pushes_of_different_manifests(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let push = |repository: TestRepository, number: usize| async move {
        let name = format!("v{number}");
        repository
            .push_image(&image(&name), &[&name, "latest"])
            .await
    };
    let mut digests =
        join_all((0..CLIENTS * 2).map(|number| push(repository.clone(), number))).await;
    for number in 0..CLIENTS * 2 {
        let name = format!("v{number}");
        assert_eq!(
            repository.resolve_tag(&name).await,
            Some(image(&name).digest())
        );
    }
    let latest = repository
        .resolve_tag("latest")
        .await
        .expect("one client came last");
    digests.retain(|digest| *digest == latest);
    assert_eq!(
        digests.len(),
        1,
        "the tag points to the manifest of one client"
    );
}

async fn push_blobs(repository: &TestRepository, images: &[&ImageFixture]) {
    for image in images {
        for content in image.blobs() {
            repository.push_blob(content).await;
        }
    }
}

/// Checks that two clients can push to one tag at the same time. The tag points to one of the
/// manifests, and both are stored.
pub async fn concurrent_pushes_to_one_tag(registry: Arc<dyn Registry>) {
    for repository in round_repositories(&registry) {
        let (one, two) = (image("one"), image("two"));
        push_blobs(&repository, &[&one, &two]).await;
        let push = |image: ImageFixture| {
            let repository = repository.clone();
            async move {
                repository
                    .put_image_if(&image, "v1", Precondition::None)
                    .await
            }
        };
        let (first, second) = join_two(push(one.clone()), push(two.clone())).await;
        first.and(second).expect("both clients succeed");
        let tagged = repository.resolve_tag("v1").await.expect("the tag is set");
        assert!([one.digest(), two.digest()].contains(&tagged));
        for image in [one, two] {
            repository
                .get_manifest(image.digest())
                .await
                .expect("both manifests exist");
        }
    }
}

/// Checks that exactly one of several clients creates a tag, and that the registry stores only the
/// manifest of this client.
pub async fn only_one_client_creates_a_tag(registry: Arc<dyn Registry>) {
    for repository in round_repositories(&registry) {
        assert_one_wins(&repository, &Precondition::Absent).await;
    }
}

/// Checks that exactly one of several clients moves a tag from its previous digest.
pub async fn only_one_client_moves_a_tag(registry: Arc<dyn Registry>) {
    for repository in round_repositories(&registry) {
        let before = repository.push_index(&IndexFixture::oci(), &["v1"]).await;
        assert_one_wins(&repository, &Precondition::PointsTo([before].into())).await;
    }
}

async fn assert_one_wins(repository: &TestRepository, precondition: &Precondition) {
    let names: Vec<_> = (0..CLIENTS).map(|number| number.to_string()).collect();
    let images: Vec<_> = names.iter().map(|name| image(name)).collect();
    push_blobs(repository, &images.iter().collect::<Vec<_>>()).await;
    let push = |image: ImageFixture| {
        let (repository, precondition) = (repository.clone(), precondition.clone());
        async move {
            (
                image.digest(),
                repository.put_image_if(&image, "v1", precondition).await,
            )
        }
    };
    let mut winners = Vec::new();
    for (digest, result) in join_all(images.into_iter().map(push)).await {
        if result.is_ok() {
            winners.push(digest);
        } else {
            expect_error(result, &Kind::PreconditionFailed);
            expect_error(
                repository.get_manifest(&digest).await,
                &Kind::ManifestUnknown,
            );
        }
    }
    assert_eq!(winners.len(), 1, "exactly one client wins");
    assert_eq!(repository.resolve_tag("v1").await, winners.pop());
}

/// Checks that either the push of an index or the deletion of its child succeeds, never both.
pub async fn index_push_races_with_child_deletion(registry: Arc<dyn Registry>) {
    for repository in round_repositories(&registry) {
        let child = repository.push_image(&image("a"), &[]).await;
        let index = IndexFixture::oci().image(&image("a"), "linux/amd64");
        let (put, deleted) = join_two(
            with_clone(&repository, |repository| async move {
                repository
                    .put_manifest(index.bytes(), &index.media_type(), &["v1"])
                    .await
            }),
            with_clone(&repository, |repository| async move {
                repository.delete_manifest(&child, Deletion::Guarded).await
            }),
        )
        .await;
        let exists = repository.get_manifest(image("a").digest()).await.is_ok();
        assert_one_succeeds(put, deleted, exists);
    }
}

/// Checks that either the push of an image or the deletion of its layer succeeds, never both.
pub async fn image_push_races_with_layer_deletion(registry: Arc<dyn Registry>) {
    for repository in round_repositories(&registry) {
        let image = image("a").layers(["x"]);
        push_blobs(&repository, &[&image]).await;
        let layer = Digest::sha256(&blob("x"));
        let deleted_layer = layer.clone();
        let (put, deleted) = join_two(
            with_clone(&repository, |repository| async move {
                repository
                    .put_manifest(image.bytes(), &image.media_type(), &["v1"])
                    .await
            }),
            with_clone(&repository, |repository| async move {
                repository
                    .delete_blob(&deleted_layer, Deletion::Guarded)
                    .await
            }),
        )
        .await;
        assert_one_succeeds(put, deleted, repository.read_blob(&layer).await.is_ok());
    }
}

fn assert_one_succeeds<T: std::fmt::Debug>(put: Result<T>, deleted: Result<()>, exists: bool) {
    if put.is_ok() {
        expect_error(deleted, &Kind::REFERENCED);
        assert!(exists, "the content of a stored manifest exists");
    } else {
        expect_error(put, &Kind::CONTENT_MISSING);
        deleted.expect("no manifest references it");
        assert!(!exists, "deleted content is gone");
    }
}

/// Checks that a blob is either mounted or deleted before the mount, and that a mounted blob stays.
pub async fn mount_races_with_source_deletion(registry: Arc<dyn Registry>) {
    let target = TestRepository::new(&registry, "team/target");
    for (round, source) in round_repositories(&registry).enumerate() {
        let content = blob(&round.to_string());
        let digest = source.push_blob(content.clone()).await;
        let (mounted, deleted, from) = (digest.clone(), digest.clone(), source.clone());
        let (mount, deletion) = join_two(
            with_clone(&target, |target| async move {
                target.mount(&mounted, Some(&from)).await
            }),
            with_clone(&source, |source| async move {
                source.delete_blob(&deleted, Deletion::Guarded).await
            }),
        )
        .await;
        deletion.expect("no manifest references it");
        expect_error(source.read_blob(&digest).await, &Kind::BlobUnknown);
        match mount {
            MountOutcome::Mounted => {
                assert_eq!(
                    target
                        .read_blob(&digest)
                        .await
                        .expect("the blob was mounted"),
                    content
                );
            }
            MountOutcome::Upload(_) => drop(expect_error(
                target.read_blob(&digest).await,
                &Kind::BlobUnknown,
            )),
        }
    }
}

/// Checks that readers of a moving tag see one manifest or the other, with matching digest, type
/// and bytes.
pub async fn reads_of_a_moving_tag_are_consistent(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let (one, two) = (image("one"), image("two").docker());
    for image in [&two, &one] {
        repository.push_image(image, &["v1"]).await;
    }
    let (writer, images) = (repository.clone(), [one.clone(), two.clone()]);
    let moving = tokio::spawn(async move {
        for image in images.iter().cycle().take(ROUNDS * 4) {
            writer
                .push_manifest(image.bytes(), &image.media_type(), &["v1"])
                .await;
        }
    });
    while !moving.is_finished() {
        let (info, bytes) = repository
            .get_manifest("v1")
            .await
            .expect("the tag always exists");
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
    moving.await.expect("the writer does not panic");
}

/// Checks that reads see each change of a tag once it is answered, and never go back: neither to a
/// state before the last answered change, nor to a state before one that another client has read.
pub async fn reads_see_each_answered_change(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let images: Vec<_> = (0..CHANGES)
        .map(|number| image(&format!("v{number}")))
        .collect();
    for image in &images {
        repository.push_image(image, &[]).await;
    }
    let states: Arc<[Digest]> = images.iter().map(ImageFixture::digest).collect();
    // Index of the newest state that was answered to the writer or read by a reader.
    let newest = Arc::new(AtomicUsize::new(0));
    repository.push_image(&images[0], &["moving"]).await;
    let (writer, answered) = (repository.clone(), Arc::clone(&newest));
    let moving = tokio::spawn(async move {
        for (number, image) in images.iter().enumerate() {
            writer
                .push_manifest(image.bytes(), &image.media_type(), &["moving"])
                .await;
            answered.fetch_max(number, Ordering::SeqCst);
        }
    });
    let read = |reader: usize| {
        let (repository, newest) = (repository.clone(), Arc::clone(&newest));
        let (states, writer) = (Arc::clone(&states), moving.abort_handle());
        async move {
            while !writer.is_finished() {
                // A read that waits for nothing would leave the writer no turn.
                yield_now().await;
                let before = newest.load(Ordering::SeqCst);
                let info = if reader.is_multiple_of(2) {
                    repository.head_manifest("moving").await
                } else {
                    repository
                        .get_manifest("moving")
                        .await
                        .map(|(info, _)| info)
                };
                let digest = info.expect("the tag always exists").digest;
                let state = states.iter().position(|state| *state == digest);
                let state = state.expect("the tag points to a pushed manifest");
                assert!(state >= before, "read state {state} after state {before}");
                newest.fetch_max(state, Ordering::SeqCst);
            }
        }
    };
    join_all((0..CLIENTS).map(read)).await;
    moving.await.expect("the writer does not panic");
}
