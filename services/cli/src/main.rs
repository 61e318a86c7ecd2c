//! The one binary, `ballast`.
fn main() {}
