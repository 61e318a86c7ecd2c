//! The joint loss of a short book for people: its distributions, who makes it up, what is left of it
//! day by day, and the scenarios that need no probabilities.

use crate::{
    show::{
        evidence, look_through, number,
        page::Page,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{
    JointSqueezeLoss, NoSqueezeDistribution, SimulateSqueezeResponse, SimulatedNumber,
    SqueezeCopula, SqueezeCrowd, SqueezeTail, SqueezeTermSource,
};

/// Counts of squeezes that are listed.
const COUNTS: [i32; 6] = [1, 2, 3, 5, 10, 20];

/// The answer; at most `names` names.
pub(crate) fn report(answer: &SimulateSqueezeResponse, names: usize, terminal: Terminal) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let mut page = Page::new();
    page.say(terminal.heading(&format!("Squeezes of several shorts at once {known}")));
    summary(&mut page, answer, terminal);
    distributions(&mut page, answer, names);
    without_probabilities(&mut page, answer);
    evidence::unresolved(&mut page, &answer.unresolved);
    page.say(format!("  {}\n", evidence::coverage(evidence::coverage_of(answer.info.as_ref()))));
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

/// What is short, how much of it is simulated, and on which assumptions.
pub(crate) fn summary(page: &mut Page, answer: &SimulateSqueezeResponse, terminal: Terminal) {
    page.say(format!(
        "{} is short; {} of it is simulated.\n",
        number::money(answer.gross_short),
        number::share(answer.share_simulated.unwrap_or(0.0)),
    ));
    page.say(terminal.paint(Tone::Warning, why_none(answer)));
    if !answer.distributions.is_empty() {
        page.say(assumptions(answer));
    }
}

/// The distributions as tables; at most `names` names.
pub(crate) fn distributions(page: &mut Page, answer: &SimulateSqueezeResponse, names: usize) {
    if !answer.distributions.is_empty() {
        page.table("losses", losses(answer));
        page.table("squeezes", counts(answer));
        page.table("contributions", contributions(answer, names));
        page.table("exit", exits(answer));
    }
}

/// The crowd, and the scenarios.
pub(crate) fn without_probabilities(page: &mut Page, answer: &SimulateSqueezeResponse) {
    if let Some(crowd) = &answer.crowd {
        page.say(crowd_words(crowd) + &endings(answer));
    }
    if !answer.scenarios.is_empty() {
        page.say(
            "Without probabilities: each squeezed name jumps by its squeeze threshold.\n"
                .to_owned(),
        );
        page.table("scenarios", scenarios(answer));
    }
    if !answer.funds.is_empty() {
        page.table("funds", look_through::funds(&answer.funds));
    }
}

fn why_none(answer: &SimulateSqueezeResponse) -> &'static str {
    match answer.no_distribution.map(|_| answer.no_distribution()) {
        None | Some(NoSqueezeDistribution::Unspecified) => "",
        Some(NoSqueezeDistribution::NotCalibrated) => {
            "  No calibration passes, so squeezes have no probabilities: there are scenarios only. \
             `ballast squeeze calibration` says what is missing.\n"
        }
        Some(NoSqueezeDistribution::NoShort) => {
            "  No short is heavily short with known inputs, so there is nothing to simulate.\n"
        }
    }
}

fn assumptions(answer: &SimulateSqueezeResponse) -> String {
    let Some(made) = &answer.simulation else { return String::new() };
    let source = |source| match source {
        SqueezeTermSource::Unspecified => "",
        SqueezeTermSource::Request => " (yours)",
        SqueezeTermSource::Calibration => " (fitted)",
        SqueezeTermSource::Assumed => " (assumed)",
    };
    let excess = match &made.excess {
        Some(excess) if 0.0 < excess.scale => {
            let source = source(answer.excess_source());
            format!("an excess of scale {:.3} and shape {:.3}{source}", excess.scale, excess.shape)
        }
        _ => "no excess, so that losses are lower bounds".to_owned(),
    };
    format!(
        "Losses over five sessions, {} paths, correlation {:.3}{}, jumps with {excess}.\n",
        number::count(made.path_count.unwrap_or_default()),
        made.correlation.unwrap_or_default(),
        source(answer.correlation_source()),
    )
}

/// The name of its copula.
pub(crate) fn copula(distribution: &JointSqueezeLoss) -> &'static str {
    match distribution.copula() {
        SqueezeCopula::Gaussian | SqueezeCopula::Unspecified => "Gaussian",
        SqueezeCopula::StudentT4 => "Student t4",
    }
}

