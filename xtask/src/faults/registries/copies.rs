//! Copies between fake registries, with Portolan and with each peer.

use anyhow::Result;
use portolan_testkit::fake_registry::{Behavior, FakeRegistry};

use super::content::{
    check_image, check_signed_image, fill, fill_signed, large_image, small_image,
};
use crate::faults::peer::Peer;
use crate::faults::scene::Scene;
use crate::interop::document::Kind;

type Step = fn(&FakeRegistry, &Kind) -> Result<()>;

/// Copies of a kind. Each is between two new registries.
pub(crate) struct FakeCopy<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) kind: &'a Kind,
    pub(crate) source: Behavior,
    pub(crate) target: Behavior,
    /// Stores the kind at the source.
    pub(crate) fill: Step,
    /// Prepares the target.
    pub(crate) prepare: Step,
    /// Checks the target after the copy.
    pub(crate) check: Step,
    /// Peers that can copy this kind.
    pub(crate) peers: &'a [Peer],
}

impl<'a> FakeCopy<'a> {
    /// Creates copies of an image to an empty target.
    pub(crate) fn new(scene: &'a Scene, kind: &'a Kind) -> Self {
        Self {
            scene,
            kind,
            source: Behavior::default(),
            target: Behavior::default(),
            fill,
            prepare: |_, _| Ok(()),
            check: check_image,
            peers: &Peer::ALL,
        }
    }

    /// Copies with Portolan, which must succeed, and with the peers.
    pub(crate) fn run(&self) -> Result<()> {
        let (source, target) = self.start()?;
        self.scene
            .portolan(&["copy", "--referrers", &image(&source), &image(&target)])?
            .expect_status(0)?;
        (self.check)(&target, self.kind)?;
        for peer in self.peers {
            let (source, target) = self.start()?;
            let run = self
                .scene
                .copy_with_peer(*peer, &image(&source), &image(&target))?;
            if run.status == 0 && (self.check)(&target, self.kind).is_err() {
                self.scene.note_peer(*peer, "ok but incomplete");
            }
        }
        Ok(())
    }

    fn start(&self) -> Result<(FakeRegistry, FakeRegistry)> {
        let source = self.scene.fake(self.source.clone());
        (self.fill)(&source, self.kind)?;
        let target = self.scene.fake(self.target.clone());
        (self.prepare)(&target, self.kind)?;
        Ok((source, target))
    }
}

/// Returns the reference of the image in a fake registry.
pub(crate) fn image(registry: &FakeRegistry) -> String {
    format!("{}/team/app:v1", registry.fake.host())
}

/// Copies a small image to a registry with this behavior.
pub(crate) fn copy_to(scene: &Scene, target: Behavior) -> Result<()> {
    let kind = small_image()?;
    let copy = FakeCopy::new(scene, &kind);
    FakeCopy { target, ..copy }.run()
}

/// Copies an image with a large layer to a registry with this behavior.
pub(crate) fn copy_large_to(scene: &Scene, target: Behavior) -> Result<()> {
    let kind = large_image()?;
    let copy = FakeCopy::new(scene, &kind);
    FakeCopy { target, ..copy }.run()
}

/// Copies a small image from a registry with this behavior.
pub(crate) fn copy_from(scene: &Scene, source: Behavior) -> Result<()> {
    let kind = small_image()?;
    let copy = FakeCopy::new(scene, &kind);
    FakeCopy { source, ..copy }.run()
}

/// Copies an image with a referrer between two registries of this behavior, which needs the referrers
/// tag on both sides.
pub(crate) fn copy_signed(scene: &Scene, kind: &Kind, behavior: Behavior) -> Result<()> {
    FakeCopy {
        source: behavior.clone(),
        target: behavior,
        fill: fill_signed,
        check: check_signed_image,
        // The others copy no referrers.
        peers: &[Peer::Oras, Peer::Regctl],
        ..FakeCopy::new(scene, kind)
    }
    .run()
}
