//! How many connections each address has, so that one host cannot take the places of all others.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The connections of all addresses.
#[derive(Debug)]
pub struct Addresses {
    /// Connections of one address; 0 means any number.
    most: usize,
    counts: Mutex<BTreeMap<IpAddr, usize>>,
}

/// A connection of an address, until it is dropped.
#[derive(Debug)]
pub struct Counted {
    addresses: Arc<Addresses>,
    network: IpAddr,
}

impl Addresses {
    /// No connections yet, and at most so many of one address; 0 means any number.
    pub fn new(most: usize) -> Arc<Addresses> {
        Arc::new(Addresses { most, counts: Mutex::default() })
    }

    /// Counts a connection; `None` if its address has as many as it may.
    pub fn count(self: &Arc<Addresses>, address: IpAddr) -> Option<Counted> {
        let network = network(address);
        let mut counts = self.lock();
        let count = counts.entry(network).or_default();
        // An address with a bound of its own is in the map already, so nothing is left behind.
        if self.most != 0 && self.most <= *count {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Counted { addresses: Arc::clone(self), network })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.addresses.lock();
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

/// What counts as one address. A host has a whole /64 of IPv6 (RFC 4291, section 2.5.4), and may
/// change its address within it as often as it likes.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        canonical => canonical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_as_many_connections_as_it_may_and_others_have_theirs() {
        let addresses = Addresses::new(2);
        let count = |text| addresses.count(address(text));
        let held = [count("10.0.0.1").unwrap(), count("10.0.0.1").unwrap()];
        assert!(count("10.0.0.1").is_none());
        // The same host by a socket of both protocols.
        assert!(count("::ffff:10.0.0.1").is_none());
        assert!(count("10.0.0.2").is_some());
        drop(held);
        assert!(addresses.lock().is_empty(), "nothing is kept of addresses without connections");
        assert!(count("10.0.0.1").is_some());
    }

    #[test]
    fn hosts_of_one_network_of_64_bits_count_as_one() {
        let addresses = Addresses::new(1);
        let held = addresses.count(address("2001:db8::1"));
        assert!(held.is_some());
        assert!(addresses.count(address("2001:db8::2:3:4:5")).is_none());
        assert!(addresses.count(address("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn without_a_bound_an_address_has_any_number() {
        let addresses = Addresses::new(0);
        let held: Vec<_> = (0..1_000).map(|_| addresses.count(address("::1")).unwrap()).collect();
        assert_eq!(held.len(), 1_000);
    }
}
