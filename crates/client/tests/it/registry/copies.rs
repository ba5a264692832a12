//! Copies of an image with a referrer, to and from registries of each behavior. Every copy must
//! succeed, and the target must then have all content, the tag and the referrer.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use portolan_client::{Client, Credential, Secret, Settings};
use portolan_model::fixtures::{ImageFixture, image, tag};
use portolan_model::{Descriptor, Digest, Manifest, MediaType};
use portolan_registry::copy::{Copier, CopyOptions, CopyOutcome, CopyRequest, NoSessionStore};
use portolan_registry::{
    Kind, Lister, PageRequest, Reader, Repository, Result, TagUpdate, Writer, referrer_descriptor,
};
use serde_json::{Value, json};

use super::tables::{self, Row};
use crate::harness::{Known, READ_LIMIT, app, context, put};
use portolan_testkit::fake::{Fake, Reply};
use portolan_testkit::fake_registry::{Behavior, FakeRegistry, Head, Range, Referrers};

/// Size of the large layer, which is too large to be sent from memory in one request.
const LARGE: usize = (1 << 20) + (1 << 18);

fn large_layer() -> Bytes {
    static LAYER: LazyLock<Bytes> = LazyLock::new(|| {
        let byte = |position: usize| ((position / 251) ^ position).to_le_bytes()[0];
        (0..LARGE).map(byte).collect::<Vec<_>>().into()
    });
    LAYER.clone()
}

fn subject() -> ImageFixture {
    image("subject")
}

/// Returns the bytes of the image to copy: the subject, with a large layer if `large` is set.
fn document(large: bool) -> Bytes {
    static LARGE_DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
        let mut document: Value = serde_json::from_slice(&subject().bytes()).unwrap();
        let layer = large_layer();
        let layer = json!({"mediaType": MediaType::OCI_LAYER_GZIP, "digest": Digest::sha256(&layer), "size": LARGE});
        document["layers"].as_array_mut().unwrap().push(layer);
        document.to_string().into()
    });
    if large {
        LARGE_DOCUMENT.clone()
    } else {
        subject().bytes()
    }
}

fn referrer(subject: &Bytes) -> ImageFixture {
    let digest = Digest::sha256(subject);
    let descriptor = Descriptor::new(image("").media_type(), digest, subject.len() as u64);
    image("referrer").subject(&descriptor)
}

/// Stores the image under the tag `v1`, the referrer, and a tag of cosign.
async fn fill(registry: &FakeRegistry, large: bool) {
    let (subject_bytes, media_type) = (document(large), image("").media_type());
    let referrer = referrer(&subject_bytes);
    let signature = image("signature");
    {
        let mut state = registry.state();
        let blobs = [subject().blobs(), referrer.blobs(), signature.blobs()];
        for blob in blobs.iter().flatten().chain([&large_layer()]) {
            state.put_blob(blob);
        }
        let digest = state.put_manifest(&media_type, &subject_bytes);
        let cosign_tag = format!("sha256-{}.sig", digest.encoded_part());
        state.tags.insert("v1".into(), digest);
        state.tags.insert("a".into(), signature.digest());
        state.put_manifest(&media_type, &signature.bytes());
        state.tags.insert(cosign_tag, signature.digest());
    }
    // Push the referrer with the client, so that the referrers tag lists it if the registry has no
    // referrers API.
    let behavior = std::mem::take(&mut registry.state().behavior);
    let (referrers, hides_subject) = (behavior.referrers, behavior.hides_subject);
    registry.state().behavior = Behavior {
        referrers,
        hides_subject: hides_subject || !matches!(referrers, Referrers::Listed),
        ..Behavior::default()
    };
    put(&client(registry), referrer.bytes(), &media_type, &[])
        .await
        .unwrap();
    registry.state().behavior = behavior;
}

fn client(registry: &FakeRegistry) -> Client {
    Client::new(registry.fake.settings()).unwrap()
}

fn repository(registry: &FakeRegistry) -> Repository {
    Repository::new(Arc::new(client(registry)), context(), app())
        .with_display_name(format!("{}/team/app", registry.fake.host()))
}

async fn copy(source: &Repository, target: &Repository) -> Result<CopyOutcome> {
    let request = CopyRequest {
        source: source.clone(),
        reference: tag("v1").into(),
        target: target.clone(),
        tags: vec![TagUpdate::unconditional(tag("v1"))],
    };
    let options = CopyOptions {
        referrers: true,
        ..CopyOptions::default()
    };
    let copier = Copier::new(4, Arc::new(NoSessionStore));
    let plan = copier.plan(&request, &options).await?;
    let observer = Arc::new(()) as _;
    copier.execute(&plan, &observer).await
}

