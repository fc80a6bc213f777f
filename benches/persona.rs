//! Descriptions and placements: `cargo bench -p personas-benches --bench persona`.
//!
//! Runs are as large as a program's and time themselves: a million people in 32 columns and eight
//! personas, described; one person placed, with reasons; a whole fit of a hundred thousand people.

#![allow(clippy::print_stdout)] // large runs print their times

use std::time::Instant;

use personas::persona::PersonaSettings;
use personas::{FeatureTable, KMeans, PersonaModel, Preprocessor};

fn main() {
    let table = people(1_000_000, 32);
    let prep = time("prepare 1e6 x 32", || Preprocessor::default().fit(&table)).expect("prepared");
    let matrix = prep.transform(&table).expect("a matrix");
    let fit = KMeans::new(8).n_init(1).max_iter(20).fit(&matrix).expect("groups");
    drop(matrix);
    let model = time("describe 1e6 x 32, 8 personas", || {
        personas::persona::Describer::default().describe(&table, &prep, &fit)
    });
    let model = model.expect("described");

    let one = people(1, 32);
    let matches = model.assign(&one).expect("placed");
    time_each("assign one person", 20_000, || drop(model.assign(&one)));
    time_each("reasons of one person", 20_000, || drop(matches.reasons(0)));

    let table = people(100_000, 16);
    time("fit 1e5 x 16", || PersonaModel::fit(&table, &PersonaSettings::default()))
        .expect("fitted");
    let settings = PersonaSettings { k: Some(5), n_half_samples: 1, ..PersonaSettings::default() };
    let five = PersonaModel::fit(&table, &settings).expect("fitted");
    time("importance 1e5 x 16, 5 personas", || five.importance(&table, None, Some(0)))
        .expect("measured");
    time("importance 1e5 x 16, one of 5", || five.importance(&table, Some(0), Some(0)))
        .expect("measured");
}

/// People of eight kinds: half of the columns are long-tailed amounts, a quarter counts, a quarter
/// categories.
fn people(n: usize, width: usize) -> FeatureTable {
    let mut state = 1u64;
    let mut random = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    (0..width).fold(FeatureTable::new(n), |table, column| {
        let level = |row: usize| (((row * 2_654_435_761) >> 7) % 8 * (column + 1) % 8) as f64;
        let name = format!("column {column}");
        let table = match column % 4 {
            3 => table.categorical(name, {
                let pick = |row| ["a", "b", "c", "d"][((level(row) + random() * 6.0) as usize) % 4];
                (0..n).map(pick).map(|text| Some(text.to_owned())).collect()
            }),
            2 => {
                let count = |row| Some((level(row) + random() * 10.0).floor());
                table.numeric(name, (0..n).map(count).collect())
            }
            _ => {
                let amount = |row| Some((level(row) * 0.3 + random() * 3.0).exp());
                table.numeric(name, (0..n).map(amount).collect())
            }
        };
        table.expect("a table")
    })
}

fn time<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    println!("{what}: {:.3} s", start.elapsed().as_secs_f64());
    result
}

fn time_each(what: &str, n: usize, mut run: impl FnMut()) {
    let start = Instant::now();
    (0..n).for_each(|_| run());
    println!("{what}: {:.2} µs", start.elapsed().as_secs_f64() * 1e6 / n as f64);
}
