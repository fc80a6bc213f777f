//! Horizontal bars, each below its label: shares, stability, weights, reasons, steps of a funnel.

use maud::{Markup, html};

use super::frame::{Chart, WIDTH, all, area, label, label_within, line};

/// One bar.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    pub(crate) label: String,
    /// From 0 to 1, or from −1 to 1 where a chart has both sides.
    pub(crate) value: f64,
    /// Where the truth probably lies.
    pub(crate) interval: Option<(f64, f64)>,
    /// The value in words, at the end of the label's line.
    pub(crate) note: String,
    /// Class of its colour; none is chosen by the side.
    pub(crate) class: Option<String>,
}

/// Which values a chart shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum BarSide {
    /// From 0 to 1.
    Right,
    /// From −1 to 1, with 0 in the middle.
    Both,
}

const ROW: f64 = 36.0;
const THICK: f64 = 10.0;

/// Bars with an optional line at a value that matters, and what it means.
pub(crate) fn bars(
    id: &str,
    title: &str,
    text: String,
    side: BarSide,
    bars: &[Bar],
    mark: Option<(f64, &str)>,
) -> Chart {
    let top = 6.0;
    let bottom = top + bars.len() as f64 * ROW;
    let place = |value: f64| match side {
        BarSide::Right => value.clamp(0.0, 1.0) * WIDTH,
        BarSide::Both => (value.clamp(-1.0, 1.0) + 1.0) / 2.0 * WIDTH,
    };
    let rows = bars.iter().enumerate().map(|(row, bar)| {
        let y = top + row as f64 * ROW;
        let class = bar.class.as_deref().unwrap_or(match side {
            BarSide::Right => "plain",
            BarSide::Both if bar.value < 0.0 => "low",
            BarSide::Both => "high",
        });
        row_of(bar, y, place, class)
    });
    let marked = mark.map(|(value, meaning)| {
        let x = place(value);
        let class = if x > WIDTH / 2.0 { "small end" } else { "small" };
        html! {
            (line((x, top), (x, bottom), "mark"))
            (label(x, bottom + 12.0, meaning, class))
        }
    });
    let zero =
        (side == BarSide::Both).then(|| line((place(0.0), top), (place(0.0), bottom), "axis"));
    let height = bottom + if mark.is_some() { 18.0 } else { 4.0 };
    Chart::new(id, title, text, height, all(zero.into_iter().chain(rows).chain(marked)))
}

fn row_of(bar: &Bar, y: f64, place: impl Fn(f64) -> f64, class: &str) -> Markup {
    let (zero, end) = (place(0.0), place(bar.value));
    let middle = y + 19.0 + THICK / 2.0;
    // A note leaves less room for the label: some seven units a character.
    let room = 52usize.saturating_sub(bar.note.chars().count() + 1);
    html! {
        (label_within(0.0, y + 13.0, &bar.label, "", room))
        (label(WIDTH, y + 13.0, &bar.note, "small end"))
        (area(0.0, y + 19.0, WIDTH, THICK, "track"))
        (area(zero.min(end), y + 19.0, (end - zero).abs(), THICK, class))
        @if let Some((low, high)) = bar.interval {
            (line((place(low), middle), (place(high), middle), "whisker"))
        }
    }
}
