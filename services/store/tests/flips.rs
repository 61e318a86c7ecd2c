//! Flips single bits all over a store: no store serves another answer under the same data version,
//! and a check reports every flip that changes an answer, even if a server does not start on the
//! store.
//!
//! Ten flips take half a second, for opening and checking as many stores; there are enough of them
//! to hit every table, every index and every segment several times.

#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

use marketdata::{day::Day, instant::Instant};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use store::{
    Store, StoreError,
    conformance::{Batches, append_of, committed, shown},
    connect, open_read_only, settings_hash,
};
use tempfile::TempDir;
use tokio::time::timeout;

/// Number of flips in bytes that are not zero, and of flips anywhere.
const FLIPS: [usize; 2] = [240, 60];
/// Time limit for all flips of a worker, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);
const REVISIONS: i32 = 12;
const SETTINGS: &str = "{\"roles\":{\"nasdaq\":[\"QQQ\"]}}";
const REQUESTS: [&str; 3] = ["0", "7", "nothing new"];

/// Everything that a store serves.
#[derive(Debug, PartialEq)]
struct Served {
    facts: String,
    revisions: String,
    answers: Vec<Option<Vec<u8>>>,
    settings: Option<String>,
}

async fn served(store: &dyn Store) -> Result<Served, StoreError> {
    let facts = shown(&store.load(0).await?);
    let revisions = format!("{:?}", store.revisions(0, u32::MAX).await?);
    let mut answers = Vec::new();
    for request in REQUESTS {
        let asked = append_of(Batches::new().nothing(), request);
        answers.push(store.answer_of(&asked.key, asked.fingerprint).await?);
    }
    let settings = store.settings(settings_hash(SETTINGS)).await?;
    Ok(Served { facts, revisions, answers, settings })
}

async fn opened(path: &Path) -> Result<std::sync::Arc<dyn Store>, StoreError> {
    connect(&format!("sqlite:{}?mode=rw", path.display())).await
}

/// A store with twelve revisions, the first of them compacted, and kept answers.
async fn made(path: &Path) -> Served {
    let store = connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let mut batches = Batches::new();
    for revision in 0..REVISIONS {
        let batch = batches.next(2, Day::from_epoch(18_262 + revision), 3);
        committed(&*store, batch, &revision.to_string()).await;
        if revision == 8 {
            store.compact(1_000_000, Instant::from_micros(0)).await.unwrap();
            store.compact(1_000_000, Instant::MAX).await.unwrap();
        }
    }
    store.append(append_of(batches.nothing(), "nothing new")).await.unwrap();
    assert!(store.keep_settings(SETTINGS, 1).await.unwrap());
    assert_eq!(store.check().await.unwrap().faults, Vec::<String>::new());
    let served = served(&*store).await.unwrap();
    store.close().await;
    served
}

/// The outcome of a flipped bit; an error describes damage that went unnoticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum FlipOutcome {
    RefusedAtStart,
    FoundByCheck,
    Harmless,
}

/// The first fault that `ballast check` finds, which opens a store read-only; `None` if it finds
/// none.
async fn found(path: &Path) -> Option<String> {
    let store = match open_read_only(&format!("sqlite:{}", path.display())).await {
        Ok(store) => store,
        Err(error) => return Some(error.to_string()),
    };
    let checked = store.check().await;
    store.close().await;
    match checked {
        Ok(report) => report.faults.into_iter().next(),
        Err(error) => Some(error.to_string()),
    }
}

async fn outcome_of(path: &Path, before: &Served) -> Result<FlipOutcome, String> {
    let found = found(path).await;
    let store = match opened(path).await {
        Ok(store) => store,
        Err(_) if found.is_some() => return Ok(FlipOutcome::RefusedAtStart),
        Err(error) => return Err(format!("the check found nothing, and it opens with {error:?}")),
    };
    let facts = store.load(0).await.map(|delta| shown(&delta));
    let served = served(&*store).await;
    store.close().await;
    let is_whole = found.is_none();
    match facts {
        Ok(facts) if facts != before.facts => Err("other facts are served".to_owned()),
        _ if served.as_ref().is_ok_and(|served| is_another(&served.answers, &before.answers)) => {
            Err("another answer to a request is served".to_owned())
        }
        _ if served.as_ref().is_ok_and(|served| {
            served.settings.is_some() && served.settings != before.settings
        }) =>
        {
            Err("other settings are served".to_owned())
        }
        _ if is_whole && served.as_ref().ok() != Some(before) => {
            Err(format!("the check found nothing, and it serves {served:?}"))
        }
        Err(_) => Ok(FlipOutcome::RefusedAtStart),
        Ok(_) if !is_whole => Ok(FlipOutcome::FoundByCheck),
        Ok(_) => Ok(FlipOutcome::Harmless),
    }
}