/// A number with its error, in money.
fn money(estimate: Option<&SimulatedNumber>) -> [Cell; 2] {
    [
        number::cell(estimate.map(|estimate| estimate.value), number::money),
        error(estimate, number::money),
    ]
}

fn error(estimate: Option<&SimulatedNumber>, write: impl Fn(f64) -> String) -> Cell {
    match estimate.map(|estimate| estimate.standard_error) {
        None => number::absent(),
        Some(error) => Cell::faint(write(error)).of(error),
    }
}

fn losses(answer: &SimulateSqueezeResponse) -> Table {
    let mut table = Table::new(&[
        "copula",
        ">mean loss",
        ">+/-",
        ">confidence",
        ">value at risk",
        ">+/-",
        ">expected shortfall",
        ">+/-",
    ]);
    for distribution in &answer.distributions {
        for tail in &distribution.tails {
            let row = [copula(distribution).into()].into_iter();
            let row = row.chain(money(distribution.mean_loss.as_ref()));
            table.row(row.chain(tail_cells(tail)));
        }
    }
    table
}

fn tail_cells(tail: &SqueezeTail) -> impl Iterator<Item = Cell> {
    let confidence = number::cell(Some(tail.confidence), number::share);
    [confidence]
        .into_iter()
        .chain(money(tail.value_at_risk.as_ref()))
        .chain(money(tail.expected_shortfall.as_ref()))
}

fn counts(answer: &SimulateSqueezeResponse) -> Table {
    let mut table = Table::new(&["copula", ">squeezes at least", ">probability", ">+/-"]);
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    for distribution in &answer.distributions {
        for row in distribution.counts.iter().filter(|row| COUNTS.contains(&row.count)) {
            let probability = row.probability.as_ref();
            table.row([
                copula(distribution).into(),
                number::counted(row.count),
                number::cell(probability.map(|known| known.value), percent),
                error(probability, percent),
            ]);
        }
    }
    table
}

/// What the names add to the tail of the first confidence.
fn contributions(answer: &SimulateSqueezeResponse, names: usize) -> Table {
    let mut table = Table::new(&["copula", ">confidence", "name", ">adds", ">+/-"]);
    for distribution in &answer.distributions {
        let Some(tail) = distribution.tails.first() else { continue };
        let longs = tail.longs_contribution.as_ref().map(|longs| ("longs", Some(longs)));
        let shorts = tail.contributions.iter().take(names);
        let shorts = shorts.map(|row| (row.symbol.as_str(), row.contribution.as_ref()));
        for (name, contribution) in shorts.chain(longs) {
            let [adds, error] = money(contribution);
            table.row([
                copula(distribution).into(),
                number::cell(Some(tail.confidence), number::share),
                name.into(),
                adds,
                error,
            ]);
        }
    }
    table
}

fn exits(answer: &SimulateSqueezeResponse) -> Table {
    let mut table = Table::new(&[
        "copula",
        ">after",
        ">left",
        ">mean loss",
        ">+/-",
        ">confidence",
        ">value at risk",
        ">+/-",
        ">expected shortfall",
        ">+/-",
    ]);
    for distribution in &answer.distributions {
        for exit in &distribution.exits {
            let Some(tail) = exit.tails.first() else { continue };
            let row = [
                copula(distribution).into(),
                number::counted(exit.session),
                number::cell(Some(exit.share_left), number::share),
            ];
            let row = row.into_iter().chain(money(exit.mean_loss.as_ref()));
            table.row(row.chain(tail_cells(tail)));
        }
    }
    table
}

fn crowd_words(crowd: &SqueezeCrowd) -> String {
    let stable = match crowd.first_order_multiplier {
        Some(multiplier) => {
            format!("stable: a small loss of its shorts becomes {multiplier:.2} times as large")
        }
        None => "not stable: small losses grow".to_owned(),
    };
    format!(
        "The crowd is long {} and short {}; its loop gain is {:.2}, {stable}. {} of the book's longs \
         fall with its sales. It loses on the book's squeezed shorts alone.\n",
        number::money(crowd.assets),
        number::money(crowd.short_market_value),
        crowd.gain,
        number::money(crowd.own_longs),
    )
}

