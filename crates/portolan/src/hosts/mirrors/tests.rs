//! Who answers when there are mirrors; and that everything else is as without them.

use portolan_client::{Client, Retry, Scheme, Settings};
use portolan_model::fixtures::{Image, image, repository, tag};
use portolan_registry::contract::{Repository, refused, unknown_digest};
use portolan_registry::memory::MemoryRegistry;

use super::super::tests::answering;
use super::*;

/// A mirror that has nothing changes nothing.
async fn fresh() -> Arc<dyn Registry> {
    let nothing = source(&memory(), "copy/of/it");
    Arc::new(Mirrors::new(
        vec![nothing],
        memory(),
        repository("team/app"),
    ))
}

portolan_registry::contract_tests!(fresh);
portolan_registry::contract_tests_local!(fresh);

fn memory() -> Arc<dyn Registry> {
    Arc::new(MemoryRegistry::new())
}

fn source(registry: &Arc<dyn Registry>, name: &str) -> Source {
    Source {
        registry: Arc::clone(registry),
        repository: repository(name),
        name: name.into(),
        tags: true,
        down: Arc::default(),
        broken: Arc::default(),
    }
}

fn mirrored(sources: Vec<Source>, primary: &Arc<dyn Registry>) -> Repository {
    let mirrors: Arc<dyn Registry> = Arc::new(Mirrors::new(
        sources,
        Arc::clone(primary),
        repository("app"),
    ));
    Repository::of(&mirrors, "app")
}

async fn push(registry: &Arc<dyn Registry>, name: &str, image: &Image) {
    Repository::of(registry, name).image(image, &["v1"]).await;
}

#[tokio::test]
async fn the_first_that_has_it_answers() {
    let (one, two, primary) = (memory(), memory(), memory());
    push(&two, "mirror/app", &image("two")).await;
    push(&primary, "app", &image("primary")).await;
    let app = mirrored(
        vec![source(&one, "one"), source(&two, "mirror/app")],
        &primary,
    );
    assert_eq!(app.tagged("v1").await, Some(image("two").digest()));
    push(&one, "one", &image("one")).await;
    assert_eq!(app.tagged("v1").await, Some(image("one").digest()));
    for name in ["one", "two", "primary"] {
        let image = image(name);
        let layer = Digest::sha256(&image.blobs()[1]);
        assert_eq!(
            app.get(image.digest()).await.unwrap().1,
            image.bytes(),
            "{name}"
        );
        assert_eq!(
            app.size(&layer).await.unwrap(),
            image.blobs()[1].len() as u64,
            "{name}"
        );
        assert_eq!(app.read(&layer).await.unwrap(), image.blobs()[1], "{name}");
    }
    refused(app.get(unknown_digest()).await, &Kind::ManifestUnknown);
    refused(app.read(&unknown_digest()).await, &Kind::BlobUnknown);
}

#[tokio::test]
async fn a_mirror_for_digests_is_not_asked_about_tags() {
    let (mirror, primary) = (memory(), memory());
    push(&mirror, "app", &image("mirror")).await;
    let app = mirrored(
        vec![Source {
            tags: false,
            ..source(&mirror, "app")
        }],
        &primary,
    );
    assert_eq!(app.tagged("v1").await, None);
    refused(app.get(tag("v1")).await, &Kind::ManifestUnknown);
    assert_eq!(
        app.get(image("mirror").digest()).await.unwrap().1,
        image("mirror").bytes()
    );
}

#[tokio::test]
async fn another_repository_has_no_mirrors() {
    let (mirror, primary) = (memory(), memory());
    push(&mirror, "app", &image("mirror")).await;
    let mirrors: Arc<dyn Registry> = Arc::new(Mirrors::new(
        vec![source(&mirror, "app")],
        primary,
        repository("app"),
    ));
    let other = Repository::of(&mirrors, "other");
    refused(
        other.get(image("mirror").digest()).await,
        &Kind::ManifestUnknown,
    );
}

#[tokio::test]
async fn what_is_written_goes_to_the_primary() {
    let (mirror, primary) = (memory(), memory());
    let app = mirrored(vec![source(&mirror, "app")], &primary);
    app.image(&image("new"), &["v1"]).await;
    assert_eq!(
        Repository::of(&primary, "app").tagged("v1").await,
        Some(image("new").digest())
    );
    assert_eq!(Repository::of(&mirror, "app").tagged("v1").await, None);
}

#[tokio::test]
async fn a_mirror_that_is_down_is_not_asked_again() {
    let (mirror, primary) = (memory(), memory());
    push(&mirror, "app", &image("mirror")).await;
    push(&primary, "app", &image("primary")).await;
    let source = source(&mirror, "app");
    let down = Arc::clone(&source.down);
    source.failed(&"v1", &Error::new(Kind::Denied, "not you"));
    assert!(!down.load(Ordering::Relaxed));
    source.failed(&"v1", &Error::new(Kind::Unavailable, "no answer"));
    let app = mirrored(vec![source], &primary);
    assert_eq!(app.tagged("v1").await, Some(image("primary").digest()));
    down.store(false, Ordering::Relaxed);
    assert_eq!(app.tagged("v1").await, Some(image("mirror").digest()));
}

#[tokio::test]
async fn a_mirror_with_a_broken_blob_is_not_asked_for_it_again() {
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
        Repository::of(&primary, "app")
            .put_blob(&digest, Bytes::from("the content!"))
            .await
            .unwrap();
        let app = mirrored(vec![source(&mirror, "copies/app")], &primary);
        let error = refused(app.read(&digest).await, &kind);
        assert!(
            error
                .message()
                .starts_with("reading from the mirror copies/app: "),
            "{error}"
        );
        assert_eq!(app.read(&digest).await.unwrap(), "the content!");
    }
}
