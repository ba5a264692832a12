//! `/v2/NAME/tags/list` ("Listing Tags").

use http::StatusCode;
use portolan_model::{RepositoryName, Tag};
use portolan_wire::Endpoint;
use serde_json::json;

use crate::call::Call;
use crate::error::Answer;
use crate::paging;
use crate::reply::Reply;

pub(crate) async fn list(call: &Call, repository: RepositoryName) -> Answer {
    let request = paging::requested(call)?;
    let page = call
        .registry()
        .tags(&call.context, &repository, &request)
        .await?;
    let tags: Vec<&str> = page.items.iter().map(Tag::as_str).collect();
    let document = json!({"name": repository.as_str(), "tags": tags});
    paging::with_next(
        Reply::new(StatusCode::OK),
        &Endpoint::Tags(repository),
        "",
        request.limit,
        &page,
    )
    .json(&document)
}
