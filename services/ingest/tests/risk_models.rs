//! Risk models of vendors: units, names, whole covariance matrices, and what was known when. Expected
//! numbers are those of the samples' rows.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

mod support;

use ingest::{
    options::{Options, RiskPeriod},
    report::PreparedFile,
};
use marketdata::{
    dataset::Dataset,
    risk_models::{FACTORS_EVER_MAX, FACTORS_MAX, MODELS_MAX},
    snapshot::Snapshot,
};
use support::{Desk, day, options, rejections};
use tables::refusal::{Reason, Refusal};

const EXPOSURES: &str = include_str!("../../../tests/data/risk_model_exposures/exposures.csv");
const COVARIANCE: &str = include_str!("../../../tests/data/risk_model_covariance/covariance.csv");
const SPECIFIC: &str = include_str!("../../../tests/data/risk_model_specific/specific.csv");
const HEADER: &str = "date,factor_a,factor_b,value";

fn acme() -> Options {
    let (symbol, risk_period) = (Some("acme".to_owned()), Some(RiskPeriod::Year));
    Options { symbol, risk_period, ..options("model.csv") }
}

fn take(desk: &mut Desk, text: &str) -> PreparedFile {
    desk.ingest(text.as_bytes(), acme()).unwrap()
}

/// The value of a day under a pair of names.
fn value(snapshot: &Snapshot, dataset: Dataset, (who, other): (&str, &str)) -> Option<f64> {
    let all = snapshot.holders(dataset).find(|id| snapshot.symbol(*id) == who)?;
    let rows = snapshot.rows(dataset, all);
    let row = (0..rows.len()).find(|row| {
        rows.day(*row) == day("2024-06-03") && snapshot.symbol(rows.other(*row)) == other
    })?;
    rows.value(row, 0)
}

#[test]
fn the_three_files_are_stored_per_year_under_the_names_of_their_model() {
    let mut desk = Desk::new();
    for (text, rows) in [(EXPOSURES, 6), (COVARIANCE, 3), (SPECIFIC, 3)] {
        let report = desk.ingest(text.as_bytes(), options("model.csv")).unwrap().report;
        assert_eq!((report.rows, report.accepted, report.rejected), (rows, rows, 0));
    }
    let snapshot = desk.snapshot("2024-06-30T00:00:00Z");
    let of = |dataset, who, other| value(&snapshot, dataset, (who, other));
    assert_eq!(of(Dataset::VendorExposures, "AAA", "ACME/SIZE"), Some(-0.5));
    assert_eq!(of(Dataset::VendorExposures, "BBB", "ACME/SIZE"), Some(0.0));
    // The row says SIZE and MARKET; the pair is stored in the order of names.
    assert_eq!(of(Dataset::VendorCovariances, "ACME/MARKET", "ACME/SIZE"), Some(-0.006));
    assert_eq!(of(Dataset::VendorSpecificRisks, "AAA", "ACME/*"), Some(0.2));
    // 0.02 per session.
    let of_year = of(Dataset::VendorSpecificRisks, "CCC", "ACME/*").unwrap();
    assert!((of_year - 0.02 * 252.0_f64.sqrt()).abs() < 1e-15, "{of_year}");
}

#[test]
fn a_day_is_known_from_the_next_session_or_from_the_instant_of_its_row() {
    let mut desk = Desk::new();
    take(&mut desk, COVARIANCE);
    take(
        &mut desk,
        "symbol,date,volatility,published_at\nDDD,2024-06-03,0.2,2024-06-03T22:00:00Z\n",
    );
    let knows = |as_of: &str, dataset| desk.snapshot(as_of).holders(dataset).next().is_some();
    assert!(!knows("2024-06-04T13:29:59Z", Dataset::VendorCovariances));
    assert!(knows("2024-06-04T13:30:00Z", Dataset::VendorCovariances));
    assert!(!knows("2024-06-03T21:59:59Z", Dataset::VendorSpecificRisks));
    assert!(knows("2024-06-03T22:00:00Z", Dataset::VendorSpecificRisks));
}

