//! Blocks asked alone, and in any set, have the bits of the whole report, and nothing is done for the
//! others.

use crate::*;
use marketdata::gap::Gap;
use portfolio::coverage::Coverage;

/// Names that lack returns, or a size and a sector, so that there are gaps and stand-ins.
fn market() -> World {
    world_with(120, 400, 3, |names| {
        names[40].listed_from = 250;
        names[41].of_unknown_kind = true;
        names[60].listed_from = 375;
    })
}

/// A book with costs of some lots and with a line that is in no data.
fn book(world: &World, prepared: &PreparedExposure) -> Book {
    let mut lines = lines_of(world, 60);
    lines.extend([40, 41].map(|at| (world.names[at].symbol.clone(), 4e6)));
    let mut lines = raw(&lines);
    lines.push(worth("NOWHERE", 1e5));
    for line in lines.iter_mut().take(3) {
        line.average_cost = Some(5.0);
    }
    join(prepared, &lines, Some(10e6))
}

fn ask(prepared: &PreparedExposure, book: &Book, blocks: Blocks) -> ExposureReport {
    let by_group = vec![TailPart::Level(0, 0)];
    let tail = TailSettings { volatility: true, by_group, ..tail(&[0.95], QuantileRule::Linear) };
    let request = Request {
        book,
        blocks,
        beta: BetaSettings::PREPARED,
        tails: &[tail],
        size_scheme: SizeScheme::standard(),
        classification: None,
        look_through: None,
        group_by: &[GroupBy::Size, GroupBy::Sector],
        repeat_on: prepared.sessions.days().get(100..101).unwrap_or_default(),
        trades: &[TradeChoice::Standard],
        listing: Listing::Largest(7),
    };
    analyze(prepared, &request)
}

/// What a set of blocks should give, from the whole report. Gaps, coverage and work are the caller's.
fn part_of(whole: &ExposureReport, blocks: Blocks) -> ExposureReport {
    let mut part = whole.clone();
    if !blocks.has(Block::Breakdowns) {
        part.breakdowns.clear();
        let sets = part.tails.iter_mut().flatten();
        sets.flat_map(|risk| &mut risk.by_group).for_each(Vec::clear);
    }
    if !blocks.has(Block::Factors) {
        part.factors.clear();
    }
    if !blocks.has(Block::Trades) {
        part.trades.clear();
        part.repeats.clear();
        part.positions.iter_mut().for_each(|row| row.legs.clear());
        for risk in part.tails.iter_mut().flatten() {
            risk.levels.iter_mut().for_each(|level| level.leg_expected_shortfall.clear());
            risk.volatility.iter_mut().for_each(|volatility| volatility.legs.clear());
        }
    }
    if !blocks.has(Block::Risk) {
        part.tails.clear();
        for row in &mut part.positions {
            (row.proxied_sessions, row.contributions) = (None, Vec::new());
        }
    }
    if !blocks.has(Block::ProfitAndLoss) {
        part.profit_and_loss = None;
        part.positions.iter_mut().for_each(|row| row.profit_and_loss = None);
    }
    if !blocks.has(Block::Concentration) {
        part.concentration = None;
    }
    if !blocks.has(Block::Positions) {
        part.positions.clear();
    }
    part
}

#[test]
fn every_set_of_blocks_is_a_part_of_the_whole_report() {
    let world = market();
    let prepared = prepare(&world.snapshot(), &World::roles());
    let book = book(&world, &prepared);
    let whole = ask(&prepared, &book, Blocks::ALL);
    let nothing = ask(&prepared, &book, Blocks::of(&[]));
    let alone = Block::ALL.map(|block| (block, ask(&prepared, &book, Blocks::of(&[block]))));
    for set in 0..1 << Block::ALL.len() {
        let inside = |(at, block)| (set >> at & 1 == 1).then_some(block);
        let asked: Vec<Block> = Block::ALL.into_iter().enumerate().filter_map(inside).collect();
        let blocks = Blocks::of(&asked);
        let report = ask(&prepared, &book, blocks);
        // The total has gaps and coverage of its own; every block adds its own.
        let own = || alone.iter().filter(|(block, _)| blocks.has(*block)).map(|(_, alone)| alone);
        let has_gap = |gap: &&Gap| own().chain([&nothing]).any(|part| part.gaps.contains(gap));
        let has_row = |row: &&Coverage| own().chain([&nothing]).any(|p| p.coverage.contains(row));
        let expected = ExposureReport {
            gaps: whole.gaps.iter().filter(has_gap).cloned().collect(),
            coverage: whole.coverage.iter().filter(has_row).copied().collect(),
            history_sessions: report.history_sessions,
            ..part_of(&whole, blocks)
        };
        assert_eq!(report, expected, "{asked:?}");
    }
    // Every block has something to say here, and all but one lack something.
    for (block, report) in &alone {
        if matches!(block, Block::Crowding | Block::RiskModel | Block::FactorBetas) {
            assert_eq!(*report, nothing, "{block:?} is measured beside this report");
            continue;
        }
        assert_ne!(
            part_of(&whole, Blocks::of(&[*block])),
            part_of(&whole, Blocks::of(&[])),
            "{block:?}"
        );
        let adds_gaps = nothing.gaps.len() < report.gaps.len();
        assert_eq!(adds_gaps, *block != Block::Concentration, "{block:?}");
    }
}

#[test]
fn nothing_is_done_for_blocks_that_are_not_asked_for() {
    use Block::{Breakdowns, Concentration, Factors, Positions, ProfitAndLoss, Risk, Trades};
    let world = world(120, 400, 2);
    let lines = lines_of(&world, 60);
    // For each set: whether the book's returns are summed, companies sized, rising markets fitted.
    let cases: [(&[Block], bool, bool, bool); 8] = [
        (&[], false, false, false),
        (&[ProfitAndLoss, Concentration], false, false, false),
        (&[Breakdowns], false, true, false),
        (&[Positions], false, true, true),
        (&[Factors], true, true, false),
        (&[Trades], true, true, false),
        (&[Risk], true, true, false),
        (&Block::ALL, true, true, true),
    ];
    for (asked, sums, sizes, fits) in cases {
        let prepared = prepare(&world.snapshot(), &World::roles());
        let book = join(&prepared, &raw(&lines), None);
        let report = ask(&prepared, &book, Blocks::of(asked));
        assert_eq!(0 < report.history_sessions, sums, "{asked:?}");
        assert_eq!(report.tails.len(), usize::from(asked.contains(&Risk)), "{asked:?}");
        assert_eq!(prepared.is_whole(&book, Listing::Largest(0)), sizes, "{asked:?}");
        assert_eq!(is_listable(&prepared, &book), fits, "{asked:?}");
    }
}

/// Whether everything that the listing of the largest position needs is fitted.
fn is_listable(prepared: &PreparedExposure, book: &Book) -> bool {
    let largest = book.holdings.iter().max_by(|a, b| a.gross().total_cmp(&b.gross())).unwrap();
    prepared.is_detailed(largest.instrument)
}
