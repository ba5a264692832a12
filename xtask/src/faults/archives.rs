//! Layouts and archives.

mod fixed_order;
mod layers;
mod pipes;
mod spellings;

use super::fault::Fault;

pub(crate) const FAULTS: &[&[Fault]] = &[
    fixed_order::FAULTS,
    pipes::FAULTS,
    spellings::FAULTS,
    layers::FAULTS,
];
