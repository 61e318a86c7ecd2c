//! The factors, one line each, and how each is built.

use crate::{
    show::{
        evidence,
        page::Page,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{Factor, FactorRole, FactorUnit, ListFactorsResponse};

/// The list of factors for people.
pub(crate) fn report(answer: &ListFactorsResponse, terminal: Terminal) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let mut page = Page::new();
    page.say(terminal.heading(&format!("The factors {known}")));
    let mut table = Table::new(&["factor", "model", "unit", "first", "last", "symbols"]);
    for factor in &answer.factors {
        table.row([
            factor.factor_id.as_str().into(),
            factor.model_id.as_str().into(),
            unit(factor.unit()).into(),
            factor.first_on.as_str().into(),
            factor.last_on.as_str().into(),
            Cell::faint(symbols(&factor.roles)),
        ]);
    }
    page.table("factors", table);
    for Factor { factor_id, method, .. } in &answer.factors {
        page.say(terminal.paint(Tone::Faint, &format!("  {factor_id}: {method}\n")));
    }
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

/// What a beta is per.
pub(crate) const fn unit(unit: FactorUnit) -> &'static str {
    match unit {
        FactorUnit::Return => "100 % return",
        FactorUnit::BasisPoint => "a basis point",
        FactorUnit::Point => "a unit of the series",
        FactorUnit::Unspecified => "unknown",
    }
}

/// The symbols behind a factor: one, or a difference.
pub(crate) fn symbols(roles: &[FactorRole]) -> String {
    let role = |role: &FactorRole| match role.symbols.as_slice() {
        [] => format!("({})", role.role),
        symbols => symbols.iter().map(|s| s.symbol.as_str()).collect::<Vec<&str>>().join(", "),
    };
    roles.iter().map(role).collect::<Vec<String>>().join(" less ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::v1::RoleSymbol;

    #[test]
    fn a_role_without_a_symbol_is_named_in_brackets() {
        let symbol =
            |symbol: &&str| RoleSymbol { symbol: (*symbol).to_owned(), ..RoleSymbol::default() };
        let role = |role: &str, symbols: &[&str]| FactorRole {
            role: role.to_owned(),
            symbols: symbols.iter().map(symbol).collect(),
        };
        let factor = Factor {
            model_id: "ballast-regression".to_owned(),
            factor_id: "SIZE".to_owned(),
            unit: FactorUnit::Return.into(),
            method: "Small less large.".to_owned(),
            roles: vec![role("small_cap_index", &[]), role("large_cap_index", &["SPY"])],
            ..Factor::default()
        };
        let answer = ListFactorsResponse { factors: vec![factor], ..Default::default() };
        let text = report(&answer, Terminal::plain()).render(Terminal::plain());
        assert!(text.contains("(small_cap_index) less SPY"), "{text}");
        assert!(text.contains("  SIZE: Small less large.\n"), "{text}");
    }
}
