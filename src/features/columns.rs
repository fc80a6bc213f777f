//! From the events of many people to the columns of a table.
//!
//! Every person's events are evaluated once, for all columns, in parallel over people. Ratios and scores
//! are made of finished columns.
//!
//! Cost: O(events · features).

use super::dictionary::Dictionary;
use super::evaluate::Answer;
use super::feature::Feature;
use super::plan::{PersonEvents, Plan};
use super::table::{Column, Values};
use crate::num::parallel;
use crate::{Result, Timestamp};

/// People that a thread evaluates at a time: few, since some people have long logs.
const BLOCK: usize = 256;

/// People by which what is known of them is prefetched.
const PREFETCH: usize = 12;

/// A column of one of a plan's features.
#[derive(Debug)]
pub(crate) struct Computed {
    /// The place of the feature in the plan.
    place: usize,
    /// The feature with its borders fixed, if it is a score.
    fixed: Option<Feature>,
    values: Values,
    /// Rows without a value because their logs are cut.
    cut: Vec<usize>,
}

impl Computed {
    /// The column under the name of its feature.
    pub(crate) fn into_column(self, plan: &Plan) -> Column {
        let feature = &plan.features()[self.place];
        let (name, ages) = (feature.name().to_owned(), feature.measure().ages());
        Column { name, values: self.values, cut: self.cut, ages }
    }

    /// The feature that always gives this column.
    pub(crate) fn into_feature(self, plan: &Plan) -> Feature {
        self.fixed.unwrap_or_else(|| plan.features()[self.place].clone()).required()
    }
}

/// The columns of a plan's features for `n` people as of a moment; `events` gives each person's,
/// and `prefetch` fetches them ahead; rows beyond the last are asked for too.
/// Optional features without a value are left out.
pub(crate) fn columns<'h>(
    plan: &Plan,
    n: usize,
    events: impl Fn(usize, &mut PersonEvents<'h>) -> Result<()> + Sync,
    prefetch: impl Fn(usize) + Sync,
    as_of: Timestamp,
    dictionary: &'h Dictionary,
) -> Result<Vec<Computed>> {
    let n_features = plan.features().len();
    let unit = n_features.saturating_mul(128 * BLOCK);
    let blocks = parallel::map(n.div_ceil(BLOCK), unit, |block| {
        let rows = block * BLOCK..n.min((block + 1) * BLOCK);
        let mut parts: Vec<ColumnPart> =
            (0..n_features).map(|place| ColumnPart::new(plan, place, rows.len())).collect();
        let mut person = PersonEvents { log: Vec::new(), summary: None };
        let mut selected = Vec::new();
        for row in rows {
            prefetch(row + PREFETCH);
            events(row, &mut person)?;
            plan.evaluate(&person, as_of, dictionary, &mut selected, |place, answer| {
                parts[place].push(row, answer, dictionary);
            });
        }
        Ok(parts)
    });
    let blocks = blocks.into_iter().collect::<Result<Vec<Vec<ColumnPart>>>>()?;
    let mut parts: Vec<Vec<ColumnPart>> =
        (0..n_features).map(|_| Vec::with_capacity(blocks.len())).collect();
    for block in blocks {
        parts.iter_mut().zip(block).for_each(|(column, part)| column.push(part));
    }
    let joined = parallel::map_owned(parts, n, |parts| ColumnPart::concat(parts, n));
    Ok(finish(plan, joined, n))
}

/// The columns of one person's row, or of no row.
pub(crate) fn row<'h>(
    plan: &Plan,
    person: Option<&PersonEvents<'h>>,
    as_of: Timestamp,
    dictionary: &'h Dictionary,
) -> Vec<Computed> {
    let mut parts: Vec<ColumnPart> =
        (0..plan.features().len()).map(|place| ColumnPart::new(plan, place, 1)).collect();
    if let Some(person) = person {
        plan.evaluate(person, as_of, dictionary, &mut Vec::new(), |place, answer| {
            parts[place].push(0, answer, dictionary);
        });
    }
    let n = usize::from(person.is_some());
    finish(plan, parts.into_iter().map(Some).collect(), n)
}

/// Adds the columns that are made of others.
fn finish(plan: &Plan, joined: Vec<Option<ColumnPart>>, n: usize) -> Vec<Computed> {
    let mut done: Vec<Computed> = Vec::with_capacity(joined.len());
    for (place, part) in joined.into_iter().enumerate() {
        let ColumnPart { mut values, mut cut } =
            part.unwrap_or_else(|| ColumnPart::new(plan, place, 0));
        let feature = &plan.features()[place];
        let find = |name: &str| done.iter().find(|c| plan.features()[c.place].name() == name);
        let mut fixed = None;
        if feature.measure().made_of().next().is_some() {
            let made = plan.finish(place, |name| find(name).map(|column| &column.values), n);
            (fixed, values) = (made.0, made.1);
            for column in feature.measure().made_of().filter_map(find) {
                cut.extend(&column.cut);
            }
            cut.sort_unstable();
            cut.dedup();
        }
        if !(feature.is_optional() && values.n_missing() == n) {
            done.push(Computed { place, fixed, values, cut });
        }
    }
    done
}

/// The values of a column in some rows; none where the column is made of others.
struct ColumnPart {
    values: Values,
    cut: Vec<usize>,
}

impl ColumnPart {
    fn new(plan: &Plan, place: usize, n_rows: usize) -> Self {
        let values = match plan.is_category(place) {
            true => Values::Categorical(Vec::with_capacity(n_rows)),
            false => Values::Numeric(Vec::with_capacity(n_rows)),
        };
        Self { values, cut: Vec::new() }
    }

    fn push(&mut self, row: usize, answer: Option<Answer>, dictionary: &Dictionary) {
        if let Some(Answer::Cut) = answer {
            self.cut.push(row);
        }
        match &mut self.values {
            Values::Numeric(values) => values.push(match answer {
                Some(Answer::Number(number)) => Some(number),
                Some(Answer::Value(value)) => value.number(),
                _ => None,
            }),
            Values::Categorical(values) => values.push(match answer {
                Some(Answer::Text(text)) => Some(text),
                Some(Answer::Value(value)) => Some(value.text(dictionary)),
                _ => None,
            }),
        }
    }

    /// The rows of all parts, one after the other.
    fn concat(parts: Vec<Self>, n: usize) -> Option<Self> {
        let mut parts = parts.into_iter();
        let mut all = parts.next()?;
        match &mut all.values {
            Values::Numeric(values) => values.reserve_exact(n.saturating_sub(values.len())),
            Values::Categorical(values) => values.reserve_exact(n.saturating_sub(values.len())),
        }
        for part in parts {
            all.cut.extend(part.cut);
            match (&mut all.values, part.values) {
                (Values::Numeric(values), Values::Numeric(later)) => values.extend(later),
                (Values::Categorical(values), Values::Categorical(later)) => values.extend(later),
                _ => unreachable!("a column has one type"),
            }
        }
        Some(all)
    }
}
