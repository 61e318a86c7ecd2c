//! Connections: accepted up to a limit, and closed if their client is silent, frozen, or gone.
//!
//! The accept loop is not tonic's, which spins without logging when file descriptors run out. A
//! connection must also end without its client's help: hyper waits forever for a preface, for the
//! answer to a GOAWAY, and for a client to read.

use crate::{
    addresses::{Addresses, Counted},
    clock::Stopwatch,
    config::{Config, Connections, Drain},
    limits,
    line::{Calls, Line},
    phase::Phase,
    rotating::Rotating,
    tls::{self, TlsKeys},
};
use std::{
    convert::Infallible,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

/// Length of the HTTP/2 connection preface (RFC 9113, section 3.4), bytes.
const PREFACE_BYTES: usize = 24;

/// Accepts connections until the stream is dropped; over TLS if there are keys for it.
pub fn accepted(
    listener: TcpListener,
    config: &Config,
    keys: Option<Rotating<TlsKeys>>,
    phase: watch::Receiver<Phase>,
    calls: Calls,
) -> ReceiverStream<Result<Connection, Infallible>> {
    let (sender, receiver) = mpsc::channel(1);
    let door = Door {
        places: Arc::new(Semaphore::new(config.limits.connections)),
        most: config.limits.connections,
        addresses: Addresses::new(config.limits.connections_per_address),
        handshakes: Arc::new(Semaphore::new(config.limits.handshakes)),
        keys,
        failing: Mutex::default(),
        connections: config.connections.clone(),
        drain: config.drain.clone(),
        phase,
        calls,
    };
    tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            () = Arc::new(door).accept_all(listener, &sender) => {}
        }
    });
    ReceiverStream::new(receiver)
}

/// Where connections go.
type Sender = mpsc::Sender<Result<Connection, Infallible>>;

/// The place of a connection, among all and among those of its address.
#[derive(Debug)]
struct Place {
    _connection: OwnedSemaphorePermit,
    _counted: Counted,
}

struct Door {
    places: Arc<Semaphore>,
    most: usize,
    addresses: Arc<Addresses>,
    handshakes: Arc<Semaphore>,
    keys: Option<Rotating<TlsKeys>>,
    /// Handshakes that fail.
    failing: Mutex<Episode>,
    connections: Connections,
    drain: Drain,
    phase: watch::Receiver<Phase>,
    calls: Calls,
}

impl Door {
    async fn accept_all(self: Arc<Door>, listener: TcpListener, to: &Sender) {
        let [mut full, mut crowded, mut failing] = [(); 3].map(|()| Episode::default());
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    // Without a place the connection is closed at once, so that the client does not
                    // wait for an answer.
                    let Some(counted) = self.addresses.count(peer.ip()) else {
                        if crowded.begins() {
                            warn_crowded(peer.ip());
                        }
                        continue;
                    };
                    let Some((place, handshake)) = self.place() else {
                        if full.begins() {
                            warn_full(self.most, self.keys.is_some());
                        }
                        continue;
                    };
                    let place = Place { _connection: place, _counted: counted };
                    if !self.open((stream, peer.ip()), (place, handshake), to).await {
                        return;
                    }
                }
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

    /// A place for a connection, and one for its handshake if it has one.
    fn place(&self) -> Option<(OwnedSemaphorePermit, Option<OwnedSemaphorePermit>)> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let handshake = match self.keys {
            Some(_) => Some(Arc::clone(&self.handshakes).try_acquire_owned().ok()?),
            None => None,
        };
        Some((place, handshake))
    }

    /// Hands a connection on, or begins its handshake, which must not hold up others. Returns false
    /// if connections are no longer taken.
    async fn open(
        self: &Arc<Door>,
        (stream, address): (TcpStream, IpAddr),
        (place, handshake): (Place, Option<OwnedSemaphorePermit>),
        to: &Sender,
    ) -> bool {
        // An answer is a few small writes, and none of them should wait for another. If this fails
        // the connection is broken, and its first read reports it.
        let _broken = stream.set_nodelay(true);
        let Some(keys) = &self.keys else {
            let connection = self.admit(Transport::Plain(stream), (address, Vec::new()), place);
            return to.send(Ok(connection)).await.is_ok();
        };
        let acceptor = TlsAcceptor::from(Arc::clone(&keys.now().config));
        let (door, to) = (Arc::clone(self), to.clone());
        tokio::spawn(async move {
            let shaken = async {
                tokio::select! {
                    () = to.closed() => None,
                    shaken = door.shake_hands(acceptor, stream) => shaken,
                }
            };
            let shaken = shaken.await;
            drop(handshake);
            if let Some((stream, names)) = shaken {
                let connection =
                    door.admit(Transport::Tls(Box::new(stream)), (address, names), place);
                let _stopping = to.send(Ok(connection)).await;
            }
        });
        true
    }

    /// The handshake of TLS, within the time for a preface; returns the names in the client's
    /// certificate as well.
    async fn shake_hands(
        &self,
        acceptor: TlsAcceptor,
        stream: TcpStream,
    ) -> Option<(TlsStream<TcpStream>, Vec<String>)> {
        let time = Duration::from_millis(self.connections.preface_ms);
        let shaken = tokio::time::timeout(time, acceptor.accept(stream)).await;
        match shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
                let names = certificates.first().map(tls::names).unwrap_or_default();
                Some((stream, names))
            }
            Err(error) => {
                let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
                if failing.begins() {
                    warn_handshake(&error);
                }
                None
            }
        }
    }

    fn admit(
        &self,
        stream: Transport,
        (address, names): (IpAddr, Vec<String>),
        place: Place,
    ) -> Connection {
        let line = Arc::new(Line::new(&self.calls, address, names));
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

fn warn_full(most: usize, is_tls: bool) {
    tracing::warn!(most, is_tls, "limit of connections or handshakes reached; closing new ones");
}

fn warn_crowded(address: IpAddr) {
    let setting = "limits.connections_per_address";
    tracing::warn!(%address, setting, "limit of connections of an address reached; closing new ones");
}

/// Once per episode: a client that retries would fill the log.
fn warn_handshake(error: &io::Error) {
    tracing::warn!(cause = %error, "handshakes of TLS fail; is it plain text, or another authority?");
}

fn warn_failing(error: &io::Error) {
    tracing::warn!(cause = %error, "cannot accept connections; retrying");
}

/// Decides when to log a recurring condition: once per episode.
#[derive(Debug, Default)]
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

/// What a connection is read from and written to.
#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    fn reader(&mut self) -> Pin<&mut (dyn AsyncRead + Unpin)> {
        match self {
            Transport::Plain(stream) => Pin::new(stream),
            Transport::Tls(stream) => Pin::new(stream),
        }
    }

    fn writer(&mut self) -> Pin<&mut (dyn AsyncWrite + Unpin)> {
        match self {
            Transport::Plain(stream) => Pin::new(stream),
            Transport::Tls(stream) => Pin::new(stream),
        }
    }
}

/// A connection that fails once it must end.
pub struct Connection {
    stream: Transport,
    /// Bytes of the preface received so far.
    received: usize,
    line: Arc<Line>,
    ended: Pin<Box<dyn Future<Output = &'static str> + Send>>,
    _place: Place,
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
        let polled = self.stream.reader().poll_read(context, buffer);
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
        self.stream.writer().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        self.stream.writer().poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.writer().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.writer().poll_shutdown(context)
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
