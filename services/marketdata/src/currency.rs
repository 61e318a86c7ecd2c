//! Currencies: the one in which a line is quoted, and what a unit of one is worth in another.
//!
//! A snapshot has a base currency, US dollars unless it is asked for another. Prices of every line
//! are read in it ([`crate::bars`], [`crate::quotes`]), so a return is that of the price and of the
//! rate together: (1 + local)·(1 + rate) − 1. Rows of facts stay as stored, in the currency of the
//! listing.
//!
//! The security master says in which currency a line is quoted, by day. It is no news, so it is
//! bounded by revision only. The days before its first row have the currency of that row, later ones
//! that of the last row that began. A line of which nothing is said is quoted in US dollars.
//!
//! A currency has one rate, against US dollars, and every conversion goes through it: so no
//! triangle of currencies can contradict itself. The rate is a stored series, found by its name
//! ([`Currency::series`]). If several are stored, each day has the value of the preferred one among
//! those with a value of that day, so the last rate by a day is never older than that of any series.
//! On a day without a value the last one before it holds for [`RATE_AGE_DAYS`]. After that there is
//! no rate, and so no price: nothing is filled.

use crate::{
    dataset::{Dataset, Field},
    day::Day,
    identities,
    instrument::InstrumentId,
    snapshot::{Series, Snapshot},
    symbol::Symbol,
};
use std::{collections::BTreeMap, fmt};

/// Maximum age of a rate in calendar days. The Federal Reserve publishes the rates of a week after the
/// close of the Monday that follows, so that ten days pass after a Friday, eleven if that Monday is a
/// holiday, and twelve if that Tuesday is one, too, as on Inauguration Day of 2009.
pub const RATE_AGE_DAYS: i32 = 12;

/// A currency, by its ISO 4217 code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// The unit of a line's prices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quotation {
    /// The currency.
    pub currency: Currency,
    /// Units of the currency per unit of the price: 0.01 for prices in pence.
    pub units: f64,
}

/// What a unit of a currency is worth in the base currency of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Above zero.
    pub value: f64,
    /// The day of the older of the rates in it; `None` between a currency and itself.
    pub on: Option<Day>,
}

/// A currency has no rate on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRate {
    /// The currency.
    pub currency: Currency,
    /// The day.
    pub on: Day,
    /// The day of the last rate before it, which is too old; `None` if there is none.
    pub last_on: Option<Day>,
}

/// Prices in hundredths of a currency, as exchanges and vendors write them.
const HUNDREDTHS: [(&str, Currency); 3] =
    [("GBX", Currency(*b"GBP")), ("ZAC", Currency(*b"ZAR")), ("ILA", Currency(*b"ILS"))];

/// Codes of ISO 4217 in use, and two that series of rates have beside them: HRK, which ended in 2023,
/// and CNH, the renminbi outside China.
const ISO_4217: &str = "\
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP \
    BYN BZD CAD CDF CHF CLF CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD \
    FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY \
    KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU \
    MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD \
    RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY \
    TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XAG XAU XCD XDR XOF XPD XPF XPT YER ZAR \
    ZMW ZWG";

/// Series of the Federal Reserve's H.10 release under their names at FRED. Those that begin with
/// `DEXUS` are US dollars per unit, the others units per US dollar.
const FRED: [(&str, &str); 22] = [
    ("AUD", "DEXUSAL"),
    ("BRL", "DEXBZUS"),
    ("CAD", "DEXCAUS"),
    ("CHF", "DEXSZUS"),
    ("CNY", "DEXCHUS"),
    ("DKK", "DEXDNUS"),
    ("EUR", "DEXUSEU"),
    ("GBP", "DEXUSUK"),
    ("HKD", "DEXHKUS"),
    ("INR", "DEXINUS"),
    ("JPY", "DEXJPUS"),
    ("KRW", "DEXKOUS"),
    ("LKR", "DEXSLUS"),
    ("MXN", "DEXMXUS"),
    ("MYR", "DEXMAUS"),
    ("NOK", "DEXNOUS"),
    ("NZD", "DEXUSNZ"),
    ("SEK", "DEXSDUS"),
    ("SGD", "DEXSIUS"),
    ("THB", "DEXTHUS"),
    ("TWD", "DEXTAUS"),
    ("ZAR", "DEXSFUS"),
];

