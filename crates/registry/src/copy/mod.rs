//! Copying images, indexes and whatever else has a digest between any two registries.
//!
//! A [`Copier`] first makes a [`Plan`]: it walks the tree at the source and looks at the target for
//! each part of it. The plan says what moves, what is mounted and what is there already, and nothing
//! has been written so far. Then the plan is carried out: blobs first, then manifests, children
//! before their parents, referrers before what they refer to, tags last. So nobody who looks at the
//! target meanwhile finds a manifest whose parts are not there yet.
//!
//! Documents go byte for byte, with two exceptions: a subset of platforms needs another index
//! ([`Options::platforms`]), and a tree may be asked for in another format ([`Options::conversion`]). The
//! plan tells every digest that changes by it, and what is lost.

mod blob;
mod carry_out;
mod claims;
mod cosign;
mod following;
mod observer;
mod place;
mod plan;
mod planner;
mod ranks;
mod retry;
mod rewriting;
mod sessions;
mod subset;
#[cfg(test)]
mod tests;
mod together;
mod tree;
mod visit;

use std::sync::Arc;

use portolan_model::convert::Conversion;
use portolan_model::{Platform, Reference};
use tokio::sync::Semaphore;

use crate::TagUpdate;

pub use observer::{Event, Observer};
pub use place::Place;
pub use plan::{Action, Outcome, Plan, PlannedBlob, PlannedDocument, Rewritten, Tally};
pub use planner::TooDeep;
pub use sessions::{NoSessions, Sessions};

use claims::Claims;

/// One thing to copy.
#[derive(Clone)]
pub struct Request {
    /// Where it is.
    pub source: Place,
    /// Which one it is there.
    pub reference: Reference,
    /// Where it is to be.
    pub target: Place,
    /// The tags that are to point to it there; with none, it can be had by its digest alone.
    pub tags: Vec<TagUpdate>,
}

/// What is copied, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The platforms whose images are copied out of an index; none means all that there is.
    ///
    /// The index is written anew with what is left of it, and so has another digest.
    pub platforms: Vec<Platform>,
    /// The format in which it is to arrive; none means byte for byte.
    ///
    /// What refers to what is copied is not converted, but follows it to its new digest.
    pub conversion: Option<Conversion>,
    /// Whether content may be absent: the index stays as it is though only [`Options::platforms`]
    /// are copied, and what the source does not hold is passed over.
    pub sparse: bool,
    /// Whether manifests that refer to what is copied come along (distribution-spec, "Listing
    /// Referrers"), theirs too, and the tags under which cosign keeps signatures.
    pub referrers: bool,
    /// Whether parts are looked for at the target although their parent is there already. Without
    /// it, a registry that holds a manifest is believed to hold what it names.
    pub recheck: bool,
}

/// Copies, with a bound on how much goes on at once.
///
/// What one copier has brought to a registry it does not bring there again, whatever else names it.
pub struct Copier {
    jobs: usize,
    permits: Semaphore,
    claims: Claims,
    sessions: Arc<dyn Sessions>,
}

impl Copier {
    /// A copier that moves up to `jobs` blobs and manifests at the same time, at least one, over all
    /// the requests that it is given, and goes on with the upload sessions that `sessions` knows.
    pub fn new(jobs: usize, sessions: Arc<dyn Sessions>) -> Self {
        let jobs = jobs.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            jobs,
            permits: Semaphore::new(jobs),
            claims: Claims::default(),
            sessions,
        }
    }
}
