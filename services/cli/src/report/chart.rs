//! Charts as SVG: bars with intervals, and points or lines in a plane. Numbers become lengths here
//! and nothing else: every text is formatted by the caller's function from the number itself.

use crate::report::html::Html;

/// Writes a number of an axis or beside a bar.
pub(super) type Write = fn(f64) -> String;

/// Width of every chart, in units of its own; the page scales it.
const WIDTH: f64 = 560.0;
/// Letters of a label that fit beside a chart.
const LABEL_LETTERS: usize = 24;
/// Ticks of an axis, about.
const TICKS: f64 = 5.0;

/// The meaning of the colour of a bar.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shade {
    /// A gain is blue, a loss orange.
    BySign,
    /// The colour of a series.
    Series(usize),
}

/// A chart of horizontal bars.
#[derive(Clone, Debug)]
pub(super) struct Bars {
    title: String,
    axis: &'static str,
    write: Write,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
enum Row {
    Group(String),
    Bar { label: String, shade: Shade, value: f64, interval: Option<(f64, f64)> },
}

/// Height of a row.
const ROW: f64 = 19.0;
/// Columns of the labels and of the numbers beside a chart of bars.
const LABELS: f64 = 180.0;
const NUMBERS: f64 = 84.0;

impl Bars {
    /// A chart without bars. `axis` says what is shown, with its unit.
    pub(super) fn new(title: impl Into<String>, axis: &'static str, write: Write) -> Bars {
        Bars { title: title.into(), axis, write, rows: Vec::new() }
    }

    /// Adds a heading of the bars that follow.
    pub(super) fn group(&mut self, label: impl Into<String>) {
        self.rows.push(Row::Group(label.into()));
    }

    /// Adds a bar, with the interval around its value if one is known.
    pub(super) fn bar(
        &mut self,
        label: impl Into<String>,
        shade: Shade,
        value: f64,
        interval: Option<(f64, f64)>,
    ) {
        self.rows.push(Row::Bar { label: label.into(), shade, value, interval });
    }

    /// Whether there is nothing to show.
    pub(super) fn is_empty(&self) -> bool {
        !self.rows.iter().any(|row| matches!(row, Row::Bar { .. }))
    }

    /// Adds the chart to a page.
    pub(super) fn draw(&self, html: &mut Html) {
        let range = Range::of(self.rows.iter().flat_map(|row| match row {
            Row::Group(_) => vec![],
            Row::Bar { value, interval, .. } => {
                let (low, high) = interval.unwrap_or((*value, *value));
                vec![*value, low, high]
            }
        }));
        let scale = Scale { range, from: LABELS, to: WIDTH - NUMBERS };
        let bottom = ROW * self.rows.len() as f64 + 4.0;
        figure(html, &self.title, bottom + 38.0, |html| {
            for tick in range.ticks() {
                let x = scale.at(tick);
                let class = if tick.abs() > 0.0 { "grid" } else { "zero" };
                line(html, class, (x, 0.0), (x, bottom));
                text(html, "tick middle", (x, bottom + 14.0), &(self.write)(tick));
            }
            let middle = f64::midpoint(scale.from, scale.to);
            text(html, "axis middle", (middle, bottom + 31.0), self.axis);
            for (at, row) in self.rows.iter().enumerate() {
                self.row(html, row, ROW * at as f64, scale);
            }
        });
    }

