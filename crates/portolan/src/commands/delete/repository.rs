//! Deletion of a repository.

use portolan_registry::delete::DeletionPlan;
use portolan_registry::{Deletion, Error, Kind};

use super::Arguments;
use super::report::Report;
use crate::failure::Outcome;
use crate::image_ref::Location;
use crate::remotes::Purpose;

pub(super) async fn delete(arguments: &Arguments, location: &Location) -> Outcome {
    let resolver = arguments.options.resolver()?;
    let repository = resolver.repository(location, Purpose::Write).await?;
    let explain = |error: Error| match error.kind() {
        // The text of the response depends on the registry.
        Kind::RepositoryUnknown => {
            location.annotate("delete", Error::repository_unknown(&repository.name))
        }
        _ => location.annotate("delete", error),
    };
    let mut plan = DeletionPlan::for_repository(&repository)
        .await
        .map_err(explain)?;
    if !plan.is_complete() {
        let message =
            "the registry cannot list untagged manifests; those that no tag leads to remain";
        resolver
            .console()
            .print(format_args!("warning: {location}: {message}"));
    }
    if !arguments.dry_run {
        plan = plan
            .execute(&repository, Deletion::Guarded)
            .await
            .map_err(explain)?;
        resolver.finish(location).await?;
    }
    Report::new(arguments, location, &plan.tags, &plan.manifests).print(&repository)
}
