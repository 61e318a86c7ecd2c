//! Hears of commits by other processes, so that a follower need not wait for its next poll.
//!
//! Notices may be lost (a connection broke), and there are none on a standby or behind a pooler
//! that shares connections between transactions, so a follower polls as well.

use super::sql;
use sqlx::{PgPool, postgres::PgListener};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Notify, task::AbortHandle};

/// The pause after a connection that cannot listen.
const PAUSE: Duration = Duration::from_secs(5);

/// Notices of new revisions. Dropping it ends the task that listens.
#[derive(Debug)]
pub(super) struct Announcements {
    heard: Arc<Notify>,
    task: AbortHandle,
}

impl Announcements {
    /// Listens on a connection of a pool of its own.
    pub(super) fn heard(pool: PgPool) -> Announcements {
        let heard = Arc::new(Notify::new());
        let task = tokio::spawn(listen(pool, Arc::clone(&heard))).abort_handle();
        Announcements { heard, task }
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

async fn listen(pool: PgPool, heard: Arc<Notify>) {
    loop {
        if let Err(error) = listen_once(&pool, &heard).await {
            tracing::debug!(%error, "commits of other processes are not announced; polling");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen_once(pool: &PgPool, heard: &Notify) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(sql::CHANNEL).await?;
    loop {
        // Something may have been committed before this began to listen, or while it was not.
        heard.notify_one();
        listener.try_recv().await?;
    }
}
