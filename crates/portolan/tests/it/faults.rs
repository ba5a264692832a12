//! `portolan copy` through proxies that inject faults: it succeeds or fails with a clear error, and
//! never stores wrong content under the tag of the target.

mod counts;
mod layouts;
mod once;
mod persistent;
mod resume;
mod stage;
mod storm;
