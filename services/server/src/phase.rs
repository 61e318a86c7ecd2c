//! How far the server has gone on its way out: what calls, streams and connections follow.

/// A step of a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Calls are served.
    Serving,
    /// Streams that would never end are ended; other calls finish.
    Draining,
    /// The hard deadline has passed; every call ends.
    Cut,
}
