//! A report as one HTML page: it needs no script and no other file, reads in light and dark, and
//! prints.

use crate::{
    as_of_args,
    report::{
        chart::{Bars, Plane},
        html::Html,
    },
    show::{
        evidence,
        page::{Block, Page},
        table::{Cell, Side, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{AnswerInfo, UnresolvedLine};

const STYLE: &str = include_str!("page.css");
/// What a browser may load for the page, and run in it: nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Letters of a text in a table that is not wrapped.
const SHORT: usize = 24;

/// The content of a report in reading order.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    title: String,
    facts: Vec<(&'static str, String)>,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Heading(&'static str),
    Page(Page),
    Figure(Figure),
}

/// A chart.
#[derive(Clone, Debug)]
pub(super) enum Figure {
    Bars(Bars),
    Plane(Plane),
}

impl Document {
    /// A report under its title, with what its answer is based on.
    pub(super) fn new(title: String, info: Option<&AnswerInfo>, currency: &str) -> Document {
        let mut facts = facts(info);
        if !currency.is_empty() {
            facts.push(("Money in", currency.to_owned()));
        }
        Document { title, facts, parts: Vec::new() }
    }

    /// Says what rests on too little data.
    pub(super) fn doubts(&mut self, info: Option<&AnswerInfo>) {
        let doubts = evidence::doubts(evidence::coverage_of(info), Terminal::plain());
        self.add(|page| page.say(doubts));
    }

    /// Begins a section.
    pub(super) fn heading(&mut self, text: &'static str) {
        self.parts.push(Part::Heading(text));
    }

    /// Adds text and tables.
    pub(super) fn add(&mut self, content: impl FnOnce(&mut Page)) {
        let mut page = Page::new();
        content(&mut page);
        self.parts.push(Part::Page(page));
    }

    /// Adds a chart of bars, unless there is nothing to show.
    pub(super) fn bars(&mut self, bars: Bars) {
        if !bars.is_empty() {
            self.parts.push(Part::Figure(Figure::Bars(bars)));
        }
    }

    /// Adds a chart of points, unless there is nothing to show.
    pub(super) fn plane(&mut self, plane: Plane) {
        if !plane.is_empty() {
            self.parts.push(Part::Figure(Figure::Plane(plane)));
        }
    }

    /// Ends the report with what it lacks.
    pub(super) fn lacks(&mut self, info: Option<&AnswerInfo>, unresolved: &[UnresolvedLine]) {
        self.heading("What is missing");
        let coverage = evidence::coverage_of(info);
        self.add(|page| {
            if !coverage.is_empty() {
                page.say(evidence::coverage(coverage) + "\n");
            }
            evidence::unresolved(page, unresolved);
            let gaps = evidence::gap_table(info.map_or(&[], |info| &info.gaps));
            match gaps.is_empty() {
                true => page.say("The answer as a whole has no gaps.\n"),
                false => page.table("gaps", gaps),
            }
        });
    }

    /// The page.
    pub(crate) fn html(&self) -> String {
        let mut html = Html::new();
        html.element("html", &[("lang", "en"), ("dir", "ltr")], |html| {
            html.element("head", &[], |html| {
                html.empty("meta", &[("charset", "utf-8")]);
                let policy = [("http-equiv", "Content-Security-Policy"), ("content", POLICY)];
                html.empty("meta", &policy);
                let width = [("name", "viewport"), ("content", "width=device-width")];
                html.empty("meta", &width);
                html.leaf("title", &[], &self.title);
                html.leaf("style", &[], STYLE);
            });
            html.element("body", &[], |html| html.element("main", &[], |html| self.main(html)));
        });
        format!("<!DOCTYPE html>\n{}", html.into_text())
    }

    fn main(&self, html: &mut Html) {
        html.element("header", &[], |html| {
            html.leaf("h1", &[], &self.title);
            html.element("dl", &[], |html| {
                for (name, value) in &self.facts {
                    html.leaf("dt", &[], name);
                    html.leaf("dd", &[], value);
                }
            });
        });
        // Charts that follow each other stand side by side.
        let both = |a: &Part, b: &Part| matches!((a, b), (Part::Figure(_), Part::Figure(_)));
        for parts in self.parts.chunk_by(both) {
            match &parts[0] {
                Part::Heading(text) => html.leaf("h2", &[], text),
                Part::Page(page) => blocks(html, page),
                Part::Figure(_) => html.element("div", &[("class", "figures")], |html| {
                    for part in parts {
                        part.draw(html);
                    }
                }),
            }
        }
    }
}

impl Part {
    fn draw(&self, html: &mut Html) {
        match self {
            Part::Figure(Figure::Bars(bars)) => bars.draw(html),
            Part::Figure(Figure::Plane(plane)) => plane.draw(html),
            Part::Heading(_) | Part::Page(_) => {}
        }
    }
}

/// What names the data behind an answer, in full: with it the answer can be asked for again.
fn facts(info: Option<&AnswerInfo>) -> Vec<(&'static str, String)> {
    let Some((info, snapshot)) = info.and_then(|info| Some((info, info.snapshot.as_ref()?))) else {
        return vec![("As of", "unknown".to_owned())];
    };
    let mut facts = vec![
        ("As of", snapshot.as_of.as_ref().map(as_of_args::text).unwrap_or_default()),
        ("Data version", snapshot.data_version.clone()),
        ("Last session", info.session_on.clone()),
        ("Settings", snapshot.config_hash.clone()),
        ("Revision", snapshot.revision.to_string()),
        ("Result", info.result_id.clone()),
        ("Model version", snapshot.model_version.clone()),
    ];
    if let Some(days) = snapshot.reference_max_age_days {
        facts.push(("Sizes and sectors", format!("up to {days} days later")));
    }
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

fn blocks(html: &mut Html, page: &Page) {
    let is_text = |block: &Block| matches!(block, Block::Text(_));
    // Blank lines are the distances of a terminal.
    let is_blank = |block: &&Block| matches!(block, Block::Text(text) if text.trim().is_empty());
    let shown: Vec<&Block> = page.blocks().iter().filter(|block| !is_blank(block)).collect();
    // Tables that follow each other stand side by side where there is room.
    for blocks in shown.chunk_by(|a, b| is_text(a) == is_text(b)) {
        if is_text(blocks[0]) {
            blocks.iter().for_each(|part| block(html, part));
        } else {
            html.element("div", &[("class", "tables")], |html| {
                blocks.iter().for_each(|part| block(html, part));
            });
        }
    }
}

fn block(html: &mut Html, block: &Block) {
    match block {
        Block::Text(text) => {
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                // Notes are indented on a terminal.
                let class: &[_] = if line.starts_with(' ') { &[("class", "note")] } else { &[] };
                html.leaf("p", class, line.trim());
            }
        }
        Block::Table(name, shown) => table(html, name, shown),
        Block::Turned(name, shown) => table(html, name, &shown.turned()),
    }
}

fn table(html: &mut Html, name: &str, table: &Table) {
    html.element("div", &[("class", "wide"), ("tabindex", "0")], |html| {
        html.element("table", &[], |html| {
            html.leaf("caption", &[], &caption(name));
            html.element("thead", &[], |html| {
                html.element("tr", &[], |html| {
                    for (header, side) in table.columns() {
                        let scope = ("scope", "col");
                        match side {
                            Side::Left => html.leaf("th", &[scope], header),
                            Side::Right => html.leaf("th", &[scope, ("class", "n")], header),
                        }
                    }
                });
            });
            html.element("tbody", &[], |html| {
                for row in table.rows() {
                    html.element("tr", &[], |html| {
                        for (at, cell) in row.iter().enumerate() {
                            let side =
                                table.columns().get(at).map_or(Side::Left, |column| column.1);
                            field(html, cell, at == 0 && side == Side::Left, side);
                        }
                    });
                }
            });
        });
    });
}

fn field(html: &mut Html, cell: &Cell, is_name: bool, side: Side) {
    let tone = match cell.tone() {
        Tone::Plain | Tone::Heading => "",
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Warning => "warning",
        Tone::Faint => "faint",
    };
    let class = match side {
        Side::Right => format!("n {tone}"),
        // A date or a name stays on a line.
        Side::Left if cell.text().chars().count() <= SHORT => format!("short {tone}"),
        Side::Left => tone.to_owned(),
    };
    let class = class.trim_end();
    let mut attributes = if class.is_empty() { vec![] } else { vec![("class", class)] };
    if is_name {
        attributes.push(("scope", "row"));
    }
    html.element(if is_name { "th" } else { "td" }, &attributes, |html| match cell.value() {
        // Programs read the number as it is.
        Some(value) => html.leaf("data", &[("value", value)], cell.text()),
        None => html.text(cell.text()),
    });
}

/// The name of a table with its words apart.
fn caption(name: &str) -> String {
    let words = match name.strip_prefix("label:") {
        Some(key) => format!("by {key}"),
        None if name == "pnl" => "P&L".to_owned(),
        None => name.replace('_', " "),
    };
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
