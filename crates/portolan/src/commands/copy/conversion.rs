//! Command-line options of a conversion.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use portolan_model::convert::{self, ImageFormat};

/// Conversion applied during a copy. Configs and layers stay the same; digests of manifests change.
#[derive(Args)]
pub(in crate::commands) struct Conversion {
    /// Convert to this format [default: leave media types unchanged]
    ///
    /// Media types change; configs and layers stay the same.
    #[arg(long, value_name = "FORMAT", value_parser = format_parser(), ignore_case = true)]
    to: Option<ImageFormat>,
    /// Replace nested indexes with their children.
    #[arg(long)]
    flatten: bool,
    /// Drop index children whose type is unknown
    ///
    /// Also drops children that the format of --to cannot represent.
    #[arg(long)]
    drop_unknown: bool,
}

impl Conversion {
    /// Returns the conversion that the options request, or `None` if no option is set.
    pub(in crate::commands) fn to_conversion(&self) -> Option<convert::Conversion> {
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

/// Returns a parser that accepts the names of the formats in any case.
fn format_parser() -> impl TypedValueParser<Value = ImageFormat> {
    PossibleValuesParser::new(["oci", "docker"]).map(|text| {
        if text.eq_ignore_ascii_case("docker") {
            ImageFormat::Docker
        } else {
            ImageFormat::Oci
        }
    })
}