/// Checks that the target has the tag, all content, the cosign tag, and that a new client finds the
/// referrer.
async fn check_complete(target: &FakeRegistry, large: bool, name: &str) {
    let (bytes, referrer) = (document(large), referrer(&document(large)));
    let digest = Digest::sha256(&bytes);
    {
        let state = target.state();
        assert_eq!(state.tags.get("v1"), Some(&digest), "{name}");
        let cosign_tag = format!("sha256-{}.sig", digest.encoded_part());
        assert_eq!(
            state.tags[&cosign_tag],
            image("signature").digest(),
            "{name}"
        );
        for document in [&bytes, &referrer.bytes()] {
            assert_eq!(
                state.manifests[&Digest::sha256(document)].1,
                document,
                "{name}"
            );
            let manifest = Manifest::parse(document.clone(), None).unwrap();
            for child in manifest.children() {
                let size = state.blobs[&child.descriptor.digest].len() as u64;
                assert_eq!(Some(size), child.descriptor.size, "{name}");
            }
        }
    }
    let found = client(target)
        .referrers(&context(), &app(), &digest, None, &PageRequest::first(10))
        .await
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let manifest = Manifest::parse(referrer.bytes(), None).unwrap();
    let expected = referrer_descriptor(&manifest, &referrer.digest());
    assert_eq!(found.items, [expected], "{name}");
}

