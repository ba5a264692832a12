//! `/v2/NAME/referrers/DIGEST`: manifests whose subject is `DIGEST` ("Listing Referrers").

use http::{HeaderValue, StatusCode, header};
use portolan_model::{Descriptor, Digest, MediaType, RepositoryName};
use portolan_wire::headers::OCI_FILTERS_APPLIED;
use portolan_wire::{Endpoint, query};
use serde::Serialize;

use crate::error::HandlerResult;
use crate::paging;
use crate::request_context::RequestContext;
use crate::response_builder::ResponseBuilder;

/// Maximum memory for one referrer while the response is built, in bytes: its descriptor and its
/// text.
const REFERRER_MEMORY: usize = 64 << 10;

/// Maximum memory for a page while the response is built, in bytes. The text of a page has up to
/// 4 MiB.
const MAX_PAGE_MEMORY: usize = 8 << 20;

pub(crate) async fn list(
    call: &RequestContext,
    repository: RepositoryName,
    digest: Digest,
) -> HandlerResult {
    let request = paging::page_request(call)?;
    let filter = query::artifact_type(call.query());
    let client = call.client();
    let bound = MAX_PAGE_MEMORY.min(request.limit.saturating_mul(REFERRER_MEMORY));
    let memory = call.app.responses.reserve(client, bound).await?;
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
    let reply = paging::with_next_link(
        reply,
        &Endpoint::Referrers(repository, digest),
        &filter,
        request.limit,
        &page,
    );
    let document = ReferrersIndex {
        schema_version: 2,
        media_type: MediaType::OCI_INDEX,
        manifests: page.items,
    };
    let bytes = document.manifests.iter().map(annotation_bytes).sum();
    let work = async move { reply.json_in(&document, memory, client) };
    call.app.lane.run(client, bytes, work).await
}

/// Image index that lists referrers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReferrersIndex {
    schema_version: u32,
    media_type: &'static str,
    manifests: Vec<Descriptor>,
}

fn annotation_bytes(descriptor: &Descriptor) -> usize {
    let annotations = descriptor.annotations.iter();
    annotations
        .map(|(key, value)| key.len() + value.len())
        .sum()
}
