//! Laws: continued or fresh, in any order of arrival, and whatever is published later.

use crate::{
    in_memory::{at_close, folded},
    replay::{Models, factor_model, models},
};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    fixture::Fixture,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
};
use risk::cross_section::{SECTOR_PREFIX, Unavailable, style::Style};
use simulation::market::{Market, Parameters};

/// Everything that a cross-section says, by symbol, in bits.
fn said(models: &Models) -> String {
    let (history, model) = (&models.cross_section.history, factor_model(models));
    let bits = |values: &mut dyn Iterator<Item = f64>| values.map(f64::to_bits).collect::<Vec<_>>();
    let rows = model.instruments().iter().enumerate().map(|(row, id)| {
        let exposures: Vec<(usize, u64)> =
            model.exposures(row).map(|(factor, value)| (factor, value.to_bits())).collect();
        let symbol = models.names.snapshot.symbol(*id);
        (symbol, exposures, model.specific_variance(row).to_bits())
    });
    let returns: Vec<_> = (0..model.factors().len())
        .map(|factor| bits(&mut history.returns(factor).map(|r| r.unwrap_or(-9.0))))
        .collect();
    format!(
        "{:?} {:?} {:?} {:?} {:?} {returns:?} {:?} {:?}",
        rows.collect::<Vec<_>>(),
        models.cross_section.outcome.as_ref().map(|estimated| &estimated.names),
        model.factors(),
        bits(&mut model.covariance().values().iter().copied()),
        history.days,
        history.r_squared,
        history.names,
    )
}

/// Short interest is published, and lines get longer histories, between the closes.
#[test]
fn a_continued_model_is_that_of_a_fresh_process() {
    // More sessions than a panel holds, so that its oldest sessions are dropped.
    let simulated = Market::new(Parameters { names: 100, days: 1_080, seed: 3 });
    let market = folded(&simulated);
    let mut earlier: Option<Models> = None;
    for day in &simulated.days[1_057..1_075] {
        let view = at_close(&market, *day);
        let continued = models(&view, earlier.as_ref());
        let history = &continued.cross_section.history;
        if earlier.is_some() {
            assert_eq!(history.taken_over + 1, history.days.len(), "{day}");
        }
        if day.epoch() % 4 == 0 {
            assert_eq!(said(&continued), said(&models(&view, None)), "{day}");
        }
        earlier = Some(continued);
    }
}

/// A fixture with the names of a simulated market, in the given order, up to a day.
pub(crate) fn fixture(market: &Market, names: impl Iterator<Item = usize>, last: Day) -> Fixture {
    partly_classified(market, names, last, market.names.len())
}

/// The same, of which only the first names have a sector.
fn partly_classified(
    market: &Market,
    names: impl Iterator<Item = usize>,
    last: Day,
    classified: usize,
) -> Fixture {
    let mut fixture = Fixture::new();
    for at in names {
        let (name, bars) = (&market.names[at], market.bars(at));
        let known = market.days.iter().take_while(|day| **day <= last);
        let closes: Vec<(Day, f64)> = known.copied().zip(bars.close).collect();
        fixture.closes(&name.symbol, &closes);
        let key = (fixture.id(Namespace::Listed, &name.symbol), InstrumentId::NONE);
        let on = market.days[0];
        let published = Instant::close_of(on);
        let counts = [
            (Field::SharesOutstanding, name.shares()),
            (Field::PublicFloat, name.shares() * name.float_share),
        ];
        fixture.fact(Dataset::ShareCounts, key, on, published, &counts);
        if at < classified {
            let sector = fixture.text(simulation::universe::SECTORS[name.sector]);
            let listing = [(Field::Sector, sector), (Field::SectorScheme, fixture.text("NASDAQ"))];
            fixture.fact(Dataset::Listings, key, on, published, &listing);
        }
    }
    fixture.commit();
    fixture
}

#[test]
fn neither_the_order_of_arrival_nor_later_facts_alter_a_bit() {
    let market = Market::new(Parameters { names: 100, days: 300, seed: 5 });
    let day = market.days[280];
    let said_of =
        |fixture: &Fixture| said(&models(&fixture.snapshot(Instant::close_of(day)), None));
    let whole = fixture(&market, 0..100, *market.days.last().unwrap());
    let cut = fixture(&market, (0..100).rev(), day);
    assert_eq!(said_of(&whole), said_of(&cut));
}

