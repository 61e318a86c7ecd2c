//! How often each caller may call.

use crate::{addresses::network, auth::Caller, limits, refusal::Refusal};
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::time::Instant;

/// Who calls: a caller with a name, or, on a server without authentication, an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The address that the connection comes from, in IPv6 its network of 64 bits: a host has all of it.
    Address(IpAddr),
    /// The name of the caller.
    Caller(Arc<str>),
}

impl Origin {
    /// Who calls over a connection from an address, if it has one.
    pub fn of(caller: &Caller, address: Option<IpAddr>) -> Option<Origin> {
        match caller.is_anonymous() {
            true => address.map(|address| Origin::Address(network(address))),
            false => Some(Origin::Caller(Arc::clone(caller.name()))),
        }
    }
}

/// The rates of all callers: a bucket each, which holds the calls of one second and is refilled
/// evenly.
#[derive(Debug)]
pub struct Rates {
    /// Calls per second of one caller; 0 means any number.
    per_s: u32,
    buckets: Mutex<BTreeMap<Origin, Bucket>>,
}

/// The calls that a caller may make at once, and when that was.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    calls: f64,
    at: Instant,
}

impl Bucket {
    /// The calls it holds now.
    fn calls_at(&self, now: Instant, per_s: u32) -> f64 {
        let rate = f64::from(per_s);
        let refilled = now.saturating_duration_since(self.at).as_secs_f64() * rate;
        (self.calls + refilled).min(rate)
    }
}

impl Rates {
    /// Full buckets for callers of `per_s` calls per second.
    pub fn new(per_s: u32) -> Rates {
        Rates { per_s, buckets: Mutex::default() }
    }

    /// Takes a call from the bucket of its caller.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if it is empty.
    pub fn take(&self, caller: Origin) -> Result<(), Refusal> {
        if self.per_s == 0 {
            return Ok(());
        }
        let (now, per_s) = (Instant::now(), self.per_s);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if limits::CALLERS <= buckets.len() && !buckets.contains_key(&caller) {
            // A full bucket is that of a caller who has not called for a second.
            buckets.retain(|_, bucket| bucket.calls_at(now, per_s) < f64::from(per_s));
        }
        let full = Bucket { calls: f64::from(per_s), at: now };
        let calls = buckets.get(&caller).unwrap_or(&full).calls_at(now, per_s);
        if calls < 1.0 || limits::CALLERS <= buckets.len() && !buckets.contains_key(&caller) {
            return Err(Refusal::Overloaded {
                what: "calls per second of one caller",
                setting: "limits.calls_per_s_per_caller",
                limit: u64::from(per_s),
            });
        }
        buckets.insert(caller, Bucket { calls: calls - 1.0, at: now });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::Ipv4Addr, time::Duration};

    #[test]
    fn hosts_of_one_network_of_64_bits_are_one_caller() {
        let of = |text: &str| Origin::of(&Caller::anonymous(), text.parse().ok());
        assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    fn caller(number: u32) -> Origin {
        Origin::Address(IpAddr::V4(Ipv4Addr::from(number)))
    }

    #[tokio::test]
    async fn a_caller_may_burst_for_a_second_and_takes_nothing_from_others() {
        let rates = Rates::new(50);
        let taken = |number| (0..1_000).filter(|_| rates.take(caller(number)).is_ok()).count();
        // Time passes while it is measured, 20 ms for each further call.
        assert!((50..70).contains(&taken(1)));
        assert!((50..70).contains(&taken(2)));
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(10 <= taken(1), "a fifth of a second");
    }

    #[tokio::test]
    async fn any_rate_is_allowed_without_a_limit_and_nothing_is_kept() {
        let rates = Rates::new(0);
        assert!((0..10_000).all(|number| rates.take(caller(number)).is_ok()));
        assert!(rates.buckets.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn callers_beyond_the_bound_are_refused_until_others_are_idle() {
        let rates = Rates::new(1);
        let most = u32::try_from(limits::CALLERS).unwrap();
        (0..most).for_each(|number| rates.take(caller(number)).unwrap());
        assert!(rates.take(caller(most)).is_err());
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        rates.take(caller(most)).unwrap();
        assert_eq!(rates.buckets.lock().unwrap().len(), 1, "the others are forgotten");
    }
}
