//! Documents that cannot be taken as manifests at all.

use bytes::Bytes;
use portolan_model::MediaType;

use super::media;

/// A document that parsing refuses.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What is wrong with it.
    pub name: &'static str,
    /// The type that it is sent with.
    pub claimed: Option<MediaType>,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Every one of them.
pub fn refused() -> Vec<Refused> {
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
        document("no-json", index, "here be dragons"),
        document("nothing", index, ""),
        document("cut-off", index, r#"{"schemaVersion":2,"manifests":["#),
        document(
            "followed-by-more",
            index,
            r#"{"manifests":[]}{"manifests":[]}"#,
        ),
        document("no-object", index, r#"["manifests"]"#),
        document("nested-without-end", index, &deep),
        document("of-no-kind", None, r#"{"schemaVersion":2}"#),
        document(
            "of-generic-type-alone",
            Some("application/json"),
            r#"{"soundings":[3,5,8]}"#,
        ),
    ]
}

fn document(name: &'static str, claimed: Option<&str>, text: &str) -> Refused {
    Refused {
        name,
        claimed: claimed.map(MediaType::new),
        bytes: text.to_owned().into(),
    }
}
