//! `/api/v1/repositories/NAME`: repository as a whole.

use http::StatusCode;
use portolan_model::RepositoryName;

use crate::api::Errors;
use crate::error::HandlerResult;
use crate::request_context::RequestContext;
use crate::response_builder::ResponseBuilder;

/// Deletes a repository with all its tags, manifests and blobs.
///
/// Other repositories keep the content that they share with it. Content that is pushed at the same
/// time may remain.
#[utoipa::path(
    delete,
    path = "/api/v1/repositories/{name}",
    operation_id = "delete_repository",
    tag = "repositories",
    params(("name" = String, Path, description = "Repository.")),
    responses(
        (status = 202, description = "The repository is deleted."),
        (status = 400, description = "The name is malformed.", body = Errors),
        (status = 404, description = "The repository does not exist.", body = Errors),
        (status = 405, description = "The policy of the repository forbids deletion.", body = Errors),
        (status = "default", description = "Any other error.", body = Errors)
    )
)]
pub(crate) async fn delete(call: &RequestContext, repository: &RepositoryName) -> HandlerResult {
    call.registry()
        .delete_repository(&call.context, repository)
        .await?;
    Ok(ResponseBuilder::new(StatusCode::ACCEPTED).empty())
}
