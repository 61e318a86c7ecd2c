//! A portfolio's short lines, each with the measures of its name and the time to buy it back.

use crate::{
    covering::{Covering, CoveringTotal},
    exit::{ExitDays, ExitPlan, Participation},
    heavy::is_heavily_short,
    measure::{Component, Measured},
    name::SqueezeName,
    old_rates::told,
    scenario::{Scenario, SqueezableShort, scenarios},
    sentence::{MISSED_SETTLEMENTS, sentence},
    shorts::{Short, Shorts},
    traded::Traded,
    universe::Universe,
};
use factors::{
    exit_curve::ExitLine, fund_line::FundLine, market_value::CapSource,
    squeeze_threshold::squeeze_threshold,
};
use marketdata::{
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
    old_rates::OldRate,
};
use portfolio::{
    book::{Book, CostMark, Lot, ShortSide, adjusted_price, cost_mark, lots_without_cost},
    convexity::Convexity,
    coverage::{Aspect, Coverage, share},
    unresolved::LooseLine,
};
use stats::change::{ROUNDING, growth, settled};

/// Reference against which a short's profit or loss is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mark {
    /// The average costs of the lots that have one.
    AverageCost {
        /// P&L over Σ |shares| · cost of these lots, a decimal, negative if the short loses.
        return_on_basis: f64,
        /// Their P&L in the portfolio's currency, negative if the short loses.
        profit_and_loss: f64,
    },
    /// The close of the settlement day, as if the short had been opened then.
    SinceSettlement {
        /// −(total return since the settlement) in the portfolio's currency, a decimal, negative if
        /// the short loses. It is no return on what was paid.
        return_on_basis: f64,
    },
}

/// One short line.
#[derive(Clone, Debug, PartialEq)]
pub struct ShortLine {
    /// Index in the universe. `None` without current short interest.
    pub place: Option<usize>,
    /// The measures of the name.
    pub name: SqueezeName,
    /// Symbol at the as-of date.
    pub symbol: String,
    /// Market value of its short netting sets in the portfolio's currency, negative.
    pub market_value: f64,
    /// The part of the net position in the name that is held through funds, signed. `None` if funds
    /// are not looked through.
    pub through_funds: Option<f64>,
    /// Share of the gross short, 0 to 1.
    pub share_of_short: f64,
    /// Shares held short, negative, in the units of the view's day, as those of its lots. `None` if
    /// a lot has none.
    pub shares: Option<f64>,
    /// Days to buy it back at the requested participation.
    pub exit: ExitDays,
    /// What buying it back would cost.
    pub covering: Result<Covering, GapReason>,
    /// What borrowing its shares costs per calendar day, in the portfolio's currency, below zero if
    /// the borrower is paid.
    pub borrow_cost_per_day: Measured,
    /// What it costs while the short is bought back at the participation.
    pub borrow_cost_of_exit: Measured,
    /// P&L if the name jumps by the least that counts as a squeeze, in the portfolio's currency; above
    /// 0 if its options gain more than the rest loses.
    pub squeeze_pnl: Measured,
    /// Its options that are valued anew there.
    pub options: Convexity,
    /// Profit or loss of the short.
    pub mark: Option<Mark>,
    /// The lines of the request that it adds up, in the order submitted.
    pub lots: Vec<Lot>,
    /// What is missing for the line.
    pub gaps: Vec<Gap>,
}

/// What borrowing the shares of a short book costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BorrowTotal {
    /// Per calendar day, in the portfolio's currency, over the lines with a known fee.
    pub cost_per_day: f64,
    /// Value of these lines / gross short, 0 to 1.
    pub share: f64,
}

impl BorrowTotal {
    fn of(lines: &[ShortLine], gross_short: f64) -> Option<BorrowTotal> {
        let known = |line: &ShortLine| Some((line.market_value, line.borrow_cost_per_day.ok()?));
        let (mut cost_per_day, mut value) = (0.0, 0.0);
        for (of_line, cost) in lines.iter().filter_map(known) {
            cost_per_day += cost;
            value -= of_line;
        }
        let share = share(value, gross_short).filter(|_| 0.0 < value)?;
        Some(BorrowTotal { cost_per_day, share })
    }
}

