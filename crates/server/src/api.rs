//! Response documents of Portolan's own API, and the OpenAPI description.

mod check;
mod description;
mod health;
mod manifest_list;
mod schemas;
mod tree;

pub(crate) use check::CheckResult;
pub(crate) use description::DESCRIPTION;
pub(crate) use health::Health;
pub(crate) use manifest_list::ManifestList;
pub(crate) use schemas::Errors;
pub(crate) use tree::Tree;
