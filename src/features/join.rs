//! Columns from outside: what a survey, a census or a customer system knows, brought to the table
//! by an identifier.
//!
//! Every row from outside has one identifier, which leads to a profile as [`IdentityGraph::get`]
//! says, whichever of the person's identifiers it is. What comes out is a function of the set of
//! outside rows; their order shows in positions only. Cost: one look-up per outside row.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::table::{FeatureTable, Values};
use crate::{Error, IdentityGraph, ProfileId, Result};

/// How many positions of unmatched rows are kept.
const N_EXAMPLES: usize = 3;

/// What became of the rows from outside in a join: `matched + unmatched` rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Joined {
    /// Outside rows whose identifier belongs to somebody in the table.
    pub matched: usize,
    /// Outside rows whose identifier belongs to nobody there: never seen, a placeholder, forgotten,
    /// or of a person without a row.
    pub unmatched: usize,
    /// Positions of the first three of these, from 0.
    pub examples: Vec<usize>,
    /// Rows of the table that some outside row belongs to.
    pub found: usize,
    /// Of these, the ones that more than one outside row belongs to.
    pub repeated: usize,
    /// Values left missing because outside rows of one person contradict each other.
    pub contradictions: usize,
}

impl fmt::Display for Joined {
    /// One line, such as `9 outside rows: 8 matched, 1 unmatched (at 4); 7 rows found, 1 of them
    /// repeatedly, 0 contradictions`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { matched, unmatched, .. } = self;
        write!(
            f,
            "{} outside rows: {matched} matched, {unmatched} unmatched",
            matched + unmatched
        )?;
        if !self.examples.is_empty() {
            let positions: Vec<String> = self.examples.iter().map(usize::to_string).collect();
            let more = if *unmatched > self.examples.len() { " …" } else { "" };
            write!(f, " (at {}{more})", positions.join(", "))?;
        }
        write!(f, "; {} rows found, {} of them repeatedly, ", self.found, self.repeated)?;
        write!(f, "{} contradictions", self.contradictions)
    }
}

