//! Selection of one image of an index, because a Docker archive cannot store an index.

use std::env::consts::ARCH;

use portolan_layout::DockerArchiveWriter;
use portolan_model::{MediaTypeRole, Platform, Reference};

use crate::failure::{Failure, Outcome};
use crate::manifest_io;
use crate::output::Console;
use crate::resolve::ImageSource;

/// Selects the image to write to a Docker archive. From an index, this is the image for the
/// requested platform, or by default for the architecture of this machine.
pub(super) async fn select_image(
    source: &ImageSource,
    platforms: &[Platform],
    console: &Console,
) -> Outcome<Reference> {
    let platform = match platforms {
        [] => None,
        [platform] => Some(platform.clone()),
        _ => {
            let message = "a docker-archive cannot store an index";
            return Err(Failure::usage(anyhow::anyhow!(message)).with_hint("choose one platform"));
        }
    };
    let document = manifest_io::read(&source.repository, &source.reference).await?;
    if document.info.media_type.role() != MediaTypeRole::Index {
        DockerArchiveWriter::check_manifest(&manifest_io::parse(&document)?)?;
        return Ok(document.info.digest.into());
    }
    let platform = platform.unwrap_or_else(|| {
        let platform = default_platform();
        console.print(format_args!(
            "selected the image for {platform}, because a docker-archive stores one image of an index"
        ));
        console.print("help: to select another, add `--platform os/arch[/variant]`");
        platform
    });
    let image = manifest_io::select_platform(&source.repository, document, &platform).await?;
    DockerArchiveWriter::check_manifest(&manifest_io::parse(&image)?)?;
    Ok(image.info.digest.into())
}

/// Returns the default platform for this machine.
///
/// The operating system is always Linux, because Linux containers on other systems run in a Linux
/// VM.
fn default_platform() -> Platform {
    let architecture = match ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        other => other,
    };
    Platform {
        os: "linux".into(),
        architecture: architecture.into(),
        ..Platform::default()
    }
}
