//! Who leads the market, and is that changing?.
