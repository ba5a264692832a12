//! `/v2/NAME/tags/list` ("Listing Tags").

use http::StatusCode;
use portolan_model::{RepositoryName, Tag};
use portolan_wire::Endpoint;
use serde_json::json;

use crate::error::HandlerResult;
use crate::paging;
use crate::request_context::RequestContext;
use crate::response_builder::ResponseBuilder;

pub(crate) async fn list(call: &RequestContext, repository: RepositoryName) -> HandlerResult {
    let request = paging::page_request(call)?;
    let memory = paging::reserve_memory(call, &request).await?;
    let page = call
        .registry()
        .tags(&call.context, &repository, &request)
        .await?;
    let tags: Vec<&str> = page.items.iter().map(Tag::as_str).collect();
    let document = json!({"name": repository.as_str(), "tags": tags});
    paging::with_next_link(
        ResponseBuilder::new(StatusCode::OK),
        &Endpoint::Tags(repository),
        "",
        request.limit,
        &page,
    )
    .json_in(&document, memory, call.client())
}
