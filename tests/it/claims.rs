//! Whether what is said of personas is true: on planted ones, and where there is nothing to say.

use personas::persona::{Contrast, Persona};
use personas::{FeatureTable, Labels, Preprocessor};

/// Numbers in [0, 1) that repeat.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Nearly normal: the sum of twelve, less its mean.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

const GROUPS: usize = 4;
const COLUMNS: usize = 12;

/// Which columns set a group apart, and to which side: three each, one of them downwards.
fn planted(group: usize) -> [(usize, f64); 3] {
    [(group * 3, 1.0), (group * 3 + 1, 1.0), (group * 3 + 2, -1.0)]
}

/// People in groups of unequal sizes, whose planted columns are moved by `shift` standard deviations.
/// Every third column is long-tailed.
fn people(n: usize, shift: f64, seed: u64) -> (FeatureTable, Vec<usize>) {
    let mut random = Random(seed);
    let groups: Vec<usize> = (0..n).map(|i| [0, 0, 0, 1, 1, 2, 2, 3, 3, 3][i % 10]).collect();
    let mut columns = vec![Vec::new(); COLUMNS];
    for &group in &groups {
        for (at, column) in columns.iter_mut().enumerate() {
            let moved = planted(group).into_iter().find(|(planted, _)| *planted == at);
            let value = random.normal() + moved.map_or(0.0, |(_, side)| side * shift);
            column.push(Some(if at % 3 == 1 { value.exp() } else { value }));
        }
    }
    let table =
        columns.into_iter().enumerate().fold(FeatureTable::new(n), |table, (at, column)| {
            table.numeric(format!("column {at}"), column).unwrap()
        });
    (table, groups)
}

fn described(table: &FeatureTable, groups: &[usize]) -> (Vec<Persona>, Labels) {
    let labels = Labels::new(groups.iter().map(|&group| Some(group))).unwrap();
    let prep = Preprocessor::default().fit(table).unwrap();
    (
        personas::persona::Describer::default()
            .describe(table, &prep, &labels)
            .unwrap()
            .personas()
            .to_vec(),
        labels,
    )
}

/// Statements by group: column and side.
fn statements(personas: &[Persona], labels: &Labels, groups: &[usize]) -> Vec<(usize, usize, f64)> {
    let mut said = Vec::new();
    for group in 0..GROUPS {
        let row = groups.iter().position(|&of| of == group).unwrap();
        let persona = &personas[labels.get(row).unwrap()];
        for told in &persona.traits {
            assert!(matches!(told.contrast, Contrast::Numeric { .. }));
            let column: usize = told.feature["column ".len()..].parse().unwrap();
            said.push((group, column, told.effect.signum()));
        }
    }
    said
}

/// The side that a column truly leans to in a group: its own, or away from the group it sets apart.
fn truth(group: usize, column: usize) -> f64 {
    let side = |group| planted(group).into_iter().find(|(planted, _)| *planted == column);
    let others = || (0..GROUPS).find_map(side).map(|(_, side)| -side);
    side(group).map(|(_, side)| side).or_else(others).unwrap()
}

#[test]
fn of_planted_personas_nearly_everything_is_said_and_nearly_all_that_is_said_is_true() {
    let (mut told, mut right, mut found) = (0, 0, 0);
    for seed in 0..10 {
        let (table, groups) = people(400, 1.0, seed);
        let (personas, labels) = described(&table, &groups);
        let said = statements(&personas, &labels, &groups);
        told += said.len();
        right +=
            said.iter().filter(|(group, column, side)| truth(*group, *column) == *side).count();
        let all = (0..GROUPS)
            .flat_map(|group| planted(group).map(|(column, side)| (group, column, side)));
        found += all.filter(|statement| said.contains(statement)).count();
    }
    assert!(right as f64 >= 0.95 * f64::from(told as u32), "{right} of {told} are true");
    assert!(found >= 108, "{found} of 120 planted differences are told");
}

#[test]
fn where_groups_are_drawn_by_lot_nothing_is_said_in_nineteen_runs_of_twenty() {
    for n in [200, 400] {
        let talking = (0..100).filter(|&seed| {
            let (table, mut groups) = people(n, 0.0, seed);
            let mut random = Random(seed + 1_000);
            (1..n).rev().for_each(|i| groups.swap(i, (random.next() * (i + 1) as f64) as usize));
            let (personas, labels) = described(&table, &groups);
            !statements(&personas, &labels, &groups).is_empty()
        });
        let talking = talking.count();
        assert!(talking <= 5, "of {n} people drawn by lot, {talking} of 100 runs say something");
    }
}