#[test]
fn what_a_file_does_not_say_is_asked_for_and_not_guessed() {
    let refused = |text: &str, options: Options| {
        Desk::new().ingest(text.as_bytes(), options).map(|_| ()).unwrap_err().code()
    };
    let pair = format!("{HEADER}\n2024-06-03,A,A,0.04\n");
    assert_eq!(refused(&pair, options("acme.csv")), "MODEL_NEEDED");
    assert_eq!(refused(&pair, Options { risk_period: None, ..acme() }), "PERIOD_NEEDED");
    let slash = Options { symbol: Some("A/B".to_owned()), ..acme() };
    assert_eq!(refused(&pair, slash), "BAD_OPTION");
    let commented = format!("# prices\n{pair}");
    assert_eq!(refused(&commented, Options { risk_period: None, ..acme() }), "PERIOD_NEEDED");
    // A comment before any other kind of file is none of its header.
    let series = "# a comment\nseries,date,value\nX,2024-06-03,1\n";
    assert_eq!(refused(series, options("x.csv")), "UNKNOWN_HEADER");
}

/// The reasons for which the rows of a covariance file are left out, beside 200 good matrices.
fn faults(rows: &str) -> Vec<Reason> {
    let good: String = (0..200).map(|at| format!("2024-06-03,F,F,0.04,G{at}\n")).collect();
    let text = format!("{HEADER},model\n{good}{rows}");
    rejections(&take(&mut Desk::new(), &text)).into_iter().map(|(_, reason)| reason).collect()
}

#[test]
fn a_covariance_matrix_is_taken_whole_or_not_at_all() {
    let matrix = |aa: &str, ab: &str, bb: &str| {
        format!("2024-06-03,A,A,{aa},M\n2024-06-03,A,B,{ab},M\n2024-06-03,B,B,{bb},M\n")
    };
    assert_eq!(faults(&matrix("0.04", "0.01", "0.04")), []);
    // Rank one, rounded: a correlation of 1.0000001.
    assert_eq!(faults(&matrix("0.01", "0.010000001", "0.01")), []);
    assert_eq!(faults(&matrix("0", "0", "0")), []);
    let three = |reason| vec![reason; 3];
    // A correlation of 1.5.
    let indefinite = faults(&matrix("0.04", "0.06", "0.04"));
    assert_eq!(indefinite, three(Reason::CovarianceNotPositive));
    assert_eq!(faults(&matrix("0", "0.01", "0")), three(Reason::CovarianceNotPositive));
    // One bad row leaves a hole, for which the others are left out.
    let with_hole =
        |reason| vec![reason, Reason::CovarianceIncomplete, Reason::CovarianceIncomplete];
    for (bad, reason) in [
        ("NaN", Reason::NotFinite),
        ("inf", Reason::Infinite),
        ("x", Reason::NotANumber),
        ("-0.04", Reason::Negative),
        ("", Reason::MissingValue),
        ("400", Reason::OutOfRange),
    ] {
        let mut found = faults(&matrix("0.04", "0.01", bad));
        found.sort_by_key(|found| *found == Reason::CovarianceIncomplete);
        assert_eq!(found, with_hole(reason), "{bad}");
    }
    let missing = "2024-06-03,A,A,0.04,M\n2024-06-03,B,B,0.04,M\n";
    assert_eq!(faults(missing), [Reason::CovarianceIncomplete; 2]);
    let both = format!("{}2024-06-03,B,A,0.01,M\n", matrix("0.04", "0.01", "0.04"));
    assert_eq!(faults(&both), []);
    let twice = format!("{}2024-06-03,B,A,0.02,M\n", matrix("0.04", "0.01", "0.04"));
    assert_eq!(faults(&twice), [Reason::ConflictingDuplicate; 4]);
    assert_eq!(faults("2024-06-03,*,*,0.04,M\n"), [Reason::BadSymbol]);
}

#[test]
fn names_and_exposures_that_cannot_be_are_refused_by_line() {
    let mut desk = Desk::new();
    let good: String = (0..200).map(|at| format!("A{at},2024-06-03,0.3\n")).collect();
    let bad = [
        ("AAA,2024-06-03,-0.1", Reason::Negative),
        ("AAA,2024-06-03,NaN", Reason::NotFinite),
        ("AAA,2024-06-03,", Reason::MissingValue),
        ("AAA,2024-06-03,25.3", Reason::OutOfRange),
        ("AAA,2099-06-03,0.3", Reason::FutureDate),
        ("BBB,2024-06-03,0.3", Reason::ConflictingDuplicate),
        ("BBB,2024-06-03,0.4", Reason::ConflictingDuplicate),
    ];
    let rows: Vec<&str> = bad.iter().map(|(row, _)| *row).collect();
    let prepared = take(&mut desk, &format!("symbol,date,volatility\n{good}{}\n", rows.join("\n")));
    let mut found = rejections(&prepared);
    found.sort_unstable();
    let expected: Vec<(u64, Reason)> =
        (202..).zip(bad).map(|(line, (_, reason))| (line, reason)).collect();
    assert_eq!(found, expected);
    let per_cent = "symbol,date,volatility\nAAA,2024-06-03,25.3\nBBB,2024-06-03,40\n";
    let refused = desk.ingest(per_cent.as_bytes(), acme());
    assert!(matches!(refused, Err(Refusal::TooManyBadRows { rejected: 2, rows: 2, .. })));
    let exposures = "symbol,date,factor,value\nAAA,2024-06-03,M,inf\n";
    assert!(desk.ingest(exposures.as_bytes(), acme()).is_err());
}

