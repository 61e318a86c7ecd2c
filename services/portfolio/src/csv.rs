//! Reads portfolios as desks send them: a CSV with an instrument and a quantity or a market value
//! per line.
//!
//! Accepts the usual spellings: parentheses or a trailing minus for negatives, a side column beside
//! positive quantities, thousands commas, currency signs, Bloomberg suffixes, class separators, and
//! files without a header (symbol, quantity). An asset class says what is cash, a swap, a future or
//! an option. Lines that cannot be read are reported one by one, never dropped.

mod columns;
mod contract;
mod holding;
mod signed;

use crate::{identifier::InstrumentRef, lines::Size, option::OptionModel};
use columns::{Columns, layout};
use marketdata::day::Day;
use tables::{
    content::check_text,
    refusal::{Fault, Refusal, Rejection},
    row::FieldSplitter,
};

/// A key and a value of the caller's.
pub type Label = (String, String);

/// One position that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct PositionLine {
    /// Line number in the file, from 1.
    pub line: u64,
    /// The caller's id; empty if the file has none.
    pub position_id: String,
    /// The instrument; texts that the file lacks are empty.
    pub instrument: InstrumentRef<String>,
    /// Whether an asset class says that it is a share or a fund.
    pub is_listed: bool,
    /// What it is, if it is no share or fund.
    pub contract: Option<Contract>,
    /// Shares or market value, negative for a short. Contracts of futures and options; the notional of
    /// swaps and futures.
    pub size: Size,
    /// The day of a market value, a notional or a future's price; `None` for shares.
    pub valued_on: Option<Day>,
    /// Average cost per share, positive; absent if not given or zero, and of futures and options.
    pub average_cost: Option<f64>,
    /// Code of the currency of the line's money; empty if the file gives none.
    pub currency: String,
    /// Labels, in the order of the columns.
    pub labels: Vec<Label>,
}

/// A line that is no share or fund. Its instrument is the underlying.
#[derive(Clone, Debug, PartialEq)]
pub enum Contract {
    /// A total return swap or a contract for difference.
    Swap,
    /// Futures.
    Future {
        /// Units of the price per contract, as given.
        multiplier: Option<f64>,
        /// Price of the future.
        price: Option<f64>,
        /// The caller's name of the contract month; empty if not given.
        contract_month: String,
    },
    /// Options.
    Option {
        /// Shares per contract.
        multiplier: f64,
        /// Where the delta comes from.
        sensitivity: OptionSensitivity,
    },
}

/// Where the delta of an option comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionSensitivity {
    /// The file.
    Delta(f64),
    /// A model, to this expiry.
    Model(OptionModel, Day),
}

/// One balance of cash that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct CashLine {
    /// Line number in the file, from 1.
    pub line: u64,
    /// The caller's id; empty if the file has none.
    pub position_id: String,
    /// ISO 4217 code; empty if the file gives none.
    pub currency: String,
    /// The balance, negative if it is owed.
    pub amount: f64,
    /// Labels, in the order of the columns.
    pub labels: Vec<Label>,
}

/// The contents of a portfolio file.
#[derive(Clone, Debug, PartialEq)]
pub struct PortfolioFile {
    /// The positions, in the order of the file.
    pub lines: Vec<PositionLine>,
    /// The cash, in the order of the file.
    pub cash: Vec<CashLine>,
    /// The lines that could not be read, with reasons.
    pub rejected: Vec<Rejection>,
    /// Whether the name of the column of market values says that they are in US dollars.
    pub is_value_in_dollars: bool,
}

/// One line of either kind.
#[derive(Debug)]
enum Read {
    Position(Box<PositionLine>),
    Cash(CashLine),
}

/// Reads a portfolio.
///
/// # Errors
/// [`Refusal`] if the bytes are not a text table, or if no header names an instrument and a quantity
/// or a market value.
pub fn read(bytes: &[u8]) -> Result<PortfolioFile, Refusal> {
    check_text(bytes)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut lines = bytes
        .split(|byte| *byte == b'\n')
        .zip(1u64..)
        .map(|(line, number)| (line.trim_ascii(), number))
        .filter(|(line, _)| !line.is_empty())
        .peekable();
    let Some((head, _)) = lines.peek().copied() else { return Err(Refusal::Empty) };
    let (delimiter, columns, has_header) = layout(head)?;
    if has_header {
        lines.next();
    }
    let mut file = PortfolioFile {
        lines: Vec::new(),
        cash: Vec::new(),
        rejected: Vec::new(),
        is_value_in_dollars: columns.is_value_in_dollars,
    };
    read_lines(lines, delimiter, &columns, &mut file);
    if file.lines.is_empty() && file.cash.is_empty() && file.rejected.is_empty() {
        return Err(Refusal::NoRows);
    }
    Ok(file)
}

