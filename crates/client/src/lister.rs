//! Lists of a registry over HTTP (distribution-spec, "Content Discovery").

use std::collections::HashSet;
use std::str::FromStr;

use async_trait::async_trait;
use http::{StatusCode, header};
use portolan_model::{
    Descriptor, Digest, Json, Manifest, MediaType, RepositoryName, Rule, Shape, Tag,
};
use portolan_registry::{Context, Error, Kind, Lister, Page, PageRequest, Result, referrers_page};
use portolan_wire::query::{join, write_artifact_type};
use portolan_wire::{ApiEndpoint, Endpoint};
use serde::Deserialize;
use serde_json::Value;

use crate::Client;
use crate::error_response;
use crate::list_cache::{Names, next_item, page_query};
use crate::referrers_tag::descriptors;
use crate::request::Access;
use crate::response::RegistryResponse;

#[async_trait]
impl Lister for Client {
    /// Lists repositories in byte order, even if the registry uses another order. Unless the
    /// registry is Portolan, the first page reads the full list (see `list_cache`).
    async fn repositories(&self, _: &Context, page: &PageRequest) -> Result<Page<RepositoryName>> {
        let missing = || Error::new(Kind::Unsupported, "the registry does not list repositories");
        let listed = self
            .host
            .list_page(&Endpoint::Catalog, page, repository_names, missing)
            .await?;
        Ok(self.parse_items(listed))
    }

    /// Lists tags in byte order, like [`Client::repositories`].
    async fn tags(
        &self,
        _: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Tag>> {
        let missing = || Error::repository_unknown(repository);
        let listed = self
            .host
            .list_page(
                &Endpoint::Tags(repository.clone()),
                page,
                tag_names,
                missing,
            )
            .await?;
        Ok(self.parse_items(listed))
    }

    /// Lists referrers with the referrers API. If the registry does not support the API, lists them
    /// from the index that the referrers tag points to.
    async fn referrers(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        let endpoint = Endpoint::Referrers(repository.clone(), digest.clone());
        let filter = artifact_type.map(write_artifact_type).unwrap_or_default();
        if self.host.features().await?.is_portolan {
            let missing = || Error::repository_unknown(repository);
            let query = join(&[&filter, &page_query(page)]);
            let (answer, list) = self
                .host
                .native_page(
                    &self.host.page_request(&endpoint, &query),
                    referrers_list,
                    missing,
                )
                .await?;
            return Ok(Page {
                items: self.readable_descriptors(&list),
                next: self.host.next_item(&answer.headers, page)?,
            });
        }
        let mut found = match self.referrers_from_api(&endpoint, &filter).await? {
            Some(found) => found,
            None => self.referrers_from_tag(context, repository, digest).await?,
        };
        // The registry may ignore the filter, sort in its own order, or repeat items.
        found.retain(|descriptor| {
            artifact_type.is_none_or(|wanted| descriptor.artifact_type.as_ref() == Some(wanted))
        });
        found.sort_by(|one, other| one.digest.cmp(&other.digest));
        found.dedup_by(|one, other| one.digest == other.digest);
        let is_next = |descriptor: &Descriptor| {
            page.after
                .as_deref()
                .is_none_or(|after| descriptor.digest.as_str() > after)
        };
        Ok(referrers_page(
            found.into_iter().filter(is_next),
            page.limit,
        ))
    }

    /// Lists manifests with the API of Portolan.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`] if the registry is not Portolan.
    async fn manifests(
        &self,
        _: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        if !self.host.features().await?.is_portolan {
            let predicate = "cannot list untagged manifests: the distribution API has no such list";
            return Err(Error::from_host(
                Kind::Unsupported,
                self.host.name(),
                predicate,
            ));
        }
        let request = self.host.api_page_request(
            &ApiEndpoint::Manifests(repository.clone()),
            page,
            Access::for_repository(repository, &["pull"]),
        );
        let missing = || Error::repository_unknown(repository);
        let (answer, items) = self
            .host
            .native_page(&request, manifest_list, missing)
            .await?;
        // The last page has no link. The registry chooses the order, so a repeated position is the
        // only sign of a list without an end.
        let next = next_item(&answer.headers).filter(|next| page.after.as_ref() != Some(next));
        Ok(Page { items, next })
    }
}

impl Client {
    /// Lists referrers with the referrers API, or returns `None` if the first response is not a
    /// list of referrers, whatever its status. In this case, the caller reads the referrers tag.
    ///
    /// # Errors
    /// Returns an error if the registry cannot be reached or reports an outage, or if a page after
    /// the first page cannot be read, because referrers could be missing from the result.
    async fn referrers_from_api(
        &self,
        endpoint: &Endpoint,
        filter: &str,
    ) -> Result<Option<Vec<Descriptor>>> {
        let Some(first) = self.first_page_of_referrers(endpoint, filter).await? else {
            return Ok(None);
        };
        let mut found: Vec<Descriptor> = Vec::new();
        let mut seen = HashSet::new();
        let add_page = |list: Manifest| {
            let items = self.readable_descriptors(&list);
            found.extend(
                items
                    .into_iter()
                    .filter(|item| seen.insert(item.digest.clone())),
            );
            found.len()
        };
        let missing = || Error::new(Kind::Unsupported, "a page of the referrers is missing");
        self.host
            .for_each_page(endpoint, first, referrers_list, missing, add_page)
            .await?;
        Ok(Some(found))
    }

