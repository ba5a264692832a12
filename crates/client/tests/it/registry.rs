//! Fake of a complete registry in memory. A table defines how its optional capabilities behave.
//!
//! [`behavior`] defines the capabilities and their possible values. [`tables`] lists the values of
//! real registries, with sources. [`copies`] copies to and from the fake with each combination of
//! the capabilities that interact.

mod copies;
mod tables;
