//! Names before and after changes.

use super::{
    waiting::{CHANGES_OF_ONE_SYMBOL, HOLDERS_OF_ONE_SYMBOL},
    *,
};
use marketdata::{instant::Instant, market::Market};
use proptest::prelude::*;

/// Every second pair of instruments agrees.
#[derive(Debug)]
struct EverySecond;

impl Evidence for EverySecond {
    fn agree(&self, old: InstrumentId, new: InstrumentId, on: Day) -> bool {
        (old.0 + new.0 + on.epoch() as u32).is_multiple_of(2)
    }
}

/// Nothing is merged yet.
fn renaming(directory: &Directory, revision: u64) -> Renaming<'_> {
    let market = Box::leak(Box::new(Market::empty()));
    Renaming::new(directory, revision, Merging::new(market, Instant::MIN), &EverySecond)
}

fn change(line: u32, old: &str, new: &str, on: &str) -> Rename {
    Rename {
        line,
        old: Symbol::listed(old).unwrap(),
        new: Symbol::listed(new).ok(),
        on: Day::parse_iso(on).unwrap(),
    }
}

fn directory(names: &[&str]) -> Directory {
    let mut directory = Directory::empty();
    for (at, name) in names.iter().enumerate() {
        let id = InstrumentId(at as u32 + 1);
        let instrument = Instrument { id, namespace: Namespace::Listed, revision: 1 };
        let symbol = Symbol::listed(name).unwrap();
        let (from, until) = (Day::MIN, Day::MAX);
        directory
            .extend(&[instrument], &[Naming { instrument: id, revision: 1, symbol, from, until }]);
    }
    directory
}

fn names(renaming: &Renaming<'_>, id: u32) -> Vec<String> {
    let text = |naming: &Naming| match (naming.from, naming.until) {
        (Day::MIN, Day::MAX) => naming.symbol.to_string(),
        (Day::MIN, until) => format!("{} until {until}", naming.symbol),
        (from, Day::MAX) => format!("{} from {from}", naming.symbol),
        (from, until) => format!("{} {from} to {until}", naming.symbol),
    };
    renaming.namings(InstrumentId(id)).iter().map(text).collect()
}

#[test]
fn a_market_with_todays_name_learns_the_old_one() {
    let directory = directory(&["META"]);
    let mut renaming = renaming(&directory, 1);
    let changes = [change(2, "FB", "META", "2022-06-09"), change(3, "META", "METV", "2022-01-31")];
    let outcomes = renaming.apply(&changes);
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == Renamed::Written));
    assert_eq!(names(&renaming, 1), ["FB until 2022-06-09", "META from 2022-06-09"]);
    // The fund that was called META before is another instrument.
    assert_eq!(names(&renaming, 2), ["META until 2022-01-31", "METV from 2022-01-31"]);
}

#[test]
fn a_market_with_the_old_name_learns_the_chain() {
    let directory = directory(&["A1"]);
    let mut renaming = renaming(&directory, 1);
    let changes = [change(2, "A1", "A2", "2020-01-02"), change(3, "A2", "A3", "2021-01-04")];
    renaming.apply(&changes);
    assert_eq!(
        names(&renaming, 1),
        ["A1 until 2020-01-02", "A2 2020-01-02 to 2021-01-04", "A3 from 2021-01-04"]
    );
    assert!(renaming.instruments.is_empty());
}

#[test]
fn two_instruments_are_merged_if_their_facts_agree() {
    let directory = directory(&["FB", "META"]);
    // 1 + 2 + 19,151 days since 1970 is even, and a day later it is odd.
    let mut first = renaming(&directory, 1);
    let changes = [change(2, "FB", "META", "2022-06-08")];
    assert_eq!(first.apply(&changes), [(2, Renamed::Written)]);
    assert_eq!(names(&first, 1), ["FB until 2022-06-08"]);
    assert_eq!(names(&first, 2), ["META from 2022-06-08"]);
    assert_eq!(first.apply(&changes), [(2, Renamed::Known)]);
    let (.., facts) = first.into_parts().2.into_parts();
    assert_eq!((facts.instrument, facts.other), (vec![InstrumentId(1)], vec![InstrumentId(2)]));

    let outcomes = renaming(&directory, 1).apply(&[change(2, "FB", "META", "2022-06-09")]);
    let [(2, Renamed::Refused(fault))] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(fault.reason, Reason::SymbolsTaken);
}

