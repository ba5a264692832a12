//! Parts of the development tasks that the benchmark shares: servers, tools, and the load generator.

pub mod load;
pub mod servers;
pub mod tools;
