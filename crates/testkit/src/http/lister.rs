//! Lists over HTTP.

use std::collections::BTreeMap;
use std::fmt::Display;

use async_trait::async_trait;
use http::{HeaderMap, Method};
use portolan_model::{Descriptor, Digest, MediaType, RepositoryName, Tag};
use portolan_registry::{Body, Context, Lister, Page, PageRequest, Result};
use portolan_wire::headers::OCI_FILTERS_APPLIED;
use portolan_wire::query::{PageQuery, join, write_artifact_type};
use portolan_wire::{ApiEndpoint, Endpoint, link};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::HttpRegistry;
use super::response::{optional_header, protocol_error, read_json};

#[async_trait]
impl Lister for HttpRegistry {
    async fn repositories(&self, _: &Context, page: &PageRequest) -> Result<Page<RepositoryName>> {
        #[derive(Deserialize)]
        struct Catalog {
            repositories: Vec<String>,
        }
        let (headers, catalog): (_, Catalog) = self.page(&Endpoint::Catalog, "", page).await?;
        Ok(Page {
            items: parse_all(&catalog.repositories)?,
            next: next_position(&headers)?,
        })
    }

    async fn tags(
        &self,
        _: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Tag>> {
        #[derive(Deserialize)]
        struct Tags {
            name: String,
            tags: Vec<String>,
        }
        let (headers, tags): (_, Tags) = self
            .page(&Endpoint::Tags(repository.clone()), "", page)
            .await?;
        if tags.name != repository.as_str() {
            return Err(protocol_error(format!(
                "requested the tags of {repository}, received those of {}",
                tags.name
            )));
        }
        Ok(Page {
            items: parse_all(&tags.tags)?,
            next: next_position(&headers)?,
        })
    }

    async fn referrers(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Index {
            media_type: String,
            manifests: Vec<Descriptor>,
            #[serde(flatten)]
            _other: BTreeMap<String, Value>,
        }
        let endpoint = Endpoint::Referrers(repository.clone(), digest.clone());
        let filter = artifact_type.map(write_artifact_type).unwrap_or_default();
        let (headers, index): (_, Index) = self.page(&endpoint, &filter, page).await?;
        let applied: Option<String> = optional_header(&headers, &OCI_FILTERS_APPLIED)?;
        if index.media_type != MediaType::OCI_INDEX
            || applied.as_deref() != artifact_type.map(|_| "artifactType")
        {
            return Err(protocol_error(format!(
                "invalid list of referrers: media type {}, filter {applied:?}",
                index.media_type
            )));
        }
        Ok(Page {
            items: index.manifests,
            next: next_position(&headers)?,
        })
    }

    async fn manifests(
        &self,
        _: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        #[derive(Deserialize)]
        struct Manifests {
            manifests: Vec<Descriptor>,
        }
        let endpoint = ApiEndpoint::Manifests(repository.clone());
        let (headers, list): (_, Manifests) = self.page(&endpoint, "", page).await?;
        Ok(Page {
            items: list.manifests,
            next: next_position(&headers)?,
        })
    }
}

impl HttpRegistry {
    async fn page<T: DeserializeOwned>(
        &self,
        endpoint: &impl Display,
        filter: &str,
        page: &PageRequest,
    ) -> Result<(HeaderMap, T)> {
        let position = PageQuery {
            n: Some(page.limit),
            last: page.after.clone(),
        }
        .to_string();
        let target = format!("{endpoint}?{}", join(&[filter, &position]));
        let request = self.request_to(Method::GET, &target);
        let response = self.call(request, Body::empty()).await?;
        Ok((response.headers().clone(), read_json(response).await?))
    }
}

fn parse_all<T: std::str::FromStr>(texts: &[String]) -> Result<Vec<T>> {
    let parse = |text: &String| {
        text.parse()
            .map_err(|_| protocol_error(format!("invalid item {text:?} in the list")))
    };
    texts.iter().map(parse).collect()
}

/// Returns the item after which the next page begins: the parameter `last` in the `Link` header.
fn next_position(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(target) = link::parse_next_link(headers) else {
        return Ok(None);
    };
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let last = PageQuery::parse(query).ok().and_then(|page| page.last);
    last.map(Some).ok_or_else(|| {
        protocol_error(format!(
            "the link to the next page has no last parameter: {target}"
        ))
    })
}
