//! Large values that were replaced: freed when nobody uses them any more, off the I/O threads.
//!
//! Freeing a market or a prepared value takes milliseconds. The last holder is often a call on an I/O
//! thread, or a lock is held while a value leaves a table. So what leaves is kept here until no one
//! else holds it: then it is freed on a thread that may take its time, and no lock is held meanwhile.

use std::{
    any::Any,
    sync::{Arc, Mutex, PoisonError},
};

/// A value of any type, shared.
pub type Shared = Arc<dyn Any + Send + Sync>;

/// What waits to be freed.
#[derive(Clone, Debug, Default)]
pub struct Retired {
    waiting: Arc<Mutex<Vec<Shared>>>,
}

impl Retired {
    /// Nothing.
    pub fn new() -> Retired {
        Retired::default()
    }

    /// Takes values that others may still use.
    pub fn add(&self, values: impl IntoIterator<Item = Shared>) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(values);
    }

    /// Frees what nobody else holds, on a thread for blocking work. For async callers.
    pub fn free(&self) {
        let free = self.take_free();
        if !free.is_empty() {
            tokio::task::spawn_blocking(move || drop(free));
        }
    }

    /// Frees what nobody else holds, here. For callers on a thread that may take its time.
    pub fn free_here(&self) {
        drop(self.take_free());
    }

    fn take_free(&self) -> Vec<Shared> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever holds a value could clone it; where we alone do, nobody can.
        waiting.extract_if(.., |value| Arc::strong_count(value) == 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, thread::ThreadId};

    /// Tells which thread dropped it.
    struct Probe(mpsc::Sender<ThreadId>);

    impl Drop for Probe {
        fn drop(&mut self) {
            let _ = self.0.send(std::thread::current().id());
        }
    }

    #[tokio::test]
    async fn a_value_is_freed_once_it_is_unused_and_on_another_thread() {
        let (tell, told) = mpsc::channel();
        let (retired, value) = (Retired::new(), Arc::new(Probe(tell)));
        retired.add([Arc::clone(&value) as Shared]);
        retired.free();
        drop(value);
        assert!(told.try_recv().is_err(), "the last user frees nothing by itself");
        retired.free();
        let freed_on = tokio::task::spawn_blocking(move || told.recv().unwrap()).await.unwrap();
        assert_ne!(freed_on, std::thread::current().id());
    }
}