/// Returns each combination of the rows, with their sources.
fn combinations(tables: &[&[Row]]) -> Vec<(String, Behavior)> {
    let mut all = vec![(String::new(), Behavior::default())];
    for table in tables {
        let extend = |(name, behavior): &(String, Behavior)| {
            table
                .iter()
                .map(|row| {
                    let mut behavior = behavior.clone();
                    (row.apply)(&mut behavior);
                    (format!("{name} [{}]", row.source), behavior)
                })
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(extend).collect();
    }
    all
}

async fn copies_to_each(tables: &[&[Row]], large: bool) {
    let source = FakeRegistry::start(Behavior::default()).await;
    fill(&source, large).await;
    let source = repository(&source);
    for (name, behavior) in combinations(tables) {
        let target = FakeRegistry::start(behavior.clone()).await;
        let name = format!("to{name}: {behavior:?}");
        let to = repository(&target);
        // The second copy may find the content at the target, or send it again.
        for attempt in ["first", "second"] {
            let copied = copy(&source, &to).await;
            copied.unwrap_or_else(|error| panic!("{attempt} {name}: {error}"));
        }
        check_complete(&target, large, &name).await;
    }
}

async fn copies_from_each(tables: &[&[Row]], large: bool) {
    for (name, behavior) in combinations(tables) {
        let source = FakeRegistry::start(behavior.clone()).await;
        fill(&source, large).await;
        let target = FakeRegistry::start(Behavior::default()).await;
        let name = format!("from{name}: {behavior:?}");
        let copied = copy(&repository(&source), &repository(&target)).await;
        copied.unwrap_or_else(|error| panic!("{name}: {error}"));
        check_complete(&target, large, &name).await;
    }
}

#[tokio::test]
async fn a_target_may_reject_ways_of_uploading() {
    copies_to_each(&[tables::MOUNTS, tables::PATCHES], true).await;
    copies_to_each(&[tables::PATCHES, tables::LOCATIONS], true).await;
}

#[tokio::test]
async fn no_referrer_is_lost_at_a_target() {
    let tables = [tables::REFERRERS, tables::SUBJECTS, tables::TAG_QUERIES];
    copies_to_each(&tables, false).await;
}

#[tokio::test]
async fn no_referrer_is_lost_at_a_source() {
    copies_from_each(&[tables::REFERRERS, tables::SUBJECTS], false).await;
}

#[tokio::test]
async fn lookups_at_a_target_never_end_a_copy() {
    copies_to_each(&[tables::HEADS, tables::DIGESTS], false).await;
    copies_to_each(&[&tables::HEADS[5..6], tables::RANGES], false).await;
    copies_to_each(&[tables::HEADS, tables::TAG_QUERIES], false).await;
}

#[tokio::test]
async fn lookups_at_a_source_never_end_a_copy() {
    copies_from_each(&[tables::HEADS, tables::DIGESTS], false).await;
}

#[tokio::test]
async fn downloads_need_neither_lengths_nor_ranges() {
    let tables = [
        tables::RANGES,
        tables::LENGTHS,
        tables::INTERRUPTIONS,
        tables::REDIRECTS,
    ];
    copies_from_each(&tables, true).await;
    let without_heads = [tables::HEADS, tables::LENGTHS, tables::INTERRUPTIONS];
    copies_from_each(&without_heads, true).await;
}

#[tokio::test]
async fn pages_of_tags_have_many_forms() {
    copies_from_each(&[tables::PAGES], false).await;
}

#[tokio::test]
async fn challenges_and_tokens_have_many_forms() {
    for table in [tables::CHALLENGES, tables::TOKENS] {
        for (name, behavior) in combinations(&[table]) {
            let source = FakeRegistry::start(Behavior::default()).await;
            fill(&source, false).await;
            source.state().behavior = behavior;
            let settings = Settings {
                credentials: Known::new(Credential::Basic {
                    username: "somebody".into(),
                    password: Secret::new("secret"),
                }),
                ..source.fake.settings()
            };
            let client = Arc::new(Client::new(settings).unwrap());
            let from = Repository::new(client, context(), app());
            let target = FakeRegistry::start(Behavior::default()).await;
            let copied = copy(&from, &repository(&target)).await;
            copied.unwrap_or_else(|error| panic!("{name}: {error}"));
            check_complete(&target, false, &name).await;
        }
    }
}

#[tokio::test]
async fn content_of_another_size_is_sent_again() {
    let source = FakeRegistry::start(Behavior::default()).await;
    fill(&source, false).await;
    let target = FakeRegistry::start(Behavior::default()).await;
    let layer = Digest::sha256(&subject().blobs()[1]);
    target
        .state()
        .blobs
        .insert(layer, Bytes::from_static(b"cut"));
    copy(&repository(&source), &repository(&target))
        .await
        .unwrap();
    check_complete(&target, false, "a truncated blob").await;
}

#[tokio::test]
async fn the_response_to_the_push_is_reported() {
    let source = FakeRegistry::start(Behavior::default()).await;
    fill(&source, false).await;
    let target = Fake::start(|asked| match asked.method() {
        "HEAD" => Reply::new(403),
        _ => Reply::error(403, "DENIED"),
    })
    .await;
    let to = Repository::new(Arc::new(target.client()), context(), app());
    let error = copy(&repository(&source), &to).await.unwrap_err();
    assert_eq!(*error.kind(), Kind::Denied);
    assert!(
        error.message().ends_with("returned DENIED: rejected"),
        "{error}"
    );
}

#[tokio::test]
async fn a_lookup_reports_the_reason_of_the_registry() {
    let fake = Fake::start(|asked| match asked.method() {
        "HEAD" => Reply::new(403),
        _ => Reply::error(403, "DENIED"),
    })
    .await;
    let (client, digest) = (fake.client(), Digest::sha256(b"x"));
    let head = client
        .head_manifest(&context(), &app(), &tag("v1").into())
        .await;
    let blob = client.head_blob(&context(), &app(), &digest).await;
    for error in [head.unwrap_err(), blob.unwrap_err()] {
        assert!(
            error.message().ends_with("returned DENIED: rejected"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_blob_without_a_stated_size_is_read_with_that_of_its_descriptor() {
    let registry = FakeRegistry::start(Behavior {
        sends_chunked: true,
        range: Range::Ignored,
        head_blob: Head::Status(405),
        ..Behavior::default()
    })
    .await;
    let content = large_layer();
    registry.state().put_blob(&content);
    let digest = Digest::sha256(&content);
    let descriptor = Descriptor::new(MediaType::new("a/b"), digest.clone(), content.len() as u64);
    let client = client(&registry);
    let read = client
        .get_described_blob(&context(), &app(), &descriptor, None)
        .await
        .unwrap();
    assert_eq!(read.body.collect(READ_LIMIT).await.unwrap(), content);
    let error = client.get_blob(&context(), &app(), &digest, None).await;
    let message = error.unwrap_err().message().to_owned();
    assert!(message.contains("does not report the size"), "{message}");
    let put = client
        .put_blob(&context(), &app(), &digest, content.into())
        .await;
    put.unwrap();
}