/// The short side of a portfolio.
#[derive(Clone, Debug, PartialEq)]
pub struct ShortBook {
    /// The short lines, largest first, then by symbol.
    pub lines: Vec<ShortLine>,
    /// The funds that were looked through, in the order of names.
    pub funds: Vec<FundLine>,
    /// What a unit of the portfolio's currency is worth in dollars on the market's latest session.
    pub usd_per_unit: Measured,
    /// Σ |market value| of short lines, including unresolved lines that give a value.
    pub gross_short: f64,
    /// Number of instruments of which something is held long, which is ignored.
    pub long_names: u32,
    /// Short value with a score / gross short, 0 to 1. `None` without shorts.
    pub share_scored: Option<f64>,
    /// Average score of the scored lines, weighted by short value, 0 to 100. `None` without scored
    /// lines.
    pub mean_score: Option<f64>,
    /// P&L of the lines with an average cost. `None` if no line has one.
    pub profit_and_loss: Option<f64>,
    /// The exit at normal volumes.
    pub normal_exit: ExitPlan,
    /// The exit at the volumes of the last 21 sessions.
    pub recent_exit: ExitPlan,
    /// Cost of buying all of it back, by the square-root law and by Almgren et al.
    pub covering: [Option<CoveringTotal>; 2],
    /// What borrowing costs per calendar day, over the lines with a known fee. `None` without any.
    pub borrowing: Option<BorrowTotal>,
    /// What squeezes of some lines would cost, without probabilities.
    pub scenarios: Vec<Scenario>,
    /// Lines without a score or without a value, each with its share of gross.
    pub gaps: Vec<Gap>,
    /// How well data cover the gross short. Empty without shorts.
    pub coverage: Vec<Coverage>,
}

/// Assesses every short of a book.
pub fn assess(universe: &Universe, shorts: Shorts<'_>, participation: Participation) -> ShortBook {
    let Shorts { book, names, longs, gross, funds } = shorts;
    let loose = || book.loose.iter().filter(|loose| loose.is_short());
    let joined: f64 = names.iter().map(|short| -short.side.market_value).sum();
    let unjoined: f64 = loose().filter_map(LooseLine::market_value).map(f64::abs).sum();
    let gross_short = joined + unjoined;
    let assessor = Assessor { universe, book, gross, participation, gross_short };
    let line = |short| assessor.line(short);
    let mut assessed: Vec<ShortLine> = names.into_iter().map(line).collect();
    assessed.sort_by(|a, b| {
        a.market_value.total_cmp(&b.market_value).then_with(|| a.symbol.cmp(&b.symbol))
    });
    let share_of_gross = |value: f64| value.abs() / gross;
    let mut gaps = Vec::new();
    for line in &assessed {
        let gap = Assessor::why_not_scored(line);
        gaps.extend(gap.map(|gap| gap.of_gross(share_of_gross(line.market_value))));
    }
    gaps.extend(unresolved(book, gross));
    gaps.extend(book.line_gaps_but_for(&valued_anew(&assessed)));
    gaps.extend(universe.gaps());
    let today = universe.snapshot().today();
    gaps.extend(funds.iter().flat_map(|fund| fund.gaps(today, book.gross)));
    gaps.extend(sized_later(&assessed).map(|(gap, value)| gap.of_gross(share_of_gross(value))));
    let score = |line: &ShortLine| Some(universe.score(line.place?)?.points);
    let mut scored: f64 = 0.0;
    let mut points: f64 = 0.0;
    for (line, score) in assessed.iter().filter_map(|line| Some((line, score(line)?))) {
        scored += line.market_value.abs();
        points += line.market_value.abs() * score;
    }
    let plan = |days: fn(&ExitDays) -> Measured| {
        let leaving = assessed.iter().filter_map(|line| {
            Some(ExitLine { value: -line.market_value, days: days(&line.exit).ok()? })
        });
        ExitPlan::of(&leaving.collect::<Vec<_>>(), gross_short)
    };
    let coverage = [
        (Aspect::Priced, [joined, 0.0]),
        (Aspect::Sized, sized(&assessed)),
        (Aspect::Scored, [scored, 0.0]),
    ];
    ShortBook {
        usd_per_unit: universe.usd_per_unit_now(),
        gross_short,
        long_names: longs.len() as u32,
        share_scored: share(scored, gross_short),
        mean_score: (0.0 < scored).then(|| points / scored),
        profit_and_loss: profit_and_loss(&assessed),
        normal_exit: plan(|exit| exit.normal),
        recent_exit: plan(|exit| exit.recent),
        covering: covering(&assessed, gross_short),
        borrowing: BorrowTotal::of(&assessed, gross_short),
        scenarios: scenarios(&squeezable(&assessed)),
        gaps,
        coverage: Coverage::rows(coverage, gross_short),
        lines: assessed,
        funds,
    }
}

