//! One memory budget for all uploads.

use crate::{limits, upload::UploadFault};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The memory that all uploads may take together, bytes.
#[derive(Clone, Debug)]
pub struct Memory {
    limit: u64,
    held: Arc<AtomicU64>,
}

impl Memory {
    /// An unused budget.
    pub fn new(limit: u64) -> Memory {
        Memory { limit, held: Arc::new(AtomicU64::new(0)) }
    }

    /// Bytes that all uploads have taken.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// A share for one upload; released on drop.
    pub fn share(&self) -> Share {
        Share { memory: self.clone(), held: 0 }
    }
}

/// The memory that one upload has taken from the budget.
#[derive(Debug)]
pub struct Share {
    memory: Memory,
    held: u64,
}

impl Share {
    /// Raises the share to what is needed in total: for the bytes read, and for what reading and
    /// writing them will take.
    ///
    /// # Errors
    /// [`UploadFault::MemoryHeld`] if others hold too much of the budget; a rejected file if it
    /// needs more than the whole budget.
    pub(crate) fn reach(&mut self, read: u64, beside: u64) -> Result<(), UploadFault> {
        let needed = read.saturating_mul(limits::UPLOAD_COPIES).saturating_add(beside);
        let more = needed.saturating_sub(self.held);
        if more == 0 {
            return Ok(());
        }
        let limit = self.memory.limit;
        if limit < needed {
            let detail = format!("it needs more than {limit} bytes of memory: send it in parts");
            return Err(UploadFault::refused("TOO_MUCH_MEMORY", detail));
        }
        let fits = |held: u64| held.checked_add(more).filter(|held| *held <= limit);
        let taken = self.memory.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        taken.map_err(|_| UploadFault::MemoryHeld { limit })?;
        self.held = needed;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.held.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_come_back() {
        let memory = Memory::new(100 * limits::UPLOAD_COPIES);
        let (mut first, mut second) = (memory.share(), memory.share());
        first.reach(60, 0).unwrap();
        first.reach(50, 0).unwrap();
        second.reach(40, 0).unwrap();
        let held = second.reach(41, 0).unwrap_err();
        assert_eq!(held, UploadFault::MemoryHeld { limit: memory.limit });
        // More than the whole budget: waiting does not help.
        let alone = second.reach(101, 0).unwrap_err();
        assert!(matches!(alone, UploadFault::Refused { fault: "TOO_MUCH_MEMORY", .. }));
        drop(first);
        second.reach(41, 59 * limits::UPLOAD_COPIES).unwrap();
        drop(second);
        assert_eq!(memory.held.load(Ordering::Relaxed), 0);
    }
}
