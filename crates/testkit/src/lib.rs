//! Test support: servers that tests start and stop, a fake of other registries, a plain HTTP client
//! that implements `Registry`, a proxy that injects faults, a corpus of valid and defective manifests,
//! and the fuzz targets.

pub mod corpus;
pub mod fake;
pub mod fake_registry;
pub mod fuzzing;
mod http;
mod process;
pub mod proxy;
mod served;

pub use http::HttpRegistry;
pub use process::Process;
pub use served::InMemoryServer;