/// The options that are valued anew at a known jump, sorted.
fn valued_anew(lines: &[ShortLine]) -> Vec<usize> {
    let known = lines.iter().filter(|line| line.squeeze_pnl.is_ok());
    let mut found: Vec<usize> = known.flat_map(|line| line.options.lines()).collect();
    found.sort_unstable();
    found
}

/// A gap for every line that did not join, with its share of a gross: a long of a name would box a
/// short of it.
pub(crate) fn unresolved(book: &Book, gross: f64) -> impl Iterator<Item = Gap> {
    book.loose.iter().map(move |loose| {
        let subject = Subject::Line(book.line_name(loose.line));
        let left_out = if loose.is_short() { "not assessed" } else { "not netted with shorts" };
        let detail = format!("{left_out}: {}", loose.why());
        let gap = Gap::new(loose.cause.reason(), subject, detail);
        match loose.market_value() {
            Some(value) => gap.of_gross(value.abs() / gross),
            None => gap,
        }
    })
}

/// The cost of the whole book by the square-root law and by Almgren et al.
fn covering(lines: &[ShortLine], gross_short: f64) -> [Option<CoveringTotal>; 2] {
    let means: [fn(&Covering) -> Option<f64>; 2] =
        [|cost| Some(cost.square_root.mean), |cost| Some(cost.almgren?.mean)];
    means.map(|mean| {
        let mean =
            |line: &ShortLine| (-line.market_value, line.covering.ok().and_then(|c| mean(&c)));
        CoveringTotal::of(lines.iter().map(mean), gross_short)
    })
}

/// The lines whose squeeze has a known cost.
fn squeezable(lines: &[ShortLine]) -> Vec<SqueezableShort> {
    let short = |(at, line): (usize, &ShortLine)| {
        Some(SqueezableShort {
            line: at,
            pnl: line.squeeze_pnl.ok()?,
            is_heavily_short: is_heavily_short(&line.name),
        })
    };
    lines.iter().enumerate().filter_map(short).collect()
}

/// The lines whose market value was published later, and their short value.
fn sized_later(lines: &[ShortLine]) -> Option<(Gap, f64)> {
    let later = || lines.iter().filter(|line| line.name.later_market_cap().is_some());
    later().next()?;
    let detail = format!(
        "{} shorts have a market value from facts published after the as-of date \
         (reference_knowledge)",
        later().count()
    );
    let subject = Subject::number_of("", "line_market_cap_usd");
    let value = later().map(|line| line.market_value.abs()).sum();
    Some((Gap::new(GapReason::LaterKnowledge, subject, detail), value))
}

