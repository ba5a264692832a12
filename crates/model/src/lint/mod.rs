//! What is remarkable or wrong about a tree of documents: findings, each of a rule with a stable id.
//!
//! Nothing here reads anything by itself. [`document`] judges one document; [`stored`] also asks what is held under the
//! digests that it names; [`Lint`] goes through the whole tree below a document, asking its caller for one piece after
//! the other, so that a command, a server and a test can share it. [`Rule`] says of each rule how grave it is, the section
//! of the specification that it comes from, and what mends what it finds; docs/rules.md is made of that.
//!
//! Everything takes time linear in what is judged, but for the dates of siblings, which are sorted; nothing recurses by
//! depth of the tree. Sizes are in bytes. None of it fails: what cannot be read is a finding.

mod about;
mod age;
mod config;
mod document;
mod finding;
pub(crate) mod mend;
mod notes;
mod rule;
mod stored;
#[cfg(test)]
mod tests;
mod tree;
mod walk;
mod weight;
mod whole;

pub use config::ImageConfig;
pub use document::document;
pub use finding::Finding;
pub use mend::mend_with_names;
pub use notes::Notes;
pub use rule::{Reach, Rule, Severity, UnknownRule};
pub use stored::{Held, missing_subject, stored};
pub use tree::{Tree, TreeDocument};
pub use walk::{Answer, Limits, Lint, Seek, Want};
