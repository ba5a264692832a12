//! Lists that come page by page.

use http::header;
use portolan_registry::{Page, PageRequest};
use portolan_wire::query::{self, PageQuery};
use portolan_wire::{Endpoint, RequestError, link};

use crate::call::Call;
use crate::reply::Reply;

/// The page that a request asks for: no longer than the server's own limit, which also holds where
/// the request says nothing.
///
/// # Errors
/// `UNSUPPORTED` when `n` is not a number.
pub(crate) fn requested(call: &Call) -> Result<PageRequest, RequestError> {
    let PageQuery { n, last } = PageQuery::parse(call.query())?;
    let limit = call.app.limits.page;
    Ok(PageRequest {
        limit: n.map_or(limit, |n| n.min(limit)),
        after: last,
    })
}

/// Says where the next page is, if there is one. `filter` is the part of the query that is to stay.
pub(crate) fn with_next<T>(
    reply: Reply,
    endpoint: &Endpoint,
    filter: &str,
    limit: usize,
    page: &Page<T>,
) -> Reply {
    let Some(next) = &page.next else { return reply };
    let position = PageQuery {
        n: Some(limit),
        last: Some(next.clone()),
    }
    .to_string();
    let target = format!("{endpoint}?{}", query::join(&[filter, &position]));
    reply.header(header::LINK, link::write_next(&target))
}