/// The short value whose names have a market value of their own, and that of names with a printed one
/// or one published later.
fn sized(lines: &[ShortLine]) -> [f64; 2] {
    let mut sized = [0.0; 2];
    for line in lines {
        if let Ok(cap) = line.name.market_cap {
            let is_own = cap.source == CapSource::SharesTimesClose && cap.later_days.is_none();
            sized[usize::from(!is_own)] += line.market_value.abs();
        }
    }
    sized
}

fn profit_and_loss(lines: &[ShortLine]) -> Option<f64> {
    let made = lines.iter().filter_map(|line| match line.mark {
        Some(Mark::AverageCost { profit_and_loss, .. }) => Some(profit_and_loss),
        Some(Mark::SinceSettlement { .. }) | None => None,
    });
    made.clone().next().map(|_| made.sum())
}

struct Assessor<'a> {
    universe: &'a Universe,
    book: &'a Book,
    /// The unit of shares of gross.
    gross: f64,
    participation: Participation,
    gross_short: f64,
}

impl Assessor<'_> {
    /// Value of the shares that the book itself has borrowed, negative: not those that its funds hold
    /// short, or that contracts stand for.
    fn borrowed(&self, side: &ShortSide, through_funds: Option<f64>) -> f64 {
        let is_share = |lot: &&Lot| self.book.derivative(lot.line).is_none();
        if through_funds.is_none() && side.lots.iter().all(|lot| is_share(&lot)) {
            return side.market_value;
        }
        side.lots.iter().filter(is_share).map(|lot| lot.market_value).sum::<f64>().min(0.0)
    }

    /// The last close in the currency of the book: names are measured in dollars.
    fn price(&self, traded: &Traded) -> Measured {
        Ok(traded.value_per_share? / self.universe.usd_per_unit(traded.last_on)?)
    }

    /// Total return since the settlement in the currency of the book.
    fn since(&self, name: &SqueezeName, traded: &Traded) -> Measured {
        let in_usd = name.measure(Component::ShortsLoss)?;
        let usd_per_unit = |on| self.universe.usd_per_unit(on);
        let (then, now) = (usd_per_unit(traded.since.from_on?)?, usd_per_unit(traded.last_on)?);
        let of_rate = growth(now, then);
        Ok(settled(in_usd + of_rate + in_usd * of_rate, ROUNDING))
    }

    /// P&L against the holder's costs; without any cost, against the settlement.
    fn mark(&self, name: &SqueezeName, lots: &[Lot]) -> Result<Mark, GapReason> {
        if let Some(CostMark { profit_and_loss, cost, .. }) = cost_mark(lots) {
            let return_on_basis = profit_and_loss / cost;
            return Ok(Mark::AverageCost { return_on_basis, profit_and_loss });
        }
        let total_return = self.since(name, name.traded.as_ref().map_err(|reason| *reason)?)?;
        Ok(Mark::SinceSettlement { return_on_basis: 0.0 - total_return })
    }

    /// The gap of a mark between closes that older rates convert. A mark against costs has the last
    /// close alone, whose rate is a gap of the book.
    fn old_rates(&self, mark: Mark, name: &SqueezeName, instrument: InstrumentId) -> Option<Gap> {
        let Mark::SinceSettlement { .. } = mark else { return None };
        let traded = name.traded.as_ref().ok()?;
        let closes = [traded.since.from_on.ok()?, traded.last_on];
        let old = closes.into_iter().filter_map(|on| self.universe.old_rate(instrument, on));
        let old: Vec<OldRate> = old.collect();
        let why =
            "the return since the settlement lacks a move of the rate or has one of earlier days";
        let subject = Subject::number_of(self.universe.snapshot().symbol(instrument), "mark");
        let gap = || Gap::new(GapReason::OldRate, subject, format!("{}: {why}", told(&old)));
        (!old.is_empty()).then(gap)
    }

    fn line(&self, short: Short) -> ShortLine {
        let snapshot = self.universe.snapshot();
        let Short { instrument, quote, side, options, through_funds } = short;
        let place = self.universe.place(instrument);
        let name = match place {
            Some(place) => self.universe.names()[place].clone(),
            None => self.universe.outside(instrument),
        };
        let traded = name.traded.as_ref();
        // Value divided by price gives shares in the units in which the price is stored, whatever
        // splits came since.
        let price = traded.map_err(|reason| *reason).and_then(|traded| self.price(traded));
        let stored = price.map(|price| side.market_value / price);
        let volume =
            |volume: fn(&Traded) -> Measured| traded.map_err(|reason| *reason).and_then(volume);
        let (normal, recent) = (volume(|t| t.normal_volume), volume(|t| t.average_volume));
        let exit = match stored {
            Ok(shares) => self.participation.exit(shares, normal, recent),
            Err(reason) => ExitDays { normal: Err(reason), recent: Err(reason) },
        };
        let jump = volume(|t| t.volatility).map(squeeze_threshold);
        let squeeze_pnl = jump.map(|jump| side.market_value * jump + options.beyond_delta(jump));
        let covering = traded.map_err(|reason| *reason).and_then(|traded| {
            let outstanding = name.counts.outstanding_on_basis;
            let outstanding = outstanding.and_then(|shares| Ok(shares * name.shares_factor?));
            Covering::of(traded, stored?, outstanding, self.participation)
        });
        let lending = name.lending.ok_or(GapReason::InputMissing);
        let borrowed = self.borrowed(&side, through_funds);
        let borrow_cost_per_day = lending.and_then(|l| l.cost_per_day(borrowed));
        let borrow_cost_of_exit =
            covering.and_then(|covering| lending?.cost_of_exit(borrowed, covering.days));
        let symbol = snapshot.symbol(instrument).to_owned();
        let mark = self.mark(&name, &side.lots);
        let mut gaps = name.gaps(&symbol);
        let missing = [
            ("exit_days_at_normal_volume", exit.normal.err()),
            ("exit_days_at_recent_volume", exit.recent.err()),
            ("covering_cost", covering.err()),
            ("squeeze_pnl", squeeze_pnl.err()),
            // What else is missing of the settlement is a gap of the return since.
            ("mark", mark.err().filter(|reason| *reason == GapReason::NoRate)),
        ];
        for (field, reason) in missing.into_iter().filter_map(|(field, why)| Some((field, why?))) {
            let subject = Subject::number_of(&symbol, field);
            gaps.push(Gap::new(reason, subject, sentence(reason)));
        }
        gaps.extend(lots_without_cost(&side.lots).iter().map(|lot| {
            let detail = "no average cost: the lot is not in the P&L of the short";
            Gap::new(GapReason::InputMissing, Subject::Line(self.book.line_name(lot.line)), detail)
        }));
        gaps.extend(mark.ok().and_then(|mark| self.old_rates(mark, &name, instrument)));
        gaps.extend(adjusted_price(quote, &symbol, -side.market_value / self.gross));
        let mut lots = side.lots;
        lots.sort_unstable_by_key(|lot| lot.line);
        ShortLine {
            place,
            name,
            market_value: side.market_value,
            through_funds,
            share_of_short: -side.market_value / self.gross_short,
            shares: side.shares,
            exit,
            covering,
            borrow_cost_per_day,
            borrow_cost_of_exit,
            squeeze_pnl,
            options,
            mark: mark.ok(),
            lots,
            gaps,
            symbol,
        }
    }

    fn why_not_scored(line: &ShortLine) -> Option<Gap> {
        let (what, reason) = match &line.name.short {
            Ok(_) => line.name.why_not_scorable()?,
            Err(reason) => ("short interest", *reason),
        };
        let detail = match line.name.short {
            Err(GapReason::Stale) => format!("not scored: {MISSED_SETTLEMENTS}"),
            _ => format!("not scored, {what} is missing: {}", sentence(reason)),
        };
        Some(Gap::new(reason, Subject::Symbol(line.symbol.clone()), detail))
    }
}
