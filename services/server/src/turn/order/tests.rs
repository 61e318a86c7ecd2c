//! The two laws of overload, by simulation: what is admitted is answered soon, and overload costs no
//! answers. Time moves from event to event, so nothing depends on the machine.

use super::*;
use std::collections::BTreeMap;

const THREADS: usize = 2;
/// Time in which calls arrive.
const RUN: Duration = Duration::from_secs(20);
/// Time until a queue is seen to stand, at ten calls a second and thread.
const SETTLED: Duration = Duration::from_secs(3);

/// A call that takes so much time of a thread, by its number.
#[derive(Clone, Copy, Debug)]
struct Call(usize);

impl Leaves for Call {
    fn has_left(&self) -> bool {
        false
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    /// When it arrived, from the beginning.
    due: Duration,
    cost: Duration,
    /// Time from its arrival to the end.
    took: Duration,
    answered: bool,
}

/// What happens next.
enum Event {
    Arrives(usize),
    /// A turn ends that began with this call.
    Ends(usize),
}

/// Calls on two threads: when each arrives, and what it costs. `again` gives the cost of a further
/// call of a caller who has just been answered.
struct Simulated {
    order: Order<Call>,
    now: Instant,
    began: Instant,
    /// By time, and in the order of their making.
    events: BTreeMap<(Instant, usize), Event>,
    made: usize,
    arrived: Vec<(Instant, Duration)>,
    ended: Vec<Ended>,
}

impl Simulated {
    fn new(calls: impl Iterator<Item = (Duration, Duration)>) -> Simulated {
        let began = Instant::now();
        let order = Order::new(THREADS, &Limits::standard());
        let (events, arrived, ended) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut new = Simulated { order, now: began, began, events, made: 0, arrived, ended };
        calls.for_each(|(due, cost)| new.arrive(began + due, cost));
        new
    }

    fn arrive(&mut self, due: Instant, cost: Duration) {
        self.arrived.push((due, cost));
        self.add(due, Event::Arrives(self.arrived.len() - 1));
    }

    fn add(&mut self, at: Instant, event: Event) {
        self.made += 1;
        self.events.insert((at, self.made), event);
    }

