//! Deletion of a tag alone.

use super::Arguments;
use super::report::Report;
use crate::commands::tags;
use crate::failure::{Failure, Outcome};
use crate::image_ref::Location;
use crate::manifest_io;

pub(super) async fn delete(arguments: &Arguments, location: &Location) -> Outcome {
    check_flags(arguments, location)?;
    let resolver = arguments.options.resolver()?;
    let (repository, tag) = tags::find_tag(&resolver, location).await?;
    if arguments.dry_run {
        manifest_io::head(&repository, &tag.clone().into())
            .await
            .map_err(|failure| location.with_login_hint(failure))?;
    } else {
        tags::delete_tag(&resolver, location).await?;
    }
    Report::new(arguments, location, &[tag], &[]).print(&repository)
}

/// Rejects the flags that apply to a manifest.
fn check_flags(arguments: &Arguments, location: &Location) -> Outcome {
    for (is_given, flag) in [
        (arguments.all_tags, "--all-tags"),
        (arguments.force, "--force"),
    ] {
        if is_given {
            let message = format!("{flag} is for a manifest, and {location} names a tag");
            let hint = format!(
                "to delete the manifest, run `portolan delete --manifest {flag} {location}`"
            );
            return Err(Failure::usage(anyhow::Error::msg(message)).with_hint(hint));
        }
    }
    Ok(())
}
