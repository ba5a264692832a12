//! `/v2/NAME/referrers/DIGEST`: what says something about a manifest ("Listing Referrers").

use http::{HeaderValue, StatusCode, header};
use portolan_model::{Digest, MediaType, RepositoryName};
use portolan_wire::headers::OCI_FILTERS_APPLIED;
use portolan_wire::{Endpoint, query};
use serde_json::json;

use crate::call::Call;
use crate::error::Answer;
use crate::paging;
use crate::reply::Reply;

pub(crate) async fn list(call: &Call, repository: RepositoryName, digest: Digest) -> Answer {
    let request = paging::requested(call)?;
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
    let reply = Reply::new(StatusCode::OK).header(
        header::CONTENT_TYPE,
        HeaderValue::from_static(MediaType::OCI_INDEX),
    );
    let (reply, kept) = match &filter {
        Some(filter) => (
            reply.header(OCI_FILTERS_APPLIED, "artifactType"),
            query::write_artifact_type(filter),
        ),
        None => (reply, String::new()),
    };
    paging::with_next(
        reply,
        &Endpoint::Referrers(repository, digest),
        &kept,
        request.limit,
        &page,
    )
    .json(&document)
}
