//! regclient and its command line `regctl`.

use super::{COPIES_AND_PULLS, Fact, Feature, Role, Target};

const COPY: &str = "regclient/regclient: image.go";

pub(super) const REGCLIENT: Target = Target {
    id: "regclient",
    name: "regclient (regctl)",
    version: "0.11",
    role: Role::Client,
    operations: COPIES_AND_PULLS,
    aliases: &["regctl", "regsync"],
    notes: &[],
    facts: &[FACTS],
};

const FACTS: &[Fact] = &[
    Fact::copied(
        Feature::UnknownChild,
        "It is tried as a manifest, then as a blob.",
    )
    .from(COPY),
    Fact::uncopied(
        Feature::UnknownTop,
        "A manifest of a type that it does not know is an error.",
    )
    .from("regclient/regclient: types/manifest/manifest.go"),
    Fact::uncopied(
        Feature::MissingChild,
        "Every child is copied, and one of them is nowhere.",
    )
    .from(COPY),
    Fact::uncopied(
        Feature::MissingContent,
        "Every config and layer is copied, and one of them is nowhere.",
    )
    .from(COPY),
];
