//! Squeeze measures against hand arithmetic, laws of the score, and gaps for missing data.

#[cfg(test)]
mod book;
#[cfg(test)]
mod calibration;
#[cfg(test)]
mod cost_basis;
#[cfg(test)]
mod count;
#[cfg(test)]
mod currencies;
#[cfg(test)]
mod disclosed;
#[cfg(test)]
mod fails;
#[cfg(test)]
mod joint;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod lending;
#[cfg(test)]
mod look_through;
#[cfg(test)]
mod market_state;
#[cfg(test)]
mod measures;
#[cfg(test)]
mod options;
#[cfg(test)]
mod watch;
#[cfg(test)]
mod worked;
#[cfg(test)]
mod world;
