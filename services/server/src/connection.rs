//! Connections: accepted up to a limit, and closed if their client is silent, frozen, or gone.
//!
//! The accept loop is not tonic's, which spins without logging when file descriptors run out. A
//! connection must also end without its client's help: hyper waits forever for a preface, for the
//! answer to a GOAWAY, and for a client to read.

use crate::{
    caller::Caller,
    clock::Stopwatch,
    config::{Config, Connections, Drain},
    limits,
    phase::Phase,
    traffic::{Calls, Line},
};
use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

/// Length of the HTTP/2 connection preface (RFC 9113, section 3.4), bytes.
const PREFACE_BYTES: usize = 24;

/// Accepts connections until the stream is dropped.
pub fn accepted(
    listener: TcpListener,
    config: &Config,
    phase: watch::Receiver<Phase>,
    calls: Calls,
) -> ReceiverStream<Result<Connection, Infallible>> {
    let (sender, receiver) = mpsc::channel(1);
    let door = Door {
        places: Arc::new(Semaphore::new(config.limits.connections)),
        most: config.limits.connections,
        connections: config.connections.clone(),
        drain: config.drain.clone(),
        phase,
        calls,
    };
    tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            () = door.accept_all(listener, &sender) => {}
        }
    });
    ReceiverStream::new(receiver)
}

struct Door {
    places: Arc<Semaphore>,
    most: usize,
    connections: Connections,
    drain: Drain,
    phase: watch::Receiver<Phase>,
    calls: Calls,
}

impl Door {
    async fn accept_all(
        self,
        listener: TcpListener,
        to: &mpsc::Sender<Result<Connection, Infallible>>,
    ) {
        let (mut full, mut failing) = (Episode::default(), Episode::default());
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => match Arc::clone(&self.places).try_acquire_owned() {
                    Ok(place) => {
                        if to
                            .send(Ok(self.admit((stream, Caller(peer.ip())), place)))
                            .await
                            .is_err()
                        {
                            return;
                        }
                    }
                    // Closes the connection at once, so that the client does not wait for an
                    // answer.
                    Err(_) if full.begins() => warn_full(self.most),
                    Err(_) => {}
                },
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    if failing.begins() {
                        warn_failing(&error);
                    }
                    tokio::time::sleep(Duration::from_millis(limits::ACCEPT_PAUSE_MS)).await;
                }
            }
        }
    }

    fn admit(
        &self,
        (stream, caller): (TcpStream, Caller),
        place: OwnedSemaphorePermit,
    ) -> Connection {
        // An answer is a few small writes, and none of them should wait for another. If this fails
        // the connection is broken, and its first read reports it.
        let _broken = stream.set_nodelay(true);
        let line = Arc::new(Line::new(&self.calls, caller));
        let ended = ended(
            Arc::clone(&line),
            self.connections.clone(),
            self.drain.clone(),
            self.phase.clone(),
        );
        Connection { stream, received: 0, line, ended: Box::pin(ended), _place: place }
    }
}

/// Whether the error is the client's, for instance it left before it was accepted; then no pause is
/// needed.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Warns if the system's limit on open files is too low for the configured number of connections.
pub(crate) fn warn_of_few_files(connections: usize) {
    let limits_text = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let needed = connections.saturating_add(limits::OWN_FILES);
    if let Some(files) = open_files(&limits_text).filter(|files| *files < needed) {
        tracing::warn!(
            files,
            needed,
            "the open-file limit is too low for limits.connections; raise ulimit -n"
        );
    }
}

/// The limit on open files, parsed from Linux's `/proc/self/limits`; `None` if it is missing or
/// unlimited.
pub(crate) fn open_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn warn_full(most: usize) {
    tracing::warn!(most, "connection limit reached; closing new connections");
}

fn warn_failing(error: &io::Error) {
    tracing::warn!(cause = %error, "cannot accept connections; retrying");
}

/// Decides when to log a recurring condition: once per episode.
#[derive(Default)]
struct Episode {
    since_last: Option<Stopwatch>,
}

impl Episode {
    /// Records an occurrence; returns true if it starts a new episode.
    fn begins(&mut self) -> bool {
        let last = self.since_last.replace(Stopwatch::start());
        last.is_none_or(|last| limits::EPISODE_MS <= last.elapsed_ms())
    }
}

/// Resolves when a connection must end, with the reason.
async fn ended(
    line: Arc<Line>,
    connections: Connections,
    drain: Drain,
    mut phase: watch::Receiver<Phase>,
) -> &'static str {
    let mut cut = phase.clone();
    let millis = Duration::from_millis;
    let silent = async {
        tokio::time::sleep(millis(connections.preface_ms)).await;
        if line.has_spoken() {
            std::future::pending::<()>().await;
        }
    };
    let drained = async {
        // A dropped sender means the same.
        let _ = phase.wait_for(|phase| Phase::Draining <= *phase).await;
        if line.has_spoken() {
            line.quiet_for(millis(drain.grace_ms)).await;
        }
    };
    let cut = async {
        let _ = cut.wait_for(|phase| Phase::Cut <= *phase).await;
        tokio::time::sleep(millis(limits::LAST_FRAMES_MS)).await;
    };
    tokio::select! {
        () = silent => "the client did not start HTTP/2",
        () = line.unread_for(millis(connections.unread_ms)) => "the client does not read answers",
        () = drained => "the server is shutting down",
        () = cut => "the server is cutting connections",
    }
}

/// A connection that fails once it must end.
pub struct Connection {
    stream: TcpStream,
    /// Bytes of the preface received so far.
    received: usize,
    line: Arc<Line>,
    ended: Pin<Box<dyn Future<Output = &'static str> + Send>>,
    _place: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl Connection {
    /// Fails once the connection has ended. Checked on every read and every write: a connection
    /// that cannot write is not read either.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.ended.as_mut().poll(context) {
            Poll::Pending => Ok(()),
            Poll::Ready(why) => {
                tracing::debug!(why, "connection cut");
                self.ended = Box::pin(std::future::ready(why));
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, why))
            }
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = Arc<Line>;

    fn connect_info(&self) -> Arc<Line> {
        Arc::clone(&self.line)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if self.received < PREFACE_BYTES {
            self.received += buffer.filled().len() - before;
            if PREFACE_BYTES <= self.received {
                self.line.speaks();
            }
        }
        polled
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_open_file_limit_is_parsed_as_linux_writes_it() {
        // Format: proc_pid_limits(5).
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max processes             62898                62898                processes \n\
                    Max open files            1024                 524288               files     \n";
        assert_eq!(open_files(text), Some(1_024));
        assert_eq!(open_files("Max open files   unlimited   unlimited   files"), None);
        assert_eq!(open_files(""), None);
    }
}
