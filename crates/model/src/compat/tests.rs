//! Tests of the table, and of its predictions for small trees.

mod content_store;
mod features;
mod table;
mod targets;
