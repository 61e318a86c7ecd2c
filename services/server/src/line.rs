//! One connection: its calls in flight, and the pieces of answers that its client has not read yet.

use crate::traffic::{Shares, Traffic};
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// Counts the calls in flight, over all connections, and the connections.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    in_flight: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

impl Calls {
    /// Number of calls in flight.
    pub fn count(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Number of open connections.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    fn connect(&self) -> Connected {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Connected(Arc::clone(&self.connections))
    }
}

/// The calls of one connection, and the pieces of answers it has not read yet.
#[derive(Debug, Default)]
pub struct Line {
    all: Calls,
    /// `None` without a connection, as in a test.
    _connected: Option<Connected>,
    address: Option<IpAddr>,
    shares: OnceLock<Shares>,
    /// The names in the client's certificate, which the handshake has verified; none without one.
    names: Vec<String>,
    state: Mutex<OnLine>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct OnLine {
    has_spoken: bool,
    /// Handlers that run, and items of streams that wait or are being answered.
    running: usize,
    /// Last time that a call began or ended, or that a piece was handed over or taken.
    moved: Option<Instant>,
    next: u64,
    /// When each piece was handed to the transport; the first is the oldest.
    unread: BTreeMap<u64, Instant>,
}

impl Line {
    /// A new connection from an address, of a client with these names in its certificate.
    pub fn new(all: &Calls, address: IpAddr, names: Vec<String>) -> Line {
        let connected = Some(all.connect());
        Line {
            all: all.clone(),
            _connected: connected,
            address: Some(address),
            names,
            ..Line::default()
        }
    }

    /// Where it comes from.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The names in the client's certificate; none without one.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Its shares of the bytes in flight.
    pub fn shares(&self, traffic: &Traffic) -> Shares {
        self.shares.get_or_init(|| traffic.shares()).clone()
    }

    /// Registers a call; its handler has answered when the first guard is dropped, and it is over
    /// when the second is.
    pub fn call(self: &Arc<Line>) -> (Handling, InFlight) {
        self.all.in_flight.fetch_add(1, Ordering::AcqRel);
        self.state().running += 1;
        (Handling(Arc::clone(self)), InFlight(Arc::clone(self)))
    }

    /// Registers work of a call whose handler has answered, as items of a stream are.
    pub fn working(self: &Arc<Line>) -> Handling {
        self.state().running += 1;
        Handling(Arc::clone(self))
    }

    /// Locks the state and records the activity.
    fn state(&self) -> MutexGuard<'_, OnLine> {
        let mut state = lock(&self.state);
        state.moved = Some(Instant::now());
        state
    }

    /// Registers a piece of an answer handed to the transport, which drops the guard once it is
    /// written.
    pub fn piece(self: &Arc<Line>) -> Unread {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.unread.insert(number, Instant::now());
        if state.unread.len() == 1 {
            self.changed.notify_waiters();
        }
        drop(state);
        Unread { line: Arc::clone(self), number }
    }

    /// Records that the client has sent the HTTP/2 preface.
    pub fn speaks(&self) {
        lock(&self.state).has_spoken = true;
    }

    /// Whether the client has sent the HTTP/2 preface.
    pub fn has_spoken(&self) -> bool {
        lock(&self.state).has_spoken
    }

    /// Resolves once no handler has run and nothing has moved for `patience`, counted from now.
    /// Unread answers do not count.
    pub async fn quiet_for(&self, patience: Duration) {
        let began = Instant::now();
        loop {
            let changed = self.changed.notified();
            let (running, moved) = {
                let state = lock(&self.state);
                (state.running, state.moved)
            };
            let due = moved.map_or(began, |moved| moved.max(began)) + patience;
            match running {
                0 if due <= Instant::now() => return,
                0 => tokio::time::sleep_until(due).await,
                _ => changed.await,
            }
        }
    }

    /// Resolves once a piece has been unread for `patience`.
    pub async fn unread_for(&self, patience: Duration) {
        loop {
            let changed = self.changed.notified();
            let oldest = lock(&self.state).unread.values().next().copied();
            match oldest {
                None => changed.await,
                Some(oldest) if oldest + patience <= Instant::now() => return,
                Some(oldest) => tokio::time::sleep_until(oldest + patience).await,
            }
        }
    }
}

/// Guard of an open connection.
#[derive(Debug)]
struct Connected(Arc<AtomicUsize>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Guard of a handler that runs, or of an item of a stream.
#[derive(Debug)]
pub struct Handling(Arc<Line>);

impl Drop for Handling {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running -= 1;
        if state.running == 0 {
            self.0.changed.notify_waiters();
        }
    }
}

/// Guard of a call that is not over: it runs, or its answer is unread.
#[derive(Debug)]
pub struct InFlight(Arc<Line>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.all.in_flight.fetch_sub(1, Ordering::AcqRel);
        drop(self.0.state());
    }
}

/// Guard of a piece of an answer on its way to the operating system.
#[derive(Debug)]
pub struct Unread {
    line: Arc<Line>,
    number: u64,
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.line.state().unread.remove(&self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_knows_how_long_its_oldest_piece_is_unread() {
        let line = Arc::new(Line::default());
        let patience = Duration::from_millis(50);
        let first = line.piece();
        line.unread_for(patience).await;
        let began = Instant::now();
        let _second = line.piece();
        drop(first);
        line.unread_for(patience).await;
        assert!(patience <= began.elapsed(), "the first was taken, the second is new");
    }

    #[tokio::test]
    async fn a_line_is_quiet_though_an_answer_is_unread_and_not_while_a_handler_runs() {
        let line = Arc::new(Line::default());
        let patience = Duration::from_millis(50);
        let (running, call) = line.call();
        let _unread = line.piece();
        let quiet = tokio::time::timeout(4 * patience, line.quiet_for(patience));
        assert!(quiet.await.is_err(), "a handler runs");
        drop(running);
        let began = Instant::now();
        line.quiet_for(patience).await;
        assert!(patience <= began.elapsed());
        drop(call);
    }
}
