//! `/api/v1/repositories/NAME/-/manifests`: list of the manifests of a repository.

use http::StatusCode;
use portolan_model::RepositoryName;
use portolan_wire::ApiEndpoint;

use crate::api::{Errors, ManifestList};
use crate::error::HandlerResult;
use crate::paging;
use crate::request_context::RequestContext;
use crate::response_builder::ResponseBuilder;

/// Lists the manifests of a repository, tagged or not.
///
/// The distribution specification lists only tags and referrers. The order is that in which the
/// registry stores the manifests. The header `Link` has the address of the next page, if there is
/// one.
#[utoipa::path(
    get,
    path = "/api/v1/repositories/{name}/-/manifests",
    operation_id = "list_manifests",
    tag = "repositories",
    params(
        ("name" = String, Path, description = "Repository."),
        ("n" = Option<usize>, Query, description = "Maximum number of manifests on the page."),
        ("last" = Option<String>, Query, description = "Digest of the last manifest of the previous page.")
    ),
    responses(
        (status = 200, description = "A page of the list.", body = ManifestList),
        (status = 400, description = "The name or `n` is malformed.", body = Errors),
        (status = 404, description = "The repository does not exist.", body = Errors),
        (status = "default", description = "Any other error.", body = Errors)
    )
)]
pub(crate) async fn list(call: &RequestContext, repository: RepositoryName) -> HandlerResult {
    let request = paging::page_request(call)?;
    let memory = paging::reserve_memory(call, &request).await?;
    let page = call
        .registry()
        .manifests(&call.context, &repository, &request)
        .await?;
    paging::with_next_link(
        ResponseBuilder::new(StatusCode::OK),
        &ApiEndpoint::Manifests(repository),
        "",
        request.limit,
        &page,
    )
    .json_in(
        &ManifestList {
            manifests: &page.items,
        },
        memory,
        call.client(),
    )
}
