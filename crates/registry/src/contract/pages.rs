//! Paged lists of repositories, tags and referrers, in order and with any page size.

use std::fmt::Debug;
use std::sync::Arc;

use portolan_model::Descriptor;
use portolan_model::fixtures::{IndexFixture, image};
use serde_json::json;

use super::TestRepository;
use crate::{Context, Page, PageRequest, Registry, Result};

/// Reads a list with every page size from one to one more than its length, and from positions
/// between its items.
async fn assert_pages<T: PartialEq + Debug>(
    expected: &[String],
    text: impl Fn(&T) -> String,
    ask: impl AsyncFn(PageRequest) -> Result<Page<T>>,
) {
    for limit in 1..=expected.len() + 1 {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = ask(PageRequest { limit, after })
                .await
                .expect("the page is readable");
            let items: Vec<_> = page.items.iter().map(&text).collect();
            let full = items.len() == limit;
            listed.extend(items);
            assert_eq!(
                page.next.is_some(),
                listed.len() < expected.len(),
                "after {listed:?} with limit {limit}"
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
        assert_eq!(listed, expected, "with limit {limit}");
    }
    assert_start_between_items(expected, text, ask).await;
}

/// Checks that a page may start after an item that does not exist.
async fn assert_start_between_items<T: PartialEq + Debug>(
    expected: &[String],
    text: impl Fn(&T) -> String,
    ask: impl AsyncFn(PageRequest) -> Result<Page<T>>,
) {
    let empty = ask(PageRequest::first(0))
        .await
        .expect("the page is readable");
    assert_eq!(
        empty,
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
            .expect("the page is readable");
            let listed: Vec<_> = page.items.iter().map(&text).collect();
            let rest: Vec<_> = expected[position..]
                .iter()
                .filter(|item| **item > after)
                .cloned()
                .collect();
            assert_eq!(listed, rest, "after {after}");
        }
    }
}

/// Checks that tags appear in the order of their bytes.
pub async fn lists_tags_in_pages(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let mut expected = ["v1", "v10", "v2", "V2", "_", "latest", "0"]
        .map(str::to_owned)
        .to_vec();
    for tag in &expected {
        repository.push_index(&IndexFixture::oci(), &[tag]).await;
    }
    expected.sort_unstable();
    let ask = async |page| repository.tags_page(&page).await;
    assert_pages(&expected, ToString::to_string, ask).await;
}

/// Checks that repositories appear in the order of their bytes, also if one name is a prefix of
/// another.
pub async fn lists_repositories_in_pages(registry: Arc<dyn Registry>) {
    let mut expected = ["a", "a/b", "a-b", "a.b", "ab", "z/y/x", "0"]
        .map(str::to_owned)
        .to_vec();
    for name in &expected {
        TestRepository::new(&registry, name)
            .push_index(&IndexFixture::oci(), &[])
            .await;
    }
    expected.sort_unstable();
    let context = Context::anonymous();
    let ask = async |page| registry.repositories(&context, &page).await;
    assert_pages(&expected, ToString::to_string, ask).await;
}

/// Checks that referrers appear in the order of their digests, with and without a filter.
pub async fn lists_referrers_in_pages(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let (mut all, mut even_digests) = (Vec::new(), Vec::new());
    for number in 0..7 {
        let artifact_type = if number % 2 == 0 {
            "application/vnd.example.even"
        } else {
            "application/vnd.example.odd"
        };
        let referrer = IndexFixture::oci()
            .field("subject", json!(image("a").descriptor()))
            .field("artifactType", json!(artifact_type))
            .field("annotations", json!({"number": number.to_string()}));
        let digest = repository.push_index(&referrer, &[]).await.to_string();
        if number % 2 == 0 {
            even_digests.push(digest.clone());
        }
        all.push(digest);
    }
    all.sort_unstable();
    even_digests.sort_unstable();
    let subject = image("a").digest();
    let digest = |descriptor: &Descriptor| descriptor.digest.to_string();
    assert_pages(&all, digest, async |page| {
        repository.referrers_page(&subject, None, &page).await
    })
    .await;
    let even = Some("application/vnd.example.even");
    assert_pages(&even_digests, digest, async |page| {
        repository.referrers_page(&subject, even, &page).await
    })
    .await;
}

/// Checks that the pages of a list of referrers contain all referrers, and that each page is small
/// enough for clients, even if more referrers are requested.
pub async fn limits_the_size_of_referrer_pages(registry: Arc<dyn Registry>) {
    const CLIENT_LIMIT: usize = 4 << 20;
    let repository = TestRepository::new(&registry, "team/app");
    let mut expected = Vec::new();
    for number in 0..5 {
        let referrer = IndexFixture::oci()
            .field("subject", json!(image("a").descriptor()))
            .field(
                "annotations",
                json!({number.to_string(): "x".repeat(1 << 20)}),
            );
        expected.push(repository.push_index(&referrer, &[]).await.to_string());
    }
    expected.sort_unstable();
    let (mut listed, mut page) = (Vec::new(), PageRequest::first(1000));
    loop {
        let referrers = repository
            .referrers_page(&image("a").digest(), None, &page)
            .await
            .expect("the page is readable");
        assert!(
            json!(referrers.items).to_string().len() < CLIENT_LIMIT - 1000,
            "the page exceeds the size that clients read"
        );
        listed.extend(
            referrers
                .items
                .iter()
                .map(|descriptor| descriptor.digest.to_string()),
        );
        assert!(
            listed.len() <= expected.len(),
            "a page has to start after the previous one"
        );
        match referrers.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    assert_eq!(listed, expected);
}
