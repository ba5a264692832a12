//! `/v2/_catalog`: the repositories.

use http::StatusCode;
use portolan_model::RepositoryName;
use portolan_wire::Endpoint;
use serde_json::json;

use crate::call::Call;
use crate::error::Answer;
use crate::paging;
use crate::reply::Reply;

pub(crate) async fn list(call: &Call) -> Answer {
    let request = paging::requested(call)?;
    let page = call
        .registry()
        .repositories(&call.context, &request)
        .await?;
    let names: Vec<&str> = page.items.iter().map(RepositoryName::as_str).collect();
    paging::with_next(
        Reply::new(StatusCode::OK),
        &Endpoint::Catalog,
        "",
        request.limit,
        &page,
    )
    .json(&json!({"repositories": names}))
}
