//! What is this portfolio a bet on?.
