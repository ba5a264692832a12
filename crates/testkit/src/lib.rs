//! For tests alone: a plain HTTP client that is a registry, servers started and stopped, and a proxy that
//! does harm.

mod http;
mod process;
pub mod proxy;
mod served;

pub use http::HttpRegistry;
pub use process::Process;
pub use served::Served;
