//! A pool of bytes that all connections share, with a maximum share per connection.
//!
//! Whoever asks for room gets some of the last quarter only if its connection holds little, so that
//! those that hold much do not lock out the others. A pool may leave each connection a first part of its
//! share whatever the others hold.
//!
//! Bytes that are in memory already are not asked for but forced, and may take the last quarter as well:
//! messages of streams that are not complete, or that wait undecoded. The settings bound them to half of
//! the pool, one caller has a share of the streams, and a message that has begun must go on unless items
//! of its connection wait or are being answered.
//!
//! A refusal names the most bytes that the connection could have had, and what can never fit is
//! refused without a wait.

mod nested;

use crate::{limits, refusal::Refusal};
pub use nested::{Admitted, Nested, Working};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// The pool, and how many of its bytes are held.
#[derive(Debug)]
pub struct Pool {
    what: &'static str,
    /// The settings that hold the two bounds.
    settings: [&'static str; 2],
    most: usize,
    share: usize,
    /// What each connection may hold even if the pool is full.
    assured: usize,
    /// What a connection may hold of the last quarter.
    small: usize,
    held: Mutex<usize>,
}

/// The bytes that one connection holds of a pool.
#[derive(Clone, Debug)]
pub struct Share {
    pool: Arc<Pool>,
    /// Read and written only while the pool is locked.
    held: Arc<Mutex<usize>>,
}

impl Pool {
    /// A pool of `most` bytes, of which a connection may hold `share`. `what` names it in errors,
    /// and `settings` these two bounds.
    pub fn new(
        what: &'static str,
        settings: [&'static str; 2],
        [most, share]: [usize; 2],
    ) -> Arc<Pool> {
        let (assured, small) = (0, limits::SMALL_SHARE_BYTES);
        Arc::new(Pool { what, settings, most, share, assured, small, held: Mutex::new(0) })
    }

    /// The same pool, of which each connection may hold `assured` bytes even if it is full: it then
    /// exceeds its bound, by that much per connection at most.
    pub fn assuring(self: Arc<Pool>, assured: usize) -> Arc<Pool> {
        let Pool { what, settings, most, share, small, .. } = *self;
        Arc::new(Pool { what, settings, most, share, assured, small, held: Mutex::new(0) })
    }

    /// The same pool, of whose last quarter a connection may hold `small` bytes.
    pub fn leaving(self: Arc<Pool>, small: usize) -> Arc<Pool> {
        let Pool { what, settings, most, share, assured, .. } = *self;
        Arc::new(Pool { what, settings, most, share, assured, small, held: Mutex::new(0) })
    }

    /// The share of a new connection, which holds nothing yet.
    pub fn share(self: &Arc<Pool>) -> Share {
        Share { pool: Arc::clone(self), held: Arc::default() }
    }

    /// Bytes held by all connections.
    pub fn held(&self) -> usize {
        *lock(&self.held)
    }

    /// The bytes that all connections may hold together.
    pub fn limit(&self) -> usize {
        self.most
    }

    fn full(&self, limit: usize, setting: &'static str) -> Refusal {
        Refusal::Overloaded { what: self.what, setting, limit: limit as u64 }
    }

    /// Checks the limits for a connection that would hold `own` bytes and a pool that would hold
    /// `all`.
    fn has_room(&self, own: usize, all: usize) -> Result<(), Refusal> {
        match self.share < own {
            true => Err(self.full(self.share, self.settings[1])),
            false => self.has_room_in_all(own, all),
        }
    }

    /// The same without the limit of the connection.
    fn has_room_in_all(&self, own: usize, all: usize) -> Result<(), Refusal> {
        let most = if own <= self.small { self.most } else { self.most - self.most / 4 };
        match most < all && self.assured < own {
            true => Err(self.full(most, self.settings[0])),
            false => Ok(()),
        }
    }
}

impl Share {
    /// An empty room that can grow.
    pub fn empty(&self) -> Room {
        Room { share: self.clone(), bytes: 0 }
    }

    /// Whether so many bytes fit if nobody holds any.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if they do not.
    pub fn fits(&self, bytes: usize) -> Result<(), Refusal> {
        self.pool.has_room(bytes, bytes)
    }

    /// Takes room for bytes; waits a moment for it.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if there is none; at once if there never can be.
    pub async fn wait_for(&self, bytes: usize) -> Result<Room, Refusal> {
        self.fits(bytes)?;
        let mut room = self.empty();
        let give_up = Instant::now() + Duration::from_millis(limits::ADMISSION_WAIT_MS);
        loop {
            match room.resize(bytes) {
                Err(_) if Instant::now() < give_up => {
                    tokio::time::sleep(Duration::from_millis(limits::ADMISSION_RETRY_MS)).await;
                }
                ended => return ended.map(|()| room),
            }
        }
    }
}

/// Bytes held in a pool; released on drop.
#[derive(Debug)]
pub struct Room {
    share: Share,
    bytes: usize,
}

impl Room {
    /// Number of bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Changes the number of bytes held.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if there is no room; the number is then unchanged.
    pub fn resize(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.change(bytes, |pool, own, all| pool.has_room(own, all))
    }

    /// Changes the number of bytes held even beyond the limit: others then wait until there is
    /// room.
    pub fn force(&mut self, bytes: usize) {
        let _never = self.change(bytes, |_, _, _| Ok(()));
    }

