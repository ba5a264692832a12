//! Formats of the files in which docker and podman configure registry hosts: credentials
//! (containers-auth.json(5), docker's `config.json`) and locations of images
//! (containers-registries.conf(5)). Does no IO.
//!
//! The files belong to other programs, so an item that cannot be used is skipped, and the other
//! items are used. For each skipped item, the parsers return a text with its place in the document
//! and the reason.

mod auth;
mod registries;

pub use auth::{AuthDocument, AuthFormat, docker_key, server_addresses};
pub use registries::{
    ImageLocations, Mirror, Registries, RegistriesDocument, RepositoryLocation, parse_registries,
};
