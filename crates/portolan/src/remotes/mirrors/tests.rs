//! Tests for reads with mirrors, and for all other operations. Mirrors do not affect other
//! operations.

use portolan_client::{Client, Retry, Scheme, Settings};
use portolan_model::fixtures::{ImageFixture, image, repository, tag};
use portolan_registry::contract::{TestRepository, TestedRegistry, expect_error, unknown_digest};
use portolan_registry::memory::MemoryRegistry;
use portolan_registry::{Admission, LocalRegistry};

use super::super::tests::answering;
use super::*;

/// In-memory registry whose handles have an empty mirror. The mirror must not affect the result of
/// any operation.
struct WithEmptyMirror(MemoryRegistry);

impl LocalRegistry for WithEmptyMirror {
    fn handle(&self, admission: Arc<dyn Admission>) -> Arc<dyn Registry> {
        let empty = source(&memory(), "copy/of/it");
        Arc::new(MirroredRegistry::new(
            vec![empty],
            self.0.handle(admission),
            repository("team/app"),
        ))
    }
}

async fn fresh() -> TestedRegistry {
    TestedRegistry::local(Arc::new(WithEmptyMirror(MemoryRegistry::new())), ())
}

portolan_registry::contract_tests!(fresh);
portolan_registry::contract_tests_local!(fresh);

fn memory() -> Arc<dyn Registry> {
    Arc::new(MemoryRegistry::new())
}

fn source(registry: &Arc<dyn Registry>, name: &str) -> MirrorSource {
    MirrorSource {
        registry: Arc::clone(registry),
        repository: repository(name),
        name: name.into(),
        tags: true,
        down: Arc::default(),
        broken: Arc::default(),
    }
}

fn mirrored(sources: Vec<MirrorSource>, primary: &Arc<dyn Registry>) -> TestRepository {
    let mirrors: Arc<dyn Registry> = Arc::new(MirroredRegistry::new(
        sources,
        Arc::clone(primary),
        repository("app"),
    ));
    TestRepository::new(&mirrors, "app")
}

async fn push(registry: &Arc<dyn Registry>, name: &str, image: &ImageFixture) {
    TestRepository::new(registry, name)
        .push_image(image, &["v1"])
        .await;
}

#[tokio::test]
async fn the_first_source_with_the_content_answers() {
    let (one, two, primary) = (memory(), memory(), memory());
    push(&two, "mirror/app", &image("two")).await;
    push(&primary, "app", &image("primary")).await;
    let app = mirrored(
        vec![source(&one, "one"), source(&two, "mirror/app")],
        &primary,
    );
    assert_eq!(app.resolve_tag("v1").await, Some(image("two").digest()));
    push(&one, "one", &image("one")).await;
    assert_eq!(app.resolve_tag("v1").await, Some(image("one").digest()));
    for name in ["one", "two", "primary"] {
        let image = image(name);
        let layer = Digest::sha256(&image.blobs()[1]);
        assert_eq!(
            app.get_manifest(image.digest()).await.unwrap().1,
            image.bytes(),
            "{name}"
        );
        assert_eq!(
            app.blob_size(&layer).await.unwrap(),
            image.blobs()[1].len() as u64,
            "{name}"
        );
        assert_eq!(
            app.read_blob(&layer).await.unwrap(),
            image.blobs()[1],
            "{name}"
        );
    }
    expect_error(
        app.get_manifest(unknown_digest()).await,
        &Kind::ManifestUnknown,
    );
    expect_error(app.read_blob(&unknown_digest()).await, &Kind::BlobUnknown);
}

#[tokio::test]
async fn a_digest_only_mirror_does_not_resolve_tags() {
    let (mirror, primary) = (memory(), memory());
    push(&mirror, "app", &image("mirror")).await;
    let app = mirrored(
        vec![MirrorSource {
            tags: false,
            ..source(&mirror, "app")
        }],
        &primary,
    );
    assert_eq!(app.resolve_tag("v1").await, None);
    expect_error(app.get_manifest(tag("v1")).await, &Kind::ManifestUnknown);
    assert_eq!(
        app.get_manifest(image("mirror").digest()).await.unwrap().1,
        image("mirror").bytes()
    );
}

#[tokio::test]
async fn other_repositories_have_no_mirrors() {
    let (mirror, primary) = (memory(), memory());
    push(&mirror, "app", &image("mirror")).await;
    let mirrors: Arc<dyn Registry> = Arc::new(MirroredRegistry::new(
        vec![source(&mirror, "app")],
        primary,
        repository("app"),
    ));
    let other = TestRepository::new(&mirrors, "other");
    expect_error(
        other.get_manifest(image("mirror").digest()).await,
        &Kind::ManifestUnknown,
    );
}

#[tokio::test]
async fn writes_go_to_the_primary() {
    let (mirror, primary) = (memory(), memory());
    let app = mirrored(vec![source(&mirror, "app")], &primary);
    app.push_image(&image("new"), &["v1"]).await;
    assert_eq!(
        TestRepository::new(&primary, "app").resolve_tag("v1").await,
        Some(image("new").digest())
    );
    assert_eq!(
        TestRepository::new(&mirror, "app").resolve_tag("v1").await,
        None
    );
}

#[tokio::test]
async fn an_unreachable_mirror_is_skipped() {
    let (mirror, primary) = (memory(), memory());
    push(&mirror, "app", &image("mirror")).await;
    push(&primary, "app", &image("primary")).await;
    let source = source(&mirror, "app");
    let down = Arc::clone(&source.down);
    source.record_failure(&"v1", &Error::new(Kind::Denied, "not you"));
    assert!(!down.load(Ordering::Relaxed));
    source.record_failure(&"v1", &Error::new(Kind::Unavailable, "no answer"));
    let app = mirrored(vec![source], &primary);
    assert_eq!(app.resolve_tag("v1").await, Some(image("primary").digest()));
    down.store(false, Ordering::Relaxed);
    assert_eq!(app.resolve_tag("v1").await, Some(image("mirror").digest()));
}

#[tokio::test]
async fn a_mirror_is_skipped_for_a_broken_blob() {
    let flipped = "HTTP/1.1 200 OK\r\ncontent-length: 12\r\nconnection: close\r\n\r\nthe convent!";
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 12\r\nconnection: close\r\n\r\nthe con";
    for (answer, kind) in [(flipped, Kind::DigestInvalid), (cut, Kind::Unavailable)] {
        let settings = Settings::new(answering(answer).await);
        let retry = Retry {
            attempts: 1,
            ..settings.retry
        };
        let client = Client::new(Settings {
            scheme: Scheme::Http,
            retry,
            ..settings
        })
        .unwrap();
        let mirror: Arc<dyn Registry> = Arc::new(client);
        let primary = memory();
        let digest = Digest::sha256(b"the content!");
        TestRepository::new(&primary, "app")
            .put_blob(&digest, Bytes::from("the content!"))
            .await
            .unwrap();
        let app = mirrored(vec![source(&mirror, "copies/app")], &primary);
        let error = expect_error(app.read_blob(&digest).await, &kind);
        assert!(
            error
                .message()
                .starts_with("failed to read from the mirror copies/app: "),
            "{error}"
        );
        assert_eq!(app.read_blob(&digest).await.unwrap(), "the content!");
    }
}
