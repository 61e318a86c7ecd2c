//! The admin port: `/livez`, `/readyz` and `/metrics` over HTTP/1.1, for probes and scrapers.
//!
//! It is a port of its own because a probe of Kubernetes speaks no TLS and has no credentials, and
//! because it must answer under any load of calls. It answers until the end of a drain.

use crate::{limits, metrics::Metrics, phase::Phase, store_health::StoreState};
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// What the pages report.
#[derive(Clone, Debug)]
pub struct Pages {
    phase: watch::Receiver<Phase>,
    store: watch::Receiver<StoreState>,
    metrics: Metrics,
}

/// A condition under which this server is not ready. Each has a path of its own below `/readyz`, as
/// in the API server of Kubernetes, because a deployment may want to send readers to a server that
/// still answers from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// The server is shutting down.
    Drain,
    /// The store cannot be followed: answers do not have the writes of other processes.
    StoreRead,
    /// The store does not accept writes: calls that read are answered, uploads are not.
    StoreWrite,
}

impl Check {
    const ALL: [Check; 3] = [Check::Drain, Check::StoreRead, Check::StoreWrite];

    /// Its path below `/readyz`.
    const fn name(self) -> &'static str {
        match self {
            Check::Drain => "drain",
            Check::StoreRead => "store-read",
            Check::StoreWrite => "store-write",
        }
    }
}

impl Pages {
    /// Pages that follow the phase of the server and the state of its store, and show its metrics.
    pub fn new(
        phase: watch::Receiver<Phase>,
        store: watch::Receiver<StoreState>,
        metrics: Metrics,
    ) -> Pages {
        Pages { phase, store, metrics }
    }

    fn passes(&self, check: Check) -> bool {
        match check {
            Check::Drain => *self.phase.borrow() == Phase::Serving,
            Check::StoreRead => self.store.borrow().is_followed,
            Check::StoreWrite => self.store.borrow().takes_writes,
        }
    }

    /// The outcome of checks: one line per check, and 503 if one of them fails.
    fn readiness(&self, checks: &[Check]) -> Response<String> {
        let outcomes = checks.iter().map(|check| (check.name(), self.passes(*check)));
        let line = |(name, passes)| match passes {
            true => format!("[+]{name} ok\n"),
            false => format!("[-]{name} failed\n"),
        };
        let is_ready = outcomes.clone().all(|(_, passes)| passes);
        let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        page(status, outcomes.map(line).collect())
    }

    fn answer<Body>(&self, request: &Request<Body>) -> Response<String> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, "use GET\n".to_owned());
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        let path = request.uri().path();
        let check = path.strip_prefix("/readyz/");
        match Check::ALL.into_iter().find(|known| Some(known.name()) == check) {
            Some(check) => self.readiness(&[check]),
            // The runtime that answers this answers calls as well. The store does not count: a
            // restart would not repair it.
            None if path == "/livez" => page(StatusCode::OK, "ok\n".to_owned()),
            None if path == "/readyz" => self.readiness(&Check::ALL),
            None if path == "/metrics" => page(StatusCode::OK, self.metrics.text()),
            None => {
                page(StatusCode::NOT_FOUND, "there are /livez, /readyz and /metrics\n".to_owned())
            }
        }
    }
}

fn page(status: StatusCode, text: String) -> Response<String> {
    let mut response = Response::new(text);
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// Answers until the task is aborted, which also ends its connections.
pub async fn serve(listener: TcpListener, pages: Pages) {
    let pages = Arc::new(pages);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < limits::ADMIN_CONNECTIONS => {
                    connections.spawn(answer_one(stream, Arc::clone(&pages)));
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(limits::ACCEPT_PAUSE_MS)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers one request. A connection that is kept for later ones would take the place of another
/// prober.
async fn answer_one(stream: TcpStream, pages: Arc<Pages>) {
    let handler = service_fn(move |request: Request<Incoming>| {
        let response = pages.answer(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_buf_size(limits::ADMIN_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), handler);
    let patience = Duration::from_millis(limits::ADMIN_CONNECTION_MS);
    // Who leaves early or sends no valid request gets no answer.
    let _ended = tokio::time::timeout(patience, connection).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(pages: &Pages, path: &str) -> (u16, String) {
        let response = pages.answer(&Request::get(path).body(()).unwrap());
        (response.status().as_u16(), response.into_body())
    }

    #[test]
    fn readiness_tells_the_store_and_the_drain_apart() {
        let (phase, phases) = watch::channel(Phase::Serving);
        let (store, states) = watch::channel(StoreState { is_followed: true, takes_writes: true });
        let pages = Pages::new(phases, states, Metrics::new().unwrap());
        let all = "[+]drain ok\n[+]store-read ok\n[+]store-write ok\n";
        assert_eq!(get(&pages, "/readyz"), (200, all.to_owned()));
        store.send_replace(StoreState { is_followed: true, takes_writes: false });
        let no_writes = "[+]drain ok\n[+]store-read ok\n[-]store-write failed\n";
        assert_eq!(get(&pages, "/readyz"), (503, no_writes.to_owned()));
        assert_eq!(get(&pages, "/readyz/store-write").0, 503);
        assert_eq!(get(&pages, "/readyz/store-read").0, 200);
        assert_eq!(get(&pages, "/readyz/drain").0, 200);
        phase.send_replace(Phase::Leaving);
        assert_eq!(get(&pages, "/readyz/drain"), (503, "[-]drain failed\n".to_owned()));
        assert_eq!(get(&pages, "/livez").0, 200, "a restart helps against neither");
        for path in ["/", "/readyz/", "/readyz/nothing", "/livez/"] {
            assert_eq!(get(&pages, path).0, 404, "{path}");
        }
        let post = pages.answer(&Request::post("/livez").body(()).unwrap());
        assert_eq!(post.status().as_u16(), 405);
    }
}
