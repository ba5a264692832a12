//! The table, and what it says about small trees.

mod features;
mod shelf;
mod table;
mod targets;
