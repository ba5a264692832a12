//! Warnings about configuration items that cannot be used.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Printer of warnings. Prints each text once, because many requests may concern the same item.
pub(crate) struct Warnings {
    print: Box<dyn Fn(&str) + Send + Sync>,
    printed: Mutex<HashSet<String>>,
}

impl Warnings {
    /// Creates a printer that calls `print` with each new text.
    pub(crate) fn new(print: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self {
            print: Box::new(print),
            printed: Mutex::default(),
        }
    }

    pub(crate) fn warn(&self, text: &str) {
        let is_new = self
            .printed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(text.to_owned());
        if is_new {
            (self.print)(text);
        }
    }
}