#[test]
fn a_file_sent_again_adds_nothing_and_a_correction_is_a_later_fact() {
    let mut desk = Desk::new();
    take(&mut desk, COVARIANCE);
    let revision = desk.revision();
    take(&mut desk, COVARIANCE);
    assert_eq!(desk.revision(), revision);
    take(&mut desk, &COVARIANCE.replace("0.04", "0.05"));
    let market = ("ACME/MARKET", "ACME/MARKET");
    let known = |as_of: &str| value(&desk.snapshot(as_of), Dataset::VendorCovariances, market);
    assert_eq!(known("2024-06-30T00:00:00Z"), Some(0.04));
    assert_eq!(known("2024-07-13T00:00:00Z"), Some(0.05));
}

/// The lines at which rows of exposures are left out, beside those of 200 good names.
fn left_out(rows: &str) -> Vec<(u64, Reason)> {
    let good: String = (0..200).map(|at| format!("G{at},2024-06-03,F,1,M\n")).collect();
    let text = format!("symbol,date,factor,value,model\n{good}{rows}");
    let mut found = rejections(&take(&mut Desk::new(), &text));
    found.sort_unstable();
    found
}

#[test]
fn exposures_of_a_name_are_taken_whole_or_not_at_all() {
    let three =
        |value: &str| format!("A,2024-06-03,F,1,M\nA,2024-06-03,G,{value},m\nA,2024-06-03,H,1,M\n");
    // Another model, another day and another name are their own.
    let others = "A,2024-06-03,G,1,N\nA,2024-06-04,G,1,M\nB,2024-06-03,G,1,M\n";
    assert_eq!(left_out(&format!("{}{others}", three("0"))), []);
    let rest = Reason::ExposuresIncomplete;
    for (bad, reason) in
        [("NaN", Reason::NotFinite), ("x", Reason::NotANumber), ("", Reason::MissingValue)]
    {
        let found = left_out(&format!("{}{others}", three(bad)));
        assert_eq!(found, [(202, rest), (203, reason), (204, rest)], "{bad}");
    }
    let specific = "A,2024-06-03,F,1,M\nA,2024-06-03,*,1,M\n";
    assert_eq!(left_out(specific), [(202, rest), (203, Reason::BadSymbol)]);
    let twice = format!("{}A,2024-06-03,H,2,M\n", three("1"));
    let conflict = Reason::ConflictingDuplicate;
    assert_eq!(left_out(&twice), [(202, rest), (203, rest), (204, conflict), (205, conflict)]);
    let same = format!("{}A,2024-06-03,H,1,M\n", three("1"));
    assert_eq!(left_out(&same), []);
}

#[test]
fn a_model_with_a_slash_is_refused_whatever_was_read_before() {
    // `A` and `B/C` are spelled as `A/B` and `C` are.
    let rows = "X,2024-06-03,B/C,1,A\nY,2024-06-03,C,1,A/B\n";
    assert_eq!(left_out(rows), [(203, Reason::BadSymbol)]);
}

