//! The differences between two snapshots are exact: they agree with a check of every fact.

use marketdata::{
    changes::{Changes, DatasetSet},
    dataset::{Dataset, Field},
    day::Day,
    facts::FactTable,
    fixture::Fixture,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    market::{Delta, Market, RevisionMark},
    reference::ReferenceKnowledge,
    segment::{Ints, Numbers, Segment, compact_published, runs},
    snapshot::Snapshot,
};
use proptest::prelude::*;
use std::sync::Arc;

const DATASETS: [Dataset; 3] = [Dataset::Bars, Dataset::ShortInterest, Dataset::Splits];
const REVISIONS: u64 = 4;

/// A fact: dataset, instrument, day, hours from close to publication, and revision.
#[derive(Clone, Copy, Debug)]
struct Fact {
    dataset: Dataset,
    instrument: InstrumentId,
    on: Day,
    published: Instant,
    revision: u64,
}

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    // Half of the facts are published at the close, as bars are.
    let late = prop_oneof![Just(0_i64), 1..60_i64];
    let fact = (0..3_usize, 1..4_u32, 0..5_i32, late, 1..=REVISIONS);
    let fact = fact.prop_map(|(dataset, instrument, offset, late, revision)| {
        let on = day(offset);
        Fact {
            dataset: DATASETS[dataset],
            instrument: InstrumentId(instrument),
            on,
            published: hours_after(Instant::close_of(on), late),
            revision,
        }
    });
    prop::collection::vec(fact, 0..12)
}

fn day(offset: i32) -> Day {
    Day::from_epoch(18_568 + offset)
}

fn hours_after(instant: Instant, hours: i64) -> Instant {
    Instant::from_micros(instant.micros() + hours * 3_600_000_000)
}

/// A log of three instruments; revision 2 adds the third.
fn folded(facts: &[Fact]) -> Arc<Market> {
    let mut fixture = Fixture::new();
    for revision in 1..=REVISIONS {
        for name in ["AAA", "BBB", "CCC"].iter().take(if revision < 2 { 2 } else { 3 }) {
            fixture.id(Namespace::Listed, name);
        }
        for fact in facts.iter().filter(|fact| fact.revision == revision) {
            let key = (fact.instrument, InstrumentId::NONE);
            let field = fact.dataset.fields()[0];
            fixture.fact(fact.dataset, key, fact.on, fact.published, &[(field, 1.0)]);
        }
        fixture.commit();
    }
    fixture.market()
}

/// The same log with one segment per dataset, as compaction leaves it.
fn compacted(facts: &[Fact]) -> Arc<Market> {
    let names = folded(&[]);
    let mut segments = Vec::new();
    for dataset in DATASETS {
        let mut rows: Vec<&Fact> = facts.iter().filter(|fact| fact.dataset == dataset).collect();
        rows.sort_by_key(|fact| (fact.instrument, fact.on, fact.published, fact.revision));
        if rows.is_empty() {
            continue;
        }
        let days: Vec<Day> = rows.iter().map(|fact| fact.on).collect();
        let instruments: Vec<InstrumentId> = rows.iter().map(|fact| fact.instrument).collect();
        let published = rows.iter().map(|fact| fact.published).collect();
        segments.push(Arc::new(Segment {
            dataset,
            runs: runs(&instruments),
            other: Ints::Constant(InstrumentId::NONE),
            published_at: compact_published(published, &days),
            effective_on: days.into(),
            revision: Ints::from_vec(rows.iter().map(|fact| fact.revision).collect()),
            columns: dataset.fields().iter().map(|_| Numbers::constant(1.0)).collect(),
        }));
    }
    let known = names.directory().all_at(REVISIONS);
    let namings = known.iter().flat_map(|one| names.directory().namings(one.id, REVISIONS));
    Arc::new(Market::empty().apply(Delta {
        marks: (1..=REVISIONS).filter_map(|revision| names.mark(revision)).collect(),
        instruments: known.to_vec(),
        namings: namings.cloned().collect(),
        texts: Vec::new(),
        segments,
    }))
}