#[test]
fn names_can_come_before_any_fact_and_retire() {
    let directory = Directory::empty();
    let mut renaming = renaming(&directory, 0);
    let changes = [change(2, "FB", "META", "2022-06-09"), change(3, "TWTR", "", "2022-10-28")];
    renaming.apply(&changes);
    assert_eq!(names(&renaming, 1), ["FB until 2022-06-09", "META from 2022-06-09"]);
    assert_eq!(names(&renaming, 2), ["TWTR until 2022-10-28"]);
    let again = renaming.apply(&changes);
    assert!(again.iter().all(|(_, outcome)| *outcome == Renamed::Known), "{again:?}");
}

/// BB becomes FF, and what was FF becomes BB, on one day.
#[test]
fn two_symbols_can_be_swapped_on_one_day() {
    let directory = directory(&["BB"]);
    let mut renaming = renaming(&directory, 1);
    let changes = [change(2, "BB", "FF", "2024-01-04"), change(3, "FF", "BB", "2024-01-04")];
    let outcomes = renaming.apply(&changes);
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == Renamed::Written), "{outcomes:?}");
    assert_eq!(names(&renaming, 1), ["BB until 2024-01-04", "FF from 2024-01-04"]);
    assert_eq!(names(&renaming, 2), ["FF until 2024-01-04", "BB from 2024-01-04"]);
}

/// One instrument cannot take two symbols on one day, in one file or in two.
#[test]
fn two_new_symbols_of_one_day_are_a_contradiction() {
    let directory = directory(&["BB"]);
    let reasons = |renaming: &mut Renaming<'_>, changes: &[Rename]| {
        let reason = |(_, outcome)| match outcome {
            Renamed::Refused(Fault { reason, .. }) => Some(reason),
            Renamed::Written | Renamed::Known => None,
        };
        renaming.apply(changes).into_iter().map(reason).collect::<Vec<_>>()
    };
    let to_ff = change(2, "BB", "FF", "2024-01-04");
    let to_gg = change(3, "BB", "GG", "2024-01-04");
    let mut renaming = renaming(&directory, 1);
    let both = [to_ff.clone(), to_gg.clone()];
    assert_eq!(reasons(&mut renaming, &both), [Some(Reason::NamedOtherwise); 2]);
    assert_eq!(names(&renaming, 1), ["BB"], "neither is preferred");
    assert_eq!(reasons(&mut renaming, &[to_ff]), [None]);
    assert_eq!(reasons(&mut renaming, &[to_gg]), [Some(Reason::NamedOtherwise)]);
    assert_eq!(names(&renaming, 1), ["BB until 2024-01-04", "FF from 2024-01-04"]);
    let from_aa = change(2, "AA", "FF", "2024-01-04");
    assert_eq!(reasons(&mut renaming, &[from_aa]), [Some(Reason::NamedOtherwise)]);
}

impl Renaming<'_> {
    /// The reference for `apply`: tries all waiting changes again and again, and searches all
    /// instruments for a name.
    fn apply_naively(&mut self, changes: &[Rename]) -> Vec<(u32, Renamed)> {
        let kept = |change: &&Rename| {
            !changes.iter().any(|other| {
                (&change.old, change.on) == (&other.old, other.on) && change.new != other.new
            })
        };
        let (mut pending, refused): (Vec<&Rename>, Vec<&Rename>) = changes.iter().partition(kept);
        let contradicts =
            |change: &&Rename| (change.line, super::refused(Reason::NamedOtherwise, change));
        let mut outcomes: Vec<(u32, Renamed)> = refused.iter().map(contradicts).collect();
        pending.sort_by_key(|change| (std::cmp::Reverse(change.on), change.line));
        loop {
            let before = pending.len();
            pending.retain(|change| {
                self.index_all_instruments();
                let outcome = self.try_change(change, self.parties(change));
                outcomes.extend(outcome.clone().map(|outcome| (change.line, outcome)));
                outcome.is_none()
            });
            if pending.len() < before {
                continue;
            }
            let Some(at) = pending.iter().rposition(|change| self.parties(change) == (None, None))
            else {
                break;
            };
            let change = pending.remove(at);
            self.create(change);
            outcomes.push((change.line, Renamed::Written));
        }
        outcomes.extend(pending.iter().map(|change| (change.line, self.unsettled(change))));
        outcomes
    }

    /// Makes every written instrument a candidate for every symbol, as if there were no index.
    fn index_all_instruments(&mut self) {
        let everybody: BTreeSet<InstrumentId> = self.written.keys().copied().collect();
        for written in self.written_by_symbol.values_mut() {
            written.clone_from(&everybody);
        }
    }
}

/// Every market and file ends in the same names and merges by both ways.
fn compare_with_trying_again(held: &[&str], changes: &[Rename]) -> Result<(), TestCaseError> {
    let directory = directory(held);
    let (mut quick, mut naive) = (renaming(&directory, 1), renaming(&directory, 1));
    prop_assert_eq!(quick.apply(changes), naive.apply_naively(changes));
    let parts = |renaming: Renaming<'_>| {
        let (instruments, namings, merging) = renaming.into_parts();
        (instruments, namings, merging.into_parts())
    };
    prop_assert_eq!(parts(quick), parts(naive));
    Ok(())
}

