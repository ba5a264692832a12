//! In which format a tree is to arrive, as the command line says it.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use portolan_model::convert::{self, Format};

/// What is done to a tree on its way. Configs and layers stay as they are; the digests of what names them change.
#[derive(Args)]
pub(in crate::commands) struct Conversion {
    /// Convert everything to the types of this format: oci or docker.
    #[arg(long, value_name = "FORMAT", value_parser = formats(), ignore_case = true)]
    to: Option<Format>,
    /// Put the children of nested indexes in the place of those.
    #[arg(long)]
    flatten: bool,
    /// Leave out the children of indexes whose type is unknown, or which the format cannot hold.
    #[arg(long)]
    drop_unknown: bool,
}

impl Conversion {
    /// What is asked for, if anything is.
    pub(in crate::commands) fn asked_for(&self) -> Option<convert::Conversion> {
        let Self {
            to,
            flatten,
            drop_unknown,
        } = *self;
        let conversion = convert::Conversion {
            to,
            flatten,
            drop_unknown,
        };
        (conversion != convert::Conversion::default()).then_some(conversion)
    }
}

fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(["oci", "docker"]).map(|text| {
        if text.eq_ignore_ascii_case("docker") {
            Format::Docker
        } else {
            Format::Oci
        }
    })
}