impl Currency {
    /// The US dollar: the base where none is asked for.
    pub const USD: Currency = Currency(*b"USD");

    /// What a text that is no code stands for: a currency without a rate.
    const UNKNOWN: Currency = Currency(*b"???");

    /// Reads a code: three capital letters, and not one of those of prices in hundredths.
    pub fn parse(code: &str) -> Option<Currency> {
        let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
        let is_code = letters.iter().all(u8::is_ascii_uppercase);
        (is_code && Currency::of_hundredths(code).is_none()).then_some(Currency(letters))
    }

    /// The currency whose hundredths a code stands for: GBP for GBX.
    pub fn of_hundredths(code: &str) -> Option<Currency> {
        HUNDREDTHS.into_iter().find(|(of, _)| *of == code).map(|(_, currency)| currency)
    }

    /// The code.
    pub fn code(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or("???")
    }

    /// Whether a series is by its name a rate against US dollars of the caller's own: `EURUSD`, `USDEUR`.
    /// Not every three letters are a currency: `GDPUSD` is none.
    pub fn is_rate(series: &str) -> bool {
        let halves = (series.len() == 6).then(|| series.split_at_checked(3)).flatten();
        halves.is_some_and(|(a, b)| match (a, b) {
            ("USD", of) | (of, "USD") => of != "USD" && ISO_4217.split(' ').any(|code| code == of),
            _ => false,
        })
    }

