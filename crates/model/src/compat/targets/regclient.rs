//! regclient and its command line `regctl`.

use super::{COPY_AND_PULL, Fact, Feature, Target, TargetRole};

const COPY: &str = "regclient/regclient: image.go";

pub(super) const REGCLIENT: Target = Target {
    id: "regclient",
    name: "regclient (regctl)",
    version: "0.11",
    role: TargetRole::Client,
    operations: COPY_AND_PULL,
    aliases: &["regctl", "regsync"],
    notes: &[],
    facts: &[FACTS],
};

const FACTS: &[Fact] = &[
    Fact::copy_remark(
        Feature::UnknownChild,
        "The child is fetched as a manifest, then as a blob if that fails.",
    )
    .with_source(COPY),
    Fact::copy_fails(
        Feature::UnknownTop,
        "A manifest of an unknown type is an error.",
    )
    .with_source("regclient/regclient: types/manifest/manifest.go"),
    Fact::copy_fails(
        Feature::MissingChild,
        "Every child is copied, and one does not exist.",
    )
    .with_source(COPY),
    Fact::copy_fails(
        Feature::MissingContent,
        "Every config and layer is copied, and one does not exist.",
    )
    .with_source(COPY),
];
