//! A registry over HTTP (distribution-spec), as one more [`Registry`](portolan_registry::Registry).
//!
//! A [`Client`] speaks to one host. It reads no file and no environment variable: whoever makes one
//! gives it [`Settings`], which are plain data, and [`Credentials`], which it asks for when a
//! registry wants to know who is calling.

mod credentials;
mod settings;

pub use credentials::{Anonymous, Credential, Credentials, Secret};
pub use settings::{Identity, Observer, Retry, Scheme, Settings, Silent, Tls};