fn read_lines<'a>(
    lines: impl Iterator<Item = (&'a [u8], u64)>,
    delimiter: u8,
    columns: &Columns,
    file: &mut PortfolioFile,
) {
    let mut splitter = FieldSplitter::new(delimiter);
    for (line, number) in lines {
        let read = match splitter.split(line) {
            Some(row) => columns.read(number, &row),
            None => Err(Fault::open_quote(number, line)),
        };
        match read {
            Ok(Read::Position(line)) => file.lines.push(*line),
            Ok(Read::Cash(line)) => file.cash.push(line),
            Err(Fault { reason, text }) => {
                file.rejected.push(Rejection { line: number, reason, text });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::fixture::day;
    use tables::refusal::Reason;

    fn sizes(text: &str) -> Vec<(String, Size)> {
        let file = read(text.as_bytes()).unwrap();
        assert_eq!(file.rejected, []);
        file.lines.into_iter().map(|line| (line.instrument.symbol, line.size)).collect()
    }

    #[test]
    fn spellings_that_desks_use_are_read() {
        let text = "Ticker,Side,Quantity,Avg Cost\r\n\
                    AAPL US Equity,Long,\"1,500\",150.25\r\n\
                    GME,Short,200,\r\n\
                    BRK/B,,(300),\r\n\
                    KOSS,,400-,\r\n\
                    AMC,S,-500,\r\n";
        let expected = [
            ("AAPL US Equity", 1500.0),
            ("GME", -200.0),
            ("BRK/B", -300.0),
            ("KOSS", -400.0),
            ("AMC", -500.0),
        ];
        let expected = expected.map(|(symbol, shares)| (symbol.to_owned(), Size::Shares(shares)));
        assert_eq!(sizes(text), expected);
        let file = read(text.as_bytes()).unwrap();
        assert_eq!(file.lines[0].average_cost, Some(150.25));
        assert_eq!(file.lines[0].line, 2);
    }

    #[test]
    fn market_values_and_files_without_header_are_read() {
        let expected = [("SPY".to_owned(), Size::MarketValue(-1_000_000.0))];
        assert_eq!(sizes("symbol;market_value\nSPY;($1,000,000)\n"), expected);
        assert_eq!(sizes("SPY,100\nIWM,-50\n")[1], ("IWM".to_owned(), Size::Shares(-50.0)));
    }

    #[test]
    fn unreadable_lines_are_reported() {
        let text = "symbol,quantity,id_type,side\n\
                    037833100,10,CUSIP,\n\
                    1.23E+08,10,,\n\
                    ,10,,\n\
                    AAPL,,,\n\
                    MSFT,10%,,\n\
                    TSLA,-5,,Long\n\
                    Total,100,,\n\
                    NVDA,1,,\n";
        let file = read(text.as_bytes()).unwrap();
        let reasons: Vec<(u64, Reason)> =
            file.rejected.iter().map(|rejection| (rejection.line, rejection.reason)).collect();
        assert_eq!(
            reasons,
            [
                (3, Reason::BadSymbol),
                (4, Reason::BadSymbol),
                (5, Reason::MissingValue),
                (6, Reason::NotANumber),
                (7, Reason::Negative),
                (8, Reason::BadSymbol),
            ]
        );
        assert_eq!(file.lines.len(), 2, "the CUSIP and NVDA");
        let file = read(b"symbol,quantity,note\nA,1,\"two\nlines\"\nB,2,\"one\"\n").unwrap();
        let texts: Vec<&str> = file.rejected.iter().map(|bad| bad.text.as_str()).collect();
        assert!(
            texts[0].starts_with("line 2 opens a quoted field") && texts.len() == 2,
            "{texts:?}"
        );
        assert_eq!((file.rejected[0].reason, file.lines.len()), (Reason::Quotes, 1));
        assert!(matches!(read(b"a,b\n1,2\n"), Err(Refusal::NotAPortfolio { .. })));
        assert_eq!(read(b""), Err(Refusal::Empty));
    }

    #[test]
    fn an_asset_class_says_what_is_cash() {
        let text = "id,asset class,symbol,currency,quantity,market value,strategy,label:desk\n\
                    a,Cash,CASH,,,\"3,000,000\",core,7\n\
                    b,cash and equivalents,USD,,(250.5),,,\n\
                    c,Currency,-,usd,10,,,\n\
                    d,Equity,CASH,USD,100,,,\n\
                    e,,CASH,,,3e6,,\n\
                    f,,usd,,,3e6,,\n\
                    g,Warrant,AAPL,,5,,,\n\
                    h,Cash,USD,,,,,\n\
                    i,ETF,SPY,,5,,,\n";
        let file = read(text.as_bytes()).unwrap();
        let cash: Vec<_> =
            file.cash.iter().map(|c| (&*c.position_id, &*c.currency, c.amount)).collect();
        assert_eq!(cash, [("a", "", 3e6), ("b", "USD", -250.5), ("c", "USD", 10.0)]);
        let labels = [("strategy", "core"), ("desk", "7")];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!((&file.cash[0].labels[..], file.cash[1].labels.len()), (&labels[..], 0));
        let lines: Vec<_> =
            file.lines.iter().map(|l| (&*l.instrument.symbol, l.is_listed)).collect();
        assert_eq!(lines, [("CASH", true), ("SPY", true)]);
        let reasons: Vec<_> = file.rejected.iter().map(|bad| (bad.line, bad.reason)).collect();
        let expected = [
            (6, Reason::MayBeCash),
            (7, Reason::MayBeCash),
            (8, Reason::UnsupportedKind),
            (9, Reason::MissingValue),
        ];
        assert_eq!(reasons, expected);
        let text = &file.rejected[0].text;
        assert!(text.contains("asset_class") && text.contains("cash"), "{text}");
    }

    #[test]
    fn a_message_that_names_a_line_has_no_control_characters() {
        let text = "asset_class,symbol,isin,underlying,quantity\n\
                    ,AAP\t US Equity,,,\n\
                    Swap,,US\x1b[2J0378331005,,\n\
                    Future,,US\x070378331005,,1\n";
        let file = read(text.as_bytes()).unwrap();
        let reasons: Vec<_> = file.rejected.iter().map(|bad| bad.reason).collect();
        assert_eq!(reasons, [Reason::BadSymbol, Reason::MissingValue, Reason::MissingValue]);
        for bad in &file.rejected {
            assert!(!bad.text.contains(char::is_control), "{:?}", bad.text);
        }
    }

    #[test]
    fn terms_of_an_option_are_not_read_as_shares() {
        let text = "symbol,asset_class,quantity,multiplier,right,strike,expires_on\n\
                    AAPL,,5,100,P,,\n\
                    AAPL,equity,5,100,,150,\n\
                    AAPL,,5,,,,2021-03-19\n\
                    AAPL,,5,1,,0,\n\
                    AAPL,Barrier Option,5,100,P,150,2021-03-19\n\
                    AAPL,asset swap,5,,,,\n";
        let delta =
            read(b"symbol,quantity,multiplier,delta\nSPY,10,100,-0.4\nSPY,10,1,1\n").unwrap();
        assert_eq!((delta.lines.len(), delta.rejected.len()), (1, 1), "a share has a delta of one");
        let sides = read(b"symbol,quantity,side\nA,1,banana\nB,1,short\n").unwrap();
        assert_eq!((sides.lines.len(), sides.rejected.len()), (1, 1));
        let types = read(b"symbol,quantity,type\nA,1,Put\nB,1,Common Stock\n").unwrap();
        assert_eq!((types.lines.len(), types.rejected.len()), (1, 1));
        let file = read(text.as_bytes()).unwrap();
        assert_eq!(file.lines.len(), 1, "a strike of zero is none");
        let lines: Vec<_> = file.rejected.iter().map(|bad| (bad.line, bad.reason)).collect();
        assert_eq!(lines, [2, 3, 4, 6, 7].map(|line| (line, Reason::UnsupportedKind)));
        assert!(file.rejected[0].text.starts_with("AAPL has a call or a put"));
    }

    #[test]
    fn a_value_in_dollars_is_not_converted_again() {
        let dollars = |text: &str| read(text.as_bytes()).unwrap().is_value_in_dollars;
        assert!(dollars("symbol,market_value_usd\nA,1\n") && !dollars("symbol,value\nA,1\n"));
        let text = "symbol,asset_class,quantity,market_value_usd,currency,average_cost\n\
                    SAP,equity,10,1375,EUR,90\n\
                    SAP,equity,,1375,EUR,\n\
                    CASH,cash,,1250,EUR,\n\
                    CASH,cash,1000,1250,EUR,\n\
                    CASH,cash,,1250,USD,\n";
        let file = read(text.as_bytes()).unwrap();
        let money: Vec<_> = file.lines.iter().map(|line| line.currency.as_str()).collect();
        assert_eq!(money, ["EUR", ""], "the cost is in euros, the value is not");
        let cash: Vec<_> = file.cash.iter().map(|c| (c.currency.as_str(), c.amount)).collect();
        assert_eq!(cash, [("EUR", 1_000.0), ("USD", 1_250.0)]);
        assert!(file.rejected[0].text.starts_with("the cash is in EUR"), "{:?}", file.rejected);
        let local = b"symbol,asset_class,market value,local currency\nCASH,cash,1250,EUR\n";
        assert_eq!(read(local).unwrap().rejected.len(), 1);
    }

    #[test]
    fn swaps_futures_and_options_are_read() {
        let text = "asset class,symbol,underlying,quantity,market value,notional,multiplier,price,\
                    delta,put/call,strike,expiry,implied vol,rate,avg cost,value date\n\
                    Equity Swap,AAPL,,-100,1,2,,,,,,,,,150,\n\
                    TRS,AAPL,,,7,-20000,,,,,,,,,,2021-01-26\n\
                    Future,ESH1,SPY,-2,,,50,4800.25,,,,,,,9,\n\
                    Index Future,SPY,SPY,3,,,100,,,,,,,,,\n\
                    Equity Option,AAPL 210319P,AAPL,5,,,100,,(0.4),,,,,,,\n\
                    Option,x,AAPL,5,,,100,,,Call,130,2021-03-19,35%,0.01,2,\n\
                    CFD,AAPL,,,7,,,,,,,,,,,\n\
                    Option,x,AAPL,5,,,100,,,C,,2021-03-19,,0.01,,\n\
                    Option,x,AAPL,5,,,,,0.5,,,,,,,\n\
                    Option,x,AAPL,,9,9,100,,0.5,,,,,,,\n\
                    Option on Future,ESH1,SPY,5,,,50,,0.5,,,,,,,\n";
        let file = read(text.as_bytes()).unwrap();
        let lines: Vec<_> = file.lines.iter().map(|l| (&*l.instrument.symbol, l.size)).collect();
        let expected = [
            ("AAPL", Size::Shares(-100.0)),
            ("AAPL", Size::MarketValue(-20_000.0)),
            ("SPY", Size::Shares(-2.0)),
            ("SPY", Size::Shares(3.0)),
            ("AAPL", Size::Shares(5.0)),
            ("AAPL", Size::Shares(5.0)),
        ];
        assert_eq!(lines, expected);
        let costs: Vec<_> = file.lines.iter().map(|line| line.average_cost).collect();
        assert_eq!(costs, [Some(150.0), None, None, None, None, None]);
        assert_eq!(file.lines[1].valued_on, Some(day("2021-01-26")));
        let contracts: Vec<_> = file.lines.iter().map(|line| line.contract.clone()).collect();
        let future = |multiplier, price| {
            let contract_month = String::new();
            Some(Contract::Future { multiplier: Some(multiplier), price, contract_month })
        };
        let option = |sensitivity| Some(Contract::Option { multiplier: 100.0, sensitivity });
        let model = OptionModel {
            right: crate::option::Right::Call,
            strike: 130.0,
            volatility: 0.35,
            rate: 0.01,
            dividend_yield: 0.0,
        };
        let expected = [
            Some(Contract::Swap),
            Some(Contract::Swap),
            future(50.0, Some(4_800.25)),
            future(100.0, None),
            option(OptionSensitivity::Delta(-0.4)),
            option(OptionSensitivity::Model(model, day("2021-03-19"))),
        ];
        assert_eq!(contracts, expected);
        let reasons: Vec<_> = file.rejected.iter().map(|bad| (bad.line, bad.reason)).collect();
        let [missing, kind] = [Reason::MissingValue, Reason::UnsupportedKind];
        assert_eq!(reasons, [(8, missing), (9, missing), (10, missing), (11, missing), (12, kind)]);
        let texts: Vec<_> = file.rejected.iter().map(|bad| bad.text.as_str()).collect();
        assert!(texts[0].contains("notional"), "{texts:?}");
        assert!(texts[1].contains("strike, volatility"), "{texts:?}");
        assert!(texts[2].contains("multiplier"), "{texts:?}");
    }

    fn refused(text: &str) -> Vec<(u64, Reason)> {
        let file = read(text.as_bytes()).unwrap();
        file.rejected.iter().map(|bad| (bad.line, bad.reason)).collect()
    }

    /// ES is the ticker of a future and of Eversource. A future of SPY's index has ten times its price.
    #[test]
    fn a_future_names_its_underlying_and_has_a_price_of_its_own() {
        let text = "asset class,symbol,underlying,isin,quantity,notional,multiplier,price\n\
                    Future,ES,,,-2,,50,4800\n\
                    Future,ES,,,,-5e5,50,4800\n\
                    Future,ES,SPY,,-2,,50,\n\
                    Future,ES,SPY,,-2,,50,4800\n\
                    Future,ES,SPY,,,-5e5,50,\n\
                    Future,SPY US Equity,SPY,,3,,100,\n\
                    Future,,SPY,,3,,100,\n\
                    Future,,,US78462F1030,3,,100,\n";
        let missing = Reason::MissingValue;
        assert_eq!(refused(text), [(2, missing), (3, missing), (4, missing)]);
        let rejected = read(text.as_bytes()).unwrap().rejected;
        assert!(rejected[0].text.contains("underlying"), "{rejected:?}");
        assert!(rejected[2].text.contains("price"), "{rejected:?}");
    }

    #[test]
    fn contracts_that_do_not_move_with_a_share_are_refused() {
        let of = |classes: &[&str]| {
            let rows = classes.iter().map(|class| format!("{class},SPY,SPY,5,100,50,0.5\n"));
            let head = "asset class,symbol,underlying,quantity,multiplier,price,delta\n";
            refused(&(head.to_owned() + &rows.collect::<String>()))
        };
        let others = [
            "Credit Default Swap",
            "Variance Swap",
            "EquityVarianceSwap",
            "Volatility Swap",
            "Dividend Swap",
            "Interest Rate Swap",
            "Rates - Swap",
            "Inflation Swap",
            "Currency Swap",
            "FX Swap",
            "Swaption",
            "Basis Swap",
            "Dividend Future",
            "Volatility Future",
            "VIX Future",
            "Bond Futures",
            "Rate Future",
            "Commodity Future",
            "FX Option",
            "Currency Option",
        ];
        let expected: Vec<_> = (2..22).map(|line| (line, Reason::UnsupportedKind)).collect();
        assert_eq!(of(&others), expected);
        let shares =
            ["Total Return Swap", "Corporate Equity Swap", "CFD", "Index Future", "Option"];
        assert_eq!(of(&shares), []);
    }

    #[test]
    fn a_delta_has_the_sign_of_its_right() {
        let text = "asset class,symbol,quantity,multiplier,delta,right\n\
                    Option,SPY,5,100,0.4,Put\n\
                    Option,SPY,5,100,-0.4,C\n\
                    Option,SPY,5,100,-0.4,p\n\
                    Option,SPY,-5,100,0.4,call\n\
                    Option,SPY,5,100,0,Put\n\
                    Option,SPY,5,100,-0.4,\n";
        assert_eq!(refused(text), [(2, Reason::OutOfRange), (3, Reason::OutOfRange)]);
    }

    #[test]
    fn identifiers_and_valuation_days_are_read() {
        let text = "position_id,symbol,isin,cusip,mic,market_value,quantity,valued_on\n\
                    1,AAPL,us0378331005,037833100,XNAS,100,,2021-01-26\n\
                    2,,US0378331005,,,100,,01/26/2021\n\
                    3,MSFT,,,,,5,2021-01-26\n\
                    4,,,,XNAS,100,,\n\
                    5,AAPL,,,,100,,soon\n";
        let file = read(text.as_bytes()).unwrap();
        let first = &file.lines[0].instrument;
        assert_eq!(
            (&*first.isin, &*first.cusip, &*first.mic),
            ("US0378331005", "037833100", "XNAS")
        );
        assert_eq!((&*file.lines[1].instrument.symbol, &*file.lines[1].position_id), ("", "2"));
        let days: Vec<_> = file.lines.iter().map(|line| line.valued_on).collect();
        let on = Some(day("2021-01-26"));
        assert_eq!(days, [on, on, None], "shares have no valuation day");
        let reasons: Vec<_> = file.rejected.iter().map(|bad| (bad.line, bad.reason)).collect();
        assert_eq!(reasons, [(5, Reason::BadSymbol), (6, Reason::ImpossibleDate)]);
        // The type of the identifiers in one column, and no symbol column at all.
        let typed = read(b"identifier,id_type,shares\n037833100,CUSIP,10\n").unwrap();
        assert_eq!((&*typed.lines[0].instrument.cusip, typed.rejected.len()), ("037833100", 0));
        let bare = read(b"isin,shares\nUS0378331005,10\n").unwrap();
        assert_eq!(bare.lines[0].instrument.isin, "US0378331005");
    }
}