/// How its loop ended, where that is not by itself.
fn endings(answer: &SimulateSqueezeResponse) -> String {
    let made = || answer.scenarios.iter().filter_map(|scenario| scenario.deleveraging.as_ref());
    let mut words = String::new();
    if made().any(|made| made.exhausted) {
        words += "In some scenarios its losses reach its equity, and it sells everything.\n";
    }
    if made().any(|made| made.cut_off) {
        words += "In some scenarios its losses have not died out after 100 rounds; what follows is \
                  estimated, to a few per cent.\n";
    }
    words
}

fn scenarios(answer: &SimulateSqueezeResponse) -> Table {
    let mut table = Table::new(&[
        "if these are squeezed",
        ">P&L",
        ">crowd's first loss",
        ">times",
        ">longs fall by",
        ">longs' P&L",
        ">P&L in all",
        "the costliest",
    ]);
    for scenario in &answer.scenarios {
        let count = scenario.symbols.len();
        let what = if scenario.all_heavily_short {
            "all heavily short names".to_owned()
        } else {
            format!("the costliest {count}")
        };
        let made = scenario.deleveraging.as_ref();
        let first: Vec<&str> = scenario.symbols.iter().take(3).map(String::as_str).collect();
        table.row([
            what.into(),
            number::gain(Some(scenario.pnl), number::money_signed),
            number::cell(made.map(|made| made.first_loss), number::money),
            number::cell(made.and_then(|made| made.multiplier), |times| format!("{times:.2}")),
            number::cell(made.map(|made| made.price_fall), number::share),
            number::gain(made.map(|made| made.longs_pnl), number::money_signed),
            number::gain(Some(scenario.total_pnl), number::money_signed),
            Cell::faint(first.join(", ")),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::v1::{
        SqueezeCount, SqueezeDeleveraging, SqueezeExitLoss, SqueezeLossScenario,
        SqueezeTailContribution,
    };

    #[test]
    fn every_table_of_a_distribution_has_its_numbers() {
        let number = |value| Some(SimulatedNumber { value, standard_error: 0.5 });
        let contribution =
            SqueezeTailContribution { symbol: "A".to_owned(), contribution: number(30.0) };
        let tail = SqueezeTail {
            confidence: 0.95,
            value_at_risk: number(20.0),
            expected_shortfall: number(40.0),
            contributions: vec![contribution],
            longs_contribution: number(10.0),
        };
        let exit = SqueezeExitLoss {
            session: 5,
            share_left: 0.25,
            mean_loss: number(2.0),
            tails: vec![tail.clone()],
        };
        let distribution = JointSqueezeLoss {
            copula: SqueezeCopula::StudentT4.into(),
            mean_loss: number(8.0),
            counts: vec![SqueezeCount { count: 1, probability: number(0.75) }],
            tails: vec![tail],
            exits: vec![exit],
            quantiles: Vec::new(),
        };
        let answer = SimulateSqueezeResponse {
            distributions: vec![distribution],
            ..SimulateSqueezeResponse::default()
        };
        let page = report(&answer, 5, Terminal::plain());
        let rows = |table| {
            let text = page.csv(table).unwrap();
            text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(rows("losses"), ["Student t4,8,0.5,0.95,20,0.5,40,0.5"]);
        assert_eq!(rows("squeezes"), ["Student t4,1,0.75,0.5"]);
        let parts = ["Student t4,0.95,A,30,0.5", "Student t4,0.95,longs,10,0.5"];
        assert_eq!(rows("contributions"), parts);
        assert_eq!(rows("exit"), ["Student t4,5,0.25,2,0.5,0.95,20,0.5,40,0.5"]);
    }

    #[test]
    fn a_loop_that_does_not_end_by_itself_is_said() {
        let ended = |exhausted, cut_off| {
            let deleveraging =
                Some(SqueezeDeleveraging { exhausted, cut_off, ..SqueezeDeleveraging::default() });
            let scenario = SqueezeLossScenario { deleveraging, ..SqueezeLossScenario::default() };
            endings(&SimulateSqueezeResponse { scenarios: vec![scenario], ..Default::default() })
        };
        assert_eq!(ended(false, false), "");
        assert!(ended(true, false).contains("sells everything"));
        assert!(ended(false, true).contains("not died out after 100 rounds"));
    }
}
