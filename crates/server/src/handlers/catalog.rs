//! `/v2/_catalog`: list of repositories.

use http::StatusCode;
use portolan_model::RepositoryName;
use portolan_wire::Endpoint;
use serde_json::json;

use crate::error::HandlerResult;
use crate::paging;
use crate::request_context::RequestContext;
use crate::response_builder::ResponseBuilder;

pub(crate) async fn list(call: &RequestContext) -> HandlerResult {
    let request = paging::page_request(call)?;
    let memory = paging::reserve_memory(call, &request).await?;
    let page = call
        .registry()
        .repositories(&call.context, &request)
        .await?;
    let names: Vec<&str> = page.items.iter().map(RepositoryName::as_str).collect();
    paging::with_next_link(
        ResponseBuilder::new(StatusCode::OK),
        &Endpoint::Catalog,
        "",
        request.limit,
        &page,
    )
    .json_in(&json!({"repositories": names}), memory, call.client())
}
