//! The phase of a shutdown, which calls, streams and connections follow.

/// A phase of the server's life, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Calls are served.
    Serving,
    /// Endless streams are ended; other calls finish.
    Draining,
    /// The deadline of the shutdown has passed; every call ends.
    Cut,
}
