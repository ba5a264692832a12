//! Behaviors that HTTP cannot express: identity and permissions of the caller, several
//! preconditions in one call, findings as data, and the exact offset of a session after an
//! incomplete chunk.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use portolan_model::fixtures::{IndexFixture, blob, image, tag};
use portolan_model::{Digest, RepositoryName, Rule};
use serde_json::json;

use super::concurrency::{CLIENTS, join_all};
use super::{TestRepository, expect_error, incomplete_body};
use crate::{
    Action, AllowAll, Authorize, Body, Caller, Context, Kind, MountOutcome, Precondition,
    PutManifest, Registry, TagUpdate,
};

/// Authorization that allows all actions except pulling from one repository.
struct DenyPull(RepositoryName);

impl Authorize for DenyPull {
    fn allows(&self, _: &Caller, action: Action, repository: &RepositoryName) -> bool {
        action != Action::Pull || *repository != self.0
    }
}

fn closed_source_and_target(registry: &Arc<dyn Registry>) -> (TestRepository, TestRepository) {
    let (source, target) = (
        TestRepository::new(registry, "team/closed"),
        TestRepository::new(registry, "team/target"),
    );
    let context = Context::new(
        Caller::Named("somebody".into()),
        Arc::new(DenyPull(source.name().clone())),
    );
    (source, target.with_context(context))
}

/// Checks that a mount falls back to an upload if the caller may not pull from the source.
pub async fn mount_requires_pull_rights(registry: Arc<dyn Registry>) {
    let (source, target) = closed_source_and_target(&registry);
    let digest = source.push_blob(blob("x")).await;
    assert!(matches!(
        target.mount(&digest, Some(&source)).await,
        MountOutcome::Upload(_)
    ));
    expect_error(target.read_blob(&digest).await, &Kind::BlobUnknown);
}

/// Checks that a mount without a source skips repositories that the caller may not pull from.
pub async fn mount_without_source_requires_pull_rights(registry: Arc<dyn Registry>) {
    let (source, target) = closed_source_and_target(&registry);
    let digest = source.push_blob(blob("x")).await;
    assert!(matches!(
        target.mount(&digest, None).await,
        MountOutcome::Upload(_)
    ));
    expect_error(target.read_blob(&digest).await, &Kind::BlobUnknown);
    TestRepository::new(&registry, "team/open")
        .push_blob(blob("x"))
        .await;
    assert_eq!(target.mount(&digest, None).await, MountOutcome::Mounted);
    assert_eq!(
        target.read_blob(&digest).await.expect("the blob exists"),
        blob("x")
    );
}

/// Checks that a call sets all of its tags, or fails without setting any tag or storing the
/// manifest.
pub async fn sets_all_tags_or_none(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let one = repository.push_image(&image("one"), &["v1"]).await;
    let update = |name: &str, precondition| TagUpdate {
        tag: tag(name),
        precondition,
    };
    let put = async |tags: Vec<TagUpdate>| {
        let options = PutManifest {
            media_type: Some(IndexFixture::oci().media_type()),
            tags,
            ..PutManifest::default()
        };
        repository
            .put_manifest_with(IndexFixture::oci().bytes(), options)
            .await
    };
    let conflicting = vec![
        update("v2", Precondition::Absent),
        update("v3", Precondition::None),
        update(
            "v1",
            Precondition::PointsTo([IndexFixture::oci().digest()].into()),
        ),
    ];
    let error = expect_error(put(conflicting).await, &Kind::PreconditionFailed);
    assert_eq!(error.detail()["tag"], "v1");
    expect_error(
        repository.get_manifest(IndexFixture::oci().digest()).await,
        &Kind::ManifestUnknown,
    );
    assert_eq!(
        repository.tags().await.expect("the repository exists"),
        ["v1"]
    );

    let matching = vec![
        update("v2", Precondition::Absent),
        update("v1", Precondition::PointsTo([one].into())),
    ];
    put(matching).await.expect("all preconditions hold");
    for tag in ["v1", "v2"] {
        assert_eq!(
            repository.resolve_tag(tag).await,
            Some(IndexFixture::oci().digest())
        );
    }
}

