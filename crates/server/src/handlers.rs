//! Request handlers, one file for each kind of endpoint. Each handler reads a request, calls the
//! registry once, and builds the response.

pub(crate) mod base;
pub(crate) mod blobs;
pub(crate) mod catalog;
pub(crate) mod check;
pub(crate) mod description;
pub(crate) mod health;
pub(crate) mod manifest_list;
pub(crate) mod manifests;
mod put_options;
pub(crate) mod referrers;
pub(crate) mod repositories;
pub(crate) mod tags;
pub(crate) mod tree;
pub(crate) mod uploads;
