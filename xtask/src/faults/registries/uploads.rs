//! Registries that reject a way of uploading a blob.

use anyhow::{Result, ensure};
use portolan_testkit::fake_registry::{Behavior, Head, Mount, Patch};

use super::content::{check_image, fill, small_image};
use super::copies::{FakeCopy, copy_large_to, image};
use crate::faults::fault::Fault;
use crate::faults::peer::Peer;
use crate::faults::scene::Scene;

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "mount-answers-500",
        check: |scene| mount(scene, 500),
    },
    Fault {
        name: "mount-answers-501",
        check: |scene| mount(scene, 501),
    },
    Fault {
        name: "patch-answers-405",
        check: |scene| copy_large_to(scene, patch(Patch::Status(405))),
    },
    Fault {
        name: "patch-answers-501",
        check: |scene| copy_large_to(scene, patch(Patch::Status(501))),
    },
    Fault {
        name: "long-requests-answer-413",
        check: |scene| copy_large_to(scene, patch(Patch::Limit(413, 700_000))),
    },
];

fn patch(patch: Patch) -> Behavior {
    Behavior {
        patch,
        ..Behavior::default()
    }
}

/// Copies to a registry that fails to mount. Portolan tries to mount everything, and the peers only
/// within a registry, which must then deny that the target has the content.
fn mount(scene: &Scene, status: u16) -> Result<()> {
    let behavior = Behavior {
        head_blob: Head::Status(404),
        mount: Mount::Status(status),
        ..Behavior::default()
    };
    let kind = small_image()?;
    FakeCopy {
        target: behavior.clone(),
        check: |target, kind| {
            let lines = target.fake.lines();
            let attempted = lines.iter().any(|line| line.contains("mount="));
            ensure!(attempted, "nothing was mounted: {lines:#?}");
            check_image(target, kind)
        },
        peers: &[],
        ..FakeCopy::new(scene, &kind)
    }
    .run()?;
    for peer in Peer::ALL {
        let registry = scene.fake(behavior.clone());
        fill(&registry, &kind)?;
        let copied = format!("{}/team/copy:v2", registry.fake.host());
        scene.copy_with_peer(peer, &image(&registry), &copied)?;
    }
    Ok(())
}
