//! What cannot be seen through HTTP: rights of the caller, several preconditions in one call,
//! findings as data, and where exactly a session stands that was broken off.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use portolan_model::fixtures::{Index, blob, image, tag};
use portolan_model::{Digest, RepositoryName, Rule};
use serde_json::json;

use super::concurrency::{CLIENTS, all};
use super::{Repository, broken_off, refused};
use crate::{
    Action, Authorize, Body, Caller, Context, Kind, Mount, Precondition, PutManifest, Registry,
    TagUpdate,
};

/// Everybody may do everything, but nobody may pull from one repository.
struct Closed(RepositoryName);

impl Authorize for Closed {
    fn allows(&self, _: &Caller, action: Action, repository: &RepositoryName) -> bool {
        action != Action::Pull || *repository != self.0
    }
}

fn closed(registry: &Arc<dyn Registry>) -> (Repository, Repository) {
    let (source, target) = (
        Repository::of(registry, "team/closed"),
        Repository::of(registry, "team/target"),
    );
    let context = Context::new(
        Caller::Named("somebody".into()),
        Arc::new(Closed(source.name().clone())),
    );
    (source, target.with_context(context))
}

/// A blob is not mounted from where the caller may not pull.
pub async fn a_mount_asks_for_pull_rights(registry: Arc<dyn Registry>) {
    let (source, target) = closed(&registry);
    let digest = source.blob(blob("x")).await;
    assert!(matches!(
        target.mount(&digest, Some(&source)).await,
        Mount::Upload(_)
    ));
    refused(target.read(&digest).await, &Kind::BlobUnknown);
}

/// Nor is it searched there, while an open repository will do.
pub async fn a_mount_from_anywhere_asks_for_pull_rights(registry: Arc<dyn Registry>) {
    let (source, target) = closed(&registry);
    let digest = source.blob(blob("x")).await;
    assert!(matches!(
        target.mount(&digest, None).await,
        Mount::Upload(_)
    ));
    refused(target.read(&digest).await, &Kind::BlobUnknown);
    Repository::of(&registry, "team/open").blob(blob("x")).await;
    assert_eq!(target.mount(&digest, None).await, Mount::Mounted);
    assert_eq!(
        target.read(&digest).await.expect("the blob is there"),
        blob("x")
    );
}

/// Of several tags in one call all are set or none, and with none the manifest is not stored.
pub async fn tags_are_set_together_or_not_at_all(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let one = repository.image(&image("one"), &["v1"]).await;
    let update = |name: &str, precondition| TagUpdate {
        tag: tag(name),
        precondition,
    };
    let put = async |tags: Vec<TagUpdate>| {
        let options = PutManifest {
            media_type: Some(Index::oci().media_type()),
            tags,
            ..repository.options()
        };
        repository.put_with(Index::oci().bytes(), options).await
    };
    let torn = vec![
        update("v2", Precondition::Absent),
        update("v3", Precondition::None),
        update("v1", Precondition::At(vec![Index::oci().digest()])),
    ];
    let error = refused(put(torn).await, &Kind::PreconditionFailed);
    assert_eq!(error.detail()["tag"], "v1");
    refused(
        repository.get(Index::oci().digest()).await,
        &Kind::ManifestUnknown,
    );
    assert_eq!(
        repository.tags().await.expect("the repository exists"),
        ["v1"]
    );

    let whole = vec![
        update("v2", Precondition::Absent),
        update("v1", Precondition::At(vec![one])),
    ];
    put(whole).await.expect("all of it holds");
    for tag in ["v1", "v2"] {
        assert_eq!(repository.tagged(tag).await, Some(Index::oci().digest()));
    }
}

/// What the policy warns of is stored, and told as data.
pub async fn warnings_are_told(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let media_type = Index::oci().media_type();
    let text = Index::oci().field("x", json!({})).bytes();
    let text = String::from_utf8_lossy(&text).replacen(r#""x":{}"#, r#""x":{"a/b":1,"a/b":2}"#, 1);
    let outcome = repository
        .put(text.clone().into(), &media_type, &["v1"])
        .await
        .expect("a warning is no refusal");
    let told: Vec<_> = outcome
        .warnings()
        .map(|finding| (finding.rule, finding.pointer.as_str()))
        .collect();
    assert_eq!(told, [(Rule::DuplicateKey, "/x/a~1b")]);
    repository
        .serves(
            "v1",
            &Digest::sha256(text.as_bytes()),
            &media_type,
            text.as_bytes(),
        )
        .await;
}

/// Every byte that came before a body broke off is kept.
pub async fn a_session_keeps_what_came_before(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = Digest::sha256(b"0123456789");
    let upload = repository.start().await;
    refused(
        repository
            .write(&upload.id, Some(0), broken_off(b"0123"))
            .await,
        &Kind::BodyIncomplete,
    );
    let upload = repository
        .status(&upload.id)
        .await
        .expect("the session lives");
    assert_eq!(upload.offset, 4);
    let broken = repository
        .finish(&upload.id, Some(4), broken_off(b"456"), &digest)
        .await;
    refused(broken, &Kind::BodyIncomplete);
    let upload = repository
        .status(&upload.id)
        .await
        .expect("the session lives");
    assert_eq!(upload.offset, 7);
    repository
        .finish(&upload.id, Some(7), Bytes::from("789"), &digest)
        .await
        .expect("the session ends well");
    assert_eq!(
        repository.read(&digest).await.expect("the blob is there"),
        "0123456789"
    );
}

/// The offset is checked though the piece is empty.
pub async fn an_empty_piece_has_its_place(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let upload = repository.start().await;
    let upload = repository
        .write(&upload.id, Some(0), Bytes::from("01"))
        .await
        .expect("a piece");
    refused(
        repository.write(&upload.id, Some(1), Bytes::new()).await,
        &Kind::OutOfOrder { offset: 2 },
    );
    let digest = Digest::sha256(b"01");
    let early = repository
        .finish(&upload.id, Some(0), Bytes::new(), &digest)
        .await;
    refused(early, &Kind::OutOfOrder { offset: 2 });
    repository
        .finish(&upload.id, Some(2), Bytes::new(), &digest)
        .await
        .expect("the session ends well");
}

/// Of clients who append slowly to one session at the same place, one is heard.
pub async fn slow_pieces_at_once(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let upload = repository.start().await;
    let writes = (0..CLIENTS).map(|_| {
        let (repository, id) = (repository.clone(), upload.id.clone());
        async move { repository.write(&id, Some(0), slowly("0123")).await }
    });
    let results = all(writes).await;
    assert_eq!(
        results.iter().filter(|result| result.is_ok()).count(),
        1,
        "one client appends"
    );
    for late in results.into_iter().filter(crate::Result::is_err) {
        refused(late, &Kind::OutOfOrder { offset: 4 });
    }
    let digest = Digest::sha256(b"0123");
    repository
        .finish(&upload.id, Some(4), Bytes::new(), &digest)
        .await
        .expect("the session ends well");
}

/// A body whose pieces let others go first.
fn slowly(text: &'static str) -> Body {
    Body::stream(stream::unfold(text, |rest| async move {
        for _ in 0..CLIENTS {
            tokio::task::yield_now().await;
        }
        let (piece, rest) = rest.split_at_checked(1)?;
        Some((Ok(Bytes::from(piece)), rest))
    }))
}