/// A kept answer that cannot be found does not count as different: its write, repeated, adds
/// nothing again.
fn is_another(answers: &[Option<Vec<u8>>], before: &[Option<Vec<u8>>]) -> bool {
    answers.iter().zip(before).any(|(answer, before)| answer.is_some() && answer != before)
}

/// The bits to flip, by number in the file.
fn bits(bytes: &[u8]) -> Vec<usize> {
    let full: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let mut random = 0x5eed_u64;
    let mut draw = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let mut bits: Vec<usize> =
        (0..FLIPS[0]).map(|_| full[draw(full.len())] * 8 + draw(8)).collect();
    bits.extend((0..FLIPS[1]).map(|_| draw(bytes.len() * 8)));
    bits
}

async fn flip_all(
    worker: usize,
    folder: PathBuf,
    bits: Vec<usize>,
) -> Vec<(usize, Result<FlipOutcome, String>)> {
    let path = folder.join("store.db");
    let before = made(&path).await;
    let whole = tokio::fs::read(&path).await.unwrap();
    let copy = folder.join("flipped.db");
    let mut outcomes = Vec::new();
    for bit in bits {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        // A new file each time: the driver panics on some damage, and leaves its lock on the old
        // one.
        for ending in ["", "-wal", "-shm"] {
            tokio::fs::remove_file(folder.join(format!("flipped.db{ending}"))).await.ok();
        }
        tokio::fs::write(&copy, bytes).await.unwrap();
        outcomes.push((bit, outcome_of(&copy, &before).await));
    }
    assert!(!outcomes.is_empty(), "worker {worker} had something to do");
    outcomes
}

#[tokio::test(flavor = "multi_thread")]
async fn no_flipped_bit_goes_unnoticed() {
    const WORKERS: usize = 4;
    let folders = [(); WORKERS].map(|()| TempDir::new().unwrap());
    let path = folders[0].path().join("store.db");
    made(&path).await;
    let bits = bits(&tokio::fs::read(&path).await.unwrap());
    tokio::fs::remove_file(&path).await.unwrap();
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let share = bits.iter().skip(worker).step_by(WORKERS).copied().collect();
            tokio::spawn(flip_all(worker, folders[worker].path().to_owned(), share))
        })
        .collect();
    let mut outcomes = Vec::new();
    for worker in workers {
        outcomes.extend(timeout(PATIENCE, worker).await.unwrap().unwrap());
    }
    let unnoticed: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.is_err()).collect();
    assert!(unnoticed.is_empty(), "{} of {}: {unnoticed:#?}", unnoticed.len(), outcomes.len());
    for kind in [FlipOutcome::RefusedAtStart, FlipOutcome::FoundByCheck, FlipOutcome::Harmless] {
        let count = outcomes.iter().filter(|(_, outcome)| outcome.as_ref() == Ok(&kind)).count();
        println!("{kind:?}: {count}");
        assert!(0 < count, "the flips reach everything: none was {kind:?}");
    }
}

/// Position of a byte, counted from the first occurrence of `needle`.
fn at(bytes: &[u8], needle: &[u8], offset: usize) -> usize {
    offset + bytes.windows(needle.len()).position(|window| window == needle).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_table_definitions_are_found() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    made(&path).await;
    let whole = tokio::fs::read(&path).await.unwrap();
    assert_eq!(found(&path).await, None);
    // The row of a migration is its name, the time it ran (19 characters) and its checksum.
    let checksum = at(&whole, b"segment2", "segment".len() + 19 + 5);
    // (what is damaged, the byte, its bit, whether a server notices at start)
    let cases = [
        ("a migration's checksum", checksum, 1, true),
        ("a column's type, not UTF-8", at(&whole, b"version BIGINT", 8), 0x80, true),
        ("a column's name", at(&whole, b"version BIGINT", 0), 1, true),
        ("a column's constraint", at(&whole, b"CHECK (id = 1)", 12), 1, false),
    ];
    for (what, byte, bit, stops_a_server) in cases {
        let copy = folder.path().join(format!("{byte}.db"));
        let mut bytes = whole.clone();
        bytes[byte] ^= bit;
        tokio::fs::write(&copy, bytes).await.unwrap();
        assert!(found(&copy).await.is_some(), "{what}");
        let opened = opened(&copy).await;
        let is_named = matches!(&opened, Err(StoreError::Damaged(_)));
        assert_eq!(is_named, stops_a_server, "{what}: {opened:?}");
    }
}
