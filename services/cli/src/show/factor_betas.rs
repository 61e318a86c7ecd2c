//! A book against factors that the request chose.

use crate::show::{
    factors::{symbols, unit},
    number,
    page::Page,
    table::{Cell, Table},
};
use contract::v1::{BookFactorBeta, Estimate, ExposureReport, FactorBetaReport, FactorUnit};

/// What a report says of them.
pub(crate) fn add(page: &mut Page, report: &ExposureReport) {
    let Some(found) = &report.factor_betas else { return };
    page.say("\n");
    page.say(words(found));
    page.table("factor_betas", book(found));
    if !found.names.is_empty() {
        page.say("\n");
        page.table("name_factor_betas", names(found));
    }
}

fn words(found: &FactorBetaReport) -> String {
    let Some(condition) = found.condition_number else {
        return "No factor has a series, so there are no betas.\n".to_owned();
    };
    let explained = found.r_squared.map_or_else(String::new, |share| {
        format!(" They explain {} of the variance of the book's own returns.", number::share(share))
    });
    format!(
        "Betas to all factors together, over {} sessions from {} to {}; condition number \
         {condition:.1}.{explained}\n",
        found.observations, found.first_on, found.last_on
    )
}

fn book(found: &FactorBetaReport) -> Table {
    let mut table = Table::new(&[
        "factor",
        "P&L per",
        ">from names",
        ">error",
        ">from returns",
        ">error",
        ">difference",
        ">usual day",
        ">inflation",
        "made of",
    ]);
    for BookFactorBeta { exposure, variance_inflation, standard_deviation } in &found.factors {
        let Some(row) = exposure else { continue };
        let value = |estimate: Option<Estimate>| {
            number::cell(estimate.map(|estimate| estimate.value), number::money_signed)
        };
        let error = |estimate: Option<Estimate>| {
            number::cell(estimate.and_then(|estimate| estimate.standard_error), number::money)
        };
        let usual = row.bottom_up.zip(*standard_deviation);
        let usual = usual.map(|(beta, deviation)| beta.value * deviation);
        table.row(vec![
            row.factor_id.as_str().into(),
            unit(row.unit()).into(),
            value(row.bottom_up),
            error(row.bottom_up),
            value(row.top_down),
            error(row.top_down),
            number::cell(row.difference, number::money_signed),
            number::cell(usual, number::money_signed),
            number::cell(*variance_inflation, |factor| format!("{factor:.1}")),
            Cell::faint(made_of(row)),
        ]);
    }
    table
}

/// The symbols of a factor; of a long basket their number.
fn made_of(row: &contract::v1::FactorExposure) -> String {
    match row.roles.iter().find(|role| 8 < role.symbols.len()) {
        Some(basket) => format!("{} names of {}", basket.symbols.len(), basket.role),
        None => symbols(&row.roles),
    }
}

/// The title of the betas of names to a factor, with their unit if it is not a ratio of returns.
fn title(row: &contract::v1::FactorExposure) -> String {
    let unit = match row.unit() {
        FactorUnit::BasisPoint => " (bp per bp)",
        FactorUnit::Point => " (per unit)",
        FactorUnit::Return | FactorUnit::Unspecified => "",
    };
    format!(">{}{unit}", row.factor_id)
}

fn names(found: &FactorBetaReport) -> Table {
    let rows = found.factors.iter().filter_map(|factor| factor.exposure.as_ref());
    let titles: Vec<String> = rows.clone().map(title).collect();
    let ids: Vec<&str> = rows.map(|row| row.factor_id.as_str()).collect();
    let fixed = ["name", ">value"].into_iter();
    let columns: Vec<&str> =
        fixed.chain(titles.iter().map(String::as_str)).chain([">sessions"]).collect();
    let mut table = Table::new(&columns);
    for row in &found.names {
        let of = |id: &&str| {
            let beta = row.betas.iter().find(|beta| beta.factor_id == **id);
            let value = beta.and_then(|beta| Some((beta.unit(), beta.beta.as_ref()?.value)));
            value.map_or_else(number::absent, |(unit, value)| {
                // A return per basis point is a small number, and is shown in basis points.
                let scale = if unit == FactorUnit::BasisPoint { 1e4 } else { 1.0 };
                number::cell(Some(value), |value| number::signed(scale * value, 2))
            })
        };
        let mut cells: Vec<Cell> = vec![
            row.symbol.as_str().into(),
            number::cell(Some(row.market_value), number::money_signed),
        ];
        cells.extend(ids.iter().map(of));
        cells.push(number::counted(row.observations));
        table.row(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Terminal;
    use contract::v1::{FactorBeta, FactorExposure, NameBeta, NameFactorBetas};

    #[test]
    fn rows_have_their_units_and_a_name_without_a_beta_has_none() {
        let estimate =
            |value: f64| Estimate { value, standard_error: Some(1e4), ..Estimate::default() };
        let factor = |id: &str, unit: FactorUnit, value: Option<f64>| BookFactorBeta {
            exposure: Some(FactorExposure {
                factor_id: id.to_owned(),
                unit: unit.into(),
                bottom_up: value.map(estimate),
                ..FactorExposure::default()
            }),
            variance_inflation: value.map(|_| 1.25),
            standard_deviation: value.map(|_| 0.01),
        };
        let beta = |id: &str, unit: FactorUnit, value: f64| FactorBeta {
            factor_id: id.to_owned(),
            unit: unit.into(),
            beta: Some(NameBeta { value, ..NameBeta::default() }),
            ..FactorBeta::default()
        };
        let report = FactorBetaReport {
            condition_number: Some(3.0),
            factors: vec![
                factor("MARKET", FactorUnit::Return, Some(2e6)),
                factor("RATES", FactorUnit::BasisPoint, None),
            ],
            names: vec![NameFactorBetas {
                symbol: "AA".to_owned(),
                betas: vec![beta("RATES", FactorUnit::BasisPoint, -0.000_2)],
                ..NameFactorBetas::default()
            }],
            ..FactorBetaReport::default()
        };
        let mut page = Page::new();
        add(&mut page, &ExposureReport { factor_betas: Some(report), ..ExposureReport::default() });
        let text = page.render(Terminal::plain());
        for part in [
            "condition number 3.0",
            "+$2.00m",
            "+$20.0k",
            "1.2",
            "a basis point",
            "RATES (bp per bp)",
            "-2.00",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
