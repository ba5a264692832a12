//! Documents with an optional field of an unexpected type.

use std::fs;

use anyhow::Result;
use portolan_testkit::fake_registry::{Auth, Behavior};
use serde_json::{Value, json};

use super::content::fill;
use super::copies::{FakeCopy, copy_from, image};
use crate::faults::fault::Fault;
use crate::faults::scene::Scene;
use crate::interop::builder::{AMD64, Builder};
use crate::interop::document::Kind;
use crate::interop::media::OCI;

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "token-expires-in-a-text",
        check: |scene| copy_from(scene, token(r#"{"token":"good","expires_in":"300"}"#)),
    },
    Fault {
        name: "os-features-are-null",
        check: os_features_are_null,
    },
    Fault {
        name: "annotation-is-a-number",
        check: annotation_is_a_number,
    },
];

/// Returns a registry that demands a token, and responds with `token` to a request for one.
pub(crate) fn token(token: &'static str) -> Behavior {
    Behavior {
        auth: Some(Auth {
            challenges: &[r#"Bearer realm="REALM",service="fake""#],
            token,
        }),
        ..Behavior::default()
    }
}

/// Returns an index of one image, after a change to its entry.
fn index(field: &str, value: impl FnOnce(&Value) -> Value) -> Result<Kind> {
    let mut kind = Builder::new("fields");
    let image = kind.add_image(OCI, AMD64)?;
    let value = value(&Value::from(image.clone()));
    let index = kind.add_index(OCI, [image.with_field(field, value)]);
    Ok(kind.build(&index))
}

fn os_features_are_null(scene: &Scene) -> Result<()> {
    let kind = index("platform", |image| {
        let mut platform = image["platform"].clone();
        platform["os.features"] = Value::Null;
        platform
    })?;
    FakeCopy::new(scene, &kind).run()?;
    let registry = scene.fake(Behavior::default());
    fill(&registry, &kind)?;
    scene
        .portolan(&["inspect", &image(&registry), "--platform", AMD64])?
        .expect_status(0)?;
    scene
        .portolan(&["lint", &image(&registry)])?
        .expect_status(0)?
        .expect_no("malformed-field")?;
    Ok(())
}

/// Copies, checks and selects an entry that has a number among its annotations.
fn annotation_is_a_number(scene: &Scene) -> Result<()> {
    let kind = index("annotations", |_| json!({"com.example.number": 7}))?;
    FakeCopy::new(scene, &kind).run()?;
    let registry = scene.fake(Behavior::default());
    fill(&registry, &kind)?;
    scene
        .portolan(&["lint", &image(&registry)])?
        .expect_status(1)?
        .expect_stdout("com.example.number in annotations must be a string, found 7")?;
    scene
        .portolan(&["copy", &image(&registry), "oci:images:v1"])?
        .expect_status(0)?;
    let file = scene.path("images/index.json");
    let mut layout: Value = serde_json::from_slice(&fs::read(&file)?)?;
    layout["manifests"][0]["annotations"]["com.example.number"] = 7.into();
    fs::write(&file, layout.to_string())?;
    scene
        .portolan(&["inspect", "oci:images:v1"])?
        .expect_status(0)?;
    Ok(())
}
