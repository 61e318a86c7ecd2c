//! Reports of the recorded answers of `tests/golden`: well-formed whatever the answer holds, and
//! every number of a table or a chart is one of the answer.

use super::{
    calibration, document::Document, exposure, hedge, squeeze, squeeze_simulation, stress,
};
use crate::{json as messages, show::number};
use contract::v1::{
    AnswerInfo, CalibrationCheck, GetCalibrationResponse, ReliabilityBin, SqueezeCalibration,
};
use prost::Message;
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path};

/// What a file or a server may try to put into a page.
const HOSTILE: &str = "</th><script>alert('1')</script>\"&amp;\u{202e}\u{5d0}";

fn recorded(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(file);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn message<M: Message + Default>(name: &str, answer: &Value) -> M {
    messages::read(name, &answer.to_string()).unwrap()
}

fn calibrated() -> GetCalibrationResponse {
    let bin = |mean_probability: f64, event_rate: f64| ReliabilityBin {
        mean_probability,
        event_rate,
        standard_error: 0.002,
        name_day_count: 1_200,
        event_count: 31,
        lift: 1.25,
    };
    let check =
        CalibrationCheck { bins: vec![bin(0.004, 0.003), bin(0.021, 0.026)], ..<_>::default() };
    let calibration = SqueezeCalibration { check: Some(check), ..SqueezeCalibration::default() };
    GetCalibrationResponse { calibration: Some(calibration), info: Some(AnswerInfo::default()) }
}

/// A report of each kind: its name, its answer, and the page made of a changed answer.
type Made = (&'static str, Value, fn(&Value, &str) -> Document);

fn reports() -> [Made; 10] {
    [
        ("exposure", recorded("exposure_defaults.json"), |answer, book| {
            exposure::document(book, &message("AnalyzePortfolioResponse", answer), None)
        }),
        ("hedge", recorded("hedge_plans.json"), |answer, book| {
            hedge::document(book, &message("PlanHedgeResponse", answer))
        }),
        ("frontier", frontier(), |answer, book| {
            hedge::frontier(book, &message("TraceFrontierResponse", answer), "max_turnover")
        }),
        ("stress", stress_with_options(), |answer, book| {
            stress::document(book, &message("RunStressResponse", answer), &[0.1, -0.05])
        }),
        ("likely loss", recorded("likely_loss.json"), |answer, book| {
            stress::likely_loss(book, &message("FindLikelyLossResponse", answer), 2e6)
        }),
        ("short book", recorded("short_book.json"), |answer, book| {
            let answer = message("AssessShortBookResponse", answer);
            squeeze::short_book(book, &answer, 20, &Ok(calibrated()), &None)
        }),
        ("short book with its joint loss", with_joint_loss(), |answer, book| {
            let simulated = message("SimulateSqueezeResponse", &answer["simulated"]);
            let answer = message("AssessShortBookResponse", &answer["assessed"]);
            squeeze::short_book(book, &answer, 20, &Ok(calibrated()), &Some(Ok(simulated)))
        }),
        ("joint loss", recorded("squeeze_distribution.json"), |answer, book| {
            let answer = message("SimulateSqueezeResponse", answer);
            squeeze_simulation::document(book, &answer, 20, &Ok(calibrated()))
        }),
        ("ranking", recorded("squeeze_rank.json"), |answer, _| {
            let unknown = tonic::Status::unavailable(HOSTILE);
            squeeze::ranking(&message("RankSqueezeResponse", answer), &Err(unknown))
        }),
        ("calibration", json_of("GetCalibrationResponse", &calibrated()), |answer, _| {
            let answer: GetCalibrationResponse = message("GetCalibrationResponse", answer);
            calibration::document(answer.calibration.as_ref(), answer.info.as_ref())
        }),
    ]
}

/// The recorded short book beside the recorded joint loss of another one.
fn with_joint_loss() -> Value {
    let assessed = recorded("short_book.json");
    let simulated = recorded("squeeze_distribution.json");
    json!({ "info": assessed["info"], "assessed": assessed, "simulated": simulated })
}

/// The recorded stress test of a book with options, valued at two changes of their volatility.
fn stress_with_options() -> Value {
    let mut answer = recorded("stress.json");
    for result in answer["results"].as_array_mut().unwrap() {
        if let Some(outcome) = result.get_mut("outcome") {
            outcome["beyondFirstOrderPnl"] = json!(251_000.0);
            outcome["beyondFirstOrderPnlByChange"] = json!([402_000.0, -103_000.0]);
        }
    }
    answer
}

/// The recorded plans as those along a limit.
fn frontier() -> Value {
    let plans = recorded("hedge_plans.json");
    let limits = [1e7, 5e7, 1.5e8];
    let point = |(limit, plan): (f64, &Value)| json!({ "limit": limit, "plan": plan });
    let points: Vec<Value> =
        limits.into_iter().zip(plans["plans"].as_array().unwrap()).map(point).collect();
    json!({ "info": plans["info"], "currency": plans["currency"], "points": points })
}

fn json_of<M: Message>(name: &str, answer: &M) -> Value {
    serde_json::from_str(&messages::of(name, answer).unwrap()).unwrap()
}

/// An element of a page, with the text directly in it.
#[derive(Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
}

impl Element {
    fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|one| one.0 == name).map_or("", |one| one.1.as_str())
    }
}

