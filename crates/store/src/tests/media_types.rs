//! Media types that differ in case: they are equal, but each is stored as it is spelled.

use portolan_model::MediaType;
use portolan_model::fixtures::repository;
use portolan_registry::{Context, PutManifest, Reader, Writer};
use serde_json::json;

use super::subject;

#[tokio::test]
async fn each_spelling_of_a_media_type_is_stored() {
    let subject = subject().await;
    let (context, name) = (Context::anonymous(), repository("a"));
    for spelling in [
        "application/x.thing",
        "application/X.Thing",
        "Application/x.thing",
    ] {
        let document = json!({"mediaType": spelling, "artifactType": spelling.to_uppercase()});
        let options = PutManifest {
            media_type: Some(MediaType::new(spelling)),
            ..PutManifest::default()
        };
        let bytes = serde_json::to_vec(&document).unwrap();
        let put = subject
            .store
            .put_manifest(&context, &name, bytes.into(), options);
        let reference = put.await.unwrap().digest.into();
        let head = subject.store.head_manifest(&context, &name, &reference);
        assert_eq!(head.await.unwrap().media_type.as_str(), spelling);
    }
}
