//! Lists in byte order, even from registries that use another order.
//!
//! The specification demands byte order for tags and defines no order for repositories. Registries
//! use their own orders, ignore `n` and `last`, repeat items, or use opaque tokens as positions.
//! Therefore, unless the registry announces that it is Portolan, this module reads a list to its
//! end and sorts it. It caches the list for a minute, so that further pages need no requests and
//! all pages come from the same list.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use portolan_registry::{Error, Kind, Page, PageRequest, Result};
use portolan_wire::query::PageQuery;
use portolan_wire::{ApiEndpoint, Endpoint, link};
use tokio::time::Instant;

use crate::host::Host;
use crate::request::{Access, RegistryRequest};
use crate::response::RegistryResponse;

/// Maximum size of one page of a list, in bytes.
const MAX_PAGE_BYTES: usize = 64 << 20;

/// Number of items to request per page. Some registries reject larger numbers.
const PAGE_SIZE: usize = 1000;

/// Maximum number of items in a list, far more than any registry has.
const MAX_ITEMS: usize = 5_000_000;

/// Maximum number of consecutive pages without new items. After that, a list counts as complete. A
/// single such page is not the end of a list: a registry may hide all items of a page from the
/// client.
const MAX_FRUITLESS_PAGES: usize = 20;

/// Lifetime of a cached list.
const CACHE_LIFETIME: Duration = Duration::from_mins(1);

/// Cache of complete lists by path.
#[derive(Default)]
pub(crate) struct ListCache(Mutex<HashMap<String, CachedList>>);

struct CachedList {
    items: Arc<BTreeSet<String>>,
    expiry: Instant,
}

impl ListCache {
    fn find(&self, path: &str) -> Option<Arc<BTreeSet<String>>> {
        self.lock()
            .get(path)
            .filter(|cached| Instant::now() < cached.expiry)
            .map(|cached| Arc::clone(&cached.items))
    }