/// Reads a page by the strict rules of XML: elements nest and are closed, values are quoted, and
/// every `&` begins one of four entities.
fn parse(page: &str) -> Vec<Element> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    let (mut open, mut done): (Vec<Element>, Vec<Element>) = (vec![], vec![]);
    while let Some(at) = rest.find('<') {
        let text = unescaped(&rest[..at]);
        match open.last_mut() {
            Some(element) => element.text.push_str(&text),
            None => assert!(text.trim().is_empty(), "{text}"),
        }
        let end = at + rest[at..].find('>').unwrap();
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let element = open.pop().unwrap();
            assert_eq!(element.name, name);
            done.push(element);
            continue;
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let element = element(tag);
        if is_empty { done.push(element) } else { open.push(element) }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{rest}");
    done
}

fn element(tag: &str) -> Element {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()), "{tag}");
    let mut attributes = vec![];
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap();
        let (value, after) = after.split_once('"').unwrap();
        attributes.push((name.trim().to_owned(), unescaped(value)));
        rest = after;
    }
    Element { name: name.to_owned(), attributes, text: String::new() }
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (entity, after) = part.split_once(';').unwrap();
        let at = ["amp", "lt", "gt", "quot"].iter().position(|known| *known == entity).unwrap();
        out.push_str(["&", "<", ">", "\""][at]);
        out.push_str(after);
    }
    out
}

