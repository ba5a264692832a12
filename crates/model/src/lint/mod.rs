//! What is remarkable or wrong about a tree of documents: findings, each of a rule with a stable id.
//!
//! Nothing here reads anything by itself. [`document`] judges one document; [`stored`] also asks what is held under the
//! digests that it names; [`Lint`] goes through the whole tree below a document, asking its caller for one piece after
//! the other, so that a command, a server and a test can share it.

mod config;
mod document;
mod finding;
mod rule;
mod stored;
mod tree;
mod walk;

pub(crate) use finding::note;

pub use config::ImageConfig;
pub use document::document;
pub use finding::Finding;
pub use rule::{Reach, Rule, Severity, UnknownRule};
pub use stored::{Held, stored};
pub use tree::{Tree, TreeDocument};
pub use walk::{Answer, Limits, Lint, Seek, Want};
