//! `/v2/NAME/referrers/DIGEST`: manifests whose subject is `DIGEST` ("Listing Referrers").

use http::{HeaderValue, StatusCode, header};
use portolan_model::{Digest, MediaType, RepositoryName};
use portolan_wire::headers::OCI_FILTERS_APPLIED;
use portolan_wire::{Endpoint, query};
use serde_json::json;

use crate::error::HandlerResult;
use crate::paging;
use crate::request_context::RequestContext;
use crate::response_builder::ResponseBuilder;

pub(crate) async fn list(
    call: &RequestContext,
    repository: RepositoryName,
    digest: Digest,
) -> HandlerResult {
    let request = paging::page_request(call)?;
    let filter = query::artifact_type(call.query());
    let page = call
        .registry()
        .referrers(
            &call.context,
            &repository,
            &digest,
            filter.as_ref(),
            &request,
        )
        .await?;
    let document =
        json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": page.items});
    let reply = ResponseBuilder::new(StatusCode::OK).header(
        header::CONTENT_TYPE,
        HeaderValue::from_static(MediaType::OCI_INDEX),
    );
    let (reply, filter) = match &filter {
        Some(filter) => (
            reply.header(OCI_FILTERS_APPLIED, "artifactType"),
            query::write_artifact_type(filter),
        ),
        None => (reply, String::new()),
    };
    paging::with_next_link(
        reply,
        &Endpoint::Referrers(repository, digest),
        &filter,
        request.limit,
        &page,
    )
    .json(&document)
}
