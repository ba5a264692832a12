//! Docker Engine.

use super::{Fact, Feature, PULL_ONLY, Target, TargetRole};

const MEASURED: &str = "measured with Docker Engine 20.10.24 (docs/clients.md, cargo xtask compat)";
const COMPAT_RUN: &str = "measured with Docker Engine 20.10.24 (cargo xtask compat)";
const COMPAT_RUN_UNCHANGED: &str =
    "measured with Docker Engine 20.10.24 (cargo xtask compat), and not known to have changed";
const MEASURED_UNCHANGED: &str = "measured with Docker Engine 20.10.24 (docs/clients.md, cargo xtask compat), and not known to have changed";
const SHAPES: &str = "https://github.com/moby/moby/security/advisories/GHSA-xmmx-7jpf-fx42";
const PUSHES: &str = "docker push sends the image for one platform; docker manifest creates lists that contain only Docker images.";

const ZSTD: &str = "\"failed to register layer: … unexpected EOF\": zstd is not supported.";

pub(super) const DOCKER: Target = Target {
    id: "docker",
    name: "Docker Engine",
    version: "since 23.0 (moby/moby#43675)",
    role: TargetRole::Client,
    operations: PULL_ONLY,
    aliases: &["moby", "docker-engine", "dockerd"],
    notes: &[
        "Children of unknown types are skipped, and nested indexes are followed.",
        PUSHES,
    ],
    facts: &[FACTS_ALL_VERSIONS],
};

pub(super) const DOCKER_20_10: Target = Target {
    id: "docker-20.10",
    name: "Docker Engine 20.10",
    version: "20.10.24",
    role: TargetRole::Client,
    operations: PULL_ONLY,
    aliases: &["moby-20.10"],
    notes: &[PUSHES],
    facts: &[FACTS_20_10, FACTS_ALL_VERSIONS],
};

const FACTS_20_10: &[Fact] = &[
    Fact::pull_fails(
        Feature::BehindSilentIndex,
        "\"no matching manifest for … in the manifest list entries\": an index without a platform is skipped.",
    )
    .with_source(COMPAT_RUN),
    Fact::pull_fails(
        Feature::UnknownForPlatform,
        "The first child for the platform is selected and parsed as Docker schema 1: \"missing signature key\".",
    )
    .with_source(COMPAT_RUN),
    Fact::pull_fails(Feature::OciWithZstd, ZSTD).with_source(COMPAT_RUN),
    Fact::pull_fails(Feature::DockerWithZstd, ZSTD).with_source(COMPAT_RUN),
    Fact::pull_fails(Feature::NestedForPlatform, "\"unsupported manifest format\": a nested index is not followed.")
        .with_source(MEASURED),
    Fact::pull_fails(
        Feature::NoPlatforms,
        "\"no matching manifest for linux/amd64 in the manifest list entries\": a child without a platform is never selected.",
    )
    .with_source(MEASURED),
];

const FACTS_ALL_VERSIONS: &[Fact] = &[
    Fact::pull_fails(Feature::NoImages, "\"no matching manifest for linux/amd64 in the manifest list entries\".")
        .with_source(MEASURED_UNCHANGED),
    Fact::pull_fails(Feature::UnknownLayers, "\"unsupported media type …\".").with_source(COMPAT_RUN_UNCHANGED),
    Fact::pull_fails(
        Feature::DockerWithoutMediaType,
        "\"mediaType in manifest should be 'application/vnd.docker.distribution.manifest.v2+json' not ''\".",
    )
    .with_source(COMPAT_RUN_UNCHANGED),
    Fact::pull_fails(Feature::ArtifactAlone, "\"unsupported media type application/vnd.oci.empty.v1+json\".").with_source(MEASURED_UNCHANGED),
    Fact::pull_fails(Feature::UnknownTop, "The manifest is parsed as Docker schema 1: \"missing signature key\".").with_source(MEASURED_UNCHANGED),
    Fact::pull_fails(
        Feature::ForeignLayer,
        "\"unknown blob\": on Linux, foreign layers are requested from the registry, never from their URLs.",
    )
    .with_source(MEASURED_UNCHANGED),
    Fact::pull_fails(Feature::TwoShapes, "A document that can be read both as an image and as an index is rejected.")
        .with_source(SHAPES),
    Fact::pull_fails(Feature::MissingChild, "\"manifest unknown\", if this child is selected.").with_source(MEASURED_UNCHANGED),
    Fact::pull_fails(Feature::MissingContent, "\"unknown blob\": a config or layer cannot be fetched.").with_source(MEASURED_UNCHANGED),
];