    fn change(
        &mut self,
        bytes: usize,
        may: impl FnOnce(&Pool, usize, usize) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let pool = &self.share.pool;
        let (mut all, mut own) = (lock(&pool.held), lock(&self.share.held));
        let of = |held: usize| (held - self.bytes).saturating_add(bytes);
        if self.bytes < bytes {
            may(pool, of(*own), of(*all))?;
        }
        (*all, *own) = (of(*all), of(*own));
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.force(0);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: usize = limits::SMALL_SHARE_BYTES;
    const SETTINGS: [&str; 2] = ["all", "share"];

    /// Takes room for bytes, or returns the limit that was exceeded.
    fn hold(share: &Share, bytes: usize) -> Result<Room, u64> {
        let mut room = share.empty();
        match room.resize(bytes) {
            Ok(()) => Ok(room),
            Err(Refusal::Overloaded { limit, .. }) => Err(limit),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn room_is_given_back_when_it_shrinks_and_when_it_is_dropped() {
        let pool = Pool::new("test", SETTINGS, [8 * SMALL, 4 * SMALL]);
        let share = pool.share();
        let mut room = hold(&share, 3 * SMALL).unwrap();
        assert_eq!((pool.held(), room.bytes()), (3 * SMALL, 3 * SMALL));
        room.resize(10).unwrap();
        assert_eq!(pool.held(), 10);
        assert!(room.resize(usize::MAX).is_err());
        assert_eq!((pool.held(), room.bytes()), (10, 10), "unchanged");
        drop(room);
        assert_eq!(pool.held(), 0);
    }

    #[test]
    fn connections_that_hold_much_leave_the_last_quarter_to_those_that_hold_little() {
        let pool = Pool::new("test", SETTINGS, [8 * SMALL, 4 * SMALL]);
        let (greedy, second, stranger) = (pool.share(), pool.share(), pool.share());
        let _four = hold(&greedy, 4 * SMALL).unwrap();
        assert_eq!(hold(&greedy, 1).unwrap_err(), 4 * SMALL as u64, "the limit of its share");
        let _two = hold(&second, 2 * SMALL).unwrap();
        assert_eq!(hold(&second, 1).unwrap_err(), 6 * SMALL as u64, "without the last quarter");
        let _small = hold(&stranger, SMALL).unwrap();
        assert_eq!(hold(&stranger, 1).unwrap_err(), 6 * SMALL as u64, "it is no longer small");
        let _last = hold(&pool.share(), SMALL).unwrap();
        assert_eq!(hold(&pool.share(), 1).unwrap_err(), 8 * SMALL as u64, "the whole pool");
    }

    #[test]
    fn an_assured_part_is_there_for_each_connection_even_if_the_pool_is_full() {
        let pool = Pool::new("test", SETTINGS, [4, 3]).assuring(1);
        let greedy = [pool.share(), pool.share()];
        let _most = [hold(&greedy[0], 3).unwrap(), hold(&greedy[1], 1).unwrap()];
        let stranger = pool.share();
        let _first = hold(&stranger, 1).unwrap();
        assert_eq!(hold(&stranger, 1).unwrap_err(), 4, "its second is not assured");
        assert_eq!(hold(&greedy[1], 1).unwrap_err(), 4);
        assert_eq!(pool.held(), 5);
    }

    #[tokio::test]
    async fn what_can_never_fit_is_refused_at_once_and_the_limit_is_named() {
        let pool = Pool::new("test", SETTINGS, [8 * SMALL, 7 * SMALL]);
        let began = Instant::now();
        let limit = async |bytes| match pool.share().wait_for(bytes).await {
            Err(Refusal::Overloaded { limit, setting, .. }) => (limit, setting),
            other => panic!("{other:?}"),
        };
        assert_eq!(limit(8 * SMALL).await, (7 * SMALL as u64, "share"));
        assert_eq!(limit(7 * SMALL).await, (6 * SMALL as u64, "all"), "without the last quarter");
        assert!(began.elapsed() < Duration::from_millis(limits::ADMISSION_WAIT_MS / 2));
    }

    #[test]
    fn a_pool_may_leave_more_to_those_that_hold_little() {
        let pool = Pool::new("test", SETTINGS, [16 * SMALL, 16 * SMALL]).leaving(2 * SMALL);
        let _greedy = hold(&pool.share(), 12 * SMALL).unwrap();
        let second = pool.share();
        let _small = hold(&second, 2 * SMALL).unwrap();
        assert_eq!(hold(&second, 1).unwrap_err(), 12 * SMALL as u64);
        let _other = hold(&pool.share(), 2 * SMALL).unwrap();
        assert_eq!(hold(&pool.share(), 1).unwrap_err(), 16 * SMALL as u64, "all is held");
    }

    #[test]
    fn forced_bytes_keep_others_out_until_they_are_released() {
        let pool = Pool::new("test", SETTINGS, [8 * SMALL, 4 * SMALL]);
        let mut forced = pool.share().empty();
        forced.force(9 * SMALL);
        assert!(hold(&pool.share(), 1).is_err());
        drop(forced);
        hold(&pool.share(), SMALL).unwrap();
    }

    #[tokio::test]
    async fn a_waiter_gets_released_room() {
        let pool = Pool::new("test", SETTINGS, [SMALL, SMALL]);
        let room = hold(&pool.share(), SMALL).unwrap();
        let share = pool.share();
        let waiting = tokio::spawn(async move { share.wait_for(SMALL).await.is_ok() });
        tokio::task::yield_now().await;
        drop(room);
        assert!(waiting.await.unwrap());
    }
}
