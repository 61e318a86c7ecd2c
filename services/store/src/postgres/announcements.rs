//! Hears of commits by other processes, so that a follower need not wait for its next poll.
//!
//! Notices may be lost (a connection broke), and there are none on a standby or behind a pooler
//! that shares connections between transactions, so a follower polls as well. Behind such a pooler
//! nothing listens: the session would be left to others, whose connections its notices break.

use super::{pool, sql};
use sqlx::postgres::{PgConnectOptions, PgListener};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    task::AbortHandle,
    time::{error::Elapsed, timeout},
};

/// The pause after a connection that cannot listen.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a connection may be silent before it is asked a question: a connection whose other end
/// is gone without a word is as silent as one without notices.
const SILENCE: Duration = Duration::from_secs(10);
/// How long the answer to that question is awaited.
const ANSWER: Duration = Duration::from_secs(5);

/// Notices of new revisions. Dropping it ends the task that listens.
#[derive(Debug)]
pub(super) struct Announcements {
    heard: Arc<Notify>,
    is_listening: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Announcements {
    /// Listens on a connection of its own.
    pub(super) fn heard(options: PgConnectOptions) -> Announcements {
        let heard = Arc::new(Notify::new());
        let is_listening = Arc::new(AtomicBool::new(false));
        let listening = listen(options, Arc::clone(&heard), Arc::clone(&is_listening));
        let task = tokio::spawn(listening).abort_handle();
        Announcements { heard, is_listening, task }
    }

    /// Whether there is a connection that listens: a standby has none.
    pub(super) fn are_heard(&self) -> bool {
        self.is_listening.load(Ordering::Acquire)
    }

    /// Waits until a revision may have been committed since the last call; for one waiter at a
    /// time.
    pub(super) async fn next(&self) {
        self.heard.notified().await;
    }

    /// Ends the task.
    pub(super) fn end(&self) {
        self.task.abort();
    }
}

impl Drop for Announcements {
    fn drop(&mut self) {
        self.end();
    }
}

/// Why a connection listens no more.
#[derive(Debug, thiserror::Error)]
enum Deaf {
    #[error(transparent)]
    Failed(#[from] sqlx::Error),
    #[error("the connection does not answer")]
    Silent(#[from] Elapsed),
}

async fn listen(options: PgConnectOptions, heard: Arc<Notify>, is_listening: Arc<AtomicBool>) {
    loop {
        let Err(error) = listen_once(options.clone(), &heard, &is_listening).await;
        is_listening.store(false, Ordering::Release);
        tracing::debug!(%error, "commits of other processes are not announced; polling");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Listens until the connection fails. Each attempt has a pool of its own: a connection that does
/// not answer keeps its place in a pool until the system gives it up.
async fn listen_once(
    options: PgConnectOptions,
    heard: &Notify,
    is_listening: &AtomicBool,
) -> Result<Infallible, Deaf> {
    let pool = pool(1).connect_lazy_with(options);
    let mut listener = PgListener::connect_with(&pool).await?;
    timeout(ANSWER, listener.listen(sql::CHANNEL)).await??;
    is_listening.store(true, Ordering::Release);
    loop {
        // Something may have been committed before this began to listen, or while it was not.
        heard.notify_one();
        notice(&mut listener).await?;
    }
}

/// Waits for a notice, or a connection made anew, on a connection that answers.
async fn notice(listener: &mut PgListener) -> Result<(), Deaf> {
    loop {
        if let Ok(noticed) = timeout(SILENCE, listener.try_recv()).await {
            return Ok(noticed.map(drop)?);
        }
        timeout(ANSWER, sqlx::raw_sql(sql::NOTHING).execute(&mut *listener)).await??;
    }
}
