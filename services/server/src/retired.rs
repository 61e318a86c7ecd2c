//! Replaced large values, freed off the I/O threads once they are unused.
//!
//! Freeing a market or a prepared value takes milliseconds. The last holder is often a call on an
//! I/O thread, or a lock is held when a value is removed. So replaced values are kept here until no
//! one else holds them, and are then freed on a blocking thread without a lock.

use std::{
    any::Any,
    sync::{Arc, Mutex, PoisonError},
};

/// A value of any type, shared.
pub type Shared = Arc<dyn Any + Send + Sync>;

/// The values that wait to be freed.
#[derive(Clone, Debug, Default)]
pub struct Retired {
    waiting: Arc<Mutex<Vec<Shared>>>,
}

impl Retired {
    /// An empty list.
    pub fn new() -> Retired {
        Retired::default()
    }

    /// Takes values that others may still use.
    pub fn add(&self, values: impl IntoIterator<Item = Shared>) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(values);
    }

    /// Frees the values that are unused, on a blocking thread. For async callers.
    pub fn free(&self) {
        let free = self.take_free();
        if !free.is_empty() {
            tokio::task::spawn_blocking(move || drop(free));
        }
    }

    /// Frees the values that are unused, on this thread. For callers on a thread that may block.
    pub fn free_here(&self) {
        drop(self.take_free());
    }

    fn take_free(&self) -> Vec<Shared> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Any holder could clone a value; if this is the only one, no new holder can appear.
        waiting.extract_if(.., |value| Arc::strong_count(value) == 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, thread::ThreadId};

    /// Reports which thread dropped it.
    struct Probe(mpsc::Sender<ThreadId>);

    impl Drop for Probe {
        fn drop(&mut self) {
            let _ = self.0.send(std::thread::current().id());
        }
    }

    #[tokio::test]
    async fn a_value_is_freed_once_it_is_unused_and_on_another_thread() {
        let (sender, receiver) = mpsc::channel();
        let (retired, value) = (Retired::new(), Arc::new(Probe(sender)));
        retired.add([Arc::clone(&value) as Shared]);
        retired.free();
        drop(value);
        assert!(receiver.try_recv().is_err(), "the last user does not free it");
        retired.free();
        let freed_on = tokio::task::spawn_blocking(move || receiver.recv().unwrap()).await.unwrap();
        assert_ne!(freed_on, std::thread::current().id());
    }
}
