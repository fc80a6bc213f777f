//! Lines over a whole number, with a band: the choice of the number of groups.

use std::fmt::Write;

use maud::html;

use super::frame::{Chart, WIDTH, all, coordinate, label_within, line};

/// One line over the chart's whole numbers.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
    /// From where to where values would lie if there were nothing to see.
    pub(crate) band: Option<Vec<(f64, f64)>>,
}

/// One or two lines over `numbers`, with values from 0 to 1; one number is marked as chosen.
pub(crate) fn lines(
    id: &str,
    title: &str,
    text: String,
    numbers: &[usize],
    traces: &[Trace],
    chosen: usize,
) -> Chart {
    const TOP: f64 = 34.0;
    const HEIGHT: f64 = 150.0;
    let (left, right) = (26.0, WIDTH - 10.0);
    let step = (right - left) / numbers.len().saturating_sub(1).max(1) as f64;
    let x = |place: usize| left + step * place as f64;
    let y = |value: f64| TOP + HEIGHT * (1.0 - value.clamp(0.0, 1.0));
    let path = |values: &mut dyn Iterator<Item = (usize, f64)>| {
        let mut path = String::new();
        for (place, value) in values.filter(|(_, value)| value.is_finite()) {
            let word = if path.is_empty() { 'M' } else { 'L' };
            // A string can be written to.
            let _ = write!(path, "{word}{} {}", coordinate(x(place)), coordinate(y(value)));
        }
        path
    };
    let grid = [0.0, 0.5, 1.0].into_iter().map(|value| {
        html! {
            (line((left, y(value)), (right, y(value)), "axis"))
            (label_within(left - 4.0, y(value) + 4.0, &coordinate(value), "small end", 4))
        }
    });
    let under = numbers.iter().enumerate().map(|(place, number)| {
        label_within(x(place), TOP + HEIGHT + 16.0, &number.to_string(), "small mid", 4)
    });
    let drawn = traces.iter().enumerate().map(|(place, trace)| {
        let class = if place == 0 { "trace" } else { "trace2" };
        let band = trace.band.as_ref().map(|band| {
            let up = band.iter().map(|&(_, high)| high).enumerate();
            let down = band.iter().map(|&(low, _)| low).enumerate().rev();
            path(&mut up.chain(down)) + "Z"
        });
        let key = WIDTH / 2.0 * place as f64;
        html! {
            @if let Some(band) = band { path d=(band) class="band" {} }
            path d=(path(&mut trace.values.iter().copied().enumerate())) class=(class) {}
            (line((key, 12.0), (key + 18.0, 12.0), class))
            (label_within(key + 24.0, 16.0, &trace.name, "", 22))
        }
    });
    let mark = numbers.iter().position(|&number| number == chosen);
    let mark = mark.map(|place| line((x(place), TOP), (x(place), TOP + HEIGHT), "mark"));
    let marks = all(grid.chain(under).chain(drawn).chain(mark));
    Chart::new(id, title, text, TOP + HEIGHT + 22.0, marks)
}
