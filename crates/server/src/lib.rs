//! The distribution specification and an API of our own over HTTP, in front of any registry.
//!
//! [`Server::bind`] listens, [`Server::run`] serves until it is told to stop. What comes in is read
//! by `portolan_wire`, handed to a [`Registry`](portolan_registry::Registry), and what that says is
//! written back: a request passes `listener`, `connection`, `middleware`, `router` and one of the
//! `handlers`. Nothing is known here of how content is stored, nothing buffers a blob, and nothing
//! wraps the body of an answer, so that each has the length that is known for it.

mod api;
mod app;
mod body;
mod call;
mod connection;
mod detached;
mod error;
mod handlers;
mod limits;
mod listener;
mod mend;
mod middleware;
mod paging;
mod reply;
mod router;
mod settings;
mod tls;

pub use app::ReadyCheck;
pub use listener::{BindError, Server};
pub use settings::{Limits, Settings, Timeouts, TlsFiles};
pub use tls::TlsError;
