//! `/api/v1/repositories/NAME/-/tree/REFERENCE`: everything below a manifest.

use futures_util::{StreamExt, stream};
use http::StatusCode;
use portolan_model::lint::{self, LintLimits};
use portolan_model::{Descriptor, Reference, RepositoryName};
use portolan_registry::{Error, Page, PageRequest, Repository, Result};

use crate::api::{Errors, Tree};
use crate::error::HandlerResult;
use crate::fixes::FixRenderer;
use crate::request_context::RequestContext;
use crate::response_builder::ResponseBuilder;

/// Maximum number of listed referrers per document.
const MAX_REFERRERS: usize = 100;

/// Approximate maximum size of all listed referrers, in bytes.
const MAX_REFERRER_BYTES: usize = 8 << 20;

/// Memory that is reserved for the response of one request in bytes, until its size is known.
const RESPONSE_MEMORY: usize = 16 << 20;

/// Maximum memory of the documents of one tree in bytes.
const TREE_MEMORY: usize = 64 << 20;

/// Number of parallel lookups of referrers.
const CONCURRENCY: usize = 8;

/// Returns everything below a tag or digest: documents, their descriptors, platforms, sizes,
/// findings and referrers.
///
/// The list is flat. A document that is referenced several times is listed once, and `children`
/// link documents by their digests.
#[utoipa::path(
    get,
    path = "/api/v1/repositories/{name}/-/tree/{reference}",
    operation_id = "tree",
    tag = "repositories",
    params(
        ("name" = String, Path, description = "Repository."),
        ("reference" = String, Path, description = "Tag or digest.")
    ),
    responses(
        (status = 200, description = "The tree. If it exceeds the limits of size or depth, findings report that.", body = Tree),
        (status = 400, description = "The name or digest is malformed.", body = Errors),
        (status = 404, description = "The manifest does not exist.", body = Errors),
        (status = 429, description = "Too many concurrent tree requests; retry after `Retry-After` seconds.", body = Errors),
        (status = "default", description = "Any other error.", body = Errors)
    )
)]
pub(crate) async fn get(
    call: &RequestContext,
    repository: RepositoryName,
    reference: Reference,
) -> HandlerResult {
    let client = call.client();
    let slot = call.app.trees.acquire(client, 1).await?;
    let memory = call.app.responses.reserve(client, RESPONSE_MEMORY).await?;
    let renderer = FixRenderer::new(call, &repository, &reference);
    let handle = call.repository(repository);
    let limits = LintLimits {
        documents: call.app.limits.tree_documents,
        memory: TREE_MEMORY,
        ..LintLimits::default()
    };
    let work = async move {
        // A slow reader holds only the memory of the response.
        let _slot = slot;
        let tree = portolan_registry::lint(&handle, &reference, limits).await?;
        let referrers = load_referrers(&handle, &tree).await?;
        let unknown = || Error::manifest_unknown(&handle.name, &reference);
        let tree = Tree::new(&reference, &tree, &referrers, &renderer).ok_or_else(unknown)?;
        ResponseBuilder::new(StatusCode::OK).json_in(&tree, memory, client)
    };
    call.app
        .lane
        .run(client, call.app.limits.manifest_bytes, work)
        .await
}

/// Loads the first page of the referrers of each document, in document order, until the size limit
/// is reached.
async fn load_referrers(
    repository: &Repository,
    tree: &lint::LintTree,
) -> Result<Vec<Page<Descriptor>>> {
    let first = PageRequest::first(MAX_REFERRERS);
    let lookups = tree
        .documents()
        .iter()
        .map(|document| repository.referrers_page(&document.digest, None, &first));
    let lookups: Vec<_> = lookups.collect();
    let mut pages = stream::iter(lookups).buffered(CONCURRENCY);
    let (mut loaded, mut bytes) = (Vec::new(), 0);
    while bytes < MAX_REFERRER_BYTES {
        let Some(page) = pages.next().await.transpose()? else {
            break;
        };
        bytes += page.items.iter().map(size).sum::<usize>();
        loaded.push(page);
    }
    Ok(loaded)
}

/// Returns the serialized size of a descriptor in bytes.
fn size(descriptor: &Descriptor) -> usize {
    serde_json::to_vec(descriptor).map_or(0, |text| text.len())
}
