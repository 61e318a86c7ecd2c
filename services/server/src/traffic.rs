//! Memory held by requests until they are answered and by answers until they are read, in total and
//! per connection; and the streams of health and reflection.
//!
//! A call reserves room for a common answer once its request is complete and before it does any
//! work. Once the answer is there, its bytes replace the reserve, until the operating system has
//! taken them. A client that does not read its answers therefore reaches a limit, and the server's
//! memory does not grow with it.

use crate::{
    limits::{self, Limits},
    pool::{Nested, Pool, Room, Share},
    refusal::Refusal,
    turn::Turn,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The bytes in flight, over all calls.
#[derive(Clone, Debug)]
pub struct Traffic {
    answers: Arc<Pool>,
    requests: Arc<Pool>,
    /// The part of them that items of streams may hold.
    items: Arc<Pool>,
    /// Streams of health and reflection: each counts one.
    probes: Arc<Pool>,
}

impl Traffic {
    /// No bytes in flight, within these limits.
    pub fn new(limits: &Limits) -> Traffic {
        let answers = Pool::new(
            "bytes of answers in flight",
            ["limits.answer_bytes", "limits.answer_bytes_per_connection"],
            [limits.answer_bytes, limits.answer_bytes_per_connection],
        );
        let settings =
            ["limits.request_memory_bytes", "limits.request_memory_bytes_per_connection"];
        let (all, own) = (limits.request_memory_bytes, limits.request_memory_bytes_per_connection);
        let requests = Pool::new("bytes of requests in flight", settings, [all, own]);
        // Half: a stream keeps what it holds for as long as its client has items, and messages of streams
        // that are not complete may take the other half. Of the last quarter each connection may have a
        // common book. What items leave of a connection's share is for the messages that arrive, and for
        // its other calls.
        let items = Pool::new(
            "bytes of items of streams in flight, which have half of the requests' memory, and three \
             quarters of their connection's",
            settings,
            [all / 2, own - own / 4],
        )
        .leaving(limits::SMALL_ITEMS_BYTES);
        let probes = Pool::new(
            "streams of health and reflection",
            ["limits.probe_streams", "limits.probe_streams_per_connection"],
            [limits.probe_streams, limits.probe_streams_per_connection],
        );
        // A client that follows health has one stream per connection: nobody can take that from it.
        Traffic { answers, requests, items, probes: probes.assuring(1) }
    }

    /// Bytes of requests in flight.
    pub fn request_bytes(&self) -> usize {
        self.requests.held()
    }

    /// Bytes of items of streams in flight, and their bound; they are among the requests.
    pub fn item_bytes(&self) -> (usize, usize) {
        (self.items.held(), self.items.limit())
    }

    /// Bytes of answers in flight.
    pub fn answer_bytes(&self) -> usize {
        self.answers.held()
    }

    /// Open streams of health and reflection.
    pub fn probe_streams(&self) -> usize {
        self.probes.held()
    }

    /// The shares of a new connection: nothing yet.
    pub fn shares(&self) -> Shares {
        let [answers, requests, items, probes] =
            [&self.answers, &self.requests, &self.items, &self.probes].map(Pool::share);
        let items = Nested::new(items, requests.clone());
        Shares { answers, requests, items, probes }
    }
}

/// The bytes in flight of one connection, and its streams of health and reflection.
#[derive(Clone, Debug)]
pub struct Shares {
    answers: Share,
    requests: Share,
    items: Nested,
    probes: Share,
}

/// How a call is accounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The answer is small, and is sent under any load.
    Free,
    /// The answer is counted, but sent even if there is no room: it reports something that has
    /// already happened.
    Sure,
    /// The answer is refused if there is no room.
    Bounded,
}

/// The bytes that one call holds.
#[derive(Debug)]
pub struct Charge {
    weight: Weight,
    shares: Shares,
    /// Its turn on the threads that answer calls; `None` if it needs none.
    turn: Option<Turn>,
    /// Held until the handler has answered.
    request: Mutex<Option<Room>>,
    /// Held until the size of the answer is known.
    reserve: Mutex<Option<Room>>,
    /// The place of a stream of health or reflection, held until it ends.
    probe: Mutex<Option<Room>>,
}

impl Charge {
    /// A call that holds nothing yet.
    pub fn new(weight: Weight, shares: Shares, turn: Option<Turn>) -> Charge {
        let [request, reserve, probe] = [(); 3].map(|()| Mutex::new(None));
        Charge { weight, shares, turn, request, reserve, probe }
    }

    /// Sets the number of bytes held for the request.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if there is no room.
    pub fn receive(&self, bytes: usize) -> Result<(), Refusal> {
        if self.weight == Weight::Free && bytes <= limits::FREE_REQUEST_BYTES {
            return Ok(());
        }
        let mut request = lock(&self.request);
        request.get_or_insert_with(|| self.shares.requests.empty()).resize(bytes)
    }

