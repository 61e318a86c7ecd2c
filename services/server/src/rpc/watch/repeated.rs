//! Watches that repeat a report whenever it may have changed: the latest state, never a backlog.
//!
//! Each report is sent once; a heartbeat means that the client's report is still current.

use crate::{
    limits,
    refusal::Refusal,
    revisions::Wake,
    rpc::{
        query::{Query, respond},
        watch::Watch,
    },
    services::Services,
};

/// A query whose answer holds a report with an id.
pub trait Reported: Query + Clone {
    /// The id of the report that the client has; empty if it has none.
    fn last_seen(&self) -> &str;

    /// The id of the report in an answer.
    fn report_id(response: &Self::Response) -> &str;

    /// The answer without its report.
    fn heartbeat(response: Self::Response) -> Self::Response;
}

/// A query that is answered again and again, and what its client has.
#[derive(Debug)]
pub struct Repeated<Q> {
    query: Q,
    seen: Seen,
    /// Memory of the query, about.
    bytes: usize,
}

impl<Q: Reported<Request: prost::Message>> Repeated<Q> {
    /// The watch of a request.
    ///
    /// # Errors
    /// As [`FromProto::from_proto`](crate::rpc::query::FromProto::from_proto).
    pub fn from_proto(request: Q::Request) -> Result<Repeated<Q>, Refusal> {
        let bytes = size_of::<Q>() + limits::DECODED_COPIES * prost::Message::encoded_len(&request);
        let query = Q::from_proto(request)?;
        let seen = Seen { report_id: query.last_seen().to_owned(), was_silent: true };
        Ok(Repeated { query, seen, bytes })
    }
}

impl<Q: Reported<Response: prost::Message>> Watch for Repeated<Q> {
    type Message = Q::Response;

    fn bytes(&self) -> usize {
        self.bytes + self.seen.report_id.len()
    }

    async fn next(
        &mut self,
        services: &Services,
        wake: Wake,
    ) -> Result<Option<Q::Response>, Refusal> {
        let response = respond(services, self.query.clone()).await?;
        Ok(self.seen.message::<Q>(response, wake))
    }
}

/// State of the client of a stream.
#[derive(Debug)]
struct Seen {
    report_id: String,
    /// Whether nothing was sent yet: even a client that is up to date gets a first message.
    was_silent: bool,
}

/// The message that an answer becomes on the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Report,
    Heartbeat,
    Nothing,
}

impl Seen {
    fn message<Q: Reported>(&mut self, response: Q::Response, wake: Wake) -> Option<Q::Response> {
        match self.next(Q::report_id(&response), wake) {
            Message::Report => Some(response),
            Message::Heartbeat => Some(Q::heartbeat(response)),
            Message::Nothing => None,
        }
    }

    fn next(&mut self, report_id: &str, wake: Wake) -> Message {
        let was_silent = std::mem::take(&mut self.was_silent);
        if self.report_id != report_id {
            report_id.clone_into(&mut self.report_id);
            return Message::Report;
        }
        match wake {
            Wake::Changed if !was_silent => Message::Nothing,
            Wake::Changed | Wake::Heartbeat | Wake::Stopping => Message::Heartbeat,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_sent_once() {
        let mut seen = Seen { report_id: String::new(), was_silent: true };
        assert_eq!(seen.next("a", Wake::Changed), Message::Report);
        assert_eq!(seen.next("a", Wake::Changed), Message::Nothing);
        assert_eq!(seen.next("a", Wake::Heartbeat), Message::Heartbeat);
        assert_eq!(seen.next("b", Wake::Changed), Message::Report);
        assert_eq!(seen.next("b", Wake::Changed), Message::Nothing);
    }

    #[test]
    fn a_client_that_is_up_to_date_gets_a_heartbeat_at_first() {
        let mut seen = Seen { report_id: "a".to_owned(), was_silent: true };
        assert_eq!(seen.next("a", Wake::Changed), Message::Heartbeat);
        assert_eq!(seen.next("a", Wake::Changed), Message::Nothing);
    }
}
