//! What other registries and clients do with an image, as data: each fact with its source.
//!
//! [`Target::all`] is the table. [`Observed`] finds out what is special about a tree of documents, in one pass; a
//! [`Judgement`] says what a target makes of it: whether it works, what causes it if not, and what mends it. Nothing
//! here reads anything; nothing recurses.

mod detect;
mod fact;
mod feature;
mod judgement;
mod mend;
mod observed;
mod target;
mod targets;
#[cfg(test)]
mod tests;

pub use fact::{Fact, Operation, Outcome};
pub use feature::Feature;
pub use judgement::{Judgement, Reason, Verdict, judge};
pub use observed::{Cause, Observed, Sighting};
pub use target::{Role, Target};
