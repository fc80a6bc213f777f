//! A heat map of groups and traits: how far each group leans to which side.

use maud::html;

use super::frame::{Chart, WIDTH, all, area, coordinate, label_within};

/// Rows of cells from −1 to 1; none where nothing is known. Columns are numbered, since their names
/// would not fit on a telephone: the legend of the page names them.
pub(crate) fn heat(
    id: &str,
    title: &str,
    text: String,
    rows: &[(String, Vec<Option<f64>>)],
) -> Chart {
    const ROW: f64 = 34.0;
    const CELL: f64 = 18.0;
    let top = 18.0;
    let n_columns = rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
    let width = WIDTH / n_columns.max(1) as f64;
    let heads = (0..n_columns).map(|column| {
        let x = (column as f64 + 0.5) * width;
        label_within(x, 12.0, &(column + 1).to_string(), "small mid", 3)
    });
    let drawn = rows.iter().enumerate().map(|(place, (name, cells))| {
        let y = top + place as f64 * ROW;
        let cells = cells.iter().enumerate().map(|(column, value)| {
            let value = value.unwrap_or(0.0).clamp(-1.0, 1.0);
            let class = if value < 0.0 { "low" } else { "high" };
            html! {
                g opacity=(coordinate(10.0 * value.abs()).parse::<f64>().unwrap_or(0.0) / 10.0) {
                    (area(column as f64 * width, y + 14.0, width - 1.0, CELL, class))
                }
            }
        });
        html! {
            (label_within(0.0, y + 11.0, name, "", 52))
            (area(0.0, y + 14.0, WIDTH - 1.0, CELL, "track"))
            (all(cells))
        }
    });
    let height = top + rows.len() as f64 * ROW + 4.0;
    Chart::new(id, title, text, height, all(heads.chain(drawn)))
}
