//! Deletion of a manifest with everything that only it leads to.

use portolan_registry::delete::DeletionPlan;

use super::Arguments;
use super::manifest::{check_tags, deletion, explain_failure};
use super::report::Report;
use crate::failure::Outcome;
use crate::image_ref::Location;
use crate::manifest_io;
use crate::resolve::ImageSource;

pub(super) async fn delete(arguments: &Arguments, location: &Location) -> Outcome {
    let resolver = arguments.options.resolver()?;
    let ImageSource {
        repository,
        reference,
    } = resolver.editable_source(location).await?;
    let root = manifest_io::resolve_digest(&repository, &reference)
        .await
        .map_err(|failure| location.with_login_hint(failure))?;
    let plan = DeletionPlan::for_tree(&repository, &root).await;
    let mut plan = plan.map_err(|error| location.annotate("delete", error))?;
    check_tags(arguments, location, &reference, &plan.root_tags)?;
    if !arguments.dry_run {
        plan = plan
            .execute(&repository, deletion(arguments))
            .await
            .map_err(|error| explain_failure(arguments, location, error))?;
        resolver.finish(location).await?;
    }
    Report::new(arguments, location, &plan.tags, &plan.manifests).print(&repository)
}
