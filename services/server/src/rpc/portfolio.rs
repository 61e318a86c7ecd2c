//! Reads portfolios of requests, and names their lines in answers.

pub mod currency;
pub mod kind;

use crate::{
    limits,
    refusal::Refusal,
    rpc::{field::Fields, shared::gap_reason},
};
use contract::v1;
use marketdata::{quotes::Quotes, symbol::Symbol};
use portfolio::{
    book::{Book, Lot},
    identifier::InstrumentRef,
    lines::{RawLine, Terms, Violation, amount_bounds, is_amount, line_name, violations},
    lookup::Lookup,
    netting::Netting,
    unresolved::Unresolved,
};

/// The currency of a portfolio that gives none.
const CURRENCY: &str = "USD";
/// Maximum bytes of a position id.
const POSITION_ID_BYTES: usize = 128;
/// Maximum number of labels of a line.
const LABELS: usize = 16;
/// Maximum bytes of a label's key and of its value.
const LABEL_BYTES: (usize, usize) = (64, 256);

/// Whether a label may have this key.
pub fn is_label_key(key: &str) -> bool {
    (1..=LABEL_BYTES.0).contains(&key.len())
}

/// Whether a line may be called so: by an id, or by its path.
pub fn is_line_name(id: &str) -> bool {
    let is_path = || (0..limits::POSITIONS).any(|line| path(line) == id);
    (1..=POSITION_ID_BYTES).contains(&id.len()) && (!id.starts_with("portfolio.") || is_path())
}

/// Checks a portfolio and applies its defaults. Its lines are checked again when they are joined;
/// here they are checked only if the request has other violations, to report all of them together.
pub fn check(fields: &mut Fields, field: &str, portfolio: Option<&mut v1::Portfolio>) {
    let Some(portfolio) = portfolio else {
        fields.add(field, "must be given");
        return;
    };
    let is_lawful = frame(fields, field, portfolio);
    if is_lawful && fields.any() {
        fields.add_all(field, violations(raw_lines(portfolio), &terms(portfolio)));
    }
}

/// Checks everything of a portfolio but what joining checks, and applies its defaults. Returns
/// whether it is small enough to look at its lines.
pub fn frame(fields: &mut Fields, field: &str, portfolio: &mut v1::Portfolio) -> bool {
    currency::check(fields, &format!("{field}.currency"), &mut portfolio.currency, CURRENCY);
    let (positions, cash) = (portfolio.positions.len(), portfolio.cash.len());
    let is_lawful = fields.at_most(&format!("{field}.positions"), positions, limits::POSITIONS)
        & fields.at_most(&format!("{field}.cash"), cash, limits::POSITIONS);
    if !is_lawful {
        return false;
    }
    for (at, position) in portfolio.positions.iter_mut().enumerate() {
        kind::check(fields, || format!("{field}.positions[{at}]"), position);
        labels(fields, || format!("{field}.positions[{at}].labels"), &position.labels);
    }
    for (at, balance) in portfolio.cash.iter_mut().enumerate() {
        let path = format!("{field}.cash[{at}]");
        let (field, default) = (format!("{path}.currency"), &portfolio.currency);
        currency::check(fields, &field, &mut balance.currency, default);
        if !balance.amount.is_some_and(is_amount) {
            fields.add(format!("{path}.amount"), amount_bounds());
        }
        labels(fields, || format!("{path}.labels"), &balance.labels);
    }
    position_ids(fields, field, portfolio);
    true
}

fn labels(fields: &mut Fields, path: impl Fn() -> String, labels: &[v1::Label]) {
    if labels.is_empty() || !fields.at_most(&path(), labels.len(), LABELS) {
        return;
    }
    let (key_bytes, value_bytes) = LABEL_BYTES;
    for (at, label) in labels.iter().enumerate() {
        if !is_label_key(&label.key) {
            fields
                .add(format!("{}[{at}].key", path()), format!("must have 1 to {key_bytes} bytes"));
        }
        if value_bytes < label.value.len() {
            let text = format!("must have at most {value_bytes} bytes");
            fields.add(format!("{}[{at}].value", path()), text);
        }
        if labels[..at].iter().any(|other| other.key == label.key) {
            fields.add(format!("{}[{at}].key", path()), "appears twice");
        }
    }
}

/// The lines of a book that could not be resolved, in the order submitted.
pub fn all_unresolved(portfolio: &v1::Portfolio, book: &Book) -> Vec<v1::UnresolvedLine> {
    let loose = book.loose.iter();
    loose.map(|line| unresolved(portfolio, line.unresolved(book.gross))).collect()
}

/// A line that could not be resolved.
pub fn unresolved(portfolio: &v1::Portfolio, line: Unresolved) -> v1::UnresolvedLine {
    let submitted = portfolio.positions.get(line.line);
    v1::UnresolvedLine {
        position_id: name(portfolio, line.line),
        instrument: submitted.and_then(|position| position.instrument.clone()),
        reason: gap_reason(line.reason).into(),
        detail: line.detail,
        gross_share: line.gross_share,
    }
}