    fn store(&self, path: String, items: &Arc<BTreeSet<String>>) {
        let mut lists = self.lock();
        let now = Instant::now();
        lists.retain(|_, cached| now < cached.expiry);
        lists.insert(
            path,
            CachedList {
                items: Arc::clone(items),
                expiry: now + CACHE_LIFETIME,
            },
        );
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, CachedList>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Parser for a page of a list. Returns `None` if the response is not a list.
pub(crate) type ParsePage<T> = fn(&RegistryResponse) -> Option<T>;

/// Names in a page of a list.
pub(crate) struct Names {
    pub(crate) items: Vec<String>,
    /// Items that are not strings, as JSON.
    pub(crate) skipped: Vec<String>,
}

impl Host {
    /// Returns a page of a list in byte order. `missing` creates the error for status 404.
    pub(crate) async fn list_page(
        &self,
        endpoint: &Endpoint,
        page: &PageRequest,
        read: ParsePage<Names>,
        missing: impl Fn() -> Error,
    ) -> Result<Page<String>> {
        if self.features().await?.is_portolan {
            let request = self.page_request(endpoint, &page_query(page));
            let (answer, names) = self.native_page(&request, read, missing).await?;
            return Ok(Page {
                items: self.usable_items(names),
                next: self.next_item(&answer.headers, page)?,
            });
        }
        // Use the cache only for later pages, because a caller that requests the first page wants
        // the current list.
        let cached = page
            .after
            .as_ref()
            .and_then(|_| self.list_cache.find(&endpoint.to_path()));
        let items = match cached {
            Some(cached) => cached,
            None => self.full_list(endpoint, read, missing).await?,
        };
        let following = items
            .iter()
            .filter(|item| page.after.as_ref().is_none_or(|after| *item > after));
        Ok(Page::from_items(
            following
                .take(page.limit.saturating_add(1))
                .cloned()
                .collect(),
            page.limit,
        ))
    }

    /// Returns a page as the registry sends it, in the order of the registry. The order is reliable
    /// only if the registry is Portolan.
    pub(crate) async fn native_page<T>(
        &self,
        request: &RegistryRequest,
        read: ParsePage<T>,
        missing: impl Fn() -> Error,
    ) -> Result<(RegistryResponse, T)> {
        let answer = self.send_with_retries(request).await?;
        self.parse_page(answer, read, missing).await
    }

    async fn full_list(
        &self,
        endpoint: &Endpoint,
        read: ParsePage<Names>,
        missing: impl Fn() -> Error,
    ) -> Result<Arc<BTreeSet<String>>> {
        let query = PageQuery {
            n: Some(PAGE_SIZE),
            last: None,
        }
        .to_string();
        let mut found = BTreeSet::new();
        let add_page = |names: Names| {
            found.extend(self.usable_items(names));
            found.len()
        };
        let first = self.first_page(endpoint, &query).await?;
        self.for_each_page(endpoint, first, read, missing, add_page)
            .await?;
        let found = Arc::new(found);
        self.list_cache.store(endpoint.to_path(), &found);
        Ok(found)
    }

    /// Returns the names in a page. Reports a warning for each item that is not a string.
    fn usable_items(&self, names: Names) -> Vec<String> {
        for item in names.skipped {
            self.warn(&format!("skipped {item} in a list: not a string"));
        }
        names.items
    }

    /// Requests the first page of a list.
    pub(crate) async fn first_page(
        &self,
        endpoint: &Endpoint,
        query: &str,
    ) -> Result<RegistryResponse> {
        let call = self.page_request(endpoint, query);
        let answer = self.send_with_retries(&call).await?;
        if answer.status != StatusCode::BAD_REQUEST || query.is_empty() {
            return Ok(answer);
        }
        // Some registries reject the page size. Without it, they use their default.
        self.send_with_retries(&self.page_request(endpoint, ""))
            .await
    }

    pub(crate) fn page_request(&self, endpoint: &Endpoint, query: &str) -> RegistryRequest {
        self.request(Method::GET, endpoint, query)
            .with_body_limit(MAX_PAGE_BYTES)
    }

    /// Builds the request for a page of a list of Portolan's own API.
    pub(crate) fn api_page_request(
        &self,
        endpoint: &ApiEndpoint,
        page: &PageRequest,
        access: Access,
    ) -> RegistryRequest {
        self.api_request(Method::GET, endpoint, &page_query(page), access)
            .with_body_limit(MAX_PAGE_BYTES)
    }

    /// Reads all pages of a list by following the `Link` headers from `first`, the first page.
    /// `add_page` receives the items of each page and returns the number of distinct items so far.
    ///
    /// Also stops if a link repeats, or after [`MAX_FRUITLESS_PAGES`] consecutive pages without new
    /// items.
    pub(crate) async fn for_each_page<T>(
        &self,
        endpoint: &Endpoint,
        first: RegistryResponse,
        read: ParsePage<T>,
        missing: impl Fn() -> Error,
        mut add_page: impl FnMut(T) -> usize,
    ) -> Result<()> {
        let mut answer = first;
        let (mut seen, mut count, mut fruitless) = (HashSet::new(), 0, 0);
        loop {
            let (head, items) = self.parse_page(answer, read, &missing).await?;
            let more = add_page(items);
            fruitless = if more > count { 0 } else { fruitless + 1 };
            count = more;
            if count > MAX_ITEMS {
                let predicate = format!(
                    "returned a list of more than {MAX_ITEMS} items at {}",
                    endpoint.to_path()
                );
                return Err(Error::from_host(Kind::TooLarge, self.name(), predicate));
            }
            let next =
                link::parse_next_link(&head.headers).and_then(|target| head.url.join(&target).ok());
            let next =
                next.filter(|next| fruitless < MAX_FRUITLESS_PAGES && seen.insert(next.clone()));
            let Some(next) = next else { return Ok(()) };
            let call = RegistryRequest::new(
                Method::GET,
                next,
                Access::for_request(&Method::GET, endpoint),
            );
            answer = self
                .send_with_retries(&call.with_body_limit(MAX_PAGE_BYTES))
                .await?;
        }
    }

    /// Returns the item that precedes the next page, or `None` if `page` is the last page.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`] if the next page does not begin after the start of `page`. A
    /// caller that reads all pages would not terminate.
    pub(crate) fn next_item(
        &self,
        headers: &HeaderMap,
        page: &PageRequest,
    ) -> Result<Option<String>> {
        let next = next_item(headers);
        if next.is_some() && next <= page.after {
            let predicate = "links a page of a list to an earlier page";
            return Err(Error::from_host(Kind::Unsupported, self.name(), predicate));
        }
        Ok(next)
    }

    async fn parse_page<T>(
        &self,
        answer: RegistryResponse,
        read: ParsePage<T>,
        missing: impl Fn() -> Error,
    ) -> Result<(RegistryResponse, T)> {
        if !answer.is_success() {
            return Err(self.error_or_missing(answer, &missing()).await);
        }
        let items = read(&answer).ok_or_else(|| {
            let predicate = format!("did not return a list at {}", answer.url.path());
            Error::from_host(Kind::Unsupported, self.name(), predicate)
        })?;
        Ok((answer, items))
    }
}

/// Returns the query that requests a page.
pub(crate) fn page_query(page: &PageRequest) -> String {
    PageQuery {
        n: Some(page.limit),
        last: page.after.clone(),
    }
    .to_string()
}

/// Returns the item that precedes the next page: the `last` parameter in the `Link` header.
pub(crate) fn next_item(headers: &HeaderMap) -> Option<String> {
    let target = link::parse_next_link(headers)?;
    PageQuery::parse(target.split_once('?')?.1).ok()?.last
}
