//! Real files: published moves replayed, and books of 2021 given what two index funds did.
//!
//! The names are those alive in March 2024, so squeezed names that failed are missing.

use crate::{
    real_data,
    real_funds::world,
    view::{View, near},
};
use factors::roles::Role;
use marketdata::day::Day;
use risk::series::Series;
use stats::rng::Rng;
use stress::{
    hypothetical::{Outcome, hypothetical},
    library::NamedWindow,
    replay::{ReplayReport, replay},
    shock::{Hypothetical, Shock, Target},
};

/// A million of a name on the sessions of a window of the library, or of one day.
fn a_million(view: &View, symbol: &str, window: (Day, Day)) -> ReplayReport {
    let book = view.book(&[(symbol, 1e6)]);
    replay(&view.model, &view.roles, &book, &[], window).unwrap()
}

#[test]
fn published_moves_are_replayed() {
    let Some(folder) = real_data::folder("published_moves_are_replayed") else { return };
    let world = world(&folder);
    let view = View::of(&world.view(*world.days.last().unwrap()));
    let vaccine = NamedWindow::find("vaccine_rotation_2020").unwrap().days();
    // Published: the fund of small caps +3.62 %; GME +134.84 % on 2021-01-27.
    near(a_million(&view, "IWM", vaccine).pnl, 36_200.0, 100.0);
    let squeeze = Day::from_ymd(2021, 1, 27).unwrap();
    near(a_million(&view, "GME", (squeeze, squeeze)).pnl, 1_348_400.0, 100.0);
    // From 65.01 on 2021-01-22 to 325.00 on 2021-01-29, as printed then.
    let week = NamedWindow::find("meme_squeeze_2021").unwrap().days();
    near(a_million(&view, "GME", week).pnl, 1e6 * (325.0 / 65.01 - 1.0), 1e3);
    // Before the files of equities there are funds only: GME moves by its betas.
    let covid = NamedWindow::find("covid_2020").unwrap().days();
    let replayed = a_million(&view, "GME", covid);
    near(replayed.coverage.factor_map, 1.0, 1e-12);
    assert!(replayed.low < replayed.pnl && replayed.pnl < 0.0, "{replayed:?}");
    // Its returns in the files have a standard deviation of 20 % a session, half the sessions are
    // within 4 %; nine of ten outcomes are within 1.645 of the former.
    let deviations = 1.644_853_626_951_472_2 * (replayed.days.len() as f64).sqrt();
    let open = (replayed.high - replayed.pnl) / deviations / 1e6;
    assert!((0.16..0.22).contains(&open), "{open}");
}

/// Share of outcomes whose interval holds what was made, and what is left of the variance.
struct Score {
    inside: usize,
    left: f64,
}

impl Score {
    fn add(&mut self, outcome: &Outcome, made: f64) {
        self.inside += usize::from(outcome.low <= made && made <= outcome.high);
        self.left += (made - outcome.pnl) * (made - outcome.pnl);
    }
}

/// 50 books of 40 names, half of them long and short, over every third session of the first quarter of
/// 2021, each session given what SPY and IWM did, by the model of 2020-12-31. It knows 128 sessions.
/// The squeeze of January is more specific risk than any of these hold, hence the wide limits.
#[test]
fn intervals_of_real_books_hold_what_happened() {
    let Some(folder) = real_data::folder("intervals_of_real_books") else { return };
    let world = world(&folder);
    let start = world.days.iter().position(|day| day.ymd().0 == 2021).unwrap();
    let view = View::of(&world.view(world.days[start - 1]));
    let after = View::of(&world.view(*world.days.last().unwrap()));
    let stress = view.factors();
    let names = stress.factors.instruments();
    let mut scores = [Score { inside: 0, left: 0.0 }, Score { inside: 0, left: 0.0 }];
    let (mut whole, mut count) = (0.0, 0);
    for number in 0..50 {
        let mut rng = Rng::new(71, number);
        let mut drawn = names.to_vec();
        rng.shuffle(&mut drawn);
        let sign = |at: usize| if at % 2 == 1 && number % 2 == 0 { -1e6 } else { 1e6 };
        let symbols = drawn[..40].iter().map(|id| view.model.snapshot().symbol(*id));
        let lines: Vec<(&str, f64)> =
            symbols.enumerate().map(|(at, symbol)| (symbol, sign(at))).collect();
        let (book, later) = (view.book(&lines), after.book(&lines));
        for day in world.days[start..].iter().step_by(3) {
            let moved = |symbol| a_million(&after, symbol, (*day, *day)).pnl / 1e6;
            let shock = |(role, symbol)| Shock {
                target: Target::Series(Series::Role(role)),
                size: moved(symbol),
            };
            let shocks = [(Role::LargeCapIndex, "SPY"), (Role::SmallCapIndex, "IWM")].map(shock);
            let scenario =
                Hypothetical { scenario_id: day.to_string(), sessions: 1, shocks: shocks.to_vec() };
            let report = hypothetical(&stress, &book, &[], &scenario).unwrap();
            let made = replay(&after.model, &after.roles, &later, &[], (*day, *day)).unwrap().pnl;
            scores[0].add(&report.average, made);
            scores[1].add(&report.like_this.unwrap().0, made);
            whole += made * made;
            count += 1;
        }
    }
    for (name, score) in ["average", "days like this one"].iter().zip(&scores) {
        let (inside, left) = (score.inside as f64 / f64::from(count), score.left / whole);
        println!("{name}: {inside:.3} of {count} inside, {left:.3} of the variance left");
        assert!((0.75..0.99).contains(&inside), "{name} {inside}");
        assert!(left < 0.6, "{name} {left}");
    }
    assert!(scores[0].inside <= scores[1].inside);
}