    /// The series that can hold its rate, the preferred one first, and whether a value is US
    /// dollars per unit; if not, it is units per US dollar.
    pub fn series(self) -> impl Iterator<Item = (String, bool)> {
        let published = FRED.into_iter().filter(move |(code, _)| *code == self.code());
        let published = published.map(|(_, id)| (id.to_owned(), id.starts_with("DEXUS")));
        let own = [(format!("{self}USD"), true), (format!("USD{self}"), false)];
        own.into_iter().chain(published)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Quotation {
    /// US dollars.
    pub const USD: Quotation = Quotation { currency: Currency::USD, units: 1.0 };

    /// The code that a vendor's spelling means, in capital letters. Prices in hundredths are also
    /// written with a small letter, which must not become those of the whole currency.
    pub fn code_of(spelled: &str) -> String {
        match spelled.trim() {
            "GBp" => "GBX".to_owned(),
            "ZAc" => "ZAC".to_owned(),
            "ILa" | "ILs" => "ILA".to_owned(),
            other => other.to_ascii_uppercase(),
        }
    }

    /// Reads the currency of a listing: an ISO 4217 code, or one of the codes of prices in
    /// hundredths (GBX, ZAC, ILA).
    pub fn parse(code: &str) -> Option<Quotation> {
        match Currency::of_hundredths(code) {
            Some(currency) => Some(Quotation { currency, units: 0.01 }),
            None => Some(Quotation { currency: Currency::parse(code)?, units: 1.0 }),
        }
    }
}

impl Quotation {
    /// Its code, as [`Quotation::parse`] reads it.
    pub fn code(&self) -> &str {
        let hundredth = HUNDREDTHS.iter().find(|(_, of)| *of == self.currency && self.units < 1.0);
        hundredth.map_or(self.currency.code(), |(code, _)| code)
    }
}

impl NoRate {
    /// What is missing, as half a sentence.
    pub fn why(&self) -> String {
        let NoRate { currency, on, last_on } = self;
        let names: Vec<String> = currency.series().map(|(name, _)| name).collect();
        let names = names.join(" or ");
        match last_on {
            None => {
                format!("no rate of {currency} is known by {on}: load a series named {names}")
            }
            Some(last) => format!(
                "the last rate of {currency} by {on} is of {last}, more than {RATE_AGE_DAYS} days \
                 before: load the series {names} up to that day"
            ),
        }
    }
}

/// The quotations of lines and the rates of currencies, as a snapshot knows them.
#[derive(Clone, Debug)]
pub(crate) struct Currencies {
    /// By line, from their first days on; only of lines that are not always quoted in US dollars.
    quoted: BTreeMap<InstrumentId, Vec<(Day, Quotation)>>,
    /// US dollars per unit.
    rates: BTreeMap<Currency, Series>,
}

impl Currencies {
    /// Reads the security master, and the rates of its currencies and of the base.
    pub(crate) fn of(snapshot: &Snapshot) -> Currencies {
        let mut quoted = BTreeMap::new();
        for instrument in snapshot.holders(Dataset::Identifiers) {
            let found = quotations(snapshot, instrument);
            if found.iter().any(|(_, quotation)| *quotation != Quotation::USD) {
                quoted.insert(instrument, found);
            }
        }
        let mut rates = BTreeMap::new();
        let all = quoted.values().flatten().map(|(_, quotation)| quotation.currency);
        for currency in all.chain([snapshot.base()]).filter(|one| *one != Currency::USD) {
            rates.entry(currency).or_insert_with(|| usd_per_unit(snapshot, currency));
        }
        Currencies { quoted, rates }
    }

    fn quotation(&self, instrument: InstrumentId, day: Day) -> Quotation {
        self.quoted.get(&instrument).map_or(Quotation::USD, |found| on_day(found, day))
    }

    /// US dollars per unit of a currency on a day.
    fn usd(&self, snapshot: &Snapshot, currency: Currency, day: Day) -> Result<Rate, NoRate> {
        if currency == Currency::USD {
            return Ok(Rate { value: 1.0, on: None });
        }
        match self.rates.get(&currency) {
            Some(series) => rate_on(series, currency, day),
            // A currency of a request that no line is quoted in.
            None => rate_on(&usd_per_unit(snapshot, currency), currency, day),
        }
    }
}

/// The quotation of a day among those of a line.
fn on_day(quotations: &[(Day, Quotation)], day: Day) -> Quotation {
    let at = quotations.partition_point(|(from, _)| *from <= day).saturating_sub(1);
    quotations.get(at).map_or(Quotation::USD, |(_, quotation)| *quotation)
}

/// The last value of a series of rates that is not too old on a day.
fn rate_on(series: &Series, currency: Currency, day: Day) -> Result<Rate, NoRate> {
    let last = series.index_on_or_before(day).map(|at| (series.days[at], series.values[at]));
    match last {
        Some((on, value)) if day <= on.plus(RATE_AGE_DAYS) => Ok(Rate { value, on: Some(on) }),
        _ => Err(NoRate { currency, on: day, last_on: last.map(|(on, _)| on) }),
    }
}

/// The quotations of a line, by the days on which they begin.
fn quotations(snapshot: &Snapshot, instrument: InstrumentId) -> Vec<(Day, Quotation)> {
    let rows = snapshot.rows(Dataset::Identifiers, instrument);
    let column = Dataset::Identifiers.column(Field::Currency);
    let mut found: Vec<(Day, Quotation)> = Vec::new();
    for row in 0..rows.len() {
        let Some(text) = rows.value(row, column).and_then(|id| snapshot.text(id)) else { continue };
        let (from, until) = identities::stated_days(&rows, row);
        // Such a row is withdrawn.
        if until.is_some_and(|until| until <= from) {
            continue;
        }
        let unknown = Quotation { currency: Currency::UNKNOWN, units: 1.0 };
        found.push((from, Quotation::parse(text).unwrap_or(unknown)));
    }
    found.dedup_by_key(|(_, quotation)| *quotation);
    found
}

/// US dollars per unit of a currency: of each day the value of the preferred series among those that
/// have one of that day; empty without any. So a series that ended hides no newer one.
fn usd_per_unit(snapshot: &Snapshot, currency: Currency) -> Series {
    let mut all = Series::empty();
    for (name, is_usd_per_unit) in currency.series() {
        let found = Symbol::series(&name).ok();
        let found = found
            .and_then(|symbol| snapshot.resolve(crate::instrument::Namespace::Series, &symbol));
        let Some(instrument) = found else { continue };
        let stored = snapshot.series(Dataset::Series, Field::Value, instrument);
        let usd = |value: f64| if is_usd_per_unit { value } else { 1.0 / value };
        let rates = stored.values.iter().map(|value| usd(*value));
        let days = stored.days.iter().copied();
        all = with_missing_days(&all, days.zip(rates).filter(|(_, rate)| is_rate(*rate)));
    }
    all
}

fn is_rate(value: f64) -> bool {
    0.0 < value && value.is_finite()
}

/// A series, and another one's values of the days that it lacks; both by rising days.
fn with_missing_days(preferred: &Series, others: impl Iterator<Item = (Day, f64)>) -> Series {
    let mut others = others.peekable();
    let mut both = Series::with_capacity(preferred.days.len());
    let mut add = |(day, value): (Day, f64)| {
        both.days.push(day);
        both.values.push(value);
    };
    for (day, value) in preferred.days.iter().zip(&preferred.values) {
        while let Some(earlier) = others.next_if(|(other, _)| other < day) {
            add(earlier);
        }
        others.next_if(|(other, _)| other == day);
        add((*day, *value));
    }
    others.for_each(add);
    both
}

impl Snapshot {
    /// The unit of a line's prices on a day.
    pub fn quotation(&self, instrument: InstrumentId, day: Day) -> Quotation {
        match self.known_currencies() {
            Some(known) => known.quotation(instrument, day),
            // One line is no reason to read the whole security master.
            None => on_day(&quotations(self, instrument), day),
        }
    }

    /// Refuses a currency that has no rate on any day up to today: no price can be in it.
    ///
    /// # Errors
    /// It has none.
    pub fn has_rates(&self, currency: Currency) -> Result<(), NoRate> {
        match currency == Currency::USD || !usd_per_unit(self, currency).days.is_empty() {
            true => Ok(()),
            false => Err(NoRate { currency, on: self.today(), last_on: None }),
        }
    }

    /// What a unit of a currency is worth in the base currency on a day.
    ///
    /// # Errors
    /// One of the two has no rate.
    pub fn rate(&self, currency: Currency, day: Day) -> Result<Rate, NoRate> {
        let base = self.base();
        if currency == base {
            return Ok(Rate { value: 1.0, on: None });
        }
        let of = self.currencies().usd(self, currency, day)?;
        let into = self.currencies().usd(self, base, day)?;
        let on = of.on.into_iter().chain(into.on).min();
        Ok(Rate { value: of.value / into.value, on })
    }

    /// What a unit of a line's prices is worth in the base currency on a day. `None`: it is quoted
    /// in it.
    ///
    /// # Errors
    /// Its currency or the base has no rate.
    pub fn price_rate(&self, instrument: InstrumentId, day: Day) -> Option<Result<Rate, NoRate>> {
        let Quotation { currency, units } = self.quotation(instrument, day);
        let is_base = currency == self.base() && units.total_cmp(&1.0).is_eq();
        let scaled = |rate: Rate| Rate { value: rate.value * units, ..rate };
        (!is_base).then(|| self.rate(currency, day).map(scaled))
    }

    /// [`Snapshot::price_rate`] for many days; absent rates are NaN. `None`: the line is always
    /// quoted in the base currency.
    pub(crate) fn price_rates(&self, instrument: InstrumentId, days: &[Day]) -> Option<Vec<f64>> {
        if !self.is_ever_converted(instrument) {
            return None;
        }
        let rate = |day: &Day| match self.price_rate(instrument, *day) {
            None => 1.0,
            Some(rate) => rate.map_or(f64::NAN, |rate| rate.value),
        };
        Some(days.iter().map(rate).collect())
    }

    /// The rows on which the quotation of a line is another one than on the row before, and what its
    /// currency did in between, in the base currency, as a factor. Of two currencies the earlier one
    /// counts, in which the line was held, as long as it has rates. `None` if neither has both rates.
    pub(crate) fn requoted(&self, line: InstrumentId, days: &[Day]) -> Vec<(usize, Option<f64>)> {
        let changes = self.currencies().quoted.get(&line).map_or(0, Vec::len);
        let rows = if 1 < changes { 1..days.len() } else { 0..0 };
        let requoted = |row: usize| {
            let between = [days[row - 1], days[row]];
            let [old, new] = between.map(|day| self.quotation(line, day));
            let growth = |currency| {
                let [from, to] = between.map(|day| self.rate(currency, day).ok());
                Some(to?.value / from?.value).filter(|growth| growth.is_finite())
            };
            let found = || growth(old.currency).or_else(|| growth(new.currency));
            (old != new).then(|| (row, found()))
        };
        rows.filter_map(requoted).collect()
    }

    /// Whether some price of a line is quoted in another currency than the base.
    pub(crate) fn is_ever_foreign(&self, line: InstrumentId) -> bool {
        match self.currencies().quoted.get(&line) {
            None => self.base() != Currency::USD,
            Some(found) => found.iter().any(|(_, quotation)| quotation.currency != self.base()),
        }
    }

    /// Whether some price of a line is not quoted in the base currency.
    fn is_ever_converted(&self, instrument: InstrumentId) -> bool {
        match self.currencies().quoted.get(&instrument) {
            None => self.base() != Currency::USD,
            Some(found) => {
                let base = Quotation { currency: self.base(), units: 1.0 };
                found.iter().any(|(_, quotation)| *quotation != base)
            }
        }
    }

    /// The currency in which a line is always quoted. `None` if it changed.
    pub(crate) fn only_currency(&self, line: InstrumentId) -> Option<Currency> {
        match self.currencies().quoted.get(&line).map(Vec::as_slice) {
            None => Some(Currency::USD),
            Some([(_, quotation)]) => Some(quotation.currency),
            Some(_) => None,
        }
    }

    /// Whether prices of any line are converted.
    pub fn converts_any(&self) -> bool {
        self.base() != Currency::USD || !self.currencies().quoted.is_empty()
    }

    /// The first day on which what a line's prices are multiplied with may differ from that of
    /// another snapshot of the same log.
    pub(crate) fn first_other_rate(&self, other: &Snapshot, line: InstrumentId) -> Option<Day> {
        if !self.is_ever_converted(line) && !other.is_ever_converted(line) {
            return None;
        }
        let [own, others] = [self, other].map(|snapshot| snapshot.currencies());
        if self.base() != other.base() || own.quoted.get(&line) != others.quoted.get(&line) {
            return Some(Day::MIN);
        }
        let quoted = own.quoted.get(&line).into_iter().flatten();
        let currencies = quoted.map(|(_, quotation)| quotation.currency).chain([self.base()]);
        let difference = |currency: Currency| {
            let none = Series::empty();
            let [a, b] = [own, others].map(|one| one.rates.get(&currency).unwrap_or(&none));
            first_difference(a, b)
        };
        currencies.filter_map(difference).min()
    }
}

/// The first day on which two series may differ.
fn first_difference(a: &Series, b: &Series) -> Option<Day> {
    let same = |at: &usize| {
        a.days[*at] == b.days[*at] && a.values[*at].to_bits() == b.values[*at].to_bits()
    };
    let shared = a.days.len().min(b.days.len());
    let at = (0..shared).find(|at| !same(at)).unwrap_or(shared);
    let day = |series: &Series| series.days.get(at).copied();
    day(a).into_iter().chain(day(b)).min()
}
