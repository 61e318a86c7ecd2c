//! A backend of plain collections: it shows what a database must do, and no more.
//!
//! Only for the conformance suite. Each name in `memory:NAME` is one store, shared by all handles
//! of a process, and kept until the process ends.

use crate::{
    Access, DatabaseError, Outlook, RequestKey, StoreError,
    answer::KeptAnswer,
    backend::{Backend, Listed, NewSegment, Numbered, Position, Reading, Writing, refuse_too_new},
    log::{Sealed, Text},
    seal::{self, Seal},
    settings::KeptSettings,
};
use async_trait::async_trait;
use marketdata::{
    instant::Instant,
    instrument::{Instrument, Naming},
    market::RevisionMark,
};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};
use tokio::{sync::OwnedMutexGuard, time::timeout};

/// How long a write waits for its turn.
const TURN: Duration = Duration::from_secs(30);

/// The tables. A transaction works on a copy of them.
#[derive(Clone, Debug)]
struct Tables {
    needed_reader: i64,
    revisions: Vec<Sealed>,
    instruments: Vec<Numbered<Instrument>>,
    namings: Vec<Numbered<Naming>>,
    texts: Vec<Numbered<Text>>,
    answers: BTreeMap<i64, KeptAnswer>,
    last_answer: i64,
    settings: Vec<KeptSettings>,
    segments: BTreeMap<i64, Segment>,
    last_segment: i64,
    manifest: Seal,
}

#[derive(Clone, Debug)]
struct Segment {
    listed: Listed,
    bytes: Arc<Vec<u8>>,
    retired_at: Option<Instant>,
}

/// A database: the last committed tables, and the lock to commit.
#[derive(Debug)]
struct Database {
    committed: Mutex<Arc<Tables>>,
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl Database {
    fn new() -> Database {
        let tables = Tables {
            needed_reader: 1,
            revisions: Vec::new(),
            instruments: Vec::new(),
            namings: Vec::new(),
            texts: Vec::new(),
            answers: BTreeMap::new(),
            last_answer: 0,
            settings: Vec::new(),
            segments: BTreeMap::new(),
            last_segment: 0,
            manifest: seal::NONE,
        };
        Database { committed: Mutex::new(Arc::new(tables)), writing: Arc::default() }
    }

    fn committed(&self) -> MutexGuard<'_, Arc<Tables>> {
        self.committed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

static DATABASES: Mutex<BTreeMap<String, Arc<Database>>> = Mutex::new(BTreeMap::new());

/// A handle on a database.
#[derive(Debug)]
pub(crate) struct Memory {
    database: Arc<Database>,
    is_read_only: bool,
}

impl Memory {
    /// Opens the store with a name.
    pub(crate) fn open(name: &str, access: Access) -> Result<Memory, StoreError> {
        let mut databases = DATABASES.lock().unwrap_or_else(PoisonError::into_inner);
        if access == Access::Create {
            databases.entry(name.to_owned()).or_insert_with(|| Arc::new(Database::new()));
        }
        let database = databases.get(name).ok_or_else(|| StoreError::Missing(name.to_owned()))?;
        refuse_too_new(database.committed().needed_reader)?;
        let is_read_only = access == Access::Read;
        Ok(Memory { database: Arc::clone(database), is_read_only })
    }
}

#[async_trait]
impl Backend for Memory {
    fn until(self: Arc<Self>, _: tokio::time::Instant) -> Arc<dyn Backend> {
        self
    }

    async fn begin_read(&self) -> Result<Box<dyn Reading>, StoreError> {
        let tables = Tables::clone(&self.database.committed());
        Ok(Box::new(Transaction { tables, writes_to: None }))
    }

    async fn begin_write(&self) -> Result<Box<dyn Writing>, StoreError> {
        if self.is_read_only {
            return Err(StoreError::ReadOnly);
        }
        let turn = timeout(TURN, Arc::clone(&self.database.writing).lock_owned()).await;
        let turn = turn.map_err(|late| {
            StoreError::Database(DatabaseError { outlook: Outlook::MayPass, cause: late.into() })
        })?;
        let tables = Tables::clone(&self.database.committed());
        let writes_to = Some((Arc::clone(&self.database), turn));
        Ok(Box::new(Transaction { tables, writes_to }))
    }

    async fn reclaim(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let text = format!("{}: a store in plain collections cannot write a file", to.display());
        Err(StoreError::FileRefused(text))
    }

    async fn close(&self) {}
}

#[derive(Debug)]
struct Transaction {
    tables: Tables,
    /// `None` for a read transaction.
    writes_to: Option<(Arc<Database>, OwnedMutexGuard<()>)>,
}

fn after<T: Clone>(
    rows: &[Numbered<T>],
    after: Position,
    limit: u32,
    revision: impl Fn(&T) -> u64,
) -> Vec<Numbered<T>> {
    let at = |held: &Numbered<T>| Position { revision: revision(&held.value), row: held.row };
    rows.iter().filter(|held| after < at(held)).take(limit as usize).cloned().collect()
}

fn absent(what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} is missing"))
}

#[async_trait]
impl Reading for Transaction {
    async fn needed_reader(&mut self) -> Result<i64, StoreError> {
        Ok(self.tables.needed_reader)
    }