#[test]
fn versions_of_a_matrix_in_one_file_are_of_the_same_factors() {
    let faults = |rows: &str| -> Vec<Reason> {
        let good: String = (0..200)
            .map(|at| format!("2024-06-03,F,F,0.04,G{at},2024-06-04T10:00:00Z\n"))
            .collect();
        let text = format!("{HEADER},model,published_at\n{good}{rows}");
        let prepared = take(&mut Desk::new(), &text);
        rejections(&prepared).into_iter().map(|(_, reason)| reason).collect()
    };
    let variance = |factor: &str, value: &str, at: usize| {
        format!("2024-06-03,{factor},{factor},{value},M,2024-06-04T10:00:0{at}Z\n")
    };
    // A correction of the whole.
    assert_eq!(faults(&[variance("A", "0.04", 1), variance("A", "0.05", 2)].concat()), []);
    // Blocks of one factor each, which would add up to a matrix with holes.
    let parts = [variance("A", "0.04", 1), variance("B", "0.05", 2)].concat();
    assert_eq!(faults(&parts), [Reason::CovarianceIncomplete; 2]);
}

#[test]
fn a_part_of_a_matrix_does_not_replace_a_part_of_a_stored_one() {
    let mut desk = Desk::new();
    take(&mut desk, COVARIANCE);
    let good: String = (0..200).map(|at| format!("2024-06-03,F,F,0.04,G{at}\n")).collect();
    let revision = desk.revision();
    let mut faults = |model: &str, day: &str, factor: &str| -> Vec<Reason> {
        let row = format!("{day},{factor},{factor},0.05,{model}\n");
        let prepared = take(&mut desk, &format!("{HEADER},model\n{good}{row}"));
        rejections(&prepared).into_iter().map(|(_, reason)| reason).collect()
    };
    // Fewer factors than are stored, and another one beside them.
    assert_eq!(faults("ACME", "2024-06-03", "MARKET"), [Reason::CovarianceIncomplete]);
    assert_eq!(faults("ACME", "2024-06-03", "VALUE"), [Reason::CovarianceIncomplete]);
    // Another day and another model are their own.
    assert_eq!(faults("ACME", "2024-06-04", "MARKET"), []);
    assert_eq!(faults("OTHER", "2024-06-03", "MARKET"), []);
    assert!(revision < desk.revision());
}

/// Exposures of one name to as many factors of a model on a day.
fn broad(model: &str, day: &str, factors: std::ops::Range<usize>) -> String {
    factors.map(|at| format!("AAA,{day},F{at},1,{model}\n")).collect()
}

/// What became of a file of exposures without any good row beside its own, sent with force.
fn forced(desk: &mut Desk, rows: &str) -> Vec<(u64, Reason)> {
    let text = format!("symbol,date,factor,value,model\n{rows}");
    let options = Options { force: true, ..acme() };
    let mut found = rejections(&desk.ingest(text.as_bytes(), options).unwrap());
    found.sort_unstable();
    found
}

#[test]
fn factors_of_a_model_are_bounded_by_day_and_over_all_days() {
    let mut desk = Desk::new();
    assert_eq!(forced(&mut desk, &broad("M", "2024-06-03", 0..FACTORS_MAX)), []);
    let wide = broad("N", "2024-06-03", 0..FACTORS_MAX + 1);
    let others = "BBB,2024-06-03,F,1,O\nBBB,2024-06-04,F1,1,N\n";
    let found = forced(&mut desk, &format!("{wide}{others}"));
    // All rows of the model and day, and no other.
    let expected: Vec<(u64, Reason)> =
        (2..).take(FACTORS_MAX + 1).map(|line| (line, Reason::TooManyFactors)).collect();
    assert_eq!(found, expected);
    // Four days of other factors each are as many as a model may ever have.
    for (at, day) in ["2024-06-04", "2024-06-05", "2024-06-06"].into_iter().enumerate() {
        let factors = FACTORS_MAX * (at + 1)..FACTORS_MAX * (at + 2);
        assert_eq!(forced(&mut desk, &broad("M", day, factors)), []);
    }
    assert_eq!(4 * FACTORS_MAX, FACTORS_EVER_MAX);
    let row = |factor: usize, model: &str| format!("AAA,2024-06-07,F{factor},1,{model}\n");
    let more = format!("{}{}", row(0, "O"), row(FACTORS_EVER_MAX, "M"));
    assert_eq!(forced(&mut desk, &more), [(3, Reason::TooManyFactors)]);
    // Known factors stay welcome, and a series with a slash is no factor.
    assert_eq!(forced(&mut desk, &row(0, "M")), []);
    let series = "series,date,value\nM/RATE,2024-06-03,1\n";
    desk.ingest(series.as_bytes(), options("series.csv")).unwrap();
    assert_eq!(forced(&mut desk, &row(1, "M")), []);
    // A matrix has the bound of a day.
    let diagonal: String =
        (0..=FACTORS_MAX).map(|at| format!("2024-06-03,D{at},D{at},0.04\n")).collect();
    let refused = desk.ingest(format!("{HEADER}\n{diagonal}").as_bytes(), acme()).unwrap_err();
    assert!(matches!(refused, Refusal::TooManyBadRows { .. }), "{refused:?}");
}

