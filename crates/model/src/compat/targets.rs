//! Table of targets and their facts, with one file for each project.

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

use super::{Fact, Feature, Operation, Target, TargetRole};

/// All targets. Registries come before clients.
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

const PUSH_ONLY: &[Operation] = &[Operation::Push];
const PULL_AND_COPY: &[Operation] = &[Operation::Pull, Operation::Copy];
const PULL_ONLY: &[Operation] = &[Operation::Pull];
const COPY_AND_PULL: &[Operation] = &[Operation::Copy, Operation::Pull];