/// A corrected close and a line that begins to trade: the first costs a whole preparation, the
/// second none, and neither a bit.
#[test]
fn corrections_and_new_lines_are_noticed() {
    let market = Market::new(Parameters { names: 100, days: 300, seed: 5 });
    let [before, after, last] = [280, 281, 282].map(|at| market.days[at]);
    let mut whole = fixture(&market, 0..100, *market.days.last().unwrap());
    let close = |fixture: &mut Fixture, symbol: &str, on: Day, published: Day, value: f64| {
        let key = (fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
        let values = [(Field::Close, value)];
        fixture.fact(Dataset::Bars, key, on, Instant::close_of(published), &values);
    };
    let symbol = &market.names[50].symbol;
    close(&mut whole, symbol, market.days[200], after, 1.05 * market.bars(50).close[200]);
    for (at, day) in market.days[279..].iter().enumerate() {
        close(&mut whole, "NEW", *day, *day, 10.0 + at as f64);
    }
    let key = (whole.id(Namespace::Listed, "NEW"), InstrumentId::NONE);
    let counts = [(Field::SharesOutstanding, 1e8), (Field::PublicFloat, 1e8)];
    let on = market.days[281];
    whole.fact(Dataset::ShareCounts, key, on, Instant::close_of(on), &counts);
    whole.commit();
    let view = |day: Day| whole.snapshot(Instant::close_of(day));
    let first = models(&view(before), None);
    let corrected = models(&view(after), Some(&first));
    assert_eq!(corrected.cross_section.history.taken_over, 0);
    assert_eq!(said(&corrected), said(&models(&view(after), None)));
    let next = models(&view(last), Some(&corrected));
    assert_eq!(next.cross_section.history.taken_over, 280);
    assert_eq!(said(&next), said(&models(&view(last), None)));
    let names = |models: &Models| factor_model(models).instruments().len();
    assert_eq!([names(&first), names(&corrected), names(&next)], [100, 101, 101]);
}

/// Without 60 sessions of factor returns there is no model; factors with fewer are left out.
#[test]
fn what_is_missing_is_said() {
    let market = Market::new(Parameters { names: 100, days: 300, seed: 5 });
    let whole = fixture(&market, 0..100, *market.days.last().unwrap());
    // 60 returns for a beta, 60 more for a factor; the first session has no return.
    let outcome = |sessions: usize| {
        let view = whole.snapshot(Instant::close_of(market.days[sessions]));
        models(&view, None).cross_section.outcome
    };
    let early = outcome(119).err();
    let too_few =
        Unavailable::TooFewSessions { sessions: 59, needed: 60, names: 100, names_needed: 50 };
    assert_eq!(early, Some(too_few));
    let estimated = outcome(120).unwrap();
    // No settlement is known, and a momentum needs 81 sessions: two styles are left out, and short
    // interest is unknown for every name.
    assert_eq!(estimated.left_out, ["MOMENTUM", "SHORT_INTEREST"]);
    assert_eq!(estimated.names.len(), 100);
    assert_eq!(estimated.unknown(Style::ShortInterest), 100);
    assert_eq!(estimated.unknown(Style::Beta), 0);
    assert_eq!(estimated.factor_regime, None);
}

/// Sectors of a few names, or of less than half of them, take nothing from the model without any;
/// those of half of them and of 50 names are used.
#[test]
fn a_little_classification_changes_nothing() {
    let market = Market::new(Parameters { names: 120, days: 150, seed: 5 });
    let last = *market.days.last().unwrap();
    let of = |classified: usize| {
        let fixture = partly_classified(&market, 0..120, last, classified);
        models(&fixture.snapshot(Instant::close_of(last)), None)
    };
    let has_sectors = |models: &Models| {
        let factors = factor_model(models).factors();
        factors.iter().any(|factor| factor.starts_with(SECTOR_PREFIX))
    };
    let none = of(0);
    assert!(!has_sectors(&none));
    for classified in [1, 59] {
        assert_eq!(said(&of(classified)), said(&none), "{classified} of 120");
    }
    let half = of(60);
    assert!(has_sectors(&half));
    let notes = &half.cross_section.outcome.as_ref().unwrap().names;
    assert_eq!(notes.iter().filter(|notes| notes.has_sector).count(), 60);
}
