//! Allowed edges and file rules.