    fn row(&self, html: &mut Html, row: &Row, top: f64, scale: Scale) {
        let base = top + 13.5;
        match row {
            Row::Group(label) => label_text(html, "group", (0.0, base), label),
            Row::Bar { label, shade, value, interval } => {
                label_text(html, "end", (LABELS - 8.0, base), label);
                let class = match shade {
                    Shade::BySign if *value < 0.0 => "loss".to_owned(),
                    Shade::BySign => "gain".to_owned(),
                    Shade::Series(at) => format!("s{at}"),
                };
                let (zero, end) = (scale.at(0.0), scale.at(*value));
                let (x, width) = (number(zero.min(end)), number((end - zero).abs().max(0.5)));
                let (y, height) = (number(top + 3.0), number(ROW - 6.0));
                html.empty(
                    "rect",
                    &[
                        ("class", &class),
                        ("x", &x),
                        ("y", &y),
                        ("width", &width),
                        ("height", &height),
                    ],
                );
                if let Some((low, high)) = interval
                    && low < high
                {
                    whisker(html, (scale.at(*low), scale.at(*high)), top + ROW / 2.0);
                }
                text(html, "number end", (WIDTH, base), &(self.write)(*value));
            }
        }
    }
}

/// The interval of a bar: a line with two ends.
fn whisker(html: &mut Html, (low, high): (f64, f64), y: f64) {
    line(html, "interval", (low, y), (high, y));
    for x in [low, high] {
        line(html, "interval", (x, y - 4.0), (x, y + 4.0));
    }
}

/// A chart of points in a plane.
#[derive(Clone, Debug)]
pub(super) struct Plane {
    pub(super) title: String,
    pub(super) x_axis: &'static str,
    pub(super) y_axis: &'static str,
    pub(super) write_x: Write,
    pub(super) write_y: Write,
    /// What the diagonal means, if it is drawn.
    pub(super) diagonal: Option<&'static str>,
    pub(super) series: Vec<Series>,
}

/// Points of one kind, in runs: a line joins the points of a run in their order, and no two runs.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) is_line: bool,
    pub(super) runs: Vec<Vec<Point>>,
}

/// A point, with the standard error of its height if that is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) error: Option<f64>,
}

/// Height of the field of a plane, and the columns beside it.
const FIELD: f64 = 210.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 26.0;
/// Height of a row of the legend.
const LEGEND: f64 = 18.0;

impl Plane {
    /// Whether there is nothing to show.
    pub(super) fn is_empty(&self) -> bool {
        self.series.iter().all(Series::is_empty)
    }

    /// Adds the chart to a page.
    pub(super) fn draw(&self, html: &mut Html) {
        let points = || self.series.iter().flat_map(|series| series.runs.iter().flatten());
        let mut across = Range::of(points().map(|point| point.x));
        let heights = points().flat_map(|point| {
            let error = point.error.unwrap_or(0.0);
            [point.y - error, point.y + error]
        });
        let mut up = Range::of(heights);
        if self.diagonal.is_some() {
            across = Range::of([across.low, across.high, up.low, up.high].into_iter());
            up = across;
        }
        let top = LEGEND * (self.series.len() + usize::from(self.diagonal.is_some())) as f64 + 6.0;
        let bottom = top + FIELD;
        let x = Scale { range: across, from: LEFT, to: WIDTH - RIGHT };
        let y = Scale { range: up, from: bottom, to: top };
        figure(html, &self.title, bottom + 40.0, |html| {
            self.axes(html, x, y);
            if self.diagonal.is_some() {
                let (low, high) = (across.low, across.high);
                line(html, "diagonal", (x.at(low), y.at(low)), (x.at(high), y.at(high)));
            }
            for (at, series) in self.series.iter().enumerate() {
                series.draw(html, at, x, y);
            }
            self.legend(html);
        });
    }

    fn axes(&self, html: &mut Html, x: Scale, y: Scale) {
        for tick in x.range.ticks() {
            line(html, "grid", (x.at(tick), y.from), (x.at(tick), y.to));
            text(html, "tick middle", (x.at(tick), y.from + 15.0), &(self.write_x)(tick));
        }
        for tick in y.range.ticks() {
            let class = if tick.abs() > 0.0 { "grid" } else { "zero" };
            line(html, class, (x.from, y.at(tick)), (x.to, y.at(tick)));
            text(html, "tick end", (x.from - 6.0, y.at(tick) + 4.0), &(self.write_y)(tick));
        }
        text(html, "axis middle", (f64::midpoint(x.from, x.to), y.from + 33.0), self.x_axis);
        let (left, middle) = (13.0, f64::midpoint(y.from, y.to));
        let turn = format!("rotate(-90 {left} {})", number(middle));
        let at = [number(left), number(middle)];
        let attributes = [("class", "axis middle"), ("x", &at[0]), ("y", &at[1])];
        let turned = [&attributes[..], &[("transform", turn.as_str())]].concat();
        html.leaf("text", &turned, self.y_axis);
    }

