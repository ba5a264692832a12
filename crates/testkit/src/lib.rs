//! For tests alone: a plain HTTP client that is a registry, servers started and stopped, a proxy that does harm,
//! a corpus of documents of every kind, and what the fuzzers do with it.

pub mod corpus;
pub mod fuzzing;
mod http;
mod process;
pub mod proxy;
mod served;

pub use http::HttpRegistry;
pub use process::Process;
pub use served::Served;
