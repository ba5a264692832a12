//! Contract suite that every implementation of [`Registry`] passes.
//!
//! Each behavior is one function, and each group of behaviors is one file.
//! [`contract_tests!`](crate::contract_tests) turns every function into a test in the crate of the
//! implementation, so that a failing test names the behavior:
//!
//! ```text
//! async fn fresh() -> TestedRegistry {
//!     TestedRegistry::local(Arc::new(MemoryRegistry::new()), ())
//! }
//! portolan_registry::contract_tests!(fresh);
//! portolan_registry::contract_tests_local!(fresh);
//! ```
//!
//! [`contract_tests_local!`](crate::contract_tests_local) contains the behaviors that cannot be
//! observed through HTTP. These depend on the caller in a [`Context`](crate::Context), on several
//! preconditions in one call, on policies that [`test_admission`] does not have, on findings as
//! data, or on dry runs. An implementation behind HTTP does not invoke this macro.
//!
//! Two conventions make the other behaviors observable through HTTP. First, a request does not
//! carry a policy: the server applies [`Preset::Sparse`](crate::Preset::Sparse) to repositories
//! below `sparse/`, and so does [`test_admission`]. Second, if a client disconnects, its last bytes
//! may not arrive, so no behavior depends on the number of stored bytes of an incomplete body.
#![expect(
    clippy::missing_panics_doc,
    reason = "each behavior is a test, which panics if it fails"
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
pub mod promoted;
pub mod referrers;
pub mod rejections;
pub mod repositories;
pub mod repository;
pub mod sparse;
pub mod tags;
pub mod takeovers;
pub mod uploads;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use portolan_model::fixtures::{self, ImageFixture};
use portolan_model::{Digest, Finding};
use serde_json::{Value, json};

pub use repository::TestRepository;

use crate::wrap::{PolicyRule, PolicyRules};
use crate::{Admission, Body, Error, Kind, LocalRegistry, Preset, Registry, Result, Verdict};

/// Time limit for the test of one behavior. All behaviors need much less, so a test that exceeds
/// the limit hangs.
const TIME_LIMIT: Duration = Duration::from_mins(2);

/// Number of runs of an intermittent [`KnownLimit`]. The behavior has to fail in at least one of
/// them.
const TRIES: u32 = 20;

/// Implementation under test: an empty registry, and a guard, such as a temporary folder or a
/// server, that must live as long as the registry.
pub struct TestedRegistry {
    registry: Arc<dyn Registry>,
    local: Option<Arc<dyn LocalRegistry>>,
    limits: &'static [KnownLimit],
    _guard: Box<dyn Any + Send>,
}

/// Behavior that an implementation does not have, and the reason.
///
/// The suite checks that the behavior fails. If the behavior succeeds, the test fails, and the
/// limit must be removed from the list.
#[derive(Clone, Copy, Debug)]
pub struct KnownLimit {
    /// Name of the behavior in the form `group::behavior`.
    pub behavior: &'static str,
    /// Reason why the implementation lacks the behavior.
    pub reason: &'static str,
    /// True if the behavior fails only in some runs, as in a race. In this case, the suite repeats
    /// the behavior until it fails once.
    pub intermittent: bool,
}

impl TestedRegistry {
    /// Creates an implementation under test from a registry and a guard that must live as long as
    /// the registry.
    pub fn new(registry: Arc<dyn Registry>, guard: impl Any + Send) -> Self {
        Self {
            registry,
            local: None,
            limits: &[],
            _guard: Box::new(guard),
        }
    }

    /// Creates an implementation under test from a registry that checks pushes with an
    /// [`Admission`]. The admission is [`test_admission`].
    pub fn local(local: Arc<dyn LocalRegistry>, guard: impl Any + Send) -> Self {
        Self {
            registry: local.handle(test_admission()),
            local: Some(local),
            limits: &[],
            _guard: Box::new(guard),
        }
    }

    /// Sets the known limits of the implementation.
    #[must_use]
    pub fn with_limits(self, limits: &'static [KnownLimit]) -> Self {
        Self { limits, ..self }
    }
}

impl From<Arc<dyn Registry>> for TestedRegistry {
    fn from(registry: Arc<dyn Registry>) -> Self {
        Self::new(registry, ())
    }
}

/// Returns the admission for the tests of the suite: repositories below `sparse/` allow missing
/// content, and all other repositories have the default policy.
pub fn test_admission() -> Arc<dyn Admission> {
    let sparse = PolicyRule::new("sparse/**", Preset::Sparse.into()).expect("the pattern is valid");
    Arc::new(PolicyRules::from(vec![sparse]))
}