#[test]
fn models_of_a_store_are_bounded() {
    let mut desk = Desk::new();
    let row = |at: usize| format!("AAA,2024-06-03,F,1,M{at}\n");
    let all: String = (0..MODELS_MAX - 1).map(row).collect();
    assert_eq!(forced(&mut desk, &all), []);
    // The facilities of short sales have a slash in their name and are no models.
    let sales = "Date|Symbol|ShortVolume|TotalVolume|Market\n20240603|AAA|1|2|B,Q\n\
                 20240603|BBB|1|2|N\n2\n";
    desk.ingest(sales.as_bytes(), options("CNMSshvol20240603.txt")).unwrap();
    // Nor are a manager and a list of members.
    let held =
        "manager,symbol,shares,value,period,filed_at\nM/A CAPITAL,AAA,1,1,2024-03-31,2024-05-10\n";
    desk.ingest(held.as_bytes(), options("13f.csv")).unwrap();
    let members = Options { index: Some("S&P/TSX".to_owned()), ..options("members.csv") };
    desk.ingest(b"ticker,start_date,end_date\nAAA,2000-01-03,\n", members).unwrap();
    // The last one that fits, known ones, and those that do not, whatever the file.
    let more: String = [MODELS_MAX, 0, MODELS_MAX + 1, MODELS_MAX].map(row).concat();
    assert_eq!(forced(&mut desk, &more), [(4, Reason::TooManyModels)]);
    assert_eq!(forced(&mut desk, &row(MODELS_MAX + 2)), [(2, Reason::TooManyModels)]);
    let specific = "symbol,date,volatility\nAAA,2024-06-03,0.3\n";
    let refused = desk.ingest(specific.as_bytes(), acme()).unwrap_err();
    let Refusal::TooManyBadRows { first, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(first.reason, Reason::TooManyModels);
    assert!(first.text.contains("ACME: a store has at most 256 risk models"), "{}", first.text);
}

#[test]
fn a_row_that_is_refused_late_leaves_nothing_of_its_name_or_matrix() {
    let stated = |rows: &str| -> Vec<(u64, Reason)> {
        let good: String =
            (0..200).map(|at| format!("G{at},2024-06-03,F,1,M,2024-06-04T10:00:00Z\n")).collect();
        let text = format!("symbol,date,factor,value,model,published_at\n{good}{rows}");
        let mut found = rejections(&take(&mut Desk::new(), &text));
        found.sort_unstable();
        found
    };
    // Published before its day, which is known only once rows are joined to a market.
    let early = "A,2024-06-03,F,1,M,2024-06-04T10:00:00Z\nA,2024-06-03,G,1,M,2024-06-01T10:00:00Z\n\
                 A,2024-06-03,F,1,N,2024-06-04T10:00:00Z\nB,2024-06-03,F,1,M,2024-06-04T10:00:00Z\n";
    let expected = [(202, Reason::ExposuresIncomplete), (203, Reason::PublishedBeforeItsDay)];
    assert_eq!(stated(early), expected);
    let good: String =
        (0..200).map(|at| format!("2024-06-03,F,F,0.04,G{at},2024-06-04T10:00:00Z\n")).collect();
    let pair = |pair: &str, value: &str, published: &str| {
        format!("2024-06-03,{pair},{value},M,{published}T10:00:00Z\n")
    };
    let whole = [pair("A,A", "0.04", "2024-06-04"), pair("A,A", "0.05", "2024-06-01")].concat();
    let text = format!("{HEADER},model,published_at\n{good}{whole}");
    let mut found = rejections(&take(&mut Desk::new(), &text));
    found.sort_unstable();
    let expected = [(202, Reason::CovarianceIncomplete), (203, Reason::PublishedBeforeItsDay)];
    assert_eq!(found, expected);
}

#[test]
fn an_asterisk_is_in_no_name_of_a_factor() {
    for factor in ["*", " * ", "A/*", "A*"] {
        let row = format!("X,2024-06-03,{factor},1,M\n");
        assert_eq!(left_out(&row), [(202, Reason::BadSymbol)], "{factor}");
    }
}
