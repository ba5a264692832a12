//! The table itself, one file for each project.

mod containerd;
mod containers_image;
mod crane;
mod distribution;
mod docker;
mod gcr;
mod gitea;
mod gitlab;
mod harbor;
mod oras;
mod quay;
mod regclient;
mod zot;

use super::{Fact, Feature, Operation, Role, Target};

/// Every target, registries first.
pub(super) const ALL: [Target; 16] = [
    quay::QUAY,
    quay::BEFORE_2026_05,
    gcr::GCR,
    harbor::HARBOR,
    distribution::DISTRIBUTION_2_8,
    distribution::DISTRIBUTION_3,
    zot::ZOT,
    gitlab::GITLAB,
    gitea::GITEA,
    containers_image::CONTAINERS_IMAGE,
    containerd::CONTAINERD,
    docker::DOCKER,
    docker::DOCKER_20_10,
    crane::CRANE,
    regclient::REGCLIENT,
    oras::ORAS,
];

const PUSHED_TO: &[Operation] = &[Operation::Push];
const PULLS_AND_COPIES: &[Operation] = &[Operation::Pull, Operation::Copy];
const PULLS: &[Operation] = &[Operation::Pull];
const COPIES_AND_PULLS: &[Operation] = &[Operation::Copy, Operation::Pull];
