//! Reads what is known of each line.

use super::DeskLine;
use crate::{
    option::{HeldOption, LineOption, QuotedOption},
    terms::{DAYS_PER_SESSION, DeskTerms, Instrument, LineTerms, TermsFault},
};
use factors::{
    average_volume::{self, Average},
    funds::Funds,
    squeeze_threshold,
};
use marketdata::{
    currency::NoRate,
    day::Day,
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
};
use portfolio::{
    book::{Book, Holding, Lot},
    unresolved::Cause,
};
use risk::{
    factor_view::FactorView,
    specific_sources::{Mover, Source},
};

#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) lines: Vec<DeskLine>,
    pub(super) movers: Vec<Mover>,
    pub(super) held_options: Vec<HeldOption>,
    pub(super) gaps: Vec<Gap>,
}

/// Lines, and every fund of the view.
pub(super) fn gather(
    view: &FactorView<'_>,
    book: &Book,
    terms: &DeskTerms,
    faults: &mut Vec<TermsFault>,
) -> (Gathered, Funds) {
    let funds = Funds::of(&view.risk.snapshot, view.risk.quotes());
    let (lines, movers, gaps) = (Vec::new(), Vec::new(), Vec::new());
    let held_options = Vec::new();
    let mut gathered = Gathered { lines, movers, held_options, gaps };
    let reader = Reader { view, terms, funds: &funds };
    for holding in &book.holdings {
        reader.add_position(holding, book, &mut gathered);
    }
    let mut order: Vec<usize> = (0..terms.instruments.len()).collect();
    order.sort_by(|a, b| terms.instruments[*a].id.cmp(&terms.instruments[*b].id));
    for at in order {
        reader.add_instrument(at, &mut gathered, faults);
    }
    (gathered, funds)
}

struct Reader<'a> {
    view: &'a FactorView<'a>,
    terms: &'a DeskTerms,
    funds: &'a Funds,
}

