//! Docker Engine.

use super::{Fact, Feature, PULLS, Role, Target};

const MEASURED: &str = "measured with Docker Engine 20.10.24 (docs/clients.md, cargo xtask compat)";
const HERE: &str = "measured with Docker Engine 20.10.24 (cargo xtask compat)";
const HERE_AND_OLDER: &str =
    "measured with Docker Engine 20.10.24 (cargo xtask compat), and not known to have changed";
const OLDER: &str = "measured with Docker Engine 20.10.24 (docs/clients.md, cargo xtask compat), and not known to have changed";
const SHAPES: &str = "https://github.com/moby/moby/security/advisories/GHSA-xmmx-7jpf-fx42";
const PUSHES: &str = "docker push sends the image for one platform; docker manifest makes lists whose children are Docker images alone.";

const ZSTD: &str = "\"failed to register layer: … unexpected EOF\": it knows no zstd.";

pub(super) const DOCKER: Target = Target {
    id: "docker",
    name: "Docker Engine",
    version: "since 23.0 (moby/moby#43675)",
    role: Role::Client,
    operations: PULLS,
    aliases: &["moby", "docker-engine", "dockerd"],
    notes: &[
        "Children of unknown types are passed over, and nested indexes are followed.",
        PUSHES,
    ],
    facts: &[ALWAYS],
};

pub(super) const DOCKER_20_10: Target = Target {
    id: "docker-20.10",
    name: "Docker Engine 20.10",
    version: "20.10.24",
    role: Role::Client,
    operations: PULLS,
    aliases: &["moby-20.10"],
    notes: &[PUSHES],
    facts: &[BEFORE, ALWAYS],
};

const BEFORE: &[Fact] = &[
    Fact::unpulled(
        Feature::BehindSilentIndex,
        "\"no matching manifest for … in the manifest list entries\": an index without a platform is passed over.",
    )
    .from(HERE),
    Fact::unpulled(
        Feature::UnknownForPlatform,
        "The first child for the platform is taken, and read as Docker's first schema: \"missing signature key\".",
    )
    .from(HERE),
    Fact::unpulled(Feature::OciWithZstd, ZSTD).from(HERE),
    Fact::unpulled(Feature::DockerWithZstd, ZSTD).from(HERE),
    Fact::unpulled(Feature::NestedForPlatform, "\"unsupported manifest format\": an index within an index is not followed.")
        .from(MEASURED),
    Fact::unpulled(
        Feature::NoPlatforms,
        "\"no matching manifest for linux/amd64 in the manifest list entries\": a child without a platform is never taken.",
    )
    .from(MEASURED),
];

const ALWAYS: &[Fact] = &[
    Fact::unpulled(Feature::NoImages, "\"no matching manifest for linux/amd64 in the manifest list entries\".")
        .from(OLDER),
    Fact::unpulled(Feature::UnknownLayers, "\"unsupported media type …\".").from(HERE_AND_OLDER),
    Fact::unpulled(
        Feature::DockerWithoutMediaType,
        "\"mediaType in manifest should be 'application/vnd.docker.distribution.manifest.v2+json' not ''\".",
    )
    .from(HERE_AND_OLDER),
    Fact::unpulled(Feature::ArtifactAlone, "\"unsupported media type application/vnd.oci.empty.v1+json\".").from(OLDER),
    Fact::unpulled(Feature::UnknownTop, "It is read as Docker's first schema: \"missing signature key\".").from(OLDER),
    Fact::unpulled(
        Feature::ForeignLayer,
        "\"unknown blob\": on Linux, foreign layers are asked of the registry, never of their URLs.",
    )
    .from(OLDER),
    Fact::unpulled(Feature::TwoShapes, "A document that reads both as an image and as an index is refused.")
        .from(SHAPES),
    Fact::unpulled(Feature::MissingChild, "\"manifest unknown\", when this child is chosen.").from(OLDER),
    Fact::unpulled(Feature::MissingContent, "\"unknown blob\": a config or layer cannot be fetched.").from(OLDER),
];
