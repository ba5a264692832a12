//! The store as its users meet it: the contract of every registry, and what survives a restart.

mod restart;