/// The expected answer, by checking every fact.
fn differs(facts: &[Fact], dataset: Dataset, a: (Instant, u64), b: (Instant, u64)) -> bool {
    let sees = |fact: &Fact, (as_of, revision): (Instant, u64)| {
        let whenever = dataset == Dataset::Splits;
        (
            fact.published <= as_of && fact.revision <= revision,
            whenever && fact.revision <= revision,
        )
    };
    facts.iter().any(|fact| fact.dataset == dataset && sees(fact, a) != sees(fact, b))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn a_dataset_changed_if_and_only_if_a_visible_fact_differs(
        facts in facts(),
        hours in (-30..150_i64, -30..150_i64),
        revisions in (0..=REVISIONS, 0..=REVISIONS),
    ) {
        let bounds = [(hours.0, revisions.0), (hours.1, revisions.1)]
            .map(|(hours, revision)| (hours_after(Instant::close_of(day(0)), hours), revision));
        for market in [folded(&facts), compacted(&facts)] {
            let [a, b] = bounds.map(|(as_of, revision)| {
                Snapshot::new(Arc::clone(&market), as_of, revision).unwrap()
            });
            let changes = a.changed_since(&b);
            prop_assert_eq!(changes, b.changed_since(&a));
            for dataset in Dataset::ALL {
                let expected = differs(&facts, dataset, bounds[0], bounds[1]);
                prop_assert_eq!(changes.datasets.contains(dataset), expected, "{:?}", dataset);
            }
            // Revision 1 names two instruments and revision 2 the third.
            let named = |revision: u64| revision.min(2);
            prop_assert_eq!(changes.names, named(revisions.0) != named(revisions.1));
            prop_assert_eq!(changes.today, a.today() != b.today());
        }
    }
}

#[test]
fn an_older_market_of_the_same_log_is_compared_and_another_log_differs() {
    let mut fixture = Fixture::new();
    let on = day(0);
    fixture.closes("AAA", &[(on, 1.0)]).commit();
    let as_of = hours_after(Instant::close_of(on), 1);
    let before = fixture.snapshot(as_of);
    let key = (fixture.id(Namespace::Listed, "AAA"), InstrumentId::NONE);
    fixture.fact(Dataset::ShortInterest, key, on, as_of, &[(Field::SharesShort, 1e6)]).commit();
    let changes = fixture.snapshot(as_of).changed_since(&before);
    let short_interest = DatasetSet::of(&[Dataset::ShortInterest]);
    assert_eq!(changes, Changes { datasets: short_interest, names: false, today: false });
    assert!(changes.touch(short_interest) && !changes.touch(DatasetSet::of(&[Dataset::Bars])));

    let table = FactTable::empty(Dataset::Bars);
    let other = Market::empty().apply(Delta {
        marks: vec![RevisionMark { revision: 1, data_version: [9; 32] }],
        instruments: Vec::new(),
        namings: Vec::new(),
        texts: Vec::new(),
        segments: vec![Arc::new(Segment::of_table(table, 1))],
    });
    let other = Snapshot::new(Arc::new(other), as_of, 1).unwrap();
    assert_eq!(other.changed_since(&before), Changes::ALL);
}

/// A listing published next year changes what a snapshot says only if it may size and classify by
/// later facts; prices published then never do.
#[test]
fn later_facts_of_reference_count_only_where_they_may_be_asked_for() {
    let mut fixture = Fixture::new();
    let on = day(0);
    fixture.closes("AAA", &[(on, 1.0)]).commit();
    let as_of = Instant::close_of(on);
    let later = ReferenceKnowledge::EarliestLater { max_age_days: 3_653 };
    let before = fixture.snapshot(as_of);
    let key = (fixture.id(Namespace::Listed, "AAA"), InstrumentId::NONE);
    let published = Instant::close_of(on.plus(365));
    for (dataset, field) in
        [(Dataset::Listings, Field::MarketCap), (Dataset::ShortInterest, Field::SharesShort)]
    {
        fixture.fact(dataset, key, on, published, &[(field, 1e6)]);
    }
    fixture.commit();
    let after = fixture.snapshot(as_of);
    assert_eq!(after.changed_since(&before).datasets, DatasetSet::EMPTY);
    let listings = DatasetSet::of(&[Dataset::Listings]);
    let [asked, asked_before] = [&after, &before].map(|one| one.with_reference(later));
    assert_eq!(asked.changed_since(&asked_before).datasets, listings);
    assert!(asked.has_bounds_of(&asked) && !asked.has_bounds_of(&after));
    let reference = DatasetSet::of(&[Dataset::Listings, Dataset::ShareCounts]);
    assert_eq!(asked.changed_since(&after).datasets, reference, "another property");
}

#[test]
fn a_snapshot_shows_only_the_datasets_that_its_reader_declares() {
    let mut fixture = Fixture::new();
    let on = day(0);
    fixture.closes("AAA", &[(on, 1.0)]).commit();
    let snapshot = fixture.snapshot(Instant::close_of(on));
    let bars = snapshot.reading(DatasetSet::of(&[Dataset::Bars]));
    assert_eq!(bars.holders(Dataset::Bars).count(), 1);
    assert_eq!(bars.rows(Dataset::Bars, InstrumentId(1)).len(), 1);
    let splits = || bars.rows(Dataset::Splits, InstrumentId(1)).len();
    // Debug builds panic if a reader uses an undeclared dataset; release builds show it no rows.
    let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(splits));
    assert_eq!(seen.ok(), if cfg!(debug_assertions) { None } else { Some(0) });
}