/// The change of A to C merges the instruments of B and C, which allows the change of D to G: it is
/// between the same two instruments, on a day that is not evidence enough alone, and shares no
/// symbol with the first.
#[test]
fn a_merge_allows_a_change_of_other_symbols() {
    let changes = [
        change(2, "D", "B", "2020-01-06"),
        change(3, "B", "C", "2020-01-06"),
        change(4, "A", "C", "2020-01-04"),
        change(5, "D", "G", "2020-01-01"),
        change(6, "G", "C", "2020-01-02"),
        change(7, "G", "B", "2020-01-05"),
        change(8, "D", "A", "2020-01-02"),
    ];
    compare_with_trying_again(&["B", "C"], &changes).unwrap();
    let outcomes = renaming(&directory(&["B", "C"]), 1).apply(&changes);
    assert_eq!(outcomes[5..], [(4, Renamed::Written), (5, Renamed::Written)]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(2_000),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Few symbols and few days, so that changes meet: chains, swaps, retirements,
    /// contradictions.
    #[test]
    fn each_change_ends_as_if_all_were_tried_again_and_again(
        held in proptest::sample::subsequence(vec!["A", "B", "C", "D"], 0..4),
        draws in proptest::collection::vec((0..7usize, 0..8usize, 1..9u32), 1..16),
    ) {
        const NAMES: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", ""];
        let draws = (2u32..).zip(draws).filter(|(_, (old, new, _))| old != new);
        let changes: Vec<Rename> = draws
            .map(|(line, (old, new, on))| {
                change(line, NAMES[old], NAMES[new], &format!("2020-01-0{on}"))
            })
            .collect();
        compare_with_trying_again(&held, &changes)?;
    }
}

#[test]
fn implausibly_many_changes_are_refused() {
    let directory = Directory::empty();
    let day = |at: usize| Day::from_epoch(18_262 + at as i32).to_string();
    let often: Vec<Rename> = (0..=CHANGES_OF_ONE_SYMBOL)
        .map(|at| change(at as u32 + 2, "A", &format!("B{at}"), &day(at)))
        .collect();
    let is_refused = |(_, outcome): &(u32, Renamed)| matches!(outcome, Renamed::Refused(fault) if fault.reason == Reason::TooManyChanges);
    assert!(renaming(&directory, 0).apply(&often).iter().all(is_refused));
    assert!(!renaming(&directory, 0).apply(&often[1..]).iter().any(is_refused));
    let chain: Vec<Rename> = (0..NAMES_OF_ONE + 9)
        .map(|at| change(at as u32 + 2, &format!("C{at}"), &format!("C{}", at + 1), &day(at)))
        .collect();
    let mut renaming = renaming(&directory, 0);
    let refused = renaming.apply(&chain).iter().filter(|outcome| is_refused(outcome)).count();
    assert!(0 < refused);
    assert!(renaming.written.values().all(|names| names.len() <= NAMES_OF_ONE));
}

#[test]
fn a_symbol_of_hundreds_of_instruments_changes_no_more() {
    let mut directory = Directory::empty();
    let outcome = |directory: &Directory| {
        let changes = [change(2, "A", "B", "2020-01-02")];
        renaming(directory, 1).apply(&changes).remove(0).1
    };
    for at in 1..=HOLDERS_OF_ONE_SYMBOL as u32 {
        assert_ne!(
            outcome(&directory),
            refused(Reason::TooManyChanges, &change(2, "A", "B", "2020-01-02"))
        );
        let id = InstrumentId(at);
        let (from, until) = (Day::from_epoch(at as i32), Day::from_epoch(at as i32 + 1));
        let naming = Naming {
            instrument: id,
            revision: 1,
            symbol: Symbol::listed("A").unwrap(),
            from,
            until,
        };
        directory
            .extend(&[Instrument { id, namespace: Namespace::Listed, revision: 1 }], &[naming]);
    }
    assert_eq!(
        outcome(&directory),
        refused(Reason::TooManyChanges, &change(2, "A", "B", "2020-01-02"))
    );
}

#[test]
fn twenty_thousand_changes_are_applied_in_bounded_time() {
    let directory = Directory::empty();
    let unrelated: Vec<Rename> = (0..20_000)
        .map(|at| change(at + 2, &format!("O{at}"), &format!("N{at}"), "2020-01-02"))
        .collect();
    // If the time were cubic in the number of changes, this would take a day and not a second.
    let outcomes = renaming(&directory, 0).apply(&unrelated);
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == Renamed::Written));
}
