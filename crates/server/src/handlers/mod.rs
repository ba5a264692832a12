//! One file for each kind of endpoint; each function reads a request, asks the registry once, and
//! writes the answer.

pub(crate) mod base;
pub(crate) mod blobs;
pub(crate) mod catalog;
pub(crate) mod check;
pub(crate) mod description;
pub(crate) mod health;
pub(crate) mod manifests;
mod push;
pub(crate) mod referrers;
pub(crate) mod tags;
pub(crate) mod tree;
pub(crate) mod uploads;
