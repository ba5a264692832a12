//! Listing over HTTP.

use std::collections::BTreeMap;

use async_trait::async_trait;
use http::{HeaderMap, Method};
use portolan_model::{Descriptor, Digest, MediaType, RepositoryName, Tag};
use portolan_registry::{Body, Context, Lister, Page, PageRequest, Result};
use portolan_wire::headers::OCI_FILTERS_APPLIED;
use portolan_wire::query::{PageQuery, join, write_artifact_type};
use portolan_wire::{Endpoint, link};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::HttpRegistry;
use super::answer::{document, optional, wrong};

#[async_trait]
impl Lister for HttpRegistry {
    async fn repositories(&self, _: &Context, page: &PageRequest) -> Result<Page<RepositoryName>> {
        #[derive(Deserialize)]
        struct Catalog {
            repositories: Vec<String>,
        }
        let (headers, catalog): (_, Catalog) = self.page(&Endpoint::Catalog, "", page).await?;
        Ok(Page {
            items: parsed(&catalog.repositories)?,
            next: next(&headers)?,
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
            return Err(wrong(format!(
                "the tags of {repository} were asked for, these are of {}",
                tags.name
            )));
        }
        Ok(Page {
            items: parsed(&tags.tags)?,
            next: next(&headers)?,
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
        let applied: Option<String> = optional(&headers, &OCI_FILTERS_APPLIED)?;
        if index.media_type != MediaType::OCI_INDEX
            || applied.as_deref() != artifact_type.map(|_| "artifactType")
        {
            return Err(wrong(format!(
                "no list of referrers: type {}, filter {applied:?}",
                index.media_type
            )));
        }
        Ok(Page {
            items: index.manifests,
            next: next(&headers)?,
        })
    }
}

impl HttpRegistry {
    async fn page<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        filter: &str,
        page: &PageRequest,
    ) -> Result<(HeaderMap, T)> {
        let position = PageQuery {
            n: Some(page.limit),
            last: page.after.clone(),
        }
        .to_string();
        let request = self.request(Method::GET, endpoint, &join(&[filter, &position]));
        let response = self.ask(request, Body::empty()).await?;
        Ok((response.headers().clone(), document(response).await?))
    }
}

fn parsed<T: std::str::FromStr>(texts: &[String]) -> Result<Vec<T>> {
    let parse = |text: &String| {
        text.parse()
            .map_err(|_| wrong(format!("the list holds {text:?}")))
    };
    texts.iter().map(parse).collect()
}

/// The item that the next page begins behind, which the link to it gives as `last`.
fn next(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(target) = link::next(headers) else {
        return Ok(None);
    };
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let last = PageQuery::parse(query).ok().and_then(|page| page.last);
    last.map(Some).ok_or_else(|| {
        wrong(format!(
            "the link to the next page does not say where it begins: {target}"
        ))
    })
}
