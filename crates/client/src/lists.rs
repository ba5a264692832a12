//! Lists of registries that do not keep to an order, made into ones that do.
//!
//! The specification wants tags in byte order and says nothing about repositories; registries sort
//! as they like, pass over `n` and `last`, repeat items, and go on where only they know. So a list is
//! read to its end, unless the registry announces that it is one of Portolan, and sorted here. It is
//! kept for a while, so that its further pages need no more requests, and all pages are of one list.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use portolan_registry::{Error, Kind, Page, PageRequest, Result};
use portolan_wire::query::{PageQuery, join};
use portolan_wire::{Endpoint, link};
use tokio::time::Instant;

use crate::answer::Answer;
use crate::call::{Access, Call};
use crate::host::Host;

/// Most bytes that are read of one page.
const LIMIT: usize = 64 << 20;

/// How many items are asked for at once; some registries refuse to be asked for more.
const PAGE: usize = 1000;

/// Most items of one list, far more than any registry has.
const MOST_ITEMS: usize = 5_000_000;

/// After so many pages without anything new, a list has ended. Pages of which a registry hides every item are empty.
const FRUITLESS: usize = 20;

/// How long a list is kept.
const KEPT: Duration = Duration::from_mins(1);

/// The lists that were read to their end, by their paths.
#[derive(Default)]
pub(crate) struct Lists(Mutex<HashMap<String, Kept>>);

struct Kept {
    items: Arc<BTreeSet<String>>,
    until: Instant,
}

impl Lists {
    fn find(&self, path: &str) -> Option<Arc<BTreeSet<String>>> {
        self.lock()
            .get(path)
            .filter(|kept| Instant::now() < kept.until)
            .map(|kept| Arc::clone(&kept.items))
    }

    fn keep(&self, path: String, items: &Arc<BTreeSet<String>>) {
        let mut lists = self.lock();
        let now = Instant::now();
        lists.retain(|_, kept| now < kept.until);
        lists.insert(
            path,
            Kept {
                items: Arc::clone(items),
                until: now + KEPT,
            },
        );
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the items out of an answer's body.
pub(crate) type ReadItems = fn(&Bytes) -> Option<Vec<String>>;

impl Host {
    /// A page of a list in byte order; `missing` is what it means that there is no such list.
    pub(crate) async fn list(
        &self,
        endpoint: &Endpoint,
        page: &PageRequest,
        read: ReadItems,
        missing: impl Fn() -> Error,
    ) -> Result<Page<String>> {
        if self.features().await?.any {
            let (answer, items) = self.page(endpoint, "", page, read, missing).await?;
            return Ok(Page {
                items,
                next: self.next_item(&answer.headers, page)?,
            });
        }
        let kept = page
            .after
            .as_ref()
            .and_then(|_| self.lists.find(&endpoint.to_path()));
        let items = match kept {
            Some(kept) => kept,
            None => self.whole_list(endpoint, read, missing).await?,
        };
        let behind = items
            .iter()
            .filter(|item| page.after.as_ref().is_none_or(|after| *item > after));
        Ok(Page::cut(
            behind.take(page.limit.saturating_add(1)).cloned().collect(),
            page.limit,
        ))
    }

    /// A page as the registry cuts it, which is right if it is one of Portolan.
    pub(crate) async fn page<T>(
        &self,
        endpoint: &Endpoint,
        filter: &str,
        page: &PageRequest,
        read: fn(&Bytes) -> Option<T>,
        missing: impl Fn() -> Error,
    ) -> Result<(Answer, T)> {
        let position = PageQuery {
            n: Some(page.limit),
            last: page.after.clone(),
        }
        .to_string();
        let call = self
            .call(Method::GET, endpoint, &join(&[filter, &position]))
            .reading(LIMIT);
        let answer = self.exchange(&call).await?;
        self.items(answer, read, missing).await
    }

    async fn whole_list(
        &self,
        endpoint: &Endpoint,
        read: ReadItems,
        missing: impl Fn() -> Error,
    ) -> Result<Arc<BTreeSet<String>>> {
        let query = PageQuery {
            n: Some(PAGE),
            last: None,
        }
        .to_string();
        let mut found = BTreeSet::new();
        let take = |items: Vec<String>| {
            found.extend(items);
            found.len()
        };
        self.pages(endpoint, &query, read, missing, take).await?;
        let found = Arc::new(found);
        self.lists.keep(endpoint.to_path(), &found);
        Ok(found)
    }

    /// All pages of a list, as the registry leads from one to the next: `take` is given each, and
    /// answers how many different items there are so far.
    ///
    /// Whoever is led in a circle, or to page after page without anything new, has seen everything.
    pub(crate) async fn pages<T>(
        &self,
        endpoint: &Endpoint,
        query: &str,
        read: fn(&Bytes) -> Option<T>,
        missing: impl Fn() -> Error,
        mut take: impl FnMut(T) -> usize,
    ) -> Result<()> {
        let first = self.call(Method::GET, endpoint, query).reading(LIMIT);
        let mut answer = self.exchange(&first).await?;
        if answer.status == StatusCode::BAD_REQUEST {
            // Some take a number for too large, and all have one of their own.
            answer = self
                .exchange(&self.call(Method::GET, endpoint, "").reading(LIMIT))
                .await?;
        }
        let (mut seen, mut count, mut fruitless) = (HashSet::new(), 0, 0);
        loop {
            let (head, items) = self.items(answer, read, &missing).await?;
            let more = take(items);
            fruitless = if more > count { 0 } else { fruitless + 1 };
            count = more;
            if count > MOST_ITEMS {
                let message = format!(
                    "the list of {} at {} does not end",
                    self.name(),
                    endpoint.to_path()
                );
                return Err(Error::new(Kind::TooLarge, message));
            }
            let next = link::next(&head.headers).and_then(|target| head.url.join(&target).ok());
            let next = next.filter(|next| fruitless < FRUITLESS && seen.insert(next.clone()));
            let Some(next) = next else { return Ok(()) };
            let call = Call::new(Method::GET, next, Access::to(&Method::GET, endpoint));
            answer = self.exchange(&call.reading(LIMIT)).await?;
        }
    }

    /// Where the next page begins, which is always behind this one.
    ///
    /// # Errors
    /// [`Kind::Unsupported`] when the registry leads back.
    pub(crate) fn next_item(
        &self,
        headers: &HeaderMap,
        page: &PageRequest,
    ) -> Result<Option<String>> {
        let next = next_item(headers);
        if next.is_some() && next <= page.after {
            let message = format!(
                "{} leads from a page of a list back to where that began",
                self.name()
            );
            return Err(Error::new(Kind::Unsupported, message));
        }
        Ok(next)
    }

    async fn items<T>(
        &self,
        answer: Answer,
        read: fn(&Bytes) -> Option<T>,
        missing: impl Fn() -> Error,
    ) -> Result<(Answer, T)> {
        if !answer.is_success() {
            return Err(self.refusal_or(answer, &missing()).await);
        }
        let items = read(&answer.bytes()).ok_or_else(|| {
            let message = format!(
                "{} answers with something else than the list at {}",
                self.name(),
                answer.url.path()
            );
            Error::new(Kind::Unsupported, message)
        })?;
        Ok((answer, items))
    }
}

/// The item that the next page begins behind, which the link to it gives as `last`.
fn next_item(headers: &HeaderMap) -> Option<String> {
    let target = link::next(headers)?;
    PageQuery::parse(target.split_once('?')?.1).ok()?.last
}
