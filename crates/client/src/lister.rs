//! Listing over HTTP (distribution-spec, "Content Discovery").

use std::collections::HashSet;
use std::str::FromStr;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::{Descriptor, Digest, MediaType, RepositoryName, Tag};
use portolan_registry::{Context, Error, Kind, Lister, Page, PageRequest, Result, referrers_page};
use portolan_wire::Endpoint;
use portolan_wire::query::write_artifact_type;
use serde::Deserialize;

use crate::Client;

#[async_trait]
impl Lister for Client {
    /// In byte order, whatever the registry's own order is: unless it is one of Portolan, the whole
    /// list is read for the first page.
    async fn repositories(&self, _: &Context, page: &PageRequest) -> Result<Page<RepositoryName>> {
        let missing = || Error::new(Kind::Unsupported, "there is no list of repositories");
        let listed = self
            .host
            .list(&Endpoint::Catalog, page, repository_names, missing)
            .await?;
        Ok(self.parsed(listed))
    }

    /// As [`Client::repositories`].
    async fn tags(
        &self,
        _: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Tag>> {
        let missing = || Error::repository_unknown(repository);
        let listed = self
            .host
            .list(
                &Endpoint::Tags(repository.clone()),
                page,
                tag_names,
                missing,
            )
            .await?;
        Ok(self.parsed(listed))
    }

    /// From the registry's list, and where it has none from the index under the fallback tag.
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
        let missing = || Error::repository_unknown(repository);
        if self.host.features().await?.any {
            let (answer, items) = self
                .host
                .page(&endpoint, &filter, page, referrers, missing)
                .await?;
            self.host.abilities.referrers.learn(true);
            return Ok(Page {
                items,
                next: self.host.next_item(&answer.headers, page)?,
            });
        }
        let mut found: Vec<Descriptor> = Vec::new();
        if self.lists_referrers(repository, digest).await? {
            let mut seen = HashSet::new();
            let take = |items: Vec<Descriptor>| {
                found.extend(
                    items
                        .into_iter()
                        .filter(|item| seen.insert(item.digest.clone())),
                );
                found.len()
            };
            self.host
                .pages(&endpoint, &filter, referrers, missing, take)
                .await?;
        } else {
            found = self.fallback_referrers(context, repository, digest).await?;
        }
        found.retain(|descriptor| {
            artifact_type.is_none_or(|wanted| descriptor.artifact_type.as_ref() == Some(wanted))
        });
        found.sort_by(|one, other| one.digest.cmp(&other.digest));
        found.dedup_by(|one, other| one.digest == other.digest);
        let behind = |descriptor: &Descriptor| {
            page.after
                .as_deref()
                .is_none_or(|after| descriptor.digest.as_str() > after)
        };
        Ok(referrers_page(found.into_iter().filter(behind), page.limit))
    }
}

impl Client {
    /// What is no name by the specification cannot be asked for, and is passed over with a warning.
    fn parsed<T: FromStr>(&self, listed: Page<String>) -> Page<T> {
        let parse = |text: String| {
            let item = text.parse().ok();
            if item.is_none() {
                self.host.warn(&format!(
                    "the list holds {text:?}, which is no name by the specification"
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

fn repository_names(bytes: &Bytes) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Catalog {
        repositories: Option<Vec<String>>,
    }
    let catalog: Catalog = serde_json::from_slice(bytes).ok()?;
    Some(catalog.repositories.unwrap_or_default())
}

fn tag_names(bytes: &Bytes) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Tags {
        tags: Option<Vec<String>>,
    }
    let tags: Tags = serde_json::from_slice(bytes).ok()?;
    Some(tags.tags.unwrap_or_default())
}

fn referrers(bytes: &Bytes) -> Option<Vec<Descriptor>> {
    #[derive(Deserialize)]
    struct Index {
        manifests: Option<Vec<Descriptor>>,
    }
    let index: Index = serde_json::from_slice(bytes).ok()?;
    Some(index.manifests.unwrap_or_default())
}
