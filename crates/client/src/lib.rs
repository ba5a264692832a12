//! Client for registries over HTTP (distribution-spec). Implements
//! [`Registry`](portolan_registry::Registry).
//!
//! A [`Client`] accesses one host. It reads no file and no environment variable: the caller
//! supplies [`Settings`] as plain data, and [`Credentials`] that the client queries when the
//! registry demands authentication.
//!
//! The `host` module sends each `request`: it acquires a permit from `limiter`, gets the
//! credentials from `auth`, and sends the request through `redirect` and `transport`. `retry`
//! decides whether to try again after a temporary failure, and `error_response` converts error
//! responses to errors.

mod auth;
mod capabilities;
mod client;
mod credentials;
mod deleter;
mod download;
mod error_response;
mod failure;
mod host;
mod limiter;
mod list_cache;
mod lister;
mod payload;
mod reader;
mod redirect;
mod referrers_tag;
mod request;
mod response;
mod retry;
mod settings;
mod tls;
mod transport;
mod uploads;
mod writer;

pub use client::Client;
pub use credentials::{Anonymous, Credential, Credentials, Lookup, Secret};
pub use settings::{Identity, NullObserver, Observer, Retry, Scheme, Settings, Tls};
