//! What CNCF distribution 2.8 is known not to do.

use portolan_registry::contract::Limit;

pub(crate) const LIMITS: &[Limit] = &[];
