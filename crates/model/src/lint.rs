//! Checks of manifests and of trees: a document and all documents below it. A check reports
//! [`Finding`]s. Each finding violates a [`Rule`], which has a stable id.
//!
//! The checks do no IO. [`check_document`] checks one document. [`check_stored`] compares the
//! descriptors in a document with the stored content. [`Linter`] checks the full tree below a
//! document. The linter requests the content from its caller, so that commands, the server and
//! tests can share it. [`Rule`] provides the severity, the section of the specification and the fix
//! of each rule. The file docs/rules.md is generated from this data.
//!
//! The running time is linear in the size of the input, except that the build dates of the children
//! of an index are sorted. No function recurses into the tree. Sizes are in bytes. The checks never
//! fail: content that cannot be read is reported as a finding.

mod config;
mod cost;
mod document;
mod finding;
pub(crate) mod fix;
mod layers;
mod metadata;
mod rule;
mod sink;
mod staleness;
mod stored_content;
#[cfg(test)]
mod tests;
mod tree;
mod tree_rules;
mod walk;

pub use config::ImageConfig;
pub use cost::memory_cost;
pub use document::check_document;
pub use finding::Finding;
pub use fix::{Fix, Invocation};
pub use layers::LayerContent;
pub use rule::{Rule, RuleScope, Severity, UnknownRule};
pub use sink::FindingSink;
pub use stored_content::{Stored, check_stored, check_subject};
pub use tree::{LintDocument, LintTree};
pub use walk::{ContentKind, ContentRequest, ContentResponse, LintLimits, Linter};
