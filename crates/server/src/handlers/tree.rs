//! `/api/v1/repositories/NAME/tree/REFERENCE`: everything below a manifest.

use futures_util::{StreamExt, stream};
use http::StatusCode;
use portolan_model::lint::{self, Limits};
use portolan_model::{Descriptor, Reference, RepositoryName};
use portolan_registry::copy::Place;
use portolan_registry::{Error, Page, PageRequest, Result};

use crate::api::{Errors, Tree};
use crate::call::Call;
use crate::error::Answer;
use crate::mend::Mender;
use crate::reply::Reply;

/// Most referrers to one document that are shown.
const REFERRERS: usize = 100;

/// About how many bytes of referrers are shown in all.
const REFERRER_BYTES: usize = 8 << 20;

/// Documents whose referrers are asked for at the same time.
const AT_ONCE: usize = 8;

/// Shows everything below a tag or digest: documents, what they name, platforms, sizes, findings and referrers.
///
/// The list is flat. A document that is named in several places stands in it once, and `children` lead from one to the next by
/// their digests.
#[utoipa::path(
    get,
    path = "/api/v1/repositories/{name}/tree/{reference}",
    operation_id = "tree",
    tag = "repositories",
    params(
        ("name" = String, Path, description = "The repository."),
        ("reference" = String, Path, description = "A tag or digest.")
    ),
    responses(
        (status = 200, description = "The tree. If it is larger or deeper than is looked at, findings say so.", body = Tree),
        (status = 400, description = "The name or digest is malformed.", body = Errors),
        (status = 404, description = "There is no such manifest.", body = Errors),
        (status = 429, description = "Too many trees are looked at; `Retry-After` says when to try again.", body = Errors),
        (status = "default", description = "Any other error.", body = Errors)
    )
)]
pub(crate) async fn get(call: &Call, repository: RepositoryName, reference: Reference) -> Answer {
    let _slot = call.app.trees.take()?;
    let mender = Mender::new(call, &repository, &reference);
    let place = call.place(repository);
    let limits = Limits {
        documents: call.app.limits.tree_documents,
        ..Limits::default()
    };
    let tree = portolan_registry::lint(&place, &reference, limits).await?;
    let referrers = referrers(&place, &tree).await?;
    let unknown = || Error::manifest_unknown(&place.repository, &reference);
    Reply::new(StatusCode::OK)
        .json(&Tree::new(&reference, &tree, &referrers, &mender).ok_or_else(unknown)?)
}

/// The first page of the referrers to each document, in the same order, until they are too many.
async fn referrers(place: &Place, tree: &lint::Tree) -> Result<Vec<Page<Descriptor>>> {
    let Place {
        registry,
        context,
        repository,
        ..
    } = place;
    let first = PageRequest::first(REFERRERS);
    let asked = tree
        .documents()
        .iter()
        .map(|document| registry.referrers(context, repository, &document.digest, None, &first));
    let asked: Vec<_> = asked.collect();
    let mut pages = stream::iter(asked).buffered(AT_ONCE);
    let (mut found, mut bytes) = (Vec::new(), 0);
    while bytes < REFERRER_BYTES {
        let Some(page) = pages.next().await.transpose()? else {
            break;
        };
        bytes += page.items.iter().map(size).sum::<usize>();
        found.push(page);
    }
    Ok(found)
}

/// The bytes of a descriptor in the answer.
fn size(descriptor: &Descriptor) -> usize {
    serde_json::to_vec(descriptor).map_or(0, |text| text.len())
}
