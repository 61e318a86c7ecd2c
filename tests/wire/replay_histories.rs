//! Random histories: every reference ever returned gets the same bytes later.
//!
//! A server takes files in a random order: bars late and corrected, changes of names before and
//! after the bars, splits with and without a date, short interest, share counts, listings,
//! memberships, holdings, series and schedules. After each file every method is called twice: as of
//! a random instant, and as of the head, where prepared values are carried over files that do not
//! affect them. At the end each reference is sent back: to the same server, which folded its market
//! file by file, and to a fresh one on the compacted store, which folded its market at once and
//! keeps no prepared values, so that it computes every answer from scratch; every other history's
//! fresh server has other settings, and so answers under kept ones.

use crate::{
    drawn_files::{Draws, FIRST_DAY, bars, base, drawn, file, master, rates},
    harness::{Harness, instant, reference, replay_of},
    replay_answers::{CallResult, answers, is_rich},
    replay_settings::other_settings,
};
use contract::v1;
use marketdata::{calendar, day::Day, instant::Instant};
use server::{clock::Clock, config::Config};
use tonic::transport::Channel;

/// Number of files of a history; a reference is drawn after each.
const FILES: usize = 24;
/// Kinds of prepared values: coverage, cross-section, exposure, rotation, squeeze.
const KINDS: u64 = 5;

/// A reference, and the answers of every method when it was returned.
struct IssuedReference {
    after: String,
    replay: Option<v1::AsOf>,
    answers: Vec<CallResult>,
}

/// Calls every method at the head as of an instant, and keeps the reference of the answers.
async fn issue_reference(
    harness: &Harness,
    channel: &Channel,
    after: &str,
    (at, knowledge): (Instant, v1::ReferenceKnowledge),
) -> IssuedReference {
    let micros = at.micros();
    let as_of = v1::AsOf {
        when: Some(v1::as_of::When::At(prost_types::Timestamp {
            seconds: micros.div_euclid(1_000_000),
            nanos: (micros.rem_euclid(1_000_000) * 1_000) as i32,
        })),
        reference_knowledge: knowledge.into(),
        ..v1::AsOf::default()
    };
    let request = v1::ListDatasetsRequest { as_of: Some(as_of.clone()) };
    let mut client = harness.market_data().await;
    let reference = reference(&client.list_datasets(request).await.unwrap().into_inner().info);
    let answers = answers(channel, &Some(as_of)).await;
    IssuedReference {
        after: format!("{after}, as of {at}, {knowledge:?}"),
        replay: replay_of(&reference),
        answers,
    }
}

/// The first lines that differ between two texts.
fn difference(before: &str, now: &str) -> String {
    let mut differing = before.lines().zip(now.lines()).enumerate().filter(|(_, (a, b))| a != b);
    differing.next().map_or_else(
        || "one is longer".to_owned(),
        |(line, (a, b))| format!("line {line}: {} became {}", a.trim(), b.trim()),
    )
}

async fn replays(harness: &Harness, all: &[IssuedReference], when: &str, faults: &mut Vec<String>) {
    let channel = harness.channel().await;
    for issued in all {
        let now = answers(&channel, &issued.replay).await;
        for (before, now) in issued.answers.iter().zip(&now) {
            if before.bytes != now.bytes {
                let difference = difference(&before.text, &now.text);
                faults.push(format!("{} {when}, {}: {difference}", before.call, issued.after));
            }
        }
    }
}

/// Ingests one file per session, enough for the store to have segments to merge. Returns the time
/// afterwards.
async fn daily_files(harness: &Harness, today: Day) -> Instant {
    for session in 1..=8 {
        let day = calendar::plus_sessions(today, session);
        harness.set_clock(&format!("{day}T23:00:00Z"));
        let mut file = file("day.csv", bars(&["SPY", "IWM", "META"], day, 1, session));
        file.header.price_basis = v1::PriceBasis::Raw.into();
        harness.try_ingest(file.header, file.text.as_bytes()).await.unwrap();
    }
    instant(&format!("{}T23:00:00Z", calendar::plus_sessions(today, 8)))
}

/// The results of one history.
struct Outcome {
    /// Differences found when its references were sent back.
    faults: Vec<String>,
    /// Number of segments merged before the last replay.
    merged: u64,
    /// Number of analyses with all estimates.
    rich: usize,
    /// Number of values that stayed valid for the head after a file.
    carried: u64,
}