    /// Runs to the end; `then` is told of every call that ends.
    fn run(mut self, then: impl Fn(&mut Simulated, Ended)) -> Vec<Ended> {
        while let Some(((now, _), event)) = self.events.pop_first() {
            self.now = now;
            let left = match event {
                Event::Arrives(call) if self.order.is_crowded(now).is_some() => {
                    then_ended(&mut self, (call, false), &then);
                    Vec::new()
                }
                Event::Arrives(call) => self.order.join(Call(call), now),
                Event::Ends(call) => {
                    then_ended(&mut self, (call, true), &then);
                    let cost = self.arrived[call].1;
                    self.order.end(cost, now)
                }
            };
            for (Call(call), fate) in left {
                match fate {
                    CallOutcome::Turn(_) => self.add(now + self.arrived[call].1, Event::Ends(call)),
                    CallOutcome::Late(_) => then_ended(&mut self, (call, false), &then),
                }
            }
        }
        assert_eq!((self.order.waiting(), self.order.free()), (0, THREADS));
        self.ended
    }
}

fn then_ended(
    of: &mut Simulated,
    (call, answered): (usize, bool),
    then: impl Fn(&mut Simulated, Ended),
) {
    let (arrived, cost) = of.arrived[call];
    let ended = Ended { due: arrived - of.began, cost, took: of.now - arrived, answered };
    of.ended.push(ended);
    then(of, ended);
}

/// Pauses with a mean of one, distributed exponentially: arrivals of callers who know nothing of
/// each other. They are the quantiles of that distribution at the numbers of the generator of Park
/// and Miller (1988), by the first terms of -ln(1 - u) = u + u²/2 + u³/3 + ...
struct Pauses(u64);

impl Pauses {
    fn draw(&mut self) -> f64 {
        self.0 = self.0 * 48_271 % 0x7fff_ffff;
        let share = self.0 as f64 / 2_147_483_647.0;
        let (mut sum, mut power) = (0.0, 1.0);
        for n in 1..200 {
            power *= share;
            sum += power / f64::from(n);
        }
        sum
    }
}

/// Calls that arrive at `load` times the capacity, whatever becomes of them.
fn arrive(load: f64, costs: &[Duration]) -> Vec<Ended> {
    let mean = costs.iter().sum::<Duration>().as_secs_f64() / costs.len() as f64;
    let (mut pauses, mut due) = (Pauses(7), Duration::ZERO);
    let calls = costs.iter().cycle().map(|cost| {
        due += Duration::from_secs_f64(pauses.draw() * mean / THREADS as f64 / load);
        (due, *cost)
    });
    Simulated::new(calls.take_while(|(due, _)| *due < RUN)).run(|_, _| {})
}

/// Share of the threads' time that went into answers.
fn used(calls: &[Ended]) -> f64 {
    let answered = calls.iter().filter(|call| call.answered);
    answered.map(|call| call.cost).sum::<Duration>().as_secs_f64()
        / (RUN.as_secs_f64() * THREADS as f64)
}

fn p99(calls: &[Ended]) -> Duration {
    let answered = calls.iter().filter(|call| call.answered && SETTLED < call.due);
    let mut took: Vec<Duration> = answered.map(|call| call.took).collect();
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

fn refused(calls: &[Ended]) -> usize {
    calls.iter().filter(|call| !call.answered).count()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn at_four_times_the_capacity_answers_are_as_many_and_as_soon() {
    for cost in [ms(1), ms(5), ms(20), ms(90)] {
        let half = arrive(0.5, &[cost]);
        assert_eq!(refused(&half), 0, "{cost:?}: half of the capacity is no overload");
        for load in [2.0, 4.0, 16.0] {
            let over = arrive(load, &[cost]);
            let (used, p99, of_half) = (used(&over), p99(&over), p99(&half));
            assert!(0.9 <= used, "{cost:?} at {load}: {used}");
            assert!(p99 <= 2 * of_half, "{cost:?} at {load}: {p99:?}, at half {of_half:?}");
        }
    }
}

#[test]
fn whatever_the_load_a_call_hears_within_some_turns_what_becomes_of_it() {
    for cost in [ms(1), ms(5), ms(20), ms(90)] {
        // It waits for five milliseconds, for eight turns, or until the queue stands, and hears of
        // it when the next turn ends; then it has its own.
        let most = (limits::TURNS_WAITED + 2) * cost + ms(limits::STANDING_AFTER_MS) + ms(5);
        for load in [0.9, 1.1, 4.0, 16.0] {
            let longest = arrive(load, &[cost]).iter().map(|call| call.took).max().unwrap();
            assert!(longest <= most, "{cost:?} at {load}: {longest:?}");
        }
    }
}

#[test]
fn heavy_calls_are_not_refused_more_often_than_light_ones() {
    // One call of twenty takes 25 times as long as the others.
    let mut costs = [ms(4); 20];
    costs[7] = ms(100);
    let calls = arrive(4.0, &costs);
    let share = |cost| {
        let of: Vec<&Ended> = calls.iter().filter(|call| call.cost == cost).collect();
        of.iter().filter(|call| call.answered).count() as f64 / of.len() as f64
    };
    let (heavy, light) = (share(ms(100)), share(ms(4)));
    assert!((0.75..=1.33).contains(&(heavy / light)), "{heavy} and {light}");
    assert!(0.9 <= used(&calls), "{}", used(&calls));
}

#[test]
fn sixteen_callers_of_two_threads_who_wait_are_no_overload() {
    for cost in [ms(1), ms(20), ms(90)] {
        let callers = (0..8 * THREADS).map(|_| (Duration::ZERO, cost));
        let calls = Simulated::new(callers).run(|of, ended| {
            if of.now - of.began < RUN {
                of.arrive(of.now, ended.cost);
            }
        });
        assert_eq!(refused(&calls), 0, "{cost:?}");
        assert!(0.99 <= used(&calls), "{}", used(&calls));
    }
}

#[test]
fn a_turn_that_holds_all_up_is_no_overload() {
    // Half of the capacity, while both threads are busy for 0.6 seconds.
    let long = [(ms(600), ms(600)); THREADS];
    let short = (0..400).map(|at| (ms(5 * at), ms(5)));
    let mut calls: Vec<_> = short.chain(long).collect();
    calls.sort_unstable();
    let calls = Simulated::new(calls.into_iter()).run(|_, _| {});
    assert_eq!(refused(&calls), 0);
}