/// Checks that a push with warnings succeeds, and that the outcome contains the findings of the
/// warnings as data.
pub async fn reports_warnings(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let media_type = IndexFixture::oci().media_type();
    let text = IndexFixture::oci().field("x", json!({})).bytes();
    let text = String::from_utf8_lossy(&text).replacen(r#""x":{}"#, r#""x":{"a/b":1,"a/b":2}"#, 1);
    let outcome = repository
        .put_manifest(text.clone().into(), &media_type, &["v1"])
        .await
        .expect("a warning does not reject the push");
    let reported: Vec<_> = outcome
        .warnings()
        .map(|finding| (finding.rule, finding.pointer.as_str()))
        .collect();
    assert_eq!(reported, [(Rule::DuplicateKey, "/x/a~1b")]);
    repository
        .assert_serves(
            "v1",
            &Digest::sha256(text.as_bytes()),
            &media_type,
            text.as_bytes(),
        )
        .await;
}

/// Checks that an upload session does not exist for another caller.
pub async fn session_belongs_to_its_caller(registry: Arc<dyn Registry>) {
    let account = |name: &str| {
        let context = Context::new(Caller::Named(name.into()), Arc::new(AllowAll));
        TestRepository::new(&registry, "team/app").with_context(context)
    };
    let (owner, anonymous) = (account("a"), TestRepository::new(&registry, "team/app"));
    let opened = owner.open_upload().await;
    let mut id = owner
        .append_upload(&opened.id, Some(0), Bytes::from("01"))
        .await
        .expect("the owner may use the session")
        .id;
    let digest = Digest::sha256(b"0123");
    for other in [account("b"), anonymous] {
        expect_error(other.upload_status(&id).await, &Kind::UploadUnknown);
        let appended = other.append_upload(&id, None, Bytes::from("xx")).await;
        expect_error(appended, &Kind::UploadUnknown);
        let finished = other.finish_upload(&id, None, Bytes::from("23"), &digest);
        expect_error(finished.await, &Kind::UploadUnknown);
        expect_error(other.cancel_upload(&id).await, &Kind::UploadUnknown);
        let upload = owner
            .upload_status(&id)
            .await
            .expect("the owner may use the session");
        assert_eq!(upload.offset, 2);
        id = upload.id;
    }
    owner
        .finish_upload(&id, Some(2), Bytes::from("23"), &digest)
        .await
        .expect("the owner may use the session");
    assert_eq!(
        owner
            .read_blob(&digest)
            .await
            .expect("the owner may use the session"),
        "0123"
    );
}

/// Checks that a session stores every byte that arrived before a body failed.
pub async fn session_keeps_bytes_of_an_incomplete_chunk(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = Digest::sha256(b"0123456789");
    let upload = repository.open_upload().await;
    expect_error(
        repository
            .append_upload(&upload.id, Some(0), incomplete_body(b"0123"))
            .await,
        &Kind::BodyIncomplete,
    );
    let upload = repository
        .upload_status(&upload.id)
        .await
        .expect("the session exists");
    assert_eq!(upload.offset, 4);
    let incomplete = repository
        .finish_upload(&upload.id, Some(4), incomplete_body(b"456"), &digest)
        .await;
    expect_error(incomplete, &Kind::BodyIncomplete);
    let upload = repository
        .upload_status(&upload.id)
        .await
        .expect("the session exists");
    assert_eq!(upload.offset, 7);
    repository
        .finish_upload(&upload.id, Some(7), Bytes::from("789"), &digest)
        .await
        .expect("the session finishes");
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the blob exists"),
        "0123456789"
    );
}

/// Checks that the registry compares the offset of an empty chunk too.
pub async fn checks_the_offset_of_an_empty_chunk(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let upload = repository.open_upload().await;
    let upload = repository
        .append_upload(&upload.id, Some(0), Bytes::from("01"))
        .await
        .expect("the chunk is accepted");
    expect_error(
        repository
            .append_upload(&upload.id, Some(1), Bytes::new())
            .await,
        &Kind::OutOfOrder { offset: 2 },
    );
    let digest = Digest::sha256(b"01");
    let early = repository
        .finish_upload(&upload.id, Some(0), Bytes::new(), &digest)
        .await;
    expect_error(early, &Kind::OutOfOrder { offset: 2 });
    repository
        .finish_upload(&upload.id, Some(2), Bytes::new(), &digest)
        .await
        .expect("the session finishes");
}

/// Checks that if several clients slowly append to one session at the same offset, exactly one
/// client succeeds.
pub async fn concurrent_slow_writes_to_one_session(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let upload = repository.open_upload().await;
    let writes = (0..CLIENTS).map(|_| {
        let (repository, id) = (repository.clone(), upload.id.clone());
        async move {
            repository
                .append_upload(&id, Some(0), slow_body("0123"))
                .await
        }
    });
    let results = join_all(writes).await;
    assert_eq!(
        results.iter().filter(|result| result.is_ok()).count(),
        1,
        "exactly one client succeeds"
    );
    // Each of the other calls was ended by a newer call, or begins before the offset of the
    // session.
    for error in results.into_iter().filter_map(crate::Result::err) {
        assert!(matches!(error.kind(), Kind::OutOfOrder { .. }), "{error}");
    }
    let digest = Digest::sha256(b"0123");
    repository
        .finish_upload(&upload.id, Some(4), Bytes::new(), &digest)
        .await
        .expect("the session finishes");
}

/// Creates a body that yields to other tasks before each of its chunks.
fn slow_body(text: &'static str) -> Body {
    Body::from_stream(stream::unfold(text, |rest| async move {
        for _ in 0..CLIENTS {
            tokio::task::yield_now().await;
        }
        let (chunk, rest) = rest.split_at_checked(1)?;
        Some((Ok(Bytes::from(chunk)), rest))
    }))
}
