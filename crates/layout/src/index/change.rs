//! Change of an index by a push, as data: it can be applied again to an index that another program
//! has changed in the meantime.

use portolan_model::{Descriptor, Digest, Tag};

use super::LayoutIndex;

/// Change of an index by the push of a manifest.
#[derive(Clone, Debug)]
pub struct IndexChange {
    /// Descriptor of the manifest, without annotations.
    pub(crate) descriptor: Descriptor,
    /// Tags that point to the manifest after the change.
    pub(crate) tags: Vec<Tag>,
    /// True if the manifest needs an entry even if it has no tag.
    pub(crate) needs_entry: bool,
    /// Manifests whose bare entries are removed, because the pushed manifest references them.
    pub(crate) superfluous: Vec<Digest>,
}

impl IndexChange {
    /// Applies the change. Applying it twice has no further effect.
    pub(crate) fn apply(&self, index: &mut LayoutIndex) {
        index.update_types(&self.descriptor);
        for tag in &self.tags {
            index.assign_name(tag.as_str(), &self.descriptor);
        }
        if self.needs_entry && index.find(&self.descriptor.digest).is_none() {
            index.add(&self.descriptor);
        }
        for digest in &self.superfluous {
            index.remove_bare(digest);
        }
    }
}
