//! The return series of trades.
//!
//! c = L − ratio·S, with L the mean of the long legs and S that of the short legs, on the sessions
//! on which every leg has a return. A gain of c is a gain of those in the trade.

use crate::driver::{Driver, slope};
use factors::{
    returns::Sessions,
    roles::Roles,
    trade::{BasketMember, Neutrality, ReturnProxy, Side, TradeDefinition},
};
use marketdata::{instrument::InstrumentId, snapshot::Snapshot};
use std::collections::BTreeSet;

/// What a leg earned.
#[derive(Clone, Debug)]
pub struct LegSeries {
    /// Its side.
    pub side: Side,
    /// One value per session, NaN if missing. `None` if there is no return at all.
    pub returns: Option<Vec<f64>>,
    /// The symbols behind the returns, at the as-of date.
    pub symbols: Vec<String>,
    /// The lines behind them with their shares of the leg. `None` if it is a series without bars.
    pub lines: Option<Vec<(InstrumentId, f64)>>,
    /// What the definition names and has no return; the others are used.
    pub missing: Vec<String>,
    /// The first candidate of its role, if another one stands in for it.
    pub proxy_for: Option<String>,
}

/// Finds the instrument of a name.
type FindLine<'a> = &'a dyn Fn(&str) -> Option<InstrumentId>;

/// Reads the returns of every leg of a trade. `line` finds the instrument of a name.
pub fn leg_series(
    snapshot: &Snapshot,
    roles: &Roles,
    sessions: &Sessions,
    definition: &TradeDefinition,
    line: FindLine<'_>,
) -> Vec<LegSeries> {
    let reader = Reader { snapshot, roles, sessions, named: line };
    let legs = definition.legs.iter();
    legs.map(|leg| LegSeries { side: leg.side, ..reader.read(&leg.returns) }).collect()
}

struct Reader<'a> {
    snapshot: &'a Snapshot,
    roles: &'a Roles,
    sessions: &'a Sessions,
    named: FindLine<'a>,
}

/// No return at all.
const NOTHING: LegSeries = LegSeries {
    side: Side::Long,
    returns: None,
    symbols: Vec::new(),
    lines: None,
    missing: Vec::new(),
    proxy_for: None,
};

impl Reader<'_> {
    fn read(&self, proxy: &ReturnProxy) -> LegSeries {
        match proxy {
            ReturnProxy::Basket { members, min_members } => self.basket(members, *min_members),
            ReturnProxy::Symbol(name) => {
                let found = (self.named)(name).and_then(|id| Some((id, self.line(id)?)));
                match found {
                    Some((id, returns)) => {
                        let lines = Some(vec![(id, 1.0)]);
                        let symbols = self.symbol(id);
                        LegSeries { returns: Some(returns), symbols, lines, ..NOTHING }
                    }
                    None => LegSeries { missing: vec![name.clone()], ..NOTHING },
                }
            }
            ReturnProxy::Role(role) => {
                let resolved = self.roles.resolve_role(self.snapshot, *role).and_then(|resolved| {
                    let mut returns = vec![0.0; self.sessions.len()];
                    let present =
                        self.sessions.role_returns(self.snapshot, &resolved, &mut returns);
                    (0 < present).then_some((resolved, returns))
                });
                match resolved {
                    Some((resolved, returns)) => LegSeries {
                        returns: Some(returns),
                        lines: resolved.line().map(|line| vec![(line, 1.0)]),
                        symbols: vec![resolved.symbol],
                        proxy_for: resolved.proxy_for,
                        ..NOTHING
                    },
                    None => LegSeries { missing: vec![role.id().to_owned()], ..NOTHING },
                }
            }
        }
    }

    fn symbol(&self, id: InstrumentId) -> Vec<String> {
        vec![self.snapshot.symbol(id).to_owned()]
    }

    /// A line's returns. `None` without any.
    fn line(&self, id: InstrumentId) -> Option<Vec<f64>> {
        let mut returns = vec![0.0; self.sessions.len()];
        let present = self.sessions.total_returns(self.snapshot, id, &mut returns);
        (0 < present).then_some(returns)
    }

    /// The mean over members of the mean over their lines, on sessions with enough members.
    fn basket(&self, members: &[BasketMember], min_members: usize) -> LegSeries {
        let width = self.sessions.len();
        let (mut sums, mut counts) = (vec![0.0; width], vec![0_usize; width]);
        let (mut symbols, mut missing) = (Vec::new(), Vec::new());
        let mut lines: Vec<Vec<InstrumentId>> = Vec::new();
        for member in members {
            let (mut sum, mut count) = (vec![0.0; width], vec![0.0; width]);
            let mut own = Vec::new();
            // Two tickers of one instrument, which was renamed or merged, are one line.
            let mut seen = BTreeSet::new();
            for name in &member.lines {
                let is_new = |id: &InstrumentId| seen.insert(*id);
                let Some(id) = (self.named)(name).filter(is_new) else { continue };
                let Some(returns) = self.line(id) else { continue };
                symbols.extend(self.symbol(id));
                own.push(id);
                for (at, value) in returns.iter().enumerate().filter(|(_, v)| v.is_finite()) {
                    sum[at] += value;
                    count[at] += 1.0;
                }
            }
            if !count.iter().any(|count| 0.0 < *count) {
                missing.push(member.name.clone());
            }
            lines.push(own);
            for at in (0..width).filter(|at| 0.0 < count[*at]) {
                sums[at] += sum[at] / count[at];
                counts[at] += 1;
            }
        }
        let mean = |(sum, count): (&f64, &usize)| {
            if min_members <= *count { sum / *count as f64 } else { f64::NAN }
        };
        let means: Vec<f64> = sums.iter().zip(&counts).map(mean).collect();
        let returns = means.iter().any(|mean| mean.is_finite()).then_some(means);
        LegSeries { returns, symbols, lines: Some(shares(&lines)), missing, ..NOTHING }
    }
}

