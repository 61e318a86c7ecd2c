//! Series that several services need, named once.
