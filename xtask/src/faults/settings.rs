//! Settings of users: TLS, certificates, credentials, and names of images.

mod credentials;
mod names;
mod tls;

use super::fault::Fault;

pub(crate) const FAULTS: &[&[Fault]] = &[tls::FAULTS, credentials::FAULTS, names::FAULTS];
