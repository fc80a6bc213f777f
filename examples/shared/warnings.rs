//! What an analyst should know of a file before believing its personas.

use personas::Timestamp;
use personas::persona::{Saying, Vocabulary};

use super::events::Rows;
use super::numbers::{Decimal, number as read_number};
use super::texts::{Texts, short};
use super::words::{count, list, number, percent, several};

const DAY_MS: i64 = 86_400_000;
/// Days after nearly all events from which on a date is likely to be a slip.
const FAR_DAYS: i64 = 90;
/// How many times an amount exceeds nearly all others, and its share of all money, to be told.
const HUGE: f64 = 100.0;
const DOMINANT: f64 = 0.05;

/// Dates far after the others, of which the last `n_ahead` events were left out, and amounts that dominate
/// everything.
pub(crate) fn of(rows: &Rows, n_ahead: usize) -> Vec<String> {
    let amounts = rows.numbers.first();
    let more = amounts.and_then(below_zero).into_iter().chain(amounts.and_then(dominating));
    dates(&rows.at, n_ahead).into_iter().chain(more).collect()
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

/// A column of numbers that is read as one of categories, because of one text in many cells.
pub(crate) fn one_text(texts: &Texts, bad: &[usize]) -> Option<String> {
    let first = texts.get(*bad.first()?)?;
    bad.iter().all(|&row| texts.get(row) == Some(first)).then(|| {
        format!(
            "Column {:?} is read as texts, because {} {first:?}: --missing {first:?} reads it as numbers.",
            texts.name,
            several(bad.len(), "value is", "values are")
        )
    })
}

/// A header that holds numbers, as the first row of a file without one does.
pub(crate) fn header<'n>(names: impl Iterator<Item = &'n str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    let n = names.iter().filter(|name| read_number(name, Decimal::Point).is_some()).count();
    (2 * n >= names.len()).then(|| {
        format!(
            "The first line names the columns, but holds numbers ({}): if it is a row, add a header above it.",
            list(&names.iter().take(3).map(|name| short(name)).collect::<Vec<_>>())
        )
    })
}

/// Whether a column numbers the rows: whole numbers without a gap, each once.
pub(crate) fn numbers_rows(values: &[f64]) -> bool {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let is_next = |pair: &[f64]| pair[1] - pair[0] == 1.0 && pair[1].fract() == 0.0;
    values.len() > 2 && sorted.windows(2).all(is_next)
}

/// A column that numbers the rows and is not used.
pub(crate) fn row_number(name: &str) -> String {
    format!(
        "{name:?} numbers the rows: it says who people are, and is not used. --numeric {name} uses it as an amount."
    )
}

/// Columns of a table that hold the whole numbers from 1 to some `k`, each of them: codes, such as of a
/// region or a channel, or small amounts.
///
/// Up to 3 they are read as codes, since two or three amounts are told as well by their shares
/// ("Region 2: 71%"), and "low Region" would say nothing. Up to 20 they stay amounts, as ratings and sizes of
/// households are, and the option is named that makes them codes.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    /// Those that are read as codes, and how many codes they have.
    pub(crate) read: Vec<(String, usize)>,
    doubtful: Vec<(String, usize)>,
}

impl Codes {
    /// Most codes of a column that is read as one of codes, and that may be one.
    const READ: usize = 3;
    const DOUBTFUL: usize = 20;
    /// Rows that each code needs on average, so that a column of few people is not taken for one.
    const ROWS: usize = 20;

    /// Whether a column of numbers, `NaN` where missing, is read as one of codes; keeps what to say of it.
    pub(crate) fn take(&mut self, name: &str, values: &[f64]) -> bool {
        let mut seen = [false; Self::DOUBTFUL];
        let mut n = 0;
        for value in values.iter().filter(|value| !value.is_nan()) {
            if value.fract() != 0.0 || !(1.0..=Self::DOUBTFUL as f64).contains(value) {
                return false;
            }
            seen[*value as usize - 1] = true;
            n += 1;
        }
        let k = seen.iter().filter(|&&is_seen| is_seen).count();
        let is_whole = k >= 2 && seen[..k].iter().all(|&is_seen| is_seen);
        if !is_whole || n < k * Self::ROWS || is_amount(name) {
            return false;
        }
        let is_read = k <= Self::READ;
        let list = if is_read { &mut self.read } else { &mut self.doubtful };
        list.push((name.to_owned(), k));
        is_read
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        let said = |columns: &[(String, usize)]| {
            list(&columns.iter().map(|(name, k)| format!("{name} (1 to {k})")).collect::<Vec<_>>())
        };
        let option = |option, columns: &[(String, usize)]| {
            let given: Vec<_> =
                columns.iter().map(|(name, _)| format!("--{option} {name}")).collect();
            given.join(" ")
        };
        let mut notes = Vec::new();
        if !self.read.is_empty() {
            let (columns, amounts) = (said(&self.read), option("numeric", &self.read));
            notes.push(format!(
                "Read as codes and not as amounts: {columns}. If they are amounts: {amounts}."
            ));
        }
        if !self.doubtful.is_empty() {
            let (columns, codes) = (said(&self.doubtful), option("categorical", &self.doubtful));
            notes.push(format!("Read as amounts, but hold few whole numbers: {columns}. If they are codes: {codes}."));
        }
        notes
    }
}

/// Whether a column's name says that it counts or measures something, by the words that descriptions know.
fn is_amount(name: &str) -> bool {
    let name = name.to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
    let known = Vocabulary::default();
    let named = |said: &Saying| {
        said.names.contains(&words.join(" ")) || said.names.iter().any(|n| words.contains(&&**n))
    };
    let units = ["days", "hours", "minutes", "weeks", "months", "years"];
    known.sayings.iter().any(named)
        || words.iter().any(|w| known.money.contains(*w) || units.contains(w))
}

fn dates(at: &[Timestamp], n_ahead: usize) -> Option<String> {
    let mut sorted = at.to_vec();
    sorted.sort_unstable();
    let nearly_all = *sorted.get((sorted.len().saturating_sub(1)) * 99 / 100)?;
    let limit = nearly_all.millis().saturating_add(FAR_DAYS * DAY_MS);
    let far = sorted.len() - sorted.partition_point(|at| at.millis() <= limit);
    let what = match n_ahead {
        0 => "if they are slips, --as-of sets the moment to look from".to_owned(),
        n => format!("{} more than a year later and not counted", several(n, "is", "are")),
    };
    (far > 0).then(|| {
        format!(
            "{} more than {FAR_DAYS} days after nearly all others ({nearly_all}); {what}.",
            several(far, "time lies", "times lie")
        )
    })
}

fn below_zero((name, values): &(String, Vec<f64>)) -> Option<String> {
    let n = values.iter().filter(|value| !value.is_nan()).count();
    let below = values.iter().filter(|value| **value < 0.0).count();
    (2 * below > n).then(|| {
        format!(
            "{} of {} values of {name:?} are below 0 and count as paid back: if they are payments, turn their sign.",
            count(below),
            count(n)
        )
    })
}

fn dominating((name, values): &(String, Vec<f64>)) -> Option<String> {
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
