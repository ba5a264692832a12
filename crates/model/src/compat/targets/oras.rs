//! oras.

use super::{COPIES_AND_PULLS, Fact, Feature, Role, Target};

const MEASURED: &str = "measured with oras 1.3.6 (docs/clients.md, cargo xtask compat)";
const HERE: &str = "measured with oras 1.3.6 (cargo xtask compat)";
const REPOSITORY: &str = "oras-project/oras-go: registry/remote/repository.go";
const READER: &str = "oras-project/oras-go: content/reader.go";

const NO_MATCH: &str = "\"no matching manifest was found in the manifest list\".";

pub(super) const ORAS: Target = Target {
    id: "oras",
    name: "oras",
    version: "1.3.6",
    role: Role::Client,
    operations: COPIES_AND_PULLS,
    aliases: &["oras-go"],
    notes: &[],
    facts: &[FACTS],
};

const FACTS: &[Fact] = &[
    Fact::copied(
        Feature::UnknownChild,
        "It is a leaf, fetched as a blob: what it names in turn stays behind.",
    )
    .from(MEASURED),
    Fact::uncopied(
        Feature::MissingSubject,
        "The subject is copied along, and has to be there: \"not found\".",
    )
    .from(MEASURED),
    Fact::uncopied(
        Feature::MissingChild,
        "Every child is copied, and one of them is nowhere: \"not found\".",
    )
    .from(MEASURED),
    Fact::uncopied(
        Feature::MissingContent,
        "Every config and layer is copied, and one of them is nowhere: \"not found\".",
    )
    .from(MEASURED),
    Fact::uncopied(
        Feature::WrongType,
        "The registry's Content-Type has to be the type that the descriptor gives.",
    )
    .from(REPOSITORY),
    Fact::uncopied(
        Feature::WrongSize,
        "The size has to be the one that the descriptor gives.",
    )
    .from(READER),
    Fact::uncopied(
        Feature::WrongChildSize,
        "The size has to be the one that the descriptor gives.",
    )
    .from(READER),
    Fact::unpulled(Feature::NoImages, NO_MATCH).from(HERE),
    Fact::unpulled(Feature::NoPlatforms, NO_MATCH).from(HERE),
    Fact::unpulled(Feature::BehindSilentIndex, NO_MATCH).from(HERE),
    Fact::unpulled(
        Feature::UnknownForPlatform,
        "The first child for the platform is taken, whatever it is.",
    )
    .from(HERE),
    Fact::unpulled(
        Feature::MissingSubject,
        "The subject is copied along, and has to be there: \"not found\".",
    )
    .from(HERE),
    Fact::unpulled(
        Feature::MissingContent,
        "A config or layer cannot be fetched: \"not found\".",
    )
    .from(HERE),
    Fact::unpulled(Feature::WrongType, "\"mismatch response Content-Type\".").from(HERE),
    Fact::unpulled(Feature::WrongSize, "\"mismatch Content-Length\".").from(HERE),
    Fact::unpulled(Feature::WrongChildSize, "\"mismatch Content-Length\".").from(HERE),
    Fact::unpulled(
        Feature::MissingChild,
        "\"not found\", when this child is chosen.",
    )
    .from(MEASURED),
];
