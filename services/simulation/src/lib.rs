//! A market of known parts, seeded.
