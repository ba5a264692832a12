//! One image out of an index, for targets that take no index.

use std::env::consts::ARCH;

use portolan_layout::DockerArchiveWriter;
use portolan_model::{Platform, Reference, Role};

use crate::documents;
use crate::failure::{Failure, Outcome};
use crate::output::Talk;
use crate::places::Source;

/// The image that an archive of docker's can hold: the one for the platform that was asked for, or
/// else for this machine.
pub(super) async fn of(source: &Source, platforms: &[Platform], talk: &Talk) -> Outcome<Reference> {
    let platform = match platforms {
        [] => None,
        [platform] => Some(platform.clone()),
        _ => {
            let message = "a docker-archive holds images and no index; choose one platform";
            return Err(Failure::usage(anyhow::anyhow!(message)));
        }
    };
    let document = documents::read(&source.place, &source.reference).await?;
    if document.info.media_type.role() != Role::Index {
        DockerArchiveWriter::accepts(&document.manifest()?)?;
        return Ok(document.info.digest.into());
    }
    let platform = platform.unwrap_or_else(|| {
        let platform = this_machine();
        talk.say(format_args!(
            "a docker-archive holds one platform of an index; taking {platform}, choose another with --platform"
        ));
        platform
    });
    let image = documents::for_platform(&source.place, document, &platform).await?;
    DockerArchiveWriter::accepts(&image.manifest()?)?;
    Ok(image.info.digest.into())
}

/// Containers are Linux's, whatever this machine runs.
fn this_machine() -> Platform {
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
