//! Copies and pushes against registries that behave in other ways than the specification demands.

pub(crate) mod content;
pub(crate) mod copies;
pub(crate) mod documents;
mod lookups;
mod referrers;
mod uploads;

use super::fault::Fault;

pub(crate) const FAULTS: &[&[Fault]] = &[
    referrers::FAULTS,
    lookups::FAULTS,
    uploads::FAULTS,
    documents::FAULTS,
];
