//! `portolan copy` through proxies that do harm: it ends right, or with a clear error, and never with wrong content
//! under the target's tag.

mod counts;
mod layouts;
mod once;
mod persistent;
mod resume;
mod stage;
mod storm;