/// Runs the test of the behavior `name` on a new registry.
pub async fn run<S, M, B>(
    name: &str,
    make: impl Fn() -> M,
    behavior: impl Fn(Arc<dyn Registry>) -> B,
) where
    S: Into<TestedRegistry>,
    M: Future<Output = S>,
    B: Future<Output = ()>,
{
    let behavior = |subject: &TestedRegistry| behavior(Arc::clone(&subject.registry));
    run_on_subject(name, make, behavior).await;
}

/// Runs the test of the behavior `name` on a new registry that checks pushes with an [`Admission`].
pub async fn run_local<M, B>(
    name: &str,
    make: impl Fn() -> M,
    behavior: impl Fn(Arc<dyn LocalRegistry>) -> B,
) where
    M: Future<Output = TestedRegistry>,
    B: Future<Output = ()>,
{
    let behavior = |subject: &TestedRegistry| {
        let local = subject.local.as_ref();
        behavior(Arc::clone(
            local.expect("the registry judges pushes itself"),
        ))
    };
    run_on_subject(name, make, behavior).await;
}

async fn run_on_subject<S, M, B>(
    name: &str,
    make: impl Fn() -> M,
    behavior: impl Fn(&TestedRegistry) -> B,
) where
    S: Into<TestedRegistry>,
    M: Future<Output = S>,
    B: Future<Output = ()>,
{
    // Without a known limit, the behavior runs once. With a known limit, it has to fail: at the
    // first attempt, or within `TRIES` attempts if the limit is intermittent.
    for _ in 0..TRIES {
        let subject: TestedRegistry = make().await.into();
        let outcome = tokio::time::timeout(TIME_LIMIT, behavior(&subject));
        let Some(limit) = subject.limits.iter().find(|limit| limit.behavior == name) else {
            return outcome
                .await
                .expect("the behavior finishes within the time limit");
        };
        let has_passed = matches!(AssertUnwindSafe(outcome).catch_unwind().await, Ok(Ok(())));
        if !has_passed {
            return;
        }
        assert!(
            limit.intermittent,
            "{name} passed, although a known limit says: {}",
            limit.reason
        );
    }
    panic!("{name} passed {TRIES} times in a row, although it is listed as an intermittent limit");
}

/// Pushes an image with its blobs, sets a tag, and returns the digest.
pub async fn push_image(
    registry: &Arc<dyn Registry>,
    repository: &str,
    image: &ImageFixture,
    tag: &str,
) -> Digest {
    TestRepository::new(registry, repository)
        .push_image(image, &[tag])
        .await
}

/// Returns the error of a call that has to fail with `kind`.
#[track_caller]
pub fn expect_error<T: fmt::Debug>(result: Result<T>, kind: &Kind) -> Error {
    let error = result.expect_err("the call has to fail");
    assert_eq!(&bare_kind(&error), kind, "{error}: {}", error.detail());
    error
}

/// Returns the kind of an error without its findings and parents.
pub fn bare_kind(error: &Error) -> Kind {
    error.kind().clone().with_facts(&Value::Null)
}

/// Creates a body that fails after `content`.
pub fn incomplete_body(content: &'static [u8]) -> Body {
    let disconnected = Error::new(Kind::BodyIncomplete, "the sender disconnected");
    Body::from_stream(stream::iter([
        Ok(Bytes::from_static(content)),
        Err(disconnected),
    ]))
}

/// Returns a digest of content that no repository contains.
pub fn unknown_digest() -> Digest {
    Digest::sha256(&fixtures::blob("nobody has this"))
}

/// Returns a valid digest with an algorithm that Portolan does not support.
pub fn unverifiable_digest() -> Digest {
    "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        .parse()
        .expect("the digest is well-formed")
}

/// Returns the `document` of each rejected finding of an error. Null stands for the pushed
/// document.
fn rejected_documents(error: &Error) -> Vec<Value> {
    rejected(error)
        .map(|finding| json!(finding.document))
        .collect()
}

/// Returns the rejected findings of an error.
fn rejected(error: &Error) -> impl Iterator<Item = &Finding> {
    let findings = error.kind().findings().iter();
    findings
        .filter(|judged| judged.verdict == Verdict::Reject)
        .map(|judged| &judged.finding)
}

/// Returns the rejected findings of an error as pairs of rule and pointer, sorted by
/// pointer.
pub fn rejected_findings(error: &Error) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = rejected(error)
        .map(|finding| (finding.rule.id().to_owned(), finding.pointer.clone()))
        .collect();
    pairs.sort_unstable_by(|one, other| one.1.cmp(&other.1));
    pairs
}
