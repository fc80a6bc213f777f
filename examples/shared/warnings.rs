//! What an analyst should know of a file before believing its personas.

use personas::Timestamp;

use super::events::Rows;
use super::texts::Texts;
use super::words::{count, number, percent, several};

const DAY_MS: i64 = 86_400_000;
/// Days after nearly all events from which on a date is likely to be a slip.
const FAR_DAYS: i64 = 90;
/// How many times an amount exceeds nearly all others, and its share of all money, to be told.
const HUGE: f64 = 100.0;
const DOMINANT: f64 = 0.05;

/// Dates far after the others, of which the last `n_ahead` events were left out, and amounts that dominate
/// everything.
pub(crate) fn of(rows: &Rows, n_ahead: usize) -> Vec<String> {
    dates(&rows.at, n_ahead).into_iter().chain(rows.numbers.first().and_then(amounts)).collect()
}

/// Cells of a column of numbers that are none.
pub(crate) fn bad_numbers(texts: &Texts, bad: &[usize], lines: &[u64]) -> Option<String> {
    let first = *bad.first()?;
    let n = several(bad.len(), "value is", "values are");
    let text = texts.iter().nth(first).flatten().unwrap_or_default();
    let shown: String = text.chars().take(40).collect();
    Some(format!(
        "In column {:?}, {n} not a number and counted as missing (line {}: {shown:?}).",
        texts.name, lines[first]
    ))
}

/// A column that numbers the rows.
pub(crate) fn identifier(name: &str, values: &[f64]) -> Option<String> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let counts_up = sorted.windows(2).all(|pair| pair[1] - pair[0] == 1.0);
    (values.len() > 2 && counts_up).then(|| {
        format!("{name:?} numbers the rows; --keep-out {name} leaves it out of the grouping.")
    })
}

fn dates(at: &[Timestamp], n_ahead: usize) -> Option<String> {
    let mut sorted = at.to_vec();
    sorted.sort_unstable();
    let nearly_all = *sorted.get((sorted.len().saturating_sub(1)) * 999 / 1000)?;
    let limit = nearly_all.millis().saturating_add(FAR_DAYS * DAY_MS);
    let far = sorted.len() - sorted.partition_point(|at| at.millis() <= limit);
    let what = match n_ahead {
        0 => "if they are slips, --as-of sets the moment to look from".to_owned(),
        n => format!("{} more than a year later and not counted", several(n, "is", "are")),
    };
    (far > 0).then(|| {
        format!(
            "{} of the times lie more than {FAR_DAYS} days after nearly all others ({nearly_all}); {what}.",
            count(far)
        )
    })
}

fn amounts((name, values): &(String, Vec<f64>)) -> Option<String> {
    let mut sorted: Vec<f64> =
        values.iter().map(|value| value.abs()).filter(|v| *v > 0.0).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let largest = *sorted.last()?;
    let nearly_all = sorted[(sorted.len() - 1) * 99 / 100];
    let share = largest / sorted.iter().sum::<f64>();
    (largest > HUGE * nearly_all && share > DOMINANT).then(|| {
        format!(
            "One {name:?} of {} is {} of all money, {} times what 99% of the rows stay below.",
            number(largest),
            percent(share),
            number(largest / nearly_all)
        )
    })
}