    fn legend(&self, html: &mut Html) {
        for (at, series) in self.series.iter().enumerate() {
            let base = LEGEND * at as f64 + 13.0;
            mark(html, at, (LEFT + 6.0, base - 4.0));
            text(html, "legend", (LEFT + 20.0, base), series.name);
        }
        if let Some(meaning) = self.diagonal {
            let base = LEGEND * self.series.len() as f64 + 13.0;
            line(html, "diagonal", (LEFT, base - 4.0), (LEFT + 13.0, base - 4.0));
            text(html, "legend", (LEFT + 20.0, base), meaning);
        }
    }
}

impl Series {
    /// Whether there is nothing to show.
    pub(super) fn is_empty(&self) -> bool {
        self.runs.iter().all(Vec::is_empty)
    }

    fn draw(&self, html: &mut Html, at: usize, x: Scale, y: Scale) {
        for run in self.runs.iter().filter(|run| self.is_line && 1 < run.len()) {
            let points = run
                .iter()
                .map(|point| format!("{},{}", number(x.at(point.x)), number(y.at(point.y))));
            let points = points.collect::<Vec<String>>().join(" ");
            let class = format!("line l{}", at + 1);
            html.empty("polyline", &[("class", &class), ("points", &points)]);
        }
        for point in self.runs.iter().flatten() {
            let centre = x.at(point.x);
            if let Some(error) = point.error {
                let ends = [y.at(point.y - error), y.at(point.y + error)];
                line(html, "interval", (centre, ends[0]), (centre, ends[1]));
            }
            mark(html, at, (centre, y.at(point.y)));
        }
    }
}

/// A point of a series: each has a shape of its own besides its colour.
fn mark(html: &mut Html, series: usize, (x, y): (f64, f64)) {
    let class = format!("s{}", series + 1);
    if series == 0 {
        let (x, y) = (number(x), number(y));
        html.empty("circle", &[("class", &class), ("cx", &x), ("cy", &y), ("r", "4")]);
    } else {
        let (x, y) = (number(x - 3.5), number(y - 3.5));
        let place = [("class", class.as_str()), ("x", &x), ("y", &y)];
        html.empty("rect", &[&place[..], &[("width", "7"), ("height", "7")]].concat());
    }
}

fn figure(html: &mut Html, title: &str, height: f64, content: impl FnOnce(&mut Html)) {
    let view = format!("0 0 {WIDTH} {}", number(height));
    html.element("figure", &[], |html| {
        html.leaf("figcaption", &[], title);
        let svg = [("viewBox", view.as_str()), ("role", "img"), ("aria-label", title)];
        html.element("svg", &svg, content);
    });
}

fn line(html: &mut Html, class: &str, from: (f64, f64), to: (f64, f64)) {
    let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(number);
    let ends = [("class", class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)];
    html.empty("line", &ends);
}

fn text(html: &mut Html, class: &str, (x, y): (f64, f64), text: &str) {
    html.leaf("text", &[("class", class), ("x", &number(x)), ("y", &number(y))], text);
}

/// A label, cut to its column; the whole of it is shown where the pointer rests.
fn label_text(html: &mut Html, class: &str, (x, y): (f64, f64), label: &str) {
    let most = if class == "group" { 3 * LABEL_LETTERS } else { LABEL_LETTERS };
    let (x, y) = (number(x), number(y));
    html.element("text", &[("class", class), ("x", &x), ("y", &y)], |html| {
        if most < label.chars().count() {
            html.leaf("title", &[], label);
            let kept: String = label.chars().take(most - 1).collect();
            html.text(&format!("{}…", kept.trim_end()));
        } else {
            html.text(label);
        }
    });
}

/// A coordinate.
fn number(value: f64) -> String {
    format!("{value:.1}")
}

/// What an axis spans; zero is always in it.
#[derive(Clone, Copy, Debug)]
struct Range {
    low: f64,
    high: f64,
}

