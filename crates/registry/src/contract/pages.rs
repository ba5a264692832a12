//! Lists page by page: repositories, tags and referrers, in order, whatever the limit.

use std::fmt::Debug;
use std::sync::Arc;

use portolan_model::Descriptor;
use portolan_model::fixtures::{Index, image};
use serde_json::json;

use super::Repository;
use crate::{Context, Page, PageRequest, Registry, Result};

/// Goes through a list with every limit that may show an edge, and from places between its items.
async fn paged<T: PartialEq + Debug>(
    expected: &[String],
    text: impl Fn(&T) -> String,
    ask: impl AsyncFn(PageRequest) -> Result<Page<T>>,
) {
    for limit in 1..=expected.len() + 1 {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = ask(PageRequest { limit, after }).await.expect("a page");
            let items: Vec<_> = page.items.iter().map(&text).collect();
            let full = items.len() == limit;
            found.extend(items);
            assert_eq!(
                page.next.is_some(),
                found.len() < expected.len(),
                "after {found:?} with limit {limit}"
            );
            assert!(
                full || page.next.is_none(),
                "a page is full unless it is the last"
            );
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "with limit {limit}");
    }
    between(expected, text, ask).await;
}

/// The item that a page begins behind need not exist.
async fn between<T: PartialEq + Debug>(
    expected: &[String],
    text: impl Fn(&T) -> String,
    ask: impl AsyncFn(PageRequest) -> Result<Page<T>>,
) {
    let nothing = ask(PageRequest::first(0)).await.expect("a page");
    assert_eq!(
        nothing,
        Page {
            items: Vec::new(),
            next: None
        },
        "with limit 0"
    );
    for (position, item) in expected.iter().enumerate() {
        for after in [item.clone(), format!("{item}0")] {
            let page = ask(PageRequest {
                limit: 1000,
                after: Some(after.clone()),
            })
            .await
            .expect("a page");
            let found: Vec<_> = page.items.iter().map(&text).collect();
            let rest: Vec<_> = expected[position..]
                .iter()
                .filter(|item| **item > after)
                .cloned()
                .collect();
            assert_eq!(found, rest, "after {after}");
        }
    }
}

/// Tags come in the order of their bytes.
pub async fn tags_page_by_page(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let mut expected = ["v1", "v10", "v2", "V2", "_", "latest", "0"]
        .map(str::to_owned)
        .to_vec();
    for tag in &expected {
        repository.index(&Index::oci(), &[tag]).await;
    }
    expected.sort_unstable();
    let ask = async |page| repository.tags_page(&page).await;
    paged(&expected, ToString::to_string, ask).await;
}

/// Repositories too, where one name is the beginning of another.
pub async fn repositories_page_by_page(registry: Arc<dyn Registry>) {
    let mut expected = ["a", "a/b", "a-b", "a.b", "ab", "z/y/x", "0"]
        .map(str::to_owned)
        .to_vec();
    for name in &expected {
        Repository::of(&registry, name)
            .index(&Index::oci(), &[])
            .await;
    }
    expected.sort_unstable();
    let context = Context::anonymous();
    let ask = async |page| registry.repositories(&context, &page).await;
    paged(&expected, ToString::to_string, ask).await;
}

/// Referrers come in the order of their digests, filtered or not.
pub async fn referrers_page_by_page(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let (mut all, mut some) = (Vec::new(), Vec::new());
    for number in 0..7 {
        let artifact_type = if number % 2 == 0 {
            "application/vnd.example.even"
        } else {
            "application/vnd.example.odd"
        };
        let referrer = Index::oci()
            .field("subject", json!(image("a").descriptor()))
            .field("artifactType", json!(artifact_type))
            .field("annotations", json!({"number": number.to_string()}));
        let digest = repository.index(&referrer, &[]).await.to_string();
        if number % 2 == 0 {
            some.push(digest.clone());
        }
        all.push(digest);
    }
    all.sort_unstable();
    some.sort_unstable();
    let subject = image("a").digest();
    let digest = |descriptor: &Descriptor| descriptor.digest.to_string();
    paged(&all, digest, async |page| {
        repository.referrers_page(&subject, None, &page).await
    })
    .await;
    let even = Some("application/vnd.example.even");
    paged(&some, digest, async |page| {
        repository.referrers_page(&subject, even, &page).await
    })
    .await;
}

/// A page of referrers ends before clients stop reading, whatever was asked for, and nothing is lost.
pub async fn pages_of_referrers_stay_readable(registry: Arc<dyn Registry>) {
    const READ_BY_CLIENTS: usize = 4 << 20;
    let repository = Repository::of(&registry, "team/app");
    let mut expected = Vec::new();
    for number in 0..5 {
        let referrer = Index::oci()
            .field("subject", json!(image("a").descriptor()))
            .field(
                "annotations",
                json!({number.to_string(): "x".repeat(1 << 20)}),
            );
        expected.push(repository.index(&referrer, &[]).await.to_string());
    }
    expected.sort_unstable();
    let (mut found, mut page) = (Vec::new(), PageRequest::first(1000));
    loop {
        let referrers = repository
            .referrers_page(&image("a").digest(), None, &page)
            .await
            .expect("a page");
        assert!(
            json!(referrers.items).to_string().len() < READ_BY_CLIENTS - 1000,
            "clients read no more"
        );
        found.extend(
            referrers
                .items
                .iter()
                .map(|descriptor| descriptor.digest.to_string()),
        );
        assert!(
            found.len() <= expected.len(),
            "a page begins behind the one before"
        );
        match referrers.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, expected);
}
