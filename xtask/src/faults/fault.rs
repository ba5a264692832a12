//! Case of a public bug report.

use anyhow::Result;

use super::scene::Scene;

/// Case that the program once handled incorrectly.
pub(crate) struct Fault {
    /// Kind of the fault, in kebab case.
    pub(crate) name: &'static str,
    /// Runs the program, and returns an error if it does not behave as required.
    pub(crate) check: fn(&Scene) -> Result<()>,
}
