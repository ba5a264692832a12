//! Checks of a server against the ledger: contents byte for byte, tags with possible values, and
//! lists without dangling entries.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use anyhow::{Result, bail};
use futures_util::future::try_join_all;

use super::ledger::{ContentName, ExpectedState, Ledger, TagName};
use crate::load::Connection;
use crate::load::image::digest;

const CONNECTIONS: usize = 6;
const BROKEN_ANSWERS: u32 = 10;

/// Numbers of checked items, and the faults.
#[derive(Default)]
pub(crate) struct Verification {
    pub(crate) contents: usize,
    pub(crate) tags: usize,
    pub(crate) faults: Vec<String>,
}

/// Checks everything whose latest request is from round `since` or later. The ledger is updated to
/// what was found: each loss is reported once, and the current state of unacknowledged content
/// becomes the expected one.
pub(crate) async fn verify(
    address: SocketAddr,
    ledger: &Ledger,
    since: u32,
) -> Result<Verification> {
    let (contents, tags) = {
        let entries = ledger.entries();
        (entries.contents_since(since), entries.tags_since(since))
    };
    let mut verdict = Verification {
        contents: contents.len(),
        tags: tags.len(),
        faults: Vec::new(),
    };
    let patience = FailureBudget::default();
    let found = map_concurrently(address, contents, async |connection, item| {
        check_content(connection, item, &patience).await
    })
    .await?;
    update_contents(ledger, found, &mut verdict.faults);
    let values = map_concurrently(address, tags, async |connection, name| {
        read_tag(connection, name, &patience).await
    })
    .await?;
    let values: BTreeMap<_, _> = values.into_iter().collect();
    check_lists(address, ledger, &values, &mut verdict.faults).await?;
    update_tags(ledger, values, &mut verdict.faults);
    Ok(verdict)
}

/// Number of broken responses so far. A server with too many is not checked any further.
#[derive(Default)]
struct FailureBudget(Cell<u32>);

impl FailureBudget {
    /// Counts a broken response and returns its message.
    ///
    /// # Errors
    ///
    /// Returns an error after too many broken responses.
    fn spend(&self, error: &anyhow::Error) -> Result<String> {
        self.0.set(self.0.get() + 1);
        if self.0.get() > BROKEN_ANSWERS {
            bail!("more than {BROKEN_ANSWERS} responses failed; the last one: {error:#}");
        }
        Ok(format!("{error:#}"))
    }
}

/// State of content on the server.
enum StoredState {
    Intact,
    Absent,
    Wrong(String),
}

async fn check_content(
    connection: &mut Connection,
    (name, fate): (ContentName, ExpectedState),
    patience: &FailureBudget,
) -> Result<(ContentName, ExpectedState, StoredState)> {
    let response = match connection.get(&name.path()).await {
        Ok(response) => response,
        Err(error) => return Ok((name, fate, StoredState::Wrong(patience.spend(&error)?))),
    };
    let found = match response.status.as_u16() {
        200 if digest(&response.body) == name.digest => StoredState::Intact,
        200 => StoredState::Wrong(format!("{} bytes with another digest", response.body.len())),
        404 => StoredState::Absent,
        status => StoredState::Wrong(format!(
            "{status} {}",
            String::from_utf8_lossy(&response.body)
        )),
    };
    Ok((name, fate, found))
}

fn update_contents(
    ledger: &Ledger,
    found: Vec<(ContentName, ExpectedState, StoredState)>,
    faults: &mut Vec<String>,
) {
    let mut entries = ledger.entries();
    for (name, fate, found) in found {
        let fault = match found {
            StoredState::Absent if fate.acknowledged => {
                "was acknowledged but is missing".to_owned()
            }
            StoredState::Wrong(message) => message,
            StoredState::Intact | StoredState::Absent => continue,
        };
        faults.push(format!("{}: {fault}", name.path()));
        if let Some(fate) = entries.contents.get_mut(&name) {
            fate.acknowledged = false;
        }
    }
}

/// Value of a tag: the digest of its manifest, or the reason why it cannot be read.
type TagValue = Result<Option<String>, String>;

async fn read_tag(
    connection: &mut Connection,
    name: TagName,
    patience: &FailureBudget,
) -> Result<(TagName, TagValue)> {
    let (repository, tag) = &name;
    let response = match connection
        .get(&format!("/v2/{repository}/manifests/{tag}"))
        .await
    {
        Ok(response) => response,
        Err(error) => return Ok((name, Err(patience.spend(&error)?))),
    };
    let value = match response.status.as_u16() {
        200 => {
            let digest = digest(&response.body);
            let claimed = response.header("docker-content-digest");
            if claimed == digest {
                Ok(Some(digest))
            } else {
                Err(format!("claims the digest {claimed}, but has {digest}"))
            }
        }
        404 => Ok(None),
        status => Err(format!(
            "{status} {}",
            String::from_utf8_lossy(&response.body)
        )),
    };
    Ok((name, value))
}

