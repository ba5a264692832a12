//! The documents of Portolan's own API, and their description.

mod checked;
mod description;
mod health;
mod schemas;
mod tree;

pub(crate) use checked::Checked;
pub(crate) use description::DESCRIPTION;
pub(crate) use health::Health;
pub(crate) use schemas::Errors;
pub(crate) use tree::Tree;
