//! oras.

use super::{COPY_AND_PULL, Fact, Feature, Target, TargetRole};

const MEASURED: &str = "measured with oras 1.3.6 (docs/clients.md, cargo xtask compat)";
const COMPAT_RUN: &str = "measured with oras 1.3.6 (cargo xtask compat)";
const REPOSITORY: &str = "oras-project/oras-go: registry/remote/repository.go";
const READER: &str = "oras-project/oras-go: content/reader.go";

const NO_MATCH: &str = "\"no matching manifest was found in the manifest list\".";

pub(super) const ORAS: Target = Target {
    id: "oras",
    name: "oras",
    version: "1.3.6",
    role: TargetRole::Client,
    operations: COPY_AND_PULL,
    aliases: &["oras-go"],
    notes: &[],
    facts: &[FACTS],
};

const FACTS: &[Fact] = &[
    Fact::copy_remark(
        Feature::UnknownChild,
        "The child is treated as a leaf and fetched as a blob: content that it references is not copied.",
    )
    .with_source(MEASURED),
    Fact::copy_fails(
        Feature::MissingSubject,
        "The subject is copied too, and must be present: \"not found\".",
    )
    .with_source(MEASURED),
    Fact::copy_fails(
        Feature::MissingChild,
        "Every child is copied, and one does not exist: \"not found\".",
    )
    .with_source(MEASURED),
    Fact::copy_fails(
        Feature::MissingContent,
        "Every config and layer is copied, and one does not exist: \"not found\".",
    )
    .with_source(MEASURED),
    Fact::copy_fails(
        Feature::WrongType,
        "The registry's Content-Type must equal the media type in the descriptor.",
    )
    .with_source(REPOSITORY),
    Fact::copy_fails(
        Feature::WrongSize,
        "The size must equal the size in the descriptor.",
    )
    .with_source(READER),
    Fact::copy_fails(
        Feature::WrongChildSize,
        "The size must equal the size in the descriptor.",
    )
    .with_source(READER),
    Fact::pull_fails(Feature::NoImages, NO_MATCH).with_source(COMPAT_RUN),
    Fact::pull_fails(Feature::NoPlatforms, NO_MATCH).with_source(COMPAT_RUN),
    Fact::pull_fails(Feature::BehindSilentIndex, NO_MATCH).with_source(COMPAT_RUN),
    Fact::pull_fails(
        Feature::UnknownForPlatform,
        "The first child for the platform is selected, whatever it is.",
    )
    .with_source(COMPAT_RUN),
    Fact::pull_fails(
        Feature::MissingSubject,
        "The subject is copied too, and must be present: \"not found\".",
    )
    .with_source(COMPAT_RUN),
    Fact::pull_fails(
        Feature::MissingContent,
        "A config or layer cannot be fetched: \"not found\".",
    )
    .with_source(COMPAT_RUN),
    Fact::pull_fails(Feature::WrongType, "\"mismatch response Content-Type\".").with_source(COMPAT_RUN),
    Fact::pull_fails(Feature::WrongSize, "\"mismatch Content-Length\".").with_source(COMPAT_RUN),
    Fact::pull_fails(Feature::WrongChildSize, "\"mismatch Content-Length\".").with_source(COMPAT_RUN),
    Fact::pull_fails(
        Feature::MissingChild,
        "\"not found\", if this child is selected.",
    )
    .with_source(MEASURED),
];