    /// Requests the first page of the referrers, or returns `None` if the response is not a list of
    /// referrers.
    pub(crate) async fn first_page_of_referrers(
        &self,
        endpoint: &Endpoint,
        filter: &str,
    ) -> Result<Option<RegistryResponse>> {
        let call = self.host.page_request(endpoint, filter);
        let call = call.with_retried(error_response::is_outage);
        let mut answer = self.host.send_with_retries(&call).await?;
        let mut attempt = 1;
        while answer.status == StatusCode::INTERNAL_SERVER_ERROR {
            // The 500 may be temporary. If it is not, the registry does not support the request.
            let failure = error_response::into_failure(self.host.name(), answer).await;
            if self.host.retrier.pause(attempt, failure).await.is_err() {
                return Ok(None);
            }
            answer = self.host.send_with_retries(&call).await?;
            attempt += 1;
        }
        if answer.status == StatusCode::BAD_REQUEST && !filter.is_empty() {
            answer = self.host.first_page(endpoint, "").await?;
        }
        Ok(Some(answer).filter(|answer| referrers_list(answer).is_some()))
    }

    /// Returns the valid descriptors in a list of referrers. Reports a warning for each field or
    /// item that is invalid.
    fn readable_descriptors(&self, list: &Manifest) -> Vec<Descriptor> {
        let unreadable = [
            Rule::MalformedField,
            Rule::MalformedDigest,
            Rule::SizeOutOfRange,
        ];
        for finding in list.findings() {
            if unreadable.contains(&finding.rule) {
                let (pointer, message) = (&finding.pointer, &finding.message);
                self.host.warn(&format!(
                    "skipped {pointer} in a list of referrers: {message}"
                ));
            }
        }
        descriptors(list)
    }

    /// Parses the names in a list. Skips invalid names with a warning, because they cannot be used
    /// in a request.
    fn parse_items<T: FromStr>(&self, listed: Page<String>) -> Page<T> {
        let parse = |text: String| {
            let item = text.parse().ok();
            if item.is_none() {
                self.host.warn(&format!(
                    "skipped {text:?} in a list: not a valid name by the specification"
                ));
            }
            item
        };
        Page {
            items: listed.items.into_iter().filter_map(parse).collect(),
            next: listed.next,
        }
    }
}

fn repository_names(answer: &RegistryResponse) -> Option<Names> {
    names(answer, "repositories")
}

fn tag_names(answer: &RegistryResponse) -> Option<Names> {
    names(answer, "tags")
}

/// Parses the strings in the array `key` of a JSON object. `null` is an empty array.
fn names(answer: &RegistryResponse, key: &str) -> Option<Names> {
    let mut document: Value = serde_json::from_slice(&answer.bytes()).ok()?;
    let list = match document.get_mut(key)?.take() {
        Value::Array(list) => list,
        Value::Null => Vec::new(),
        _ => return None,
    };
    let mut names = Names {
        items: Vec::with_capacity(list.len()),
        skipped: Vec::new(),
    };
    for item in list {
        match item {
            Value::String(name) => names.items.push(name),
            other => names.skipped.push(other.to_string()),
        }
    }
    Some(names)
}

/// Parses a list of referrers: an index whose media type is stated in the `Content-Type` header, or
/// in the document if the header is missing or generic (distribution-spec, "Listing Referrers").
fn referrers_list(answer: &RegistryResponse) -> Option<Manifest> {
    let is_index = |text: &str| text.eq_ignore_ascii_case(MediaType::OCI_INDEX);
    let stated: Option<String> = answer.header(&header::CONTENT_TYPE);
    let stated = stated.map(|value| MediaType::new(&value));
    let claimed = stated.filter(|media_type| !media_type.is_generic());
    let is_other = claimed
        .as_ref()
        .is_some_and(|claimed| !is_index(claimed.as_str()));
    if is_other || !answer.is_success() {
        return None;
    }
    let list = Manifest::parse(answer.bytes(), claimed.as_ref()).ok()?;
    let own = list.document().get("mediaType").and_then(Json::as_str);
    let is_stated = claimed.is_some() || own.is_some_and(is_index);
    (is_stated && list.shape() == Shape::Index).then_some(list)
}

/// Parses a page of the list of manifests of Portolan's own API.
fn manifest_list(answer: &RegistryResponse) -> Option<Vec<Descriptor>> {
    #[derive(Deserialize)]
    struct ManifestList {
        manifests: Vec<Descriptor>,
    }
    let list: ManifestList = serde_json::from_slice(&answer.bytes()).ok()?;
    Some(list.manifests)
}
