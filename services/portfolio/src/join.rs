//! Finds the instruments of lines and brings market values to the view's session.

use crate::{
    derivative::{Derivative, Kind, Terms, ValuedOption, value_option},
    lines::{
        RawLine, Size, ValidLine, Violation, amount_bounds, check_line, is_amount, is_cost,
        violation,
    },
    lookup::Lookup,
    option::{EXPIRY_DAYS_MAX, GROWTH_MAX, OptionModel, years},
    unresolved::{Cause, LineOfOtherDays, LooseLine},
};
use marketdata::{
    currency::{Currency, NoRate, Quotation},
    day::Day,
    gap::GapReason,
    instrument::InstrumentId,
    old_rates::OldRate,
    quotes::{Quotes, past_price},
};
use std::collections::BTreeMap;

/// A line whose instrument is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResolvedLine {
    pub(crate) instrument: InstrumentId,
    pub(crate) line: usize,
    /// Size as given.
    pub(crate) given: Size,
    /// Whether the caller gave money, which no price of the instrument moves.
    pub(crate) gave_value: bool,
    /// Size to value: shares if a market value of an earlier day was given.
    pub(crate) size: Size,
    pub(crate) average_cost: Option<f64>,
    /// The old rate on which its shares rest, or its value if it has no price.
    pub(crate) old_rate: Option<OldRate>,
}

/// Joins the lines of one portfolio, one by one.
#[derive(Debug)]
pub(crate) struct Joiner<'a> {
    lookup: &'a Lookup,
    quotes: &'a Quotes,
    /// Last session with closes.
    session: Option<Day>,
    /// Day of market values that give none of their own.
    valued_on: Option<Day>,
    pub(crate) joined: Vec<ResolvedLine>,
    pub(crate) loose: Vec<LooseLine>,
    pub(crate) of_other_days: Vec<LineOfOtherDays>,
    /// The lines that are not plain stock, in the order submitted.
    pub(crate) derivatives: Vec<Derivative>,
    /// By line; empty if no line has one.
    pub(crate) position_ids: Vec<String>,
    pub(crate) violations: Vec<Violation>,
    /// Rates found so far: one may be read from a long series.
    rates: BTreeMap<(Currency, Day), Result<f64, NoRate>>,
}

