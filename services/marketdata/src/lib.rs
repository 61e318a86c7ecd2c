//! The vocabulary, the snapshot, the readers of source files.
