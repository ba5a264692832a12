//! Documents that `Manifest::parse` rejects.

use bytes::Bytes;
use portolan_model::MediaType;

use super::media;

/// Document that [`Manifest::parse`](portolan_model::Manifest::parse) rejects.
#[derive(Clone, Debug)]
pub struct InvalidDocument {
    /// Name, which describes the defect of the document.
    pub name: &'static str,
    /// `Content-Type` with which the document is pushed.
    pub claimed: Option<MediaType>,
    /// Bytes of the document.
    pub bytes: Bytes,
}

/// Returns all invalid documents of the corpus.
pub fn invalid_documents() -> Vec<InvalidDocument> {
    let index = Some(MediaType::OCI_INDEX);
    let deep = format!("{{\"manifests\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    vec![
        document(
            "docker-schema1",
            Some(media::SCHEMA1),
            r#"{"schemaVersion":1,"fsLayers":[],"history":[]}"#,
        ),
        document(
            "docker-schema1-without-type",
            None,
            r#"{"schemaVersion":1,"fsLayers":[]}"#,
        ),
        document(
            "docker-schema1-sent-as-oci",
            Some(MediaType::OCI_MANIFEST),
            r#"{"schemaVersion":1,"fsLayers":[]}"#,
        ),
        document("not-json", index, "here be dragons"),
        document("empty", index, ""),
        document("truncated", index, r#"{"schemaVersion":2,"manifests":["#),
        document(
            "trailing-data",
            index,
            r#"{"manifests":[]}{"manifests":[]}"#,
        ),
        document("not-an-object", index, r#"["manifests"]"#),
        document("nested-too-deeply", index, &deep),
        document("unknown-kind", None, r#"{"schemaVersion":2}"#),
        document(
            "only-a-generic-type",
            Some("application/json"),
            r#"{"soundings":[3,5,8]}"#,
        ),
    ]
}

fn document(name: &'static str, claimed: Option<&str>, text: &str) -> InvalidDocument {
    InvalidDocument {
        name,
        claimed: claimed.map(MediaType::new),
        bytes: text.to_owned().into(),
    }
}