    async fn head(&mut self) -> Result<Option<RevisionMark>, StoreError> {
        Ok(self.tables.revisions.last().map(|sealed| sealed.record.mark))
    }

    async fn seal(&mut self, revision: u64) -> Result<Seal, StoreError> {
        let mut revisions = self.tables.revisions.iter();
        let found = revisions.find(|sealed| sealed.record.mark.revision == revision);
        found.map(|sealed| sealed.seal).ok_or_else(|| absent("a revision"))
    }

    async fn revisions(&mut self, after: u64, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        let later = self.tables.revisions.iter().filter(|s| after < s.record.mark.revision);
        Ok(later.take(limit as usize).cloned().collect())
    }

    async fn instruments(
        &mut self,
        position: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Instrument>>, StoreError> {
        Ok(after(&self.tables.instruments, position, limit, |row| row.revision))
    }

    async fn namings(
        &mut self,
        position: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Naming>>, StoreError> {
        Ok(after(&self.tables.namings, position, limit, |row| row.revision))
    }

    async fn texts(
        &mut self,
        position: Position,
        limit: u32,
    ) -> Result<Vec<Numbered<Text>>, StoreError> {
        Ok(after(&self.tables.texts, position, limit, |row| row.revision))
    }

    async fn answer(&mut self, key: &RequestKey) -> Result<Option<KeptAnswer>, StoreError> {
        Ok(self.tables.answers.values().find(|kept| kept.key == *key).cloned())
    }

    async fn answers(
        &mut self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Numbered<KeptAnswer>>, StoreError> {
        let later = self.tables.answers.range(after + 1..).take(limit as usize);
        Ok(later.map(|(row, kept)| Numbered { row: *row, value: kept.clone() }).collect())
    }

    async fn settings(&mut self, hash: Seal) -> Result<Option<String>, StoreError> {
        let found = self.tables.settings.iter().find(|kept| kept.hash == hash);
        Ok(found.map(|kept| kept.document.clone()))
    }

    async fn all_settings(
        &mut self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Numbered<KeptSettings>>, StoreError> {
        let rows = (1..).zip(self.tables.settings.iter().cloned());
        let later = rows.filter(|(row, _)| after < *row).take(limit as usize);
        Ok(later.map(|(row, value)| Numbered { row, value }).collect())
    }

    async fn settings_count(&mut self) -> Result<u64, StoreError> {
        Ok(self.tables.settings.len() as u64)
    }

    async fn segments(&mut self) -> Result<Vec<Listed>, StoreError> {
        let live = self.tables.segments.values().filter(|held| held.retired_at.is_none());
        let mut listed: Vec<Listed> = live.map(|held| held.listed.clone()).collect();
        listed.sort_by_key(|l| (l.summary.dataset, l.summary.days.0, l.id));
        Ok(listed)
    }

    async fn segment_bytes(&mut self, id: i64) -> Result<Vec<u8>, StoreError> {
        let held = self.tables.segments.get(&id).ok_or_else(|| absent("a segment"))?;
        Ok(held.bytes.to_vec())
    }

    async fn manifest(&mut self) -> Result<Seal, StoreError> {
        Ok(self.tables.manifest)
    }

    async fn structure_faults(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn end(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Writing for Transaction {
    #[expect(clippy::disallowed_methods, reason = "here the process is the database")]
    async fn now(&mut self) -> Result<Instant, StoreError> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = Instant::from_micros(since.map_or(0, |since| since.as_micros() as i64));
        let last = self.tables.revisions.last();
        Ok(last.map_or(now, |last| now.max(last.record.committed_at)))
    }

    async fn put_revision(&mut self, sealed: &Sealed) -> Result<(), StoreError> {
        self.tables.revisions.push(sealed.clone());
        Ok(())
    }

    async fn put_instruments(&mut self, new: &[Instrument], _: u64) -> Result<(), StoreError> {
        let rows = new.iter().map(|row| Numbered { row: row.id.0.into(), value: *row });
        self.tables.instruments.extend(rows);
        Ok(())
    }

    async fn put_namings(&mut self, new: &[Naming], _: u64) -> Result<(), StoreError> {
        let first = self.tables.namings.len() as i64;
        let rows = (first..).zip(new).map(|(row, value)| Numbered { row, value: value.clone() });
        self.tables.namings.extend(rows);
        Ok(())
    }

    async fn put_texts(&mut self, new: &[String], revision: u64) -> Result<(), StoreError> {
        let first = self.tables.texts.len() as u64;
        let rows = (first..).zip(new).map(|(id, text)| Numbered {
            row: id as i64,
            value: Text { id, revision, text: text.clone() },
        });
        self.tables.texts.extend(rows);
        Ok(())
    }

    async fn put_segment(&mut self, segment: NewSegment) -> Result<i64, StoreError> {
        self.tables.last_segment += 1;
        let (id, checksum) = (self.tables.last_segment, segment.checksum.to_vec());
        let listed = Listed { id, summary: segment.summary, checksum };
        let bytes = Arc::new(segment.bytes);
        self.tables.segments.insert(id, Segment { listed, bytes, retired_at: None });
        Ok(id)
    }

    async fn retire_segment(
        &mut self,
        id: i64,
        checksum: &[u8],
        at: Instant,
    ) -> Result<bool, StoreError> {
        let is_live =
            |held: &&mut Segment| held.retired_at.is_none() && held.listed.checksum == checksum;
        let held = self.tables.segments.get_mut(&id).filter(is_live);
        Ok(held.map(|held| held.retired_at = Some(at)).is_some())
    }

    async fn delete_retired(&mut self, before: Instant) -> Result<u64, StoreError> {
        let count = self.tables.segments.len();
        self.tables.segments.retain(|_, held| held.retired_at.is_none_or(|at| before < at));
        Ok((count - self.tables.segments.len()) as u64)
    }

    async fn put_manifest(&mut self, manifest: &Seal) -> Result<(), StoreError> {
        self.tables.manifest = *manifest;
        Ok(())
    }

    async fn put_answer(&mut self, answer: &KeptAnswer) -> Result<(), StoreError> {
        self.tables.last_answer += 1;
        self.tables.answers.insert(self.tables.last_answer, answer.clone());
        Ok(())
    }

    async fn delete_answers(&mut self, before: Instant, limit: u32) -> Result<(), StoreError> {
        let old = self.tables.answers.iter().filter(|(_, kept)| kept.answered_at < before);
        let mut old: Vec<(Instant, i64)> =
            old.map(|(row, kept)| (kept.answered_at, *row)).collect();
        old.sort_unstable();
        for (_, row) in old.into_iter().take(limit as usize) {
            self.tables.answers.remove(&row);
        }
        Ok(())
    }

    async fn put_settings(&mut self, settings: &KeptSettings) -> Result<(), StoreError> {
        self.tables.settings.push(settings.clone());
        Ok(())
    }

    async fn touch(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let (database, _turn) = self.writes_to.ok_or(StoreError::ReadOnly)?;
        *database.committed() = Arc::new(self.tables);
        Ok(())
    }
}

/// Deliberate faults, for the suite.
pub(crate) mod tamper {
    use super::{DATABASES, Tables};
    use crate::conformance::Subject;
    use async_trait::async_trait;
    use std::sync::{
        Arc, PoisonError,
        atomic::{AtomicUsize, Ordering},
    };

    /// Stores in plain collections.
    #[derive(Debug)]
    pub struct PlainCollections;

    static COUNT: AtomicUsize = AtomicUsize::new(0);

    fn tamper(url: &str, change: impl FnOnce(&mut Tables)) {
        let databases = DATABASES.lock().unwrap_or_else(PoisonError::into_inner);
        let database = databases.get(url.trim_start_matches("memory:")).expect("the store");
        change(Arc::make_mut(&mut database.committed()));
    }

    #[async_trait]
    impl Subject for PlainCollections {
        fn fresh(&self) -> String {
            format!("memory:{}", COUNT.fetch_add(1, Ordering::Relaxed))
        }

        async fn damage(&self, url: &str, segment: i64) {
            tamper(url, |tables| {
                let held = tables.segments.get_mut(&segment).expect("the segment");
                if let Some(byte) = Arc::make_mut(&mut held.bytes).last_mut() {
                    *byte ^= 1;
                }
            });
        }

        async fn lose(&self, url: &str, segment: i64) {
            tamper(url, |tables| drop(tables.segments.remove(&segment)));
        }

        async fn need_reader(&self, url: &str, version: u32) {
            tamper(url, |tables| tables.needed_reader = version.into());
        }

        /// This backend has no migrations.
        async fn add_later_migration(&self, _: &str) {}

        async fn damage_settings(&self, url: &str) {
            tamper(url, |tables| {
                tables.settings.iter_mut().for_each(|kept| kept.document.push(' '));
            });
        }

        async fn forge_data_version(&self, url: &str, revision: u64) {
            tamper(url, |tables| {
                let forged = tables.revisions.iter_mut();
                forged
                    .filter(|sealed| sealed.record.mark.revision == revision)
                    .for_each(|sealed| sealed.record.mark.data_version = [0; 32]);
            });
        }
    }
}
