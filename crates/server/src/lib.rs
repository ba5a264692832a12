//! HTTP server for the distribution specification and for Portolan's own API. It serves any
//! registry.
//!
//! [`Server::bind`] listens, and [`Server::run`] serves until shutdown. `portolan_wire` parses each
//! request, a [`Registry`](portolan_registry::Registry) handles it, and the result is written as a
//! response. A request passes through `listener`, `connection`, `router` with `middleware`, and one of
//! the `handlers`. This crate does not depend on a storage. It never buffers a blob, and every
//! response has a known `Content-Length`.

mod api;
mod app;
mod body;
mod client_address;
mod connection;
mod connections;
mod detached;
mod error;
mod fixes;
mod handlers;
mod held_content;
mod host_rules;
mod lane;
mod listen_address;
mod listener;
mod middleware;
mod network;
mod observed_stream;
mod paging;
mod progress;
mod public_url;
mod request_context;
mod response_builder;
mod response_memory;
mod router;
mod segments;
mod settings;
mod shares;
mod throttle;
mod tls;

pub use app::ReadyCheck;
pub use listen_address::{ListenAddressError, parse_listen_address};
pub use listener::{BindError, Server};
pub use network::{Network, NetworkError};
pub use public_url::{HostName, HostNameError, PublicUrl, PublicUrlError};
pub use settings::{Limits, Settings, Timeouts, TlsFiles};
pub use tls::TlsError;
