//! One binary of wire tests.
