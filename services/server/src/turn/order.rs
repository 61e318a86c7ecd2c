//! Which of the calls that wait for a turn has the next one, and which waits no longer: the rule of
//! [`turn`](super), without threads and clocks.

use crate::limits::{self, Limits};
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// Turns that are free, and calls that wait for one.
#[derive(Debug)]
pub(super) struct Order<Call> {
    threads: usize,
    /// Longest wait of a call in a burst.
    burst: Duration,
    /// Longest wait in a queue that stands, unless turns are long.
    standing: Duration,
    free: usize,
    /// The oldest first.
    waiting: VecDeque<(Instant, Call)>,
    /// Since when some call has waited at every moment.
    stands_since: Option<Instant>,
    /// When a turn last ended, or began with all others free.
    moved_at: Option<Instant>,
    /// When a call was last refused.
    refused_at: Option<Instant>,
    /// What a turn took lately; `None` before the first has ended.
    mean: Option<Duration>,
}

/// What becomes of a call that leaves the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallOutcome {
    /// It has its turn, after this wait.
    Turn(Duration),
    /// It has waited too long.
    Late(Bound),
}

/// The longest wait that counts now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) most: Duration,
    /// The setting that holds it.
    pub(super) setting: &'static str,
}

/// A call whose caller may leave.
pub(super) trait Leaves {
    /// Whether nobody waits for it any more.
    fn has_left(&self) -> bool;
}

impl<Call: Leaves> Order<Call> {
    /// All turns free.
    pub(super) fn new(threads: usize, limits: &Limits) -> Order<Call> {
        let threads = threads.max(1);
        Order {
            threads,
            burst: Duration::from_millis(limits.queue_ms),
            standing: Duration::from_millis(limits.standing_queue_ms),
            free: threads,
            waiting: VecDeque::new(),
            stands_since: None,
            moved_at: None,
            refused_at: None,
            mean: None,
        }
    }

    /// Number of calls that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Number of free turns.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.free
    }

    /// A call joins the queue. Returns the calls that leave it.
    pub(super) fn join(&mut self, call: Call, now: Instant) -> Vec<(Call, CallOutcome)> {
        if self.free == self.threads {
            self.moved_at = Some(now);
        }
        self.waiting.push_back((now, call));
        self.next(now)
    }

    /// A turn ends. Returns the calls that leave the queue. Only here calls are refused for their
    /// wait: a turn that ends shows that the queue moves, so nobody is refused because one long turn
    /// holds all up.
    pub(super) fn end(&mut self, took: Duration, now: Instant) -> Vec<(Call, CallOutcome)> {
        self.free += 1;
        let mean = self.mean.unwrap_or(took);
        self.mean = Some(mean - mean / limits::TURNS_MEAN + took / limits::TURNS_MEAN);
        let still = self.moved_at.replace(now).map_or(Duration::ZERO, |at| now - at);
        if Duration::from_millis(limits::STANDING_AFTER_MS) <= still {
            // What has come while nothing moved is a burst, and gets as long to pass.
            self.stands_since = Some(now + still);
        }
        let mut left = self.late(now);
        left.extend(self.next(now));
        left
    }

    /// The bound if a call that has just arrived has no chance: while calls are refused, some for
    /// each thread may wait, and the newest of them is next.
    pub(super) fn is_crowded(&mut self, now: Instant) -> Option<Bound> {
        let crowd = limits::WAITING_PER_THREAD * self.threads;
        if self.waiting.len() < crowd || !self.sheds(now) {
            return None;
        }
        self.refused_at = Some(now);
        Some(self.bound(now))
    }

    fn late(&mut self, now: Instant) -> Vec<(Call, CallOutcome)> {
        let mut late = Vec::new();
        let bound = self.bound(now);
        // Those that are next have their turns even if they are late: a free thread serves nobody.
        while self.free < self.waiting.len()
            && let Some((_, call)) =
                self.waiting.pop_front_if(|(since, _)| bound.most < now - *since)
        {
            if !call.has_left() {
                self.refused_at = Some(now);
                late.push((call, CallOutcome::Late(bound)));
            }
        }
        late
    }

    fn next(&mut self, now: Instant) -> Vec<(Call, CallOutcome)> {
        let mut called = Vec::new();
        let newest_first = self.sheds(now);
        while 0 < self.free
            && let Some((since, call)) = match newest_first {
                true => self.waiting.pop_back(),
                false => self.waiting.pop_front(),
            }
        {
            if !call.has_left() {
                self.free -= 1;
                called.push((call, CallOutcome::Turn(now - since)));
            }
        }
        match self.waiting.is_empty() {
            true => self.stands_since = None,
            false => drop(self.stands_since.get_or_insert(now)),
        }
        called
    }

    fn bound(&self, now: Instant) -> Bound {
        let after = Duration::from_millis(limits::STANDING_AFTER_MS);
        let stands = self.stands_since.is_some_and(|since| after <= now - since);
        let sheds = self.sheds(now);
        let turns = if sheds { limits::TURNS_SHED } else { limits::TURNS_WAITED };
        let standing = self.standing.max(turns * self.mean.unwrap_or_default());
        match (stands || sheds) && standing < self.burst {
            true => Bound { most: standing, setting: "limits.standing_queue_ms" },
            false => Bound { most: self.burst, setting: "limits.queue_ms" },
        }
    }

    /// Whether calls are refused at present: until none was for some time, and for some turns.
    fn sheds(&self, now: Instant) -> bool {
        let turns = limits::TURNS_UNTIL_CALM * self.mean.unwrap_or_default();
        let lately = turns.max(Duration::from_millis(limits::STANDING_AFTER_MS));
        self.refused_at.is_some_and(|at| now - at < lately)
    }
}

#[cfg(test)]
mod tests;