/// Replaces names and words in an answer.
fn spoil(value: &mut Value) {
    const FREE: [&str; 12] = [
        "symbol",
        "symbols",
        "lineId",
        "name",
        "detail",
        "positionId",
        "source",
        "sector",
        "groupId",
        "scenarioId",
        "dataVersion",
        "measureId",
    ];
    match value {
        Value::Array(values) => values.iter_mut().for_each(spoil),
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    // Two messages have a source, and one of them is an enum.
                    Value::String(text) if text.starts_with("SCENARIO_SOURCE_") => {}
                    Value::String(text) if FREE.contains(&key.as_str()) => text.push_str(HOSTILE),
                    _ => spoil(value),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn nothing_in_an_answer_becomes_markup() {
    for (name, mut answer, make) in reports() {
        let whole = parse(&make(&answer, "book").html());
        spoil(&mut answer);
        let page = make(&answer, HOSTILE).html();
        let spoilt = parse(&page);
        // A label that is cut has the whole in a title.
        let counted = |page: &[Element]| page.iter().filter(|one| one.name != "title").count();
        assert_eq!(counted(&whole), counted(&spoilt), "{name}: elements");
        assert!(!page.contains("<script") && !page.contains('\u{202e}'), "{name}");
        let shown = HOSTILE.replace('\u{202e}', "\u{fffd}");
        let is_shown = spoilt.iter().any(|element| element.text.contains(&shown));
        assert!(is_shown || name == "calibration", "{name}");
    }
}

#[test]
fn a_page_needs_nothing_else() {
    for (name, answer, make) in reports() {
        let page = make(&answer, "book").html();
        for element in parse(&page) {
            let loads =
                ["script", "link", "img", "iframe", "object", "base", "form", "image", "use"];
            assert!(!loads.contains(&element.name.as_str()), "{name}: {}", element.name);
            let links = element.attributes.iter().find(|(name, _)| {
                ["src", "href", "style"].contains(&name.as_str()) || name.starts_with("on")
            });
            assert_eq!(links, None, "{name}");
        }
        assert!(!page.contains("url(") && !page.contains("@import"), "{name}");
    }
}

/// The numbers of an answer, and how many things its lists hold.
fn numbers(value: &Value, found: &mut Vec<f64>) {
    match value {
        Value::Number(number) => found.extend(number.as_f64()),
        Value::Array(values) => {
            found.push(values.len() as f64);
            values.iter().for_each(|value| numbers(value, found));
        }
        Value::Object(fields) => fields.values().for_each(|value| numbers(value, found)),
        _ => {}
    }
}

/// Sums that the tables of the terminal show: of a plan's trades, of its cost, of its stand-ins.
fn sums(answer: &Value, found: &mut Vec<f64>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let points = list(&answer["points"]).into_iter().map(|mut point| point["plan"].take());
    for plan in list(&answer["plans"]).into_iter().chain(points) {
        let outcome = &plan["solution"]["outcome"];
        let of = |trade: &Value| trade["marketValue"].as_f64().unwrap_or(0.0).abs();
        found.push(list(&outcome["trades"]).iter().map(of).sum());
        let cost = |part: &str| outcome["cost"][part].as_f64().unwrap_or(0.0);
        found.push(cost("spread") + cost("impact"));
    }
    for result in list(&answer["results"]) {
        let sources = list(&result["sources"]);
        let own = ["SCENARIO_SOURCE_OWN", "SCENARIO_SOURCE_MODEL"].map(Value::from);
        let others = sources.iter().filter(|row| !own.contains(&row["source"]));
        found.push(others.map(|row| row["grossShare"].as_f64().unwrap_or(0.0)).sum());
    }
}

#[test]
fn every_number_of_a_table_or_a_chart_is_one_of_the_answer() {
    for (name, answer, make) in reports() {
        let page = make(&answer, "book");
        // What is zero is not in the recorded text.
        let mut known = vec![0.0];
        // The page about shorts has the calibration besides.
        numbers(&json_of("GetCalibrationResponse", &calibrated()), &mut known);
        numbers(&answer, &mut known);
        sums(&answer, &mut known);
        let signs = known.iter().flat_map(|value| [*value, -*value]);
        let written: BTreeSet<String> = signs.clone().map(|value| value.to_string()).collect();
        let drawn: BTreeSet<String> = signs
            .flat_map(|value| {
                [number::money, number::money_signed, number::share].map(|how| how(value))
            })
            .collect();
        let (mut cells, mut bars) = (0, 0);
        for element in parse(&page.html()) {
            if element.name == "data" {
                let value = element.attribute("value");
                assert!(written.contains(value), "{name}: {value} ({})", element.text);
                cells += 1;
            } else if element.attribute("class").starts_with("number") {
                assert!(drawn.contains(&element.text), "{name}: {}", element.text);
                bars += 1;
            }
        }
        let has_bars = !["calibration", "frontier"].contains(&name);
        assert!(0 < cells && (0 < bars || !has_bars), "{name}: {cells}, {bars}");
    }
}

#[test]
fn pages_about_squeezes_have_the_ranking_the_reliability_and_the_losses() {
    let texts = |wanted: &str| -> Vec<String> {
        let (_, answer, make) = reports().into_iter().find(|(name, ..)| *name == wanted).unwrap();
        parse(&make(&answer, "book").html()).into_iter().map(|element| element.text).collect()
    };
    let has = |name: &str, text: &str| {
        let texts = texts(name);
        assert!(texts.iter().any(|known| known.contains(text)), "{name}: {text} of {texts:?}");
    };
    has("ranking", "Squeeze ranking");
    has("ranking", "SIM0078 is the most squeezable");
    for name in ["calibration", "joint loss", "short book with its joint loss"] {
        has(name, "Reliability on sessions that had no part in the fit");
    }
    for name in ["joint loss", "short book with its joint loss"] {
        has(name, "Loss over five sessions that is not exceeded with some probability");
    }
}

#[test]
fn a_page_of_scenarios_has_the_grid_of_volatilities() {
    let answer = message("RunStressResponse", &stress_with_options());
    let texts = |changes: &[f64]| -> Vec<String> {
        let page = stress::document("book", &answer, changes).html();
        parse(&page).into_iter().map(|element| element.text).collect()
    };
    let has = |texts: &[String], text: &str| texts.iter().any(|known| known.contains(text));
    let with = texts(&[0.1, -0.05]);
    for text in ["volatility up 10.0 points", "volatility down 5.0 points", "$402", "$103"] {
        assert!(has(&with, text), "{text}");
    }
    assert!(!has(&texts(&[]), "volatility up"));
}

#[test]
fn a_page_names_its_data_and_what_it_lacks() {
    for (name, answer, make) in reports() {
        let elements = parse(&make(&answer, "book").html());
        let has = |text: &str| elements.iter().any(|element| element.text == text);
        for fact in ["As of", "What is missing"] {
            assert!(has(fact), "{name}: {fact}");
        }
        let snapshot = &answer["info"]["snapshot"];
        if let Some(version) = snapshot["dataVersion"].as_str().filter(|text| !text.is_empty()) {
            assert!(has(version) && has(snapshot["revision"].as_str().unwrap()), "{name}");
        }
        for gap in answer["info"]["gaps"].as_array().into_iter().flatten() {
            assert!(has(gap["detail"].as_str().unwrap()), "{name}: {gap}");
            let share = gap["grossShare"].as_f64().map(number::share);
            assert!(share.is_none_or(|share| has(&share)), "{name}: {gap}");
        }
    }
}

/// The colours of a theme by name.
fn colours(style: &str) -> Vec<(&str, &str)> {
    let rules = style.split("--").skip(1).filter_map(|rule| rule.split_once(": "));
    rules.filter_map(|(name, rest)| Some((name, rest.get(..7)?))).collect()
}

/// Relative luminance by the Web Content Accessibility Guidelines 2.2.
fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

/// The least contrast with the paper that the guidelines allow: 4.5 of text (1.4.3), 3 of what is
/// drawn (1.4.11). Rules between lines carry no meaning.
#[test]
fn colours_can_be_read_in_both_themes() {
    let style = include_str!("page.css");
    let (light, rest) = style.split_once("@media").unwrap();
    let dark = rest.split_once("* {").unwrap().0;
    for theme in [colours(light), colours(dark)] {
        let paper = theme.iter().find(|one| one.0 == "paper").unwrap().1;
        let paper = luminance(paper);
        assert_eq!(theme.len(), 11, "{theme:?}");
        for (name, colour) in theme.into_iter().filter(|one| !["paper", "rule"].contains(&one.0)) {
            let luminance = luminance(colour);
            let contrast = (paper.max(luminance) + 0.05) / (paper.min(luminance) + 0.05);
            let least = if name.starts_with('s') { 3.0 } else { 4.5 };
            assert!(least <= contrast, "{name} {colour}: {contrast}");
        }
    }
}

/// A small answer, as the page that people see: `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn the_page_of_a_small_answer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/report");
    let answer = std::fs::read_to_string(folder.join("hedge.json")).unwrap();
    let answer = messages::read("PlanHedgeResponse", &answer).unwrap();
    let page = hedge::document("book", &answer).html();
    // The style is in a file of its own.
    let (head, body) = page.split_once("<style>").unwrap();
    let (_, body) = body.split_once("</style>").unwrap();
    let page = format!("{head}<style></style>{body}");
    let path = folder.join("hedge.html");
    #[expect(clippy::disallowed_methods, reason = "the developer says so by the environment")]
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    if update {
        #[expect(clippy::disallowed_methods, reason = "the golden is written on purpose")]
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(page, std::fs::read_to_string(path).unwrap(), "UPDATE_GOLDEN=1 writes it anew");
}
