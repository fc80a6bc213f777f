//! Stacked bars: what a group is made of.

use maud::html;

use super::frame::{Chart, WIDTH, all, area, group_class, label_within};

/// A row per group, with parts that sum to 1.
pub(crate) fn mixtures(id: &str, title: &str, text: String, rows: &[(String, Vec<f64>)]) -> Chart {
    const ROW: f64 = 38.0;
    let drawn = rows.iter().enumerate().map(|(place, (name, parts))| {
        let y = 4.0 + place as f64 * ROW;
        let mut x = 0.0;
        let parts = parts.iter().enumerate().map(|(part, &share)| {
            let (from, width) = (x, WIDTH * share.clamp(0.0, 1.0));
            x += width;
            area(from, y + 18.0, width, 14.0, &group_class(part))
        });
        let parts: Vec<_> = parts.collect();
        html! { (label_within(0.0, y + 13.0, name, "", 52)) (all(parts)) }
    });
    Chart::new(id, title, text, 8.0 + rows.len() as f64 * ROW, all(drawn))
}
