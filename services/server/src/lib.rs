//! The shell: the only crate that knows wire, clock, environment.