    /// The same for the incomplete message of a stream, beyond the limit if need be. To refuse it
    /// would end a stream with all that it has in flight, and streams have few places.
    pub fn receive_in_any_case(&self, bytes: usize) {
        let mut request = lock(&self.request);
        request.get_or_insert_with(|| self.shares.requests.empty()).force(bytes);
    }

    /// Takes room for what is decoded, beside what was received.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if there is none.
    pub fn decode(&self, bytes: usize) -> Result<(), Refusal> {
        if self.weight == Weight::Free {
            return Ok(());
        }
        let mut request = lock(&self.request);
        let room = request.get_or_insert_with(|| self.shares.requests.empty());
        room.resize(room.bytes().saturating_add(bytes))
    }

    /// Where items of a stream take room beside requests.
    pub fn items(&self) -> Nested {
        self.shares.items.clone()
    }

    /// Takes a place for a stream of health or reflection.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if there is none.
    pub fn open_probe(&self) -> Result<(), Refusal> {
        let mut place = self.shares.probes.empty();
        place.resize(1)?;
        *lock(&self.probe) = Some(place);
        Ok(())
    }

    /// Releases the request: the handler has answered.
    pub fn answered(&self) {
        drop(lock(&self.request).take());
    }

    /// Whether a call that has just arrived has a chance, before its request is read.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if it has none.
    pub fn check(&self) -> Result<(), Refusal> {
        self.turn.as_ref().map_or(Ok(()), Turn::check)
    }

    /// Reserves room for an answer and waits a moment for it, then for the call's turn.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if there is no room, or the wait would be too long.
    pub async fn admit(&self) -> Result<(), Refusal> {
        if self.weight == Weight::Bounded {
            let room = self.shares.answers.wait_for(limits::CALL_RESERVED_BYTES).await?;
            *lock(&self.reserve) = Some(room);
        }
        match &self.turn {
            Some(turn) => turn.take().await,
            None => Ok(()),
        }
    }

    /// Whether the call needs a turn, so that its request is decoded only then.
    pub fn has_turn(&self) -> bool {
        self.turn.is_some()
    }

    /// Runs the handler of the call. Its turn ends when the handler is done or waits, unless it
    /// keeps it.
    pub async fn in_turn<F: Future>(&self, handler: F) -> F::Output {
        match &self.turn {
            Some(turn) => turn.around(handler).await,
            None => handler.await,
        }
    }

    /// Takes room for bytes of the answer. The first bytes use the reserve, whose rest is released.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if there is none.
    pub fn take(&self, bytes: usize) -> Result<Option<Room>, Refusal> {
        let reserve = lock(&self.reserve).take();
        let mut room = reserve.unwrap_or_else(|| self.shares.answers.empty());
        match self.weight {
            Weight::Free => return Ok(None),
            Weight::Sure => room.force(bytes),
            Weight::Bounded => room.resize(bytes)?,
        }
        Ok(Some(room))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charge(weight: Weight, traffic: &Traffic) -> Charge {
        Charge::new(weight, traffic.shares(), None)
    }

    #[tokio::test]
    async fn a_reserve_is_given_back_as_soon_as_the_bytes_are_known() {
        let traffic = Traffic::new(&Limits::standard());
        let charge = charge(Weight::Bounded, &traffic);
        assert_eq!(traffic.answers.held(), 0, "nothing yet");
        charge.admit().await.unwrap();
        assert_eq!(traffic.answers.held(), limits::CALL_RESERVED_BYTES);
        let first = charge.take(300).unwrap();
        assert_eq!(traffic.answers.held(), 300);
        let second = charge.take(100_000).unwrap();
        assert_eq!(traffic.answers.held(), 100_300);
        drop((charge, second));
        assert_eq!(traffic.answers.held(), 300, "the first is unread");
        drop(first);
        assert_eq!(traffic.answers.held(), 0);
    }

    #[test]
    fn a_message_of_a_stream_has_room_and_keeps_calls_out() {
        let bounds = Limits { request_memory_bytes_per_connection: 1_000, ..Limits::standard() };
        let traffic = Traffic::new(&bounds);
        let shares = traffic.shares();
        let [stream, call] = [(); 2].map(|()| Charge::new(Weight::Bounded, shares.clone(), None));
        stream.receive_in_any_case(1_500);
        assert_eq!(traffic.request_bytes(), 1_500);
        assert!(call.receive(1).is_err());
        stream.receive_in_any_case(0);
        call.receive(1_000).unwrap();
    }

    #[tokio::test]
    async fn the_answer_of_an_upload_is_counted_and_never_refused() {
        let bounds = Limits { answer_bytes: 1_000, ..Limits::standard() };
        let traffic = Traffic::new(&bounds);
        let sure = charge(Weight::Sure, &traffic).take(5_000).unwrap();
        assert_eq!(traffic.answers.held(), 5_000);
        let refused = charge(Weight::Bounded, &traffic).take(1).unwrap_err();
        assert!(matches!(refused, Refusal::Overloaded { limit: 1_000, .. }), "{refused}");
        assert!(charge(Weight::Free, &traffic).take(usize::MAX).unwrap().is_none());
        drop(sure);
        assert_eq!(traffic.answers.held(), 0);
    }
}