/// Equal shares of the members that have a line, split equally among the lines of each.
fn shares(members: &[Vec<InstrumentId>]) -> Vec<(InstrumentId, f64)> {
    let count = members.iter().filter(|lines| !lines.is_empty()).count() as f64;
    let of = |lines: &Vec<InstrumentId>| {
        let share = 1.0 / (count * lines.len() as f64);
        lines.iter().map(move |line| (*line, share)).collect::<Vec<_>>()
    };
    members.iter().flat_map(of).collect()
}

/// The lines of a trade with what is held of each per unit held long, negative if short. `None` if
/// a leg is no lines.
pub(crate) fn lines(legs: &[LegSeries], ratio: f64) -> Option<Vec<(InstrumentId, f64)>> {
    let of_side = |side: Side| legs.iter().filter(|leg| leg.side == side).count() as f64;
    let held = [of_side(Side::Long).recip(), -ratio / of_side(Side::Short)];
    let mut all = Vec::new();
    for leg in legs {
        let held = held[usize::from(leg.side == Side::Short)];
        all.extend(leg.lines.as_ref()?.iter().map(|(line, share)| (*line, held * share)));
    }
    Some(all)
}

/// The smallest market beta of each side of a trade that is made neutral to the market.
pub const SIDE_BETA_MIN: f64 = 0.1;

/// The driver of a trade and the units held short per unit held long. `first` and `weights` are
/// those of the fit window, as for all drivers. `None` if a leg has no returns, if the sessions on
/// which all have one are too few, or if a trade without market beta needs a ratio and the beta of
/// one side is below [`SIDE_BETA_MIN`]: the ratio would be negative, and sell what the trade holds
/// long, or beyond any use.
pub fn driver(
    legs: &[LegSeries],
    neutrality: Neutrality,
    market: &[f64],
    (first, weights): (usize, &[f64]),
) -> Option<(Driver, f64)> {
    let (long, short) = (side(legs, Side::Long)?, side(legs, Side::Short)?);
    let ratio = match neutrality {
        Neutrality::Dollar => 1.0,
        Neutrality::MarketBeta => {
            // Both betas are fitted over the sessions that both sides have; otherwise the trade
            // would keep a market beta.
            let both = long.iter().zip(&short).map(|(l, s)| l.is_finite() && s.is_finite());
            let shared: Vec<f64> =
                market.iter().zip(both).map(|(m, both)| if both { *m } else { f64::NAN }).collect();
            let of = |side: &[f64]| slope(side, &shared, first, weights);
            let moves = |beta: &f64| SIDE_BETA_MIN <= *beta;
            of(&long)
                .filter(moves)
                .zip(of(&short).filter(moves))
                .map(|(long, short)| long / short)?
        }
    };
    ratio.is_finite().then_some(())?;
    Some((Driver::of(spread(&long, &short, ratio), first, weights)?, ratio))
}

/// The returns of a trade with a given ratio, NaN if missing. `None` if a leg has no returns.
pub fn returns(legs: &[LegSeries], ratio: f64) -> Option<Vec<f64>> {
    Some(spread(&side(legs, Side::Long)?, &side(legs, Side::Short)?, ratio))
}

fn spread(long: &[f64], short: &[f64], ratio: f64) -> Vec<f64> {
    long.iter().zip(short).map(|(l, s)| l - ratio * s).collect()
}

