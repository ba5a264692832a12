//! Requests that only save work: HEAD of a tag, the presence of content, and the length of a blob.

use anyhow::{Context, Result};
use bytes::Bytes;
use portolan_testkit::fake::Reply;
use portolan_testkit::fake_registry::{Behavior, Head, Range};

use super::content::{fill, indexed_image, small_image};
use super::copies::{FakeCopy, copy_from, copy_to, image};
use crate::faults::fault::Fault;
use crate::faults::peer::Peer;
use crate::faults::scene::Scene;
use crate::interop::document::Role;
use crate::interop::media::DOCKER;

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "blob-at-the-target-has-another-length",
        check: replaces_short_blobs,
    },
    Fault {
        name: "manifest-at-the-target-has-another-type",
        check: replaces_other_type,
    },
    Fault {
        name: "lookup-at-the-target-answers-400",
        check: |scene| copy_to(scene, denies_lookups(400)),
    },
    Fault {
        name: "lookup-at-the-target-answers-405",
        check: |scene| copy_to(scene, denies_lookups(405)),
    },
    Fault {
        name: "lookup-at-the-target-answers-412",
        check: |scene| copy_to(scene, denies_lookups(412)),
    },
    Fault {
        name: "lookup-at-the-target-answers-451",
        check: |scene| copy_to(scene, denies_lookups(451)),
    },
    Fault {
        name: "reason-of-a-denial-is-only-in-the-body",
        check: shows_reason,
    },
    Fault {
        name: "blob-without-content-length",
        check: |scene| copy_from(scene, chunked(None)),
    },
    Fault {
        name: "broken-download-cannot-be-resumed",
        check: |scene| copy_from(scene, chunked(Some(50))),
    },
];

/// Returns a registry that answers requests for manifests with a status, and accepts pushes. So does
/// Harbor for an image that its rules forbid to pull.
fn denies_lookups(status: u16) -> Behavior {
    Behavior {
        get_manifest: Some(status),
        head_manifest: Head::Status(status),
        ..Behavior::default()
    }
}

/// Returns a registry that states no length of a blob and ignores ranges. The first download of each
/// blob breaks after so many bytes.
fn chunked(breaks_after: Option<usize>) -> Behavior {
    Behavior {
        head_blob: Head::NoLength,
        sends_chunked: true,
        range: Range::Ignored,
        breaks_after,
        ..Behavior::default()
    }
}

/// Copies to a registry that has only the beginning of each blob.
fn replaces_short_blobs(scene: &Scene) -> Result<()> {
    FakeCopy {
        prepare: |target, kind| {
            for blob in kind.documents.iter().filter(|it| it.role == Role::Blob) {
                let beginning = blob.bytes.slice(..10);
                target.state().blobs.insert(blob.digest.parse()?, beginning);
            }
            Ok(())
        },
        ..FakeCopy::new(scene, &small_image()?)
    }
    .run()
}

/// Copies an index to a registry that has its image as a manifest of docker.
fn replaces_other_type(scene: &Scene) -> Result<()> {
    FakeCopy {
        prepare: |target, kind| {
            fill(target, kind)?;
            let mut state = target.state();
            let index = state.tags.remove("v1").context("no tag")?;
            state.manifests.remove(&index);
            for (media_type, _) in state.manifests.values_mut() {
                DOCKER.manifest.clone_into(media_type);
            }
            Ok(())
        },
        ..FakeCopy::new(scene, &indexed_image()?)
    }
    .run()
}

/// Reads from and pushes to a registry that denies access and gives the reason only in a body, which
/// HEAD does not have.
fn shows_reason(scene: &Scene) -> Result<()> {
    const REASON: &str = "the license of this registry has expired";
    let denying = scene.fake_server(|asked| match asked.method() {
        "HEAD" => Reply::new(403),
        _ => Reply::new(403)
            .header("Content-Type", "application/json")
            .body(Bytes::from(format!(
                r#"{{"errors":[{{"code":"DENIED","message":"{REASON}"}}]}}"#
            ))),
    });
    let source = scene.fake(Behavior::default());
    fill(&source, &small_image()?)?;
    let (image, denied) = (image(&source), format!("{}/app:v1", denying.host()));
    for arguments in [["copy", &denied, &image], ["copy", &image, &denied]] {
        let run = scene.portolan(&arguments)?;
        run.expect_status(4)?.expect_stderr(REASON)?;
        for peer in Peer::ALL {
            let run = scene.copy_with_peer(peer, arguments[1], arguments[2])?;
            let shown = run.stdout.contains(REASON) || run.stderr.contains(REASON);
            scene.note_peer(peer, if shown { "shows it" } else { "hides it" });
        }
    }
    Ok(())
}
