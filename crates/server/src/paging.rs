//! Pagination of lists.

use std::fmt::Display;

use http::header;
use portolan_registry::{Error, Page, PageRequest};
use portolan_wire::query::{self, PageQuery};
use portolan_wire::{RequestError, link};

use crate::request_context::RequestContext;
use crate::response_builder::ResponseBuilder;
use crate::response_memory::ReservedMemory;

/// Maximum size of an item of a list in bytes.
const ITEM_MEMORY: usize = 512;

/// Returns the requested page. The page size is capped at the server's limit, and the limit is also
/// the default.
///
/// # Errors
/// Returns `UNSUPPORTED` if `n` is not a number.
pub(crate) fn page_request(call: &RequestContext) -> Result<PageRequest, RequestError> {
    let PageQuery { n, last } = PageQuery::parse(call.query())?;
    let limit = call.app.limits.page;
    Ok(PageRequest {
        limit: n.map_or(limit, |n| n.min(limit)),
        after: last,
    })
}

/// Waits for memory for a page.
///
/// # Errors
/// Returns the errors of [`ResponseMemory::reserve`](crate::response_memory::ResponseMemory::reserve).
pub(crate) async fn reserve_memory(
    call: &RequestContext,
    request: &PageRequest,
) -> Result<ReservedMemory, Error> {
    let bytes = request.limit.saturating_mul(ITEM_MEMORY);
    call.app.responses.reserve(call.client(), bytes).await
}

/// Adds the `Link` header of the next page, if there is a next page. `filter` is the part of the
/// query to repeat in the link.
pub(crate) fn with_next_link<T>(
    reply: ResponseBuilder,
    endpoint: &impl Display,
    filter: &str,
    limit: usize,
    page: &Page<T>,
) -> ResponseBuilder {
    let Some(next) = &page.next else { return reply };
    let position = PageQuery {
        n: Some(limit),
        last: Some(next.clone()),
    }
    .to_string();
    let target = format!("{endpoint}?{}", query::join(&[filter, &position]));
    reply.header(header::LINK, link::write_next_link(&target))
}