impl Reader<'_> {
    fn add_position(&self, holding: &Holding, book: &Book, to: &mut Gathered) {
        let id = holding.instrument;
        let symbol = self.view.risk.snapshot.symbol(id).to_owned();
        let single = self.terms.single.iter().find(|(instrument, _)| *instrument == id);
        let terms = single.map_or(self.terms.positions, |(_, terms)| *terms);
        let mut line = self.line(id, symbol.clone(), terms);
        line.is_position = true;
        let at_mark = self.mark(id).map(|price| book.value_at(holding, price));
        let (held, kept_gross) = at_mark.unwrap_or((holding.market_value, 0.0));
        line.held = held;
        let share = |gross: f64| if 0.0 < book.gross { gross / book.gross } else { 0.0 };
        if 0.0 < kept_gross {
            let detail = "given as a market value, which the mark does not move";
            let gap = Gap::new(GapReason::InputMissing, Subject::symbol(&symbol), detail);
            // Lots are not netted, so that they may exceed the gross.
            to.gaps.push(gap.of_gross(share(kept_gross).min(1.0)));
        }
        let mut gap = |reason: GapReason, detail: &str| {
            let gap = Gap::new(reason, Subject::symbol(&symbol), detail);
            to.gaps.push(gap.of_gross(share(holding.gross())));
        };
        if let Err(reason) = self.volume(id) {
            gap(reason, "its volume is unknown: it is not traded");
        }
        let mover = Mover::of(self.view, self.funds, id);
        if mover.name.is_none() {
            gap(
                GapReason::ShortHistory,
                "it has no exposures: the model counts it as unmoved, and it is not traded",
            );
        }
        if line.held < 0.0
            && let Err(reason) = threshold_of(self.view, id)
        {
            gap(reason, "no volatility, so no squeeze threshold: it is not in the squeeze budget");
        }
        line.rung = mover.name.as_ref().map(|name| name.rung);
        to.held_options.extend(self.held_options(holding, book, to.lines.len()));
        to.lines.push(line);
        to.movers.push(mover);
    }

    /// The options of a holding, which is a line.
    fn held_options(&self, holding: &Holding, book: &Book, line: usize) -> Vec<HeldOption> {
        let of = |lot: &Lot| {
            let model = book.derivative(lot.line)?.option?.model?;
            Some(HeldOption { line, at: model.at(self.price(holding.instrument)?) })
        };
        book.lots(holding).iter().filter_map(of).collect()
    }

    fn add_instrument(&self, at: usize, to: &mut Gathered, faults: &mut Vec<TermsFault>) {
        let instrument = &self.terms.instruments[at];
        let is_shares = instrument.contract_units.is_none();
        let same = |line: &DeskLine| {
            is_shares && line.is_borrowed_to_short && line.instrument == instrument.moves_as
        };
        if let Some(line) = to.lines.iter_mut().find(|line| same(line)) {
            if line.is_instrument {
                faults.push(TermsFault::Repeated(at));
            }
            line.is_instrument = true;
            line.terms = instrument.terms;
            line.volume = instrument.volume.or(line.volume);
            return;
        }
        if to.lines.iter().any(|line| line.id == instrument.id) {
            faults.push(TermsFault::Repeated(at));
        }
        let mut line = self.instrument_line(instrument);
        let valued = instrument.option.map_or(Ok(()), |quoted| self.value(at, quoted, &mut line));
        faults.extend(valued.err());
        let mover = Mover::of(self.view, self.funds, instrument.moves_as);
        let no_price = line.unit_value.is_none().then(|| self.no_price(at, instrument.moves_as));
        // Without a rate the money that trades is unknown as the price is, which is said once.
        let lacks_rate =
            matches!(no_price, Some(TermsFault::NoPrice { cause: Cause::NoRate(_), .. }));
        faults.extend(no_price);
        let known = [
            ("volume", line.volume.is_some() || lacks_rate),
            ("exposures", self.view.describes(instrument.moves_as)),
        ];
        let lacks = known.iter().filter(|(_, known)| !known);
        faults.extend(lacks.map(|(what, _)| TermsFault::Lacks { at, what }));
        to.lines.push(DeskLine { rung: mover.name.as_ref().map(|name| name.rung), ..line });
        to.movers.push(mover);
    }

    fn no_price(&self, at: usize, instrument: InstrumentId) -> TermsFault {
        let cause = Cause::no_quote(&self.view.risk.snapshot, instrument);
        TermsFault::NoPrice { at, instrument, cause }
    }

    fn instrument_line(&self, instrument: &Instrument) -> DeskLine {
        let mut line = self.line(instrument.moves_as, instrument.id.clone(), instrument.terms);
        line.is_instrument = true;
        if let Some(units) = instrument.contract_units {
            line.unit_value = line.unit_value.map(|price| units * price);
            line.is_borrowed_to_short = false;
            line.volume = None;
        }
        line.volume = instrument.volume.or(line.volume);
        line
    }

    /// What a unit of the quotation of an instrument is worth on a session: with its last close, or
    /// with a mark alone, whose price is in the base currency already.
    fn rate(&self, instrument: InstrumentId, session: Day) -> Result<f64, NoRate> {
        let snapshot = &self.view.risk.snapshot;
        match self.view.risk.quotes().get(instrument) {
            Some(quote) => Ok(quote.rate),
            None => match snapshot.price_rate(instrument, session) {
                None => Ok(1.0),
                Some(rate) => rate.map(|rate| rate.value),
            },
        }
    }

    /// Makes a line of contracts one of options on them; without a price it stays as it is.
    fn value(
        &self,
        at: usize,
        quoted: QuotedOption,
        line: &mut DeskLine,
    ) -> Result<(), TermsFault> {
        let price = self.price(line.instrument);
        let Some((price, session)) = price.zip(self.view.risk.quotes().session()) else {
            return Ok(());
        };
        // It is quoted as its underlying is.
        let rate = self.rate(line.instrument, session).map_err(|missing| {
            let cause = Cause::NoRate(missing);
            TermsFault::NoPrice { at, instrument: line.instrument, cause }
        })?;
        let quoted = quoted.at_rate(rate);
        let option = LineOption::of(quoted, (price, session));
        let mut option = option.map_err(|fault| TermsFault::Option { at, fault })?;
        let snapshot = &self.view.risk.snapshot;
        let currency = snapshot.quotation(line.instrument, snapshot.today()).currency;
        option.quoted_in = (currency != snapshot.base()).then_some(currency);
        let exposure = option.exposure().abs();
        line.unit_value = line.unit_value.map(|value| value / price * exposure);
        line.volume = line.volume.map(|premiums| premiums / quoted.premium * exposure);
        line.terms = option.terms(&line.terms, DAYS_PER_SESSION * self.terms.held_sessions);
        line.option = Some(option);
        Ok(())
    }

    fn line(&self, instrument: InstrumentId, id: String, terms: LineTerms) -> DeskLine {
        let name = self.view.risk.name(instrument);
        DeskLine {
            id,
            instrument,
            held: 0.0,
            unit_value: self.price(instrument),
            is_position: false,
            is_instrument: false,
            is_borrowed_to_short: true,
            option: None,
            terms,
            volume: self.volume(instrument).ok(),
            volatility: 0.0,
            market_beta: name.market,
            trade_beta: if self.view.trade.is_some() { name.crowd } else { 0.0 },
            rung: None,
        }
    }

    /// The mark, or else the last close.
    fn price(&self, instrument: InstrumentId) -> Option<f64> {
        let quote = || self.view.risk.quotes().get(instrument).map(|quote| quote.price);
        self.mark(instrument).or_else(quote)
    }

    fn mark(&self, instrument: InstrumentId) -> Option<f64> {
        let mark = self.terms.marks.iter().find(|mark| mark.instrument == instrument);
        mark.map(|mark| mark.price)
    }

    /// Average money traded a day.
    fn volume(&self, instrument: InstrumentId) -> Average {
        let risk = self.view.risk;
        let usd = average_volume::usd_on(&risk.snapshot, instrument, risk.sessions.with_start())?;
        if 0.0 < usd { Ok(usd) } else { Err(GapReason::NoVolume) }
    }
}

/// θ of a source, zero if it has none. The rest of a fund is the share of it that is not seen
/// through, and moves as the fund does.
pub(super) fn threshold(view: &FactorView<'_>, funds: &Funds, source: Source) -> f64 {
    match source {
        Source::Name(instrument) => {
            let is_fund = view.risk.anchored(instrument).is_fund;
            let opened = funds.get(instrument).filter(|fund| is_fund && !fund.members.is_empty());
            let rest = opened.map_or(1.0, |fund| fund.facts.rest.max(0.0));
            rest * threshold_of(view, instrument).unwrap_or(0.0)
        }
        Source::Company(instrument) => threshold_of(view, instrument).unwrap_or(0.0),
        Source::Class(_) => 0.0,
    }
}

/// θ of an instrument, as the squeeze of a book has it.
pub(super) fn threshold_of(
    view: &FactorView<'_>,
    instrument: InstrumentId,
) -> Result<f64, GapReason> {
    let sessions = view.risk.sessions.with_start();
    squeeze_threshold::threshold_of(&view.risk.snapshot, instrument, sessions)
}
