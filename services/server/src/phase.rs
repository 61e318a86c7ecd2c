//! The phase of a shutdown, which calls, streams and connections follow.

/// A phase of the server's life, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Calls are served.
    Serving,
    /// Calls are served, but health and readiness send new clients elsewhere.
    Leaving,
    /// Endless streams are ended; other calls finish.
    Draining,
    /// The deadline has passed or the shutdown was hurried; every call ends.
    Cut,
}