/// The mean return of the legs of one side, NaN on sessions on which one of them has none. `None`
/// if a leg has no returns at all.
fn side(legs: &[LegSeries], side: Side) -> Option<Vec<f64>> {
    let legs: Option<Vec<&Vec<f64>>> =
        legs.iter().filter(|leg| leg.side == side).map(|leg| leg.returns.as_ref()).collect();
    let legs = legs?;
    let mut mean = (*legs.first()?).clone();
    for leg in &legs[1..] {
        mean.iter_mut().zip(*leg).for_each(|(sum, r)| *sum += r);
    }
    if 1 < legs.len() {
        mean.iter_mut().for_each(|sum| *sum /= legs.len() as f64);
    }
    Some(mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(side: Side, returns: Vec<f64>) -> LegSeries {
        LegSeries { side, returns: Some(returns), ..NOTHING }
    }

    fn market() -> Vec<f64> {
        (0..200).map(|t| 0.01 * f64::from((t * 7) % 11 - 5)).collect()
    }

    fn ratio(legs: &[LegSeries], neutrality: Neutrality) -> (Driver, f64) {
        let weights = vec![1.0 / 200.0; 200];
        driver(legs, neutrality, &market(), (0, &weights)).unwrap()
    }

    #[test]
    fn the_trade_has_no_market_beta_when_one_side_starts_late() {
        // The beta of the short side is one, and two from session 100 on, when the long side starts
        // with a beta of one: half a unit short hedges one unit long.
        let numbered = || market().into_iter().enumerate();
        let short = numbered().map(|(t, m)| if t < 100 { m } else { 2.0 * m }).collect();
        let long = numbered().map(|(t, m)| if t < 100 { f64::NAN } else { m }).collect();
        // A part of the long side that the market does not explain keeps the trade from being flat.
        let mut long: Vec<f64> = long;
        long[150] += 0.01;
        let legs = [leg(Side::Long, long), leg(Side::Short, short)];
        let (driver, found) = ratio(&legs, Neutrality::MarketBeta);
        assert!((found - 0.5).abs() < 0.01, "{found}");
        let m: Vec<f64> = market()[100..].to_vec();
        let c = &driver.returns[100..];
        let mean = m.iter().sum::<f64>() / 100.0;
        let covariance: f64 = m.iter().zip(c).map(|(m, c)| (m - mean) * c).sum();
        assert!(covariance.abs() < 1e-12, "{covariance}");
    }

    /// Long legs of +2 % and +4 %, short legs of +1 % and +3 %: 3 % − 2 % = 1 %.
    #[test]
    fn legs_of_one_side_count_alike_and_a_dollar_is_a_dollar() {
        let at_150 = |value: f64| (0..200).map(|t| if t == 150 { value } else { 0.0 }).collect();
        let legs = [
            leg(Side::Long, at_150(0.02)),
            leg(Side::Short, at_150(0.01)),
            leg(Side::Long, at_150(0.04)),
            leg(Side::Short, at_150(0.03)),
        ];
        let (driver, ratio) = ratio(&legs, Neutrality::Dollar);
        assert_eq!(ratio.to_bits(), 1.0_f64.to_bits());
        assert!((driver.returns[150] - 0.01).abs() < 1e-15, "{}", driver.returns[150]);
        assert_eq!(driver.returns[149].to_bits(), 0.0_f64.to_bits());
    }

    /// A short side that falls when the market rises, or hardly moves with it, has no ratio that
    /// keeps it short; a dollar of each side needs none.
    #[test]
    fn a_side_that_does_not_move_with_the_market_has_no_neutral_ratio() {
        let weights = vec![1.0 / 200.0; 200];
        let times = |beta: f64| market().iter().map(|m| beta * m).collect::<Vec<f64>>();
        for (long, short, is_defined) in
            [(1.0, -0.5, false), (-0.5, 1.0, false), (1.0, 0.05, false), (1.0, 0.2, true)]
        {
            let mut legs = [leg(Side::Long, times(long)), leg(Side::Short, times(short))];
            // What the market does not explain keeps the trade from being flat.
            legs[0].returns.as_mut().unwrap()[150] += 0.01;
            let found = |neutrality| driver(&legs, neutrality, &market(), (0, &weights)).is_some();
            assert_eq!(found(Neutrality::MarketBeta), is_defined, "{long} {short}");
            assert!(found(Neutrality::Dollar));
        }
    }

    #[test]
    fn a_trade_without_the_returns_of_a_leg_has_no_driver() {
        let none = LegSeries { side: Side::Short, ..NOTHING };
        let legs = [leg(Side::Long, market()), none];
        let weights = vec![1.0 / 200.0; 200];
        assert!(driver(&legs, Neutrality::Dollar, &market(), (0, &weights)).is_none());
        assert!(driver(&legs[..1], Neutrality::Dollar, &market(), (0, &weights)).is_none());
    }
}
