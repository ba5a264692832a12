//! Registries without the referrers API, which answer its requests in different ways.

use std::fs;

use anyhow::Result;
use portolan_testkit::fake_registry::{Behavior, Referrers};

use super::content::{fill, signed_image, small_image};
use super::copies::{copy_signed, image};
use crate::faults::fault::Fault;
use crate::faults::scene::Scene;

const HTML: Referrers = Referrers::Other("text/html", "<!DOCTYPE html><title>Registry</title>");

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "referrers-answered-with-html",
        check: |scene| check(scene, HTML),
    },
    Fault {
        name: "referrers-answered-with-an-empty-object",
        check: |scene| check(scene, Referrers::Other("application/json", "{}")),
    },
    Fault {
        name: "referrers-answered-with-400",
        check: |scene| check(scene, Referrers::Status(400)),
    },
    Fault {
        name: "referrers-answered-with-403",
        check: |scene| check(scene, Referrers::Status(403)),
    },
    Fault {
        name: "referrers-answered-with-406",
        check: |scene| check(scene, Referrers::Status(406)),
    },
];

/// Copies a referrer between two such registries, lists it, and attaches another one.
fn check(scene: &Scene, referrers: Referrers) -> Result<()> {
    let behavior = Behavior {
        referrers,
        hides_subject: true,
        ..Behavior::default()
    };
    copy_signed(scene, &signed_image()?, behavior.clone())?;
    attach(scene, behavior)
}

/// Attaches a file to an image, and lists it.
fn attach(scene: &Scene, behavior: Behavior) -> Result<()> {
    let registry = scene.fake(behavior);
    fill(&registry, &small_image()?)?;
    let subject = image(&registry);
    fs::write(scene.path("sbom.json"), "{}")?;
    let artifact_type = "application/spdx+json";
    scene
        .portolan(&[
            "attach",
            &subject,
            "sbom.json",
            "--artifact-type",
            artifact_type,
        ])?
        .expect_status(0)?;
    scene
        .portolan(&["referrers", &subject])?
        .expect_status(0)?
        .expect_stdout(artifact_type)?;
    Ok(())
}
