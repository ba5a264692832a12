//! Placeholder module while it is being written.
pub(crate) fn run() -> anyhow::Result<()> {
    anyhow::bail!("not written yet")
}
