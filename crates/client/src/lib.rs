//! A registry over HTTP (distribution-spec), as one more [`Registry`](portolan_registry::Registry).
//!
//! A [`Client`] speaks to one host. It reads no file and no environment variable: whoever makes one
//! gives it [`Settings`], which are plain data, and [`Credentials`], which it asks for when a
//! registry wants to know who is calling.
//!
//! A request is a `call`; the `host` gives it its turn, asks `auth` what to say about the caller, and
//! sends it on its way through `redirect` and `transport`. What fails and may pass is tried again by
//! `persistence`, and what a registry refuses becomes an error in `refusal`.

mod abilities;
mod answer;
mod auth;
mod call;
mod client;
mod credentials;
mod deleter;
mod download;
mod failure;
mod fallback;
mod host;
mod lister;
mod lists;
mod payload;
mod persistence;
mod reader;
mod redirect;
mod refusal;
mod settings;
mod tls;
mod transport;
mod turns;
mod uploads;
mod writer;

pub use client::Client;
pub use credentials::{Anonymous, Credential, Credentials, Secret};
pub use settings::{Identity, Observer, Retry, Scheme, Settings, Silent, Tls};