/// Answers name lines by their ids, so an id stands for one line.
fn position_ids(fields: &mut Fields, field: &str, portfolio: &v1::Portfolio) {
    let positions = portfolio.positions.iter().map(|position| position.position_id.as_str());
    let cash = portfolio.cash.iter().map(|balance| balance.position_id.as_str());
    let all = positions.enumerate().map(|(at, id)| (id, "positions", at));
    let all = all.chain(cash.enumerate().map(|(at, id)| (id, "cash", at)));
    let mut given: Vec<(&str, &str, usize)> = all.filter(|(id, ..)| !id.is_empty()).collect();
    for (id, list, at) in &given {
        if POSITION_ID_BYTES < id.len() {
            let text = format!("must have at most {POSITION_ID_BYTES} bytes");
            fields.add(format!("{field}.{list}[{at}].position_id"), text);
        }
        if id.starts_with("portfolio.") && *id != format!("portfolio.{list}[{at}]") {
            let text = "must not begin with `portfolio.`: so begin the paths of lines without one";
            fields.add(format!("{field}.{list}[{at}].position_id"), text);
        }
    }
    given.sort_by_key(|(id, ..)| *id);
    for pair in given.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        let (_, list, at) = pair[1];
        let text = format!("is also that of {}[{}]", pair[0].1, pair[0].2);
        fields.add(format!("{field}.{list}[{at}].position_id"), text);
    }
}

/// The positions of a portfolio as received.
pub fn raw_lines(portfolio: &v1::Portfolio) -> impl ExactSizeIterator<Item = RawLine<'_>> {
    portfolio.positions.iter().map(|position| RawLine {
        position_id: &position.position_id,
        instrument: reference(position),
        kind: kind::held(position),
        size: kind::size(position),
        valued_on: &position.valued_on,
        average_cost: position.average_cost,
        currency: &position.currency,
    })
}

fn reference(position: &v1::Position) -> InstrumentRef<&str> {
    instrument(position.instrument.as_ref())
}

/// The identifiers of a request; nothing is given if the message is absent.
pub fn instrument(named: Option<&v1::InstrumentRef>) -> InstrumentRef<&str> {
    named.map_or(InstrumentRef::NONE, |named| InstrumentRef {
        symbol: &named.symbol,
        figi: &named.figi,
        isin: &named.isin,
        cusip: &named.cusip,
        sedol: &named.sedol,
        mic: &named.mic,
    })
}

/// Reports every fault of the identifiers of a request.
pub fn check_instrument(fields: &mut Fields, path: &str, named: Option<&v1::InstrumentRef>) {
    for (field, fault) in instrument(named).faults() {
        let dot = if field.is_empty() { "" } else { "." };
        fields.add(format!("{path}{dot}{field}"), fault);
    }
}

/// The same where a symbol alone may be the id of a series, which may have other characters than a
/// ticker.
pub fn check_subject(fields: &mut Fields, path: &str, named: Option<&v1::InstrumentRef>) {
    let reference = instrument(named);
    if !reference.is_symbol_only() || Symbol::series(reference.symbol).is_err() {
        check_instrument(fields, path, named);
    }
}

/// What a portfolio says about all its lines.
pub fn terms(portfolio: &v1::Portfolio) -> Terms<'_> {
    Terms { net_asset_value: portfolio.net_asset_value, valued_on: &portfolio.valued_on }
}

/// Checks the lines of a portfolio while it joins and values them, in one pass, and nets them.
///
/// # Errors
/// [`Refusal::Invalid`] with every violation of the lines; paths begin with `portfolio`.
/// [`Refusal::Failed`] if there is no portfolio.
pub fn book(
    portfolio: Option<&v1::Portfolio>,
    netting: &Netting,
    lookup: &Lookup,
    quotes: &Quotes,
) -> Result<Book, Refusal> {
    let Some(portfolio) = portfolio else {
        return Err(Refusal::Failed("invariant: a query has a portfolio".to_owned()));
    };
    let joined = Book::join(raw_lines(portfolio), &terms(portfolio), lookup, quotes);
    let lines = &portfolio.positions;
    let label = |line: usize, key: &str| {
        lines[line].labels.iter().find(|label| label.key == key).map(|label| label.value.as_str())
    };
    Ok(joined.map_err(refusal)?.netted(&netting.sets(lines.len(), label)))
}

fn refusal(violations: Vec<Violation>) -> Refusal {
    let mut fields = Fields::new();
    fields.add_all("portfolio", violations);
    Refusal::Invalid(fields.into_violations())
}

/// The name of a line in answers: its id or its path.
pub fn name(portfolio: &v1::Portfolio, line: usize) -> String {
    line_name(portfolio.positions.get(line).map_or("", |position| &position.position_id), line)
}

/// The path of a line.
pub fn path(line: usize) -> String {
    line_name("", line)
}

/// The labels of a line, as given.
pub fn labels_of(portfolio: &v1::Portfolio, line: usize) -> Vec<v1::Label> {
    portfolio.positions.get(line).map_or_else(Vec::new, |line| line.labels.clone())
}

/// The lots of a name, with what the caller said about them.
pub fn lots(portfolio: &v1::Portfolio, book: &Book, lots: &[Lot]) -> Vec<v1::PositionLot> {
    let lot = |lot: &Lot| v1::PositionLot {
        kind: book.derivative(lot.line).map(|line| kind::of_derivative(line).into()),
        option: book.derivative(lot.line).and_then(kind::sensitivities),
        position_id: name(portfolio, lot.line),
        market_value: lot.market_value,
        quantity: lot.shares,
        // As given, not as converted.
        average_cost: portfolio.positions.get(lot.line).and_then(|line| line.average_cost),
        profit_and_loss: lot.profit_and_loss,
        labels: labels_of(portfolio, lot.line),
    };
    lots.iter().map(lot).collect()
}