fn update_tags(ledger: &Ledger, values: BTreeMap<TagName, TagValue>, faults: &mut Vec<String>) {
    let mut entries = ledger.entries();
    let now = entries.tick();
    for (name, value) in values {
        let Some(tag) = entries.tags.get_mut(&name) else {
            continue;
        };
        let judged = value
            .clone()
            .and_then(|digest| tag.check_value(digest.as_deref()));
        if let Err(fault) = judged {
            faults.push(format!("{}:{}: {fault}", name.0, name.1));
        }
        tag.reset(value.ok().flatten().as_deref(), now);
    }
}

/// Checks that the list contains each tag that must exist, and only tags that clients pushed and
/// that resolve.
async fn check_lists(
    address: SocketAddr,
    ledger: &Ledger,
    values: &BTreeMap<TagName, TagValue>,
    faults: &mut Vec<String>,
) -> Result<()> {
    let repositories: BTreeSet<_> = values
        .keys()
        .map(|(repository, _)| repository.clone())
        .collect();
    let mut connection = Connection::new(address);
    for repository in repositories {
        let listed = listed_tags(&mut connection, &repository).await?;
        let entries = ledger.entries();
        for tag in &listed {
            let name = (repository.clone(), tag.clone());
            if !entries.tags.contains_key(&name) {
                faults.push(format!("{repository}:{tag} is listed but was never pushed"));
            } else if values.get(&name) == Some(&Ok(None)) {
                faults.push(format!("{repository}:{tag} is listed but does not resolve"));
            }
        }
        let due = values.keys().filter(|name| name.0 == repository);
        for name in due.filter(|name| {
            entries
                .tags
                .get(name)
                .is_some_and(super::tags::TagHistory::must_exist)
        }) {
            if !listed.contains(&name.1) {
                faults.push(format!(
                    "{repository}:{} was acknowledged but is not listed",
                    name.1
                ));
            }
        }
    }
    Ok(())
}

async fn listed_tags(connection: &mut Connection, repository: &str) -> Result<BTreeSet<String>> {
    let mut listed = BTreeSet::new();
    let mut next = format!("/v2/{repository}/tags/list?n=500");
    loop {
        let response = connection.get(&next).await?;
        if response.status == 404 {
            return Ok(listed);
        }
        let page: serde_json::Value = serde_json::from_slice(&response.body)?;
        let Some(tags) = page["tags"].as_array() else {
            bail!("{next}: the response has no list of tags: {page}")
        };
        listed.extend(
            tags.iter()
                .filter_map(|tag| tag.as_str().map(str::to_owned)),
        );
        match next_page(response.header("link")) {
            Some(target) => next = target,
            None => return Ok(listed),
        }
    }
}

/// Returns the path and query of `<…>; rel="next"`.
fn next_page(link: &str) -> Option<String> {
    let target = link.strip_prefix('<')?.split('>').next()?;
    target.find("/v2/").map(|at| target[at..].to_owned())
}

/// Calls `ask` for all of `items` over several connections in parallel.
async fn map_concurrently<I, O>(
    address: SocketAddr,
    items: Vec<I>,
    ask: impl AsyncFn(&mut Connection, I) -> Result<O>,
) -> Result<Vec<O>> {
    // One task drives all workers, so that the queue needs no lock. It is never borrowed across an
    // await.
    let queue = RefCell::new(items.into_iter());
    let worker = async || {
        let mut connection = Connection::new(address);
        let mut answers = Vec::new();
        loop {
            let Some(item) = queue.borrow_mut().next() else {
                return anyhow::Ok(answers);
            };
            answers.push(ask(&mut connection, item).await?);
        }
    };
    let answers = try_join_all((0..CONNECTIONS).map(|_| worker())).await?;
    Ok(answers.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::next_page;

    #[test]
    fn accepts_relative_and_absolute_links() {
        let expected = Some("/v2/a/tags/list?last=b&n=1".to_owned());
        assert_eq!(
            next_page("</v2/a/tags/list?last=b&n=1>; rel=\"next\""),
            expected
        );
        assert_eq!(
            next_page("<http://h:1/v2/a/tags/list?last=b&n=1>; rel=\"next\""),
            expected
        );
        assert_eq!(next_page(""), None);
    }
}
