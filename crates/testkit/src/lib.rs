//! For tests alone: a plain HTTP client that is a registry, and servers started and stopped.

mod http;
mod process;

pub use http::HttpRegistry;
pub use process::Process;