impl FeatureTable {
    /// Adds columns from outside, whose rows are found by an identifier of one kind.
    ///
    /// A person without an outside row gets missing values. If several outside rows belong to one person,
    /// their values must agree where they are not missing; a value on which they disagree becomes missing and
    /// is counted.
    ///
    /// Make the table and the identity graph from the same store at the same time, because profile ids can
    /// change as more becomes known.
    ///
    /// ```
    /// use personas::features::Values;
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// people.observe(&Event::new("visit", at).id("card", "1").id("email", "ann@mail.test"))?;
    /// people.observe(&Event::new("visit", at).id("card", "2"))?;
    ///
    /// let emails = ["Ann@mail.test", "bob@mail.test"];
    /// let incomes = vec![Some(41_000.0), Some(52_000.0)];
    /// let columns = [("income", Values::Numeric(incomes))];
    /// let (table, joined) = people.features(at)?.join(people.identity(), "email", &emails, columns)?;
    /// assert_eq!(table.column("income").map(|income| income.values.clone()), Some(Values::Numeric(vec![Some(41_000.0), None])));
    /// assert_eq!((joined.matched, joined.unmatched), (1, 1));
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FeatureTable::numeric`]: a column that has not one value per identifier, a number that is
    /// not finite, a name that the table has. The row of an error is that of the outside row.
    pub fn join<'c>(
        self,
        graph: &IdentityGraph,
        kind: &str,
        identifiers: &[impl AsRef<str>],
        columns: impl IntoIterator<Item = (&'c str, Values)>,
    ) -> Result<(Self, Joined)> {
        let ids = identifiers.iter().map(|value| graph.get((kind, value.as_ref()))).collect();
        join(
            self,
            ids,
            columns.into_iter().map(|(name, values)| (name.to_owned(), values)).collect(),
        )
    }
}

fn join(
    mut table: FeatureTable,
    ids: Vec<Option<ProfileId>>,
    columns: Vec<(String, Values)>,
) -> Result<(FeatureTable, Joined)> {
    // The outside rows of every profile that has a row.
    let mut outside: HashMap<ProfileId, Vec<usize>> =
        table.ids().iter().map(|&id| (id, Vec::new())).collect();
    let mut joined = Joined::default();
    for (row, id) in ids.iter().enumerate() {
        match id.and_then(|id| outside.get_mut(&id)) {
            Some(rows) => {
                rows.push(row);
                joined.matched += 1;
            }
            None => {
                joined.unmatched += 1;
                if joined.examples.len() < N_EXAMPLES {
                    joined.examples.push(row);
                }
            }
        }
    }
    let rows: Vec<&[usize]> = table.ids().iter().map(|id| outside[id].as_slice()).collect();
    joined.found = rows.iter().filter(|rows| !rows.is_empty()).count();
    joined.repeated = rows.iter().filter(|rows| rows.len() > 1).count();
    for (name, values) in columns {
        if values.len() != ids.len() {
            return Err(Error::DimensionMismatch {
                what: "values of a column from outside".into(),
                expected: ids.len(),
                got: values.len(),
            });
        }
        table = match values {
            Values::Numeric(values) => {
                if let Some((row, value)) = infinite(&values) {
                    return Err(Error::NonFinite { row, column: table.columns().len(), value });
                }
                // Minus zero is zero: else which of the two it is would be a matter of order.
                let values: Vec<_> = values.into_iter().map(|v| v.map(|v| v + 0.0)).collect();
                table.numeric(name, agreed(&rows, &values, &mut joined))?
            }
            Values::Categorical(values) => {
                table.categorical(name, agreed(&rows, &values, &mut joined))?
            }
        };
    }
    Ok((table, joined))
}

fn infinite(values: &[Option<f64>]) -> Option<(usize, f64)> {
    let bad = |(row, value): (usize, &Option<f64>)| Some((row, value.filter(|v| !v.is_finite())?));
    values.iter().enumerate().find_map(bad)
}

/// For every row of the table, what its outside rows agree on.
fn agreed<T: Clone + PartialEq>(
    rows: &[&[usize]],
    values: &[Option<T>],
    joined: &mut Joined,
) -> Vec<Option<T>> {
    let mut of_row = |outside: &&[usize]| {
        let mut given = outside.iter().filter_map(|&row| values[row].as_ref());
        let first = given.next()?;
        if given.all(|other| other == first) {
            return Some(first.clone());
        }
        joined.contradictions += 1;
        None
    };
    rows.iter().map(&mut of_row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Rules};

    /// Three people, the first of two cards; `d` is known but has no row.
    fn world() -> (IdentityGraph, FeatureTable) {
        let mut graph = IdentityGraph::new(Rules::default()).unwrap();
        let at = crate::Timestamp::from_millis(1_500_000_000_000);
        for cards in [&["a", "a2"][..], &["b"], &["c"], &["d"]] {
            let seen = cards.iter().fold(Event::new("", at), |seen, card| seen.id("card", *card));
            graph.observe(&seen).unwrap();
        }
        let ids = ["a", "b", "c"].map(|card| graph.get(("card", card)).unwrap());
        (graph, FeatureTable::of_people(ids.to_vec(), crate::Timestamp::from_millis(0), 0))
    }

    fn numbers(values: &[Option<f64>]) -> [(&'static str, Values); 1] {
        [("income", Values::Numeric(values.to_vec()))]
    }

    #[test]
    fn rows_of_one_person_agree_or_leave_the_value_missing_in_any_order() {
        let (graph, table) = world();
        let rows = [
            ("a", Some(1.0), Some("x")),
            ("a2", None, Some("x")),
            ("b", Some(2.0), None),
            ("b", Some(3.0), None),
            ("d", Some(4.0), None),
            ("e", Some(5.0), None),
        ];
        for turn in 0..rows.len() {
            let mut rows = rows;
            rows.rotate_left(turn);
            let columns = [
                ("income", Values::Numeric(rows.map(|row| row.1).to_vec())),
                ("region", Values::Categorical(rows.map(|row| row.2.map(String::from)).to_vec())),
            ];
            let (table, joined) =
                table.clone().join(&graph, "card", &rows.map(|row| row.0), columns).unwrap();
            let column = |name: &str| &table.column(name).unwrap().values;
            assert_eq!(*column("income"), Values::Numeric(vec![Some(1.0), None, None]));
            let region = vec![Some("x".to_owned()), None, None];
            assert_eq!(*column("region"), Values::Categorical(region));
            assert_eq!((joined.matched, joined.unmatched), (4, 2));
            assert_eq!((joined.found, joined.repeated, joined.contradictions), (2, 2, 1));
            if turn == 0 {
                assert_eq!(
                    joined.to_string(),
                    "6 outside rows: 4 matched, 2 unmatched (at 4, 5); 2 rows found, 2 of them \
                     repeatedly, 1 contradictions"
                );
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let (graph, table) = world();
        let join = |columns: [(&'static str, Values); 1]| {
            table.clone().numeric("age", vec![None; 3])?.join(&graph, "card", &["a", "z"], columns)
        };
        assert!(matches!(
            join(numbers(&[None])),
            Err(Error::DimensionMismatch { expected: 2, got: 1, .. })
        ));
        // Also where nobody is met.
        assert!(matches!(
            join(numbers(&[None, Some(f64::NAN)])),
            Err(Error::NonFinite { row: 1, column: 1, .. })
        ));
        let taken = [("age", Values::Numeric(vec![None; 2]))];
        assert!(matches!(join(taken), Err(Error::InvalidFeature { .. })));
        assert!(join(numbers(&[None, None])).is_ok());
    }

    #[test]
    fn which_zero_comes_first_makes_no_difference() {
        let (graph, table) = world();
        let bits = |zeros: [f64; 2]| {
            let columns = numbers(&zeros.map(Some));
            let (table, _) = table.clone().join(&graph, "card", &["a", "a2"], columns).unwrap();
            match &table.columns()[0].values {
                Values::Numeric(values) => values[0].map(f64::to_bits),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(bits([0.0, -0.0]), bits([-0.0, 0.0]));
    }

    #[test]
    fn a_person_with_two_rows_gets_the_values_in_both() {
        let (graph, table) = world();
        let table = table.select(&[0, 0]).unwrap();
        let (table, joined) = table.join(&graph, "card", &["a"], numbers(&[Some(1.0)])).unwrap();
        assert_eq!(table.columns()[0].values, Values::Numeric(vec![Some(1.0); 2]));
        assert_eq!((joined.matched, joined.found), (1, 2));
    }
}
