//! Squeeze measures against hand arithmetic, laws of the score, and what is missing said plainly.

mod book;
mod laws;
mod measures;
mod world;