/// Sends references back to a fresh process, which keeps no prepared value and, for every other seed,
/// has other settings.
async fn replays_afresh(
    harness: Harness,
    seed: u64,
    all: &[IssuedReference],
    faults: &mut Vec<String>,
) {
    let fresh = |config: &mut Config| {
        config.limits.prepared_bytes = 0;
        if seed.is_multiple_of(2) {
            other_settings(config);
        }
    };
    let harness = harness.restart_with(fresh).await;
    replays(&harness, all, "from a fresh process", faults).await;
}

/// An instant around a close of the last days, not after now.
fn drawn_instant(draws: &mut Draws, today: Day, now: i64) -> Instant {
    let close = Instant::close_of(draws.day(today, 14)).micros();
    let drawn = close - i64::from(draws.below(12)) * 3_600_000_000;
    Instant::from_micros(drawn.min(now))
}

/// Half-way, rates and a security master, with draws of its own, so that the other files of a seed
/// stay the same.
async fn security_master(harness: &Harness, (seed, at): (u64, usize), today: Day) {
    if at == FILES / 2 {
        for file in [rates(today), master(&mut Draws(seed), today)] {
            harness.try_ingest(file.header, file.text.as_bytes()).await.unwrap();
        }
    }
}

/// Ingests the files of one history and sends its references back.
async fn history(seed: u64) -> Outcome {
    let mut draws = Draws(seed);
    let clock = Clock::manual(instant(&format!("{FIRST_DAY}T12:00:00Z")));
    // Compacted by the test alone, however long its history takes on a busy machine.
    let harness = Harness::with(clock, |config| config.compact_s = 0).await;
    let channel = harness.channel().await;
    let mut today = Day::parse_iso(FIRST_DAY).unwrap();
    let (mut all, mut taken, mut carried) = (Vec::new(), 0, 0);
    for at in 0..FILES {
        let file = base(at, today).unwrap_or_else(|| drawn(&mut draws, today));
        let name = file.header.file_name.clone();
        taken += usize::from(harness.try_ingest(file.header, file.text.as_bytes()).await.is_ok());
        security_master(&harness, (seed, at), today).await;
        let after = format!("seed {seed}, file {at} ({name})");
        let now = instant(&format!("{today}T12:00:00Z")).micros();
        let asked = drawn_instant(&mut draws, today, now);
        let (published, later) =
            (v1::ReferenceKnowledge::AsPublished, v1::ReferenceKnowledge::EarliestLater);
        all.push(issue_reference(&harness, &channel, &after, (asked, published)).await);
        let before = harness.services().preparations();
        let head = Instant::from_micros(now);
        all.push(issue_reference(&harness, &channel, &after, (head, published)).await);
        // Views of earlier sessions, for P&L and histories, are prepared besides: this counts too few.
        carried += KINDS.saturating_sub(harness.services().preparations() - before);
        if at % 3 == 0 {
            all.push(issue_reference(&harness, &channel, &after, (asked, later)).await);
        }
        today = today.plus(draws.below(3));
        harness.set_clock(&format!("{today}T12:00:00Z"));
    }
    assert!(FILES / 2 < taken, "seed {seed}: only {taken} files were accepted");
    let now = daily_files(&harness, today).await;
    let mut faults = Vec::new();
    replays(&harness, &all, "after all files", &mut faults).await;
    let merged = harness.services().store.compact(u64::MAX, now).await.unwrap().merged;
    Box::pin(replays_afresh(harness, seed, &all, &mut faults)).await;
    let answers = all.iter().flat_map(|issued| &issued.answers);
    let rich = answers.filter(|result| is_rich(result)).count();
    Outcome { faults, merged, rich, carried }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reference_of_a_random_history_is_answered_with_the_same_bytes() {
    for seed in 1..=2 {
        let Outcome { faults, merged, rich, carried } = Box::pin(history(seed)).await;
        assert!(FILES / 4 < rich, "seed {seed}: only {rich} analyses have all estimates");
        assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.join("\n"));
        assert!(0 < merged, "seed {seed}: nothing was compacted");
        assert!(FILES as u64 / 4 < carried, "seed {seed}: only {carried} values were carried over");
    }
}
