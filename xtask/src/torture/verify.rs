//! Holds a server to the ledger: contents byte for byte, tags at values they may have, lists without dead ends.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use anyhow::{Result, bail};
use futures_util::future::try_join_all;

use super::ledger::{Fate, Ledger, Name, TagName};
use crate::load::Connection;
use crate::load::image::digest;

const CONNECTIONS: usize = 6;
const BROKEN_ANSWERS: u32 = 10;

/// What was asked for and what did not hold.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) contents: usize,
    pub(crate) tags: usize,
    pub(crate) faults: Vec<String>,
}

/// Checks everything whose latest request is of round `since` or later, and settles what was found:
/// a loss is reported once, and what is absent or present without an answer now stays so.
pub(crate) async fn verify(address: SocketAddr, ledger: &Ledger, since: u32) -> Result<Verdict> {
    let (contents, tags) = {
        let entries = ledger.entries();
        (entries.contents_since(since), entries.tags_since(since))
    };
    let mut verdict = Verdict {
        contents: contents.len(),
        tags: tags.len(),
        faults: Vec::new(),
    };
    let patience = Patience::default();
    let found = spread(address, contents, async |connection, item| {
        content(connection, item, &patience).await
    })
    .await?;
    settle_contents(ledger, found, &mut verdict.faults);
    let values = spread(address, tags, async |connection, name| {
        tag(connection, name, &patience).await
    })
    .await?;
    let values: BTreeMap<_, _> = values.into_iter().collect();
    lists(address, ledger, &values, &mut verdict.faults).await?;
    settle_tags(ledger, values, &mut verdict.faults);
    Ok(verdict)
}

/// How many answers may break off before a server that hangs is not asked any further.
#[derive(Default)]
struct Patience(Cell<u32>);

impl Patience {
    /// Counts a broken answer and says what it was; the error is that there were too many.
    fn spend(&self, error: &anyhow::Error) -> Result<String> {
        self.0.set(self.0.get() + 1);
        if self.0.get() > BROKEN_ANSWERS {
            bail!("{BROKEN_ANSWERS} answers broke off, the last: {error:#}");
        }
        Ok(format!("{error:#}"))
    }
}

/// Whether content is there, right, or torn.
enum Found {
    Whole,
    Absent,
    Wrong(String),
}

async fn content(
    connection: &mut Connection,
    (name, fate): (Name, Fate),
    patience: &Patience,
) -> Result<(Name, Fate, Found)> {
    let answer = match connection.get(&name.path()).await {
        Ok(answer) => answer,
        Err(error) => return Ok((name, fate, Found::Wrong(patience.spend(&error)?))),
    };
    let found = match answer.status.as_u16() {
        200 if digest(&answer.body) == name.digest => Found::Whole,
        200 => Found::Wrong(format!("{} bytes that are not its own", answer.body.len())),
        404 => Found::Absent,
        status => Found::Wrong(format!(
            "{status} {}",
            String::from_utf8_lossy(&answer.body)
        )),
    };
    Ok((name, fate, found))
}

fn settle_contents(ledger: &Ledger, found: Vec<(Name, Fate, Found)>, faults: &mut Vec<String>) {
    let mut entries = ledger.entries();
    for (name, fate, found) in found {
        let fault = match found {
            Found::Absent if fate.acknowledged => "was answered 201 and is gone".to_owned(),
            Found::Wrong(what) => what,
            Found::Whole | Found::Absent => continue,
        };
        faults.push(format!("{}: {fault}", name.path()));
        if let Some(fate) = entries.contents.get_mut(&name) {
            fate.acknowledged = false;
        }
    }
}

/// A tag's value: the digest of the bytes behind it, or why there are none.
type Value = Result<Option<String>, String>;

async fn tag(
    connection: &mut Connection,
    name: TagName,
    patience: &Patience,
) -> Result<(TagName, Value)> {
    let (repository, tag) = &name;
    let answer = match connection
        .get(&format!("/v2/{repository}/manifests/{tag}"))
        .await
    {
        Ok(answer) => answer,
        Err(error) => return Ok((name, Err(patience.spend(&error)?))),
    };
    let value = match answer.status.as_u16() {
        200 => {
            let digest = digest(&answer.body);
            let claimed = answer.header("docker-content-digest");
            if claimed == digest {
                Ok(Some(digest))
            } else {
                Err(format!("claims to be {claimed}, is {digest}"))
            }
        }
        404 => Ok(None),
        status => Err(format!(
            "{status} {}",
            String::from_utf8_lossy(&answer.body)
        )),
    };
    Ok((name, value))
}

fn settle_tags(ledger: &Ledger, values: BTreeMap<TagName, Value>, faults: &mut Vec<String>) {
    let mut entries = ledger.entries();
    let now = entries.tick();
    for (name, value) in values {
        let Some(tag) = entries.tags.get_mut(&name) else {
            continue;
        };
        let judged = value
            .clone()
            .and_then(|digest| tag.judge(digest.as_deref()));
        if let Err(fault) = judged {
            faults.push(format!("{}:{}: {fault}", name.0, name.1));
        }
        tag.settle(value.ok().flatten().as_deref(), now);
    }
}

/// Each tag that must exist is listed, and each that is listed is known and resolves.
async fn lists(
    address: SocketAddr,
    ledger: &Ledger,
    values: &BTreeMap<TagName, Value>,
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
                faults.push(format!("{repository}:{tag} is listed and was never pushed"));
            } else if values.get(&name) == Some(&Ok(None)) {
                faults.push(format!(
                    "{repository}:{tag} is listed and points to nothing"
                ));
            }
        }
        let due = values.keys().filter(|name| name.0 == repository);
        for name in due.filter(|name| {
            entries
                .tags
                .get(name)
                .is_some_and(super::tags::Tag::must_exist)
        }) {
            if !listed.contains(&name.1) {
                faults.push(format!(
                    "{repository}:{} was answered 201 and is not listed",
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
        let answer = connection.get(&next).await?;
        if answer.status == 404 {
            return Ok(listed);
        }
        let page: serde_json::Value = serde_json::from_slice(&answer.body)?;
        let Some(tags) = page["tags"].as_array() else {
            bail!("{next}: no list of tags in {page}")
        };
        listed.extend(
            tags.iter()
                .filter_map(|tag| tag.as_str().map(str::to_owned)),
        );
        match next_page(answer.header("link")) {
            Some(target) => next = target,
            None => return Ok(listed),
        }
    }
}

/// The path and query of `<…>; rel="next"`.
fn next_page(link: &str) -> Option<String> {
    let target = link.strip_prefix('<')?.split('>').next()?;
    target.find("/v2/").map(|at| target[at..].to_owned())
}

/// Asks for all of `items` over several connections at once.
async fn spread<I, O>(
    address: SocketAddr,
    items: Vec<I>,
    ask: impl AsyncFn(&mut Connection, I) -> Result<O>,
) -> Result<Vec<O>> {
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
    fn a_link_may_be_relative_or_absolute() {
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