impl Range {
    fn of(values: impl Iterator<Item = f64>) -> Range {
        let finite = values.filter(|value| value.is_finite());
        let range = finite.fold(Range { low: 0.0, high: 0.0 }, |range, value| Range {
            low: range.low.min(value),
            high: range.high.max(value),
        });
        if range.low < range.high { range } else { Range { low: 0.0, high: 1.0 } }
    }

    /// Round numbers inside, zero among them.
    fn ticks(self) -> Vec<f64> {
        let rough = (self.high - self.low) / TICKS;
        let unit = 10.0_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|many| many * unit);
        let step = step.into_iter().find(|step| rough <= *step).unwrap_or(rough);
        let (first, last) = ((self.low / step).ceil() as i64, (self.high / step).floor() as i64);
        (first..=last).map(|count| count as f64 * step).collect()
    }
}

/// Places the numbers of a range between two coordinates.
#[derive(Clone, Copy, Debug)]
struct Scale {
    range: Range,
    from: f64,
    to: f64,
}

impl Scale {
    /// The coordinate of a number; what is no number stands at zero.
    fn at(self, value: f64) -> f64 {
        let value = if value.is_finite() { value } else { 0.0 };
        let Range { low, high } = self.range;
        self.from + (value - low) / (high - low) * (self.to - self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::number::{money_signed, signed};

    fn drawn(draw: impl FnOnce(&mut Html)) -> String {
        let mut html = Html::new();
        draw(&mut html);
        html.into_text()
    }

    #[test]
    fn ticks_are_round_and_hold_zero() {
        let ticks = |values: &[f64]| -> Vec<String> {
            Range::of(values.iter().copied()).ticks().into_iter().map(money_signed).collect()
        };
        assert_eq!(ticks(&[-3.2e6, 1.1e6]), ["-$3.00m", "-$2.00m", "-$1.00m", "$0", "+$1.00m"]);
        assert_eq!(ticks(&[0.0, 19.0]), ["$0", "+$5", "+$10", "+$15"]);
        // Nothing to show, and what is no number, still have an axis.
        assert_eq!(ticks(&[f64::NAN, 0.0]).len(), 6);
    }

    #[test]
    fn a_bar_is_as_long_as_its_number() {
        let mut bars = Bars::new("P&L", "USD", money_signed);
        bars.bar("a", Shade::BySign, -1e6, Some((-2e6, 0.0)));
        bars.bar("b", Shade::BySign, 5e5, None);
        let text = drawn(|html| bars.draw(html));
        // 296 units of the plot for 2.5 millions; zero is 236.8 from its left end at 180.
        assert!(text.contains("class=\"loss\" x=\"298.4\" y=\"3.0\" width=\"118.4\""), "{text}");
        assert!(text.contains("class=\"gain\" x=\"416.8\" y=\"22.0\" width=\"59.2\""), "{text}");
        assert!(text.contains("x1=\"180.0\" y1=\"9.5\" x2=\"416.8\" y2=\"9.5\""), "{text}");
        assert!(text.contains(">-$1.00m</text>") && text.contains("P&amp;L"), "{text}");
    }

    #[test]
    fn a_point_on_the_diagonal_lies_on_it() {
        let points =
            vec![Point { x: 0.5, y: 0.5, error: None }, Point { x: 1.0, y: 0.0, error: None }];
        let plane = Plane {
            title: "Reliability".to_owned(),
            x_axis: "forecast",
            y_axis: "found",
            write_x: |value| signed(value, 1),
            write_y: |value| signed(value, 1),
            diagonal: Some("as forecast"),
            series: vec![Series { name: "tenths", is_line: false, runs: vec![points] }],
        };
        let text = drawn(|html| plane.draw(html));
        // The field is 78 to 534 across and 252 to 42 up.
        assert!(text.contains("x1=\"78.0\" y1=\"252.0\" x2=\"534.0\" y2=\"42.0\""), "{text}");
        assert!(text.contains("cx=\"306.0\" cy=\"147.0\""), "{text}");
    }
}
