//! The suite that every implementation passes: one behaviour a function, grouped in files.
//!
//! [`contract_tests!`](crate::contract_tests) makes a test of each in the crate of the
//! implementation, so that a failure names the behaviour:
//!
//! ```text
//! async fn fresh() -> Arc<dyn Registry> {
//!     Arc::new(MemoryRegistry::new())
//! }
//! portolan_registry::contract_tests!(fresh);
//! portolan_registry::contract_tests_local!(fresh);
//! ```
//!
//! [`contract_tests_local!`](crate::contract_tests_local) has the behaviours that cannot be seen
//! through HTTP: what depends on the rights in a [`Context`](crate::Context), on several
//! preconditions in one call, on policies other than the two below, and on findings as data; and dry
//! runs. An implementation behind HTTP leaves it out.
//!
//! Two conventions let the rest pass through HTTP. A policy does not travel in a request, so
//! repositories under `sparse/` are given [`Preset::Sparse`](crate::Preset::Sparse) by the server as
//! they are by the suite. And a sender that breaks off may be gone before its last bytes arrive.
#![expect(
    clippy::missing_panics_doc,
    reason = "each behaviour is a test, and panics when it is not met"
)]

pub mod blobs;
pub mod concurrency;
pub mod deletes;
pub mod dry_runs;
mod examples;
pub mod guards;
pub mod kinds;
pub mod local;
mod macros;
pub mod manifests;
pub mod mounts;
pub mod pages;
pub mod policies;
pub mod referrers;
pub mod refusals;
pub mod repositories;
pub mod repository;
pub mod sparse;
pub mod tags;
pub mod taken_in;
pub mod uploads;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use portolan_model::Digest;
use portolan_model::fixtures::{self, Image};
use serde_json::Value;

pub use repository::Repository;

use crate::{Body, Error, Kind, Registry, Result};

/// Longest time that one behaviour may take: far more than any needs, so that what hangs fails.
const TIME_LIMIT: Duration = Duration::from_mins(2);

/// How often a race may be won that is said to be lost by chance.
const TRIES: u32 = 20;

/// The implementation under test, holding nothing yet, and what has to live as long as it.
pub struct Subject {
    registry: Arc<dyn Registry>,
    unable: &'static [Limit],
    _keep: Box<dyn Any + Send>,
}

/// A behaviour that an implementation is known not to have, and why. The suite makes sure that it
/// has not: a limit that is gone fails, and is struck off the list.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The behaviour, as `group::behaviour`.
    pub behaviour: &'static str,
    /// What stands in the way.
    pub reason: &'static str,
    /// Whether chance decides, as it does of a race: then it is tried until it is lost once.
    pub by_chance: bool,
}

impl Subject {
    /// A registry that needs `keep`, a folder or a server, to live as long as it.
    pub fn new(registry: Arc<dyn Registry>, keep: impl Any + Send) -> Self {
        Self {
            registry,
            unable: &[],
            _keep: Box::new(keep),
        }
    }

    /// The same, known not to have these behaviours.
    #[must_use]
    pub fn unable(self, limits: &'static [Limit]) -> Self {
        Self {
            unable: limits,
            ..self
        }
    }
}

impl From<Arc<dyn Registry>> for Subject {
    fn from(registry: Arc<dyn Registry>) -> Self {
        Self::new(registry, ())
    }
}

/// Holds a fresh subject against one behaviour, which is called `name`.
pub async fn run<S, M, B>(
    name: &str,
    make: impl Fn() -> M,
    behaviour: impl Fn(Arc<dyn Registry>) -> B,
) where
    S: Into<Subject>,
    M: Future<Output = S>,
    B: Future<Output = ()>,
{
    for _ in 0..TRIES {
        let subject: Subject = make().await.into();
        let shown = tokio::time::timeout(TIME_LIMIT, behaviour(Arc::clone(&subject.registry)));
        let Some(limit) = subject.unable.iter().find(|limit| limit.behaviour == name) else {
            return shown
                .await
                .expect("the behaviour is shown within the time limit");
        };
        let is_shown = matches!(AssertUnwindSafe(shown).catch_unwind().await, Ok(Ok(())));
        if !is_shown {
            return;
        }
        assert!(
            limit.by_chance,
            "{name} is shown, though it was said that {}",
            limit.reason
        );
    }
    panic!("{name} is shown each of {TRIES} times, though it was said that by chance it is not");
}

/// Stores an image with its blobs, sets a tag, and answers its digest.
pub async fn push_image(
    registry: &Arc<dyn Registry>,
    repository: &str,
    image: &Image,
    tag: &str,
) -> Digest {
    Repository::of(registry, repository)
        .image(image, &[tag])
        .await
}

/// The error of a call that has to fail with `kind`.
#[track_caller]
pub fn refused<T: fmt::Debug>(result: Result<T>, kind: &Kind) -> Error {
    let error = result.expect_err("the call has to be refused");
    assert_eq!(error.kind(), kind, "{error}: {}", error.detail());
    error
}

/// A body that breaks off behind `content`.
pub fn broken_off(content: &'static [u8]) -> Body {
    let hung_up = Error::new(Kind::BodyIncomplete, "the sender hung up");
    Body::stream(stream::iter([
        Ok(Bytes::from_static(content)),
        Err(hung_up),
    ]))
}

/// A digest of content that nobody has.
pub fn unknown_digest() -> Digest {
    Digest::sha256(&fixtures::blob("nobody has this"))
}

/// A digest that is well-formed and cannot be computed here.
pub fn unverifiable_digest() -> Digest {
    "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        .parse()
        .expect("a digest")
}

/// The documents of the findings that an error's detail says were rejected; null stands for the one that was pushed.
fn documents(error: &Error) -> Vec<&Value> {
    let findings = error.detail()["findings"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    findings
        .iter()
        .filter(|finding| finding["verdict"] == "reject")
        .map(|finding| &finding["document"])
        .collect()
}

/// The rules of the findings that an error's detail says were rejected, each with its pointer, in the order of pointers.
pub fn findings(error: &Error) -> Vec<(String, String)> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let findings = error.detail()["findings"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let rejected = findings
        .iter()
        .filter(|finding| finding["verdict"] == "reject");
    let mut found: Vec<_> = rejected
        .map(|finding| (text(finding, "rule"), text(finding, "pointer")))
        .collect();
    found.sort_unstable_by(|one, other| one.1.cmp(&other.1));
    found
}