impl<'a> Joiner<'a> {
    pub(crate) fn new(lookup: &'a Lookup, quotes: &'a Quotes, valued_on: &str) -> Joiner<'a> {
        let mut joiner = Joiner {
            lookup,
            quotes,
            session: quotes.session(),
            valued_on: Day::parse_iso(valued_on),
            joined: Vec::new(),
            loose: Vec::new(),
            of_other_days: Vec::new(),
            derivatives: Vec::new(),
            position_ids: Vec::new(),
            violations: Vec::new(),
            rates: BTreeMap::new(),
        };
        joiner.check_session(|| "valued_on".to_owned(), joiner.valued_on);
        joiner
    }

    pub(crate) fn add(&mut self, at: usize, line: &RawLine<'_>) {
        if !line.position_id.is_empty() {
            self.position_ids.resize(at, String::new());
            self.position_ids.push(line.position_id.to_owned());
        }
        let found = self.lookup.resolve(&line.instrument);
        let plain = found.as_ref().ok().and_then(|_| plain(line));
        let Some(given) = plain.or_else(|| check_line(at, line, &mut self.violations)) else {
            return;
        };
        let (valid, missing) =
            self.in_base(given, found.as_ref().ok().map(|found| found.instrument));
        let instrument = match found {
            Ok(found) => {
                if found.is_of_other_days {
                    let symbol = self.lookup.snapshot().symbol(found.instrument).to_owned();
                    let given = line.instrument.described();
                    self.of_other_days.push(LineOfOtherDays { line: at, given, symbol });
                }
                found.instrument
            }
            Err(cause) => return self.loosen(at, line, &valid, (None, cause)),
        };
        self.check_session(|| format!("positions[{at}].valued_on"), valid.valued_on);
        let found = match (self.other_currency(instrument, &valid).or(missing), valid.terms) {
            (Some(cause), _) => Err(cause),
            (None, None) => self.todays(instrument, &valid),
            (None, Some(terms)) => self.derived(at, instrument, (&valid, terms)),
        };
        match found {
            Ok(size) => self.joined.push(ResolvedLine {
                instrument,
                line: at,
                given: valid.size,
                gave_value: valid.gave_value(),
                size,
                average_cost: valid.average_cost,
                old_rate: self.old_rate(instrument, &valid),
            }),
            Err(cause) => self.loosen(at, line, &valid, (Some(instrument), cause)),
        }
    }

    /// A line with its money in the base currency, and why some of it cannot be brought there. A value
    /// has the rate of its day; a value without a day, a cost and a strike have that of the last close,
    /// so that a price that did not move made nothing.
    fn in_base(
        &mut self,
        line: ValidLine,
        instrument: Option<InstrumentId>,
    ) -> (ValidLine, Option<Cause>) {
        let Some(Quotation { currency, units }) = line.quotation else { return (line, None) };
        let snapshot = self.lookup.snapshot();
        let session = self.session.unwrap_or(snapshot.today());
        let close = instrument.and_then(|instrument| self.quotes.get(instrument));
        let close_on = close.map_or(session, |quote| quote.on.min(session));
        let given_on = line.valued_on.or(self.valued_on).filter(|on| *on < session);
        let mut rate = |on, is_needed: bool| match is_needed {
            true => {
                let read = || snapshot.rate(currency, on).map(|rate| rate.value);
                self.rates.entry((currency, on)).or_insert_with(read).map(|rate| rate * units)
            }
            false => Ok(1.0),
        };
        let has_value = matches!(line.size, Size::MarketValue(_));
        let has_price = line.average_cost.is_some() || matches!(line.terms, Some(Terms::Model(..)));
        let then = rate(given_on.unwrap_or(close_on), has_value);
        let (then, now) = match (then, rate(close_on, has_price)) {
            (Ok(then), Ok(now)) => (then, now),
            (Err(missing), _) | (_, Err(missing)) => {
                let (Size::Shares(amount) | Size::MarketValue(amount)) = line.size;
                let line = ValidLine { size: Size::Shares(amount), average_cost: None, ..line };
                return (line, Some(Cause::NoRate(missing)));
            }
        };
        let size = match line.size {
            Size::MarketValue(value) => Size::MarketValue(value * then),
            Size::Shares(shares) => Size::Shares(shares),
        };
        let average_cost = line.average_cost.map(|cost| cost * now);
        let terms = line.terms.map(|terms| terms.at_rate(now));
        (ValidLine { size, average_cost, terms, ..line }, None)
    }

    /// The rate behind the shares that follow from a value, if it is older than the day of the value;
    /// without a price that behind the value. A value in the currency of the price has no rate in its
    /// shares: the same one is in both.
    fn old_rate(&self, instrument: InstrumentId, line: &ValidLine) -> Option<OldRate> {
        if !matches!(line.size, Size::MarketValue(_)) {
            return None;
        }
        let (snapshot, given) = (self.lookup.snapshot(), line.quotation.map(|of| of.currency));
        let quote = self.quotes.get(instrument);
        let session = self.session.unwrap_or(snapshot.today());
        let valued_on = line.valued_on.or(self.valued_on).filter(|on| *on < session);
        let on = valued_on.unwrap_or(quote.map_or(session, |quote| quote.on.min(session)));
        let rate_on = match quote {
            None => snapshot.rate(given?, on).ok()?.on?,
            Some(_) if given == Some(snapshot.quotation(instrument, on).currency) => return None,
            Some(quote) if valued_on.is_none() => quote.rate_on?,
            Some(_) => snapshot.price_rate(instrument, on)?.ok()?.on?,
        };
        (rate_on < on).then_some(OldRate { on, rate_on })
    }

    /// The rate that brings the value of a line that is not valued by its price to the base currency, if
    /// it is older than the day of the value, or than the last close.
    fn old_rate_of_value(
        &self,
        instrument: Option<InstrumentId>,
        line: &ValidLine,
    ) -> Option<OldRate> {
        let (Size::MarketValue(_), Some(given)) = (line.exposed(), line.quotation) else {
            return None;
        };
        let snapshot = self.lookup.snapshot();
        let session = self.session.unwrap_or(snapshot.today());
        let close = instrument.and_then(|instrument| self.quotes.get(instrument));
        let close_on = close.map_or(session, |quote| quote.on.min(session));
        let given_on = line.valued_on.or(self.valued_on).filter(|on| *on < session);
        let on = given_on.unwrap_or(close_on);
        let rate_on = snapshot.rate(given.currency, on).ok()?.on?;
        (rate_on < on).then_some(OldRate { on, rate_on })
    }

    /// What the line says of its currency, if the security master says otherwise.
    fn other_currency(&self, instrument: InstrumentId, line: &ValidLine) -> Option<Cause> {
        let given = line.quotation?.currency;
        let snapshot = self.lookup.snapshot();
        let quoted = snapshot.quotation(instrument, snapshot.today()).currency;
        (given != quoted).then_some(Cause::OtherCurrency { given, quoted })
    }

    /// The size in the underlying of a line that is not plain stock, which is kept as such.
    fn derived(
        &mut self,
        at: usize,
        instrument: InstrumentId,
        (line, terms): (&ValidLine, Terms),
    ) -> Result<Size, Cause> {
        let kind = terms.kind();
        let (size, option) = match terms {
            Terms::Linear(_) | Terms::PricedFuture => (self.todays(instrument, line)?, None),
            Terms::Delta(delta) => (line.size, Some(ValuedOption { delta, model: None })),
            Terms::Model(model, expires_on) => {
                let (Size::Shares(shares) | Size::MarketValue(shares)) = line.size;
                let (shares, option) =
                    self.valued(at, instrument, ((&model, expires_on), shares))?;
                let strike_in = line.quotation.map(|quotation| quotation.currency);
                let model = option.model.map(|model| model.with_strike_in(strike_in));
                (Size::Shares(shares), Some(ValuedOption { model, ..option }))
            }
        };
        self.derivatives.push(Derivative { line: at, kind, option });
        Ok(size)
    }

    /// An option of a model at the last close, with its delta-equivalent shares. One that has expired
    /// is a line without a value and no fault: a portfolio must not become invalid as data arrive.
    fn valued(
        &mut self,
        at: usize,
        instrument: InstrumentId,
        ((model, expires_on), shares): ((&OptionModel, Day), f64),
    ) -> Result<(f64, ValuedOption), Cause> {
        let no_quote = || Cause::no_quote(self.lookup.snapshot(), instrument);
        let session = self.session.ok_or_else(no_quote)?;
        if expires_on <= session {
            return Err(Cause::Expired { on: expires_on, session });
        }
        let quote = self.quotes.get(instrument).ok_or_else(no_quote);
        self.check_term(at, model, (session, expires_on));
        let valued = value_option((model, expires_on), shares, (quote?.price, session));
        if !is_amount(valued.0) {
            let text = format!("times the delta of the option {}", amount_bounds());
            self.violations.push(violation(format!("positions[{at}].quantity"), text));
        }
        Ok(valued)
    }

    /// Over decades and at large rates an option is worth what no double holds, or many of its shares.
    fn check_term(&mut self, at: usize, model: &OptionModel, (session, expires_on): (Day, Day)) {
        let field = |name: &str| format!("positions[{at}].option.black_scholes.{name}");
        if session.plus(EXPIRY_DAYS_MAX) < expires_on {
            let text = format!(
                "must be after {session}, the last session with closes at the as-of date, by at \
                 most {EXPIRY_DAYS_MAX} days"
            );
            self.violations.push(violation(field("expires_on"), text));
            return;
        }
        let years = years(session, expires_on);
        let rates = [("rate", model.rate), ("dividend_yield", model.dividend_yield)];
        for (name, _) in rates.into_iter().filter(|(_, rate)| GROWTH_MAX < rate.abs() * years) {
            let text = format!(
                "times the {years:.2} years to the expiry must be from -{GROWTH_MAX} to {GROWTH_MAX}"
            );
            self.violations.push(violation(field(name), text));
        }
    }

    /// Turns a market value of an earlier day into shares at that day's close.
    fn todays(&self, instrument: InstrumentId, line: &ValidLine) -> Result<Size, Cause> {
        let Size::MarketValue(value) = line.size else { return Ok(line.size) };
        let valued_on = line.valued_on.or(self.valued_on);
        let Some(on) = valued_on.filter(|on| self.session.is_some_and(|session| *on < session))
        else {
            return Ok(line.size);
        };
        match past_price(self.lookup.snapshot(), instrument, on) {
            Ok(price) => Ok(Size::Shares(value / price)),
            // A name that never had a price is its value, whatever the day.
            Err(GapReason::NoPrice) if self.never_priced(instrument) => Ok(line.size),
            Err(GapReason::NoPrice) => Err(Cause::NoPriceOn(on)),
            Err(GapReason::NoRate) => {
                let missing = self.lookup.snapshot().price_rate(instrument, on);
                let missing = missing.and_then(Result::err);
                Err(missing.map_or(Cause::NoPriceOn(on), Cause::NoRate))
            }
            Err(_) => Err(Cause::UnknownUnitsOn(on)),
        }
    }

    fn never_priced(&self, instrument: InstrumentId) -> bool {
        let snapshot = self.lookup.snapshot();
        matches!(Cause::no_quote(snapshot, instrument), Cause::NoPrice)
            && self.quotes.get(instrument).is_none()
    }

    /// A value of a later day than the closes cannot stand beside them.
    fn check_session(&mut self, path: impl FnOnce() -> String, valued_on: Option<Day>) {
        if let Some(session) = self.session.filter(|s| valued_on.is_some_and(|on| *s < on)) {
            let text = format!(
                "must not be after {session}, the last session with closes at the as-of date"
            );
            self.violations.push(violation(path(), text));
        }
    }

    fn loosen(
        &mut self,
        line: usize,
        raw: &RawLine<'_>,
        valid: &ValidLine,
        (instrument, cause): (Option<InstrumentId>, Cause),
    ) {
        let symbol = match instrument {
            Some(instrument) => self.lookup.snapshot().symbol(instrument).to_owned(),
            None => raw.instrument.name().to_owned(),
        };
        let (size, old_rate) = (valid.exposed(), self.old_rate_of_value(instrument, valid));
        self.loose.push(LooseLine { line, symbol, instrument, size, old_rate, cause });
    }
}

/// The line, if nothing about it needs a closer look. A symbol that was found is valid.
fn plain(line: &RawLine<'_>) -> Option<ValidLine> {
    let size = line.size?;
    let (Size::Shares(amount) | Size::MarketValue(amount)) = size;
    let is_plain = is_amount(amount)
        && line.average_cost.is_none_or(is_cost)
        && line.valued_on.is_empty()
        && line.instrument.is_symbol_only()
        && line.currency.is_empty()
        && line.kind == Kind::Listed;
    let average_cost = line.average_cost;
    let valid = ValidLine { size, valued_on: None, average_cost, quotation: None, terms: None };
    is_plain.then_some(valid)
}
