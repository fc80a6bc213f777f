//! What all charts share: the frame of an SVG with its text alternative, colours, numbers, labels.
//!
//! A chart is 360 units wide, so that its texts are readable on a telephone at their own size; on a
//! wide page charts stand side by side. Colours are classes: the page says what they are by day and by
//! night, and a chart alone carries the same few rules in itself. The eight colours of groups are
//! Okabe and Ito's (2008), which people with colour-blind eyes can tell apart; beyond eight they
//! repeat, and every group is also named or numbered where it is drawn.

use maud::{Markup, PreEscaped, html};

/// Width of every chart.
pub(super) const WIDTH: f64 = 360.0;
/// Most characters of a label; the whole of it is its title.
const LONGEST: usize = 52;

/// The rules of all charts, as CSS.
pub(crate) const STYLE: &str = include_str!("charts.css");

/// A drawing that is ready to be shown.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Chart {
    /// What it is called in a page, such as `choice-of-k`; a good file name.
    pub id: String,
    /// Its headline.
    pub title: String,
    /// What it shows, in words, for those who cannot see it.
    pub text: String,
    /// The drawing alone, with its own colours for light and dark.
    pub svg: String,
    /// The drawing inside a page that has the rules.
    pub(crate) inline: String,
}

impl Chart {
    /// A chart of this height with these marks.
    pub(super) fn new(id: &str, title: &str, text: String, height: f64, marks: Markup) -> Self {
        let draw = |style: Option<&str>| {
            let size = format!("0 0 {WIDTH} {}", coordinate(height));
            html! {
                svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox=(size) role="img" aria-label=(text) {
                    title { (title) }
                    desc { (text) }
                    @if let Some(style) = style { style { (PreEscaped(style)) } }
                    (marks)
                }
            }
        };
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            svg: draw(Some(STYLE)).into_string(),
            inline: draw(None).into_string(),
            text,
        }
    }
}

/// A coordinate, to a tenth.
pub(super) fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".into(),
        Some(whole) => whole.into(),
        None => text,
    }
}

/// The class of a group's colour.
pub(crate) fn group_class(group: usize) -> String {
    format!("g{}", group % 8)
}

/// A text of one line, cut where it would not fit.
pub(super) fn label(x: f64, y: f64, text: &str, class: &str) -> Markup {
    label_within(x, y, text, class, LONGEST)
}

/// A text of at most so many characters.
pub(super) fn label_within(x: f64, y: f64, text: &str, class: &str, most: usize) -> Markup {
    let is_long = text.chars().count() > most;
    let shown: String =
        text.chars().take(if is_long { most.saturating_sub(1) } else { most }).collect();
    html! {
        text x=(coordinate(x)) y=(coordinate(y)) class=(class) {
            @if is_long { title { (text) } (shown) "…" } @else { (shown) }
        }
    }
}

/// A straight line.
pub(super) fn line(from: (f64, f64), to: (f64, f64), class: &str) -> Markup {
    html! {
        line x1=(coordinate(from.0)) y1=(coordinate(from.1)) x2=(coordinate(to.0)) y2=(coordinate(to.1)) class=(class) {}
    }
}

/// A filled box.
pub(super) fn area(x: f64, y: f64, width: f64, height: f64, class: &str) -> Markup {
    html! {
        rect x=(coordinate(x)) y=(coordinate(y)) width=(coordinate(width.max(0.0))) height=(coordinate(height.max(0.0))) class=(class) {}
    }
}

/// Marks one after the other.
pub(super) fn all(marks: impl IntoIterator<Item = Markup>) -> Markup {
    html! { @for mark in marks { (mark) } }
}
