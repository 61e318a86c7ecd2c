//! What answers hold in memory until they are taken, over all calls and by connection.
//!
//! A call reserves room for a common answer once its request is whole and before it does any work.
//! The bytes of its answer are held until the operating system took them. A client that does not
//! read its answers therefore meets a bound, and the server's memory does not grow with it.

use crate::{limits, rpc::status::Refusal};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// The bytes of answers in flight, over all calls.
#[derive(Clone, Debug)]
pub struct Traffic {
    bytes: Arc<Semaphore>,
    most: usize,
}

impl Traffic {
    /// With a bound in bytes.
    pub fn new(most: usize) -> Traffic {
        Traffic { bytes: Arc::new(Semaphore::new(most)), most }
    }

    fn full(&self) -> Refusal {
        Refusal::Overloaded { what: "bytes of answers in flight", limit: self.most as u64 }
    }
}

/// What one call holds.
#[derive(Debug)]
pub struct Charge {
    /// None: nothing is counted.
    traffic: Option<Traffic>,
    reserve: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Charge {
    /// For a call of which nothing is reserved yet.
    pub const fn of(traffic: Traffic) -> Charge {
        Charge { traffic: Some(traffic), reserve: Mutex::new(None) }
    }

    /// For calls whose answers are small, and whose number is bounded or must not be.
    pub const fn free() -> Charge {
        Charge { traffic: None, reserve: Mutex::new(None) }
    }

    /// Reserves room; waits a moment for it.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] where there is none.
    pub async fn admit(&self) -> Result<(), Refusal> {
        let Some(traffic) = &self.traffic else { return Ok(()) };
        let bytes = Arc::clone(&traffic.bytes);
        let room = bytes.acquire_many_owned(limits::CALL_RESERVED_BYTES as u32);
        let patience = Duration::from_millis(limits::ADMISSION_WAIT_MS);
        match tokio::time::timeout(patience, room).await {
            Ok(Ok(room)) => {
                *lock(&self.reserve) = Some(room);
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(traffic.full()),
        }
    }

    /// Room for bytes, out of the reserve first; it is given back when it is dropped.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] where there is none.
    pub fn take(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        let Some(traffic) = &self.traffic else { return Ok(None) };
        let mut reserve = lock(&self.reserve);
        let reserved = reserve.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let of_reserve = reserved.min(bytes);
        let more = u32::try_from(bytes - of_reserve).map_err(|_| traffic.full())?;
        let more = Arc::clone(&traffic.bytes).try_acquire_many_owned(more);
        let mut room = more.map_err(|_| traffic.full())?;
        if let Some(split) = reserve.as_mut().and_then(|reserve| reserve.split(of_reserve)) {
            room.merge(split);
        }
        Ok(Some(room))
    }
}

/// How many calls are in flight, over all connections.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<AtomicUsize>);

impl Calls {
    /// The number.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

/// One connection's calls, and the pieces of answers it has not taken yet.
#[derive(Debug, Default)]
pub struct Line {
    all: Calls,
    state: Mutex<OnLine>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct OnLine {
    has_spoken: bool,
    calls: usize,
    next: u64,
    /// When each piece was handed to the transport; the first is the oldest.
    unread: BTreeMap<u64, Instant>,
}

impl Line {
    /// A connection on which nothing has happened.
    pub fn new(all: &Calls) -> Line {
        Line { all: all.clone(), ..Line::default() }
    }

    /// A call begins; it is over when the guard is dropped.
    pub fn call(self: &Arc<Line>) -> InFlight {
        self.all.0.fetch_add(1, Ordering::AcqRel);
        lock(&self.state).calls += 1;
        InFlight(Arc::clone(self))
    }

    /// A piece of an answer is handed to the transport, which drops the guard once it is written.
    pub fn piece(self: &Arc<Line>) -> Unread {
        let mut state = lock(&self.state);
        let number = state.next;
        state.next += 1;
        state.unread.insert(number, Instant::now());
        if state.unread.len() == 1 {
            self.changed.notify_waiters();
        }
        drop(state);
        Unread { line: Arc::clone(self), number }
    }

    /// The client has said that it speaks HTTP/2.
    pub fn speaks(&self) {
        lock(&self.state).has_spoken = true;
    }

    /// Whether the client has said that it speaks HTTP/2.
    pub fn has_spoken(&self) -> bool {
        lock(&self.state).has_spoken
    }

    /// Whether no call is in flight and every answer was taken.
    pub fn is_idle(&self) -> bool {
        lock(&self.state).calls == 0
    }

    /// Resolves when it is idle.
    pub async fn idle(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is_idle() {
                return;
            }
            changed.await;
        }
    }

    /// Resolves when a piece has been unread for so long.
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

/// A call of a connection.
#[derive(Debug)]
pub struct InFlight(Arc<Line>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.all.0.fetch_sub(1, Ordering::AcqRel);
        let mut state = lock(&self.0.state);
        state.calls -= 1;
        if state.calls == 0 {
            self.0.changed.notify_waiters();
        }
    }
}

/// A piece of an answer on its way to the operating system.
#[derive(Debug)]
pub struct Unread {
    line: Arc<Line>,
    number: u64,
}

impl Drop for Unread {
    fn drop(&mut self) {
        lock(&self.line.state).unread.remove(&self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_takes_from_its_reserve_first_and_gives_back_what_it_took() {
        let reserve = limits::CALL_RESERVED_BYTES;
        let traffic = Traffic::new(3 * reserve);
        let charge = Charge::of(traffic.clone());
        assert_eq!(traffic.bytes.available_permits(), 3 * reserve, "nothing yet");
        charge.admit().await.unwrap();
        let first = charge.take(reserve - 10).unwrap();
        assert_eq!(traffic.bytes.available_permits(), 2 * reserve, "all of it was reserved");
        let second = charge.take(30).unwrap();
        assert_eq!(traffic.bytes.available_permits(), 2 * reserve - 20);
        let refused = charge.take(2 * reserve).unwrap_err();
        assert!(
            matches!(refused, Refusal::Overloaded { limit, .. } if limit == 3 * reserve as u64)
        );
        drop((charge, second));
        assert_eq!(traffic.bytes.available_permits(), 2 * reserve + 10, "the first is unread");
        drop(first);
        assert_eq!(traffic.bytes.available_permits(), 3 * reserve);
        assert!(Charge::free().take(usize::MAX).unwrap().is_none());
    }

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
}
