//! Deletion of the untagged manifests of a repository.

use portolan_registry::delete::DeletionPlan;
use portolan_registry::{Deletion, Kind};

use super::Arguments;
use super::report::Report;
use crate::failure::Outcome;
use crate::image_ref::Location;
use crate::remotes::Purpose;

pub(super) async fn delete(arguments: &Arguments, location: &Location) -> Outcome {
    let resolver = arguments.options.resolver()?;
    let repository = resolver.repository(location, Purpose::Write).await?;
    let plan = DeletionPlan::for_untagged(&repository).await;
    let mut plan = plan.map_err(|error| {
        let is_unsupported = *error.kind() == Kind::Unsupported;
        let failure = location.annotate("find the untagged manifests of", error);
        if is_unsupported {
            let help = format!(
                "to delete a manifest whose digest you know, run `portolan delete {location}@DIGEST`"
            );
            failure.with_hint(help)
        } else {
            failure
        }
    })?;
    if plan.manifests.is_empty() {
        let message = format_args!("{location} has no untagged manifests");
        resolver.console().print(message);
    }
    if !arguments.dry_run {
        plan = plan
            .execute(&repository, Deletion::Guarded)
            .await
            .map_err(|error| location.annotate("delete the untagged manifests of", error))?;
        resolver.finish(location).await?;
    }
    Report::new(arguments, location, &plan.tags, &plan.manifests).print(&repository)
}
