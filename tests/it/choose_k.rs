//! `choose_k` on worlds whose truth is known: silent on noise of any shape, exact on groups.

use personas::ndarray::Array2;
use personas::validate::{self, Structure};

/// SplitMix64, and Gaussians by Box and Muller.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Rows of `d` columns, each row drawn on its own.
pub(crate) fn world(
    n: usize,
    d: usize,
    seed: u64,
    mut draw: impl FnMut(usize, &mut Random, &mut [f64]),
) -> Array2<f64> {
    let mut random = Random(seed);
    let mut x = Array2::zeros((n, d));
    for row in 0..n {
        let mut values = vec![0.0; d];
        draw(row, &mut random, &mut values);
        x.row_mut(row).iter_mut().zip(values).for_each(|(cell, value)| *cell = value);
    }
    x
}

/// For several seeds and 1, 2 and 5 columns: no groups.
fn silent(draw: impl Fn(usize, &mut Random, &mut [f64])) {
    for d in [1, 2, 5] {
        for seed in 0..2 {
            let x = world(70, d, seed, &draw);
            let choice = validate::choose_k(&x, 2..=4, seed).unwrap();
            assert!(choice.structure != Structure::Natural, "d {d}, seed {seed}: {}", choice);
            assert_ne!(choice.structure, Structure::Natural);
        }
    }
}

/// For several seeds and 1, 2 and 5 columns: Gaussian groups of these sizes, `apart` deviations
/// from one another, are all found.
fn found(sizes: &[usize], apart: f64, most: usize) {
    let group_of: Vec<usize> =
        sizes.iter().enumerate().flat_map(|(group, &size)| vec![group; size]).collect();
    for d in [1, 2, 5] {
        for seed in 0..2 {
            let x = world(group_of.len(), d, seed, |row, random, values| {
                values.iter_mut().for_each(|v| *v = random.normal());
                // Along a line in one column, on a zigzag in more: neighbours are `apart`.
                let group = group_of[row];
                if d == 1 {
                    values[0] += apart * group as f64;
                } else {
                    values[0] += apart * (group / 2) as f64;
                    values[1] += apart * (group % 2) as f64;
                }
            });
            let choice = validate::choose_k(&x, 2..=most, seed).unwrap();
            assert!(choice.structure == Structure::Natural, "d {d}, seed {seed}: {}", choice);
            assert_eq!(choice.k, sizes.len(), "d {d}, seed {seed}: {}", choice);
        }
    }
}

#[test]
fn even_noise_in_a_box_is_no_groups() {
    silent(|_, random, row| row.iter_mut().for_each(|v| *v = random.unit()));
}

#[test]
fn one_round_cloud_is_no_groups() {
    silent(|_, random, row| row.iter_mut().for_each(|v| *v = random.normal()));
}

#[test]
fn one_long_slanted_cloud_is_no_groups() {
    silent(|_, random, row| {
        let along = 4.0 * random.normal();
        let signs = [1.0, -1.0].into_iter().cycle();
        row.iter_mut().zip(signs).for_each(|(v, sign)| *v = sign * along + random.normal());
    });
}

#[test]
fn one_long_tail_is_no_groups() {
    silent(|_, random, row| row.iter_mut().for_each(|v| *v = random.normal().exp()));
}

#[test]
fn a_category_in_several_columns_is_no_groups_by_itself() {
    for seed in 0..2 {
        let x = world(90, 5, seed, |_, random, row| {
            row[(random.unit() * 3.0) as usize] = 2.0;
            row[3] = random.normal();
            row[4] = random.normal();
        });
        let choice = validate::choose_k(&x, 2..=4, seed).unwrap();
        assert!(choice.structure != Structure::Natural, "seed {seed}: {}", choice);
    }
}

#[test]
fn flags_that_only_correlate_are_a_cut_that_comes_back() {
    // Each of eight yes/no answers is given by 9 of 10 of one half and 1 of 10 of the other. One scale
    // on which everybody has a place would give nearly the same answers, so the data do not tell.
    for seed in 0..2 {
        let x = world(100, 8, seed, |row, random, values| {
            let yes = if row % 2 == 0 { 0.9 } else { 0.1 };
            values.iter_mut().for_each(|v| *v = f64::from(u8::from(random.unit() < yes)));
        });
        let choice = validate::choose_k(&x, 2..=4, seed).unwrap();
        assert_eq!((choice.structure, choice.k), (Structure::Reproducible, 2));
    }
}

#[test]
fn copies_thresholds_and_visits_of_one_kind_are_no_groups() {
    let rating = Array2::from_shape_fn((600, 2), |(row, _)| (row % 5) as f64);
    let half = Array2::from_shape_fn((1000, 2), |(row, column)| match column {
        0 => (row * 617 % 1000) as f64 / 289.0,
        _ => f64::from(u8::from(row * 617 % 1000 < 500)) * 2.0,
    });
    for x in [rating, half] {
        let choice = validate::choose_k(&x, 2..=8, 1).unwrap();
        assert!(choice.structure != Structure::Natural, "{}", choice);
    }
}

#[test]
fn a_large_table_has_one_answer_whatever_rows_are_drawn() {
    let x = world(5000, 2, 5, groups(3, 5.0));
    for seed in 0..4 {
        let choice = validate::choose_k(&x, 2..=4, seed).unwrap();
        assert_eq!((choice.structure, choice.k), (Structure::Natural, 3), "seed {seed}");
        assert!(choice.n_rows == 2000 && (2..=6).contains(&choice.n_draws), "seed {seed}");
        let judged = format!("Judged on {} draws of 2000 rows.", choice.n_draws);
        assert!(choice.to_string().contains(&judged), "{choice}");
    }
}

#[test]
fn the_answer_does_not_depend_on_the_seed() {
    let x = world(300, 3, 5, groups(3, 5.0));
    for seed in 0..6 {
        let choice = validate::choose_k(&x, 2..=5, seed).unwrap();
        assert_eq!((choice.structure, choice.k), (Structure::Natural, 3), "seed {seed}");
    }
}

#[test]
fn three_groups_are_three() {
    found(&[25, 25, 25], 10.0, 4);
}

#[test]
fn five_groups_are_five() {
    found(&[24, 24, 24, 24, 24], 10.0, 6);
}

#[test]
fn groups_of_unequal_size_are_found() {
    found(&[60, 25, 12], 10.0, 4);
}

#[test]
fn two_groups_that_overlap_are_two() {
    found(&[180, 180], 4.0, 3);
}

/// What a choice says on 1, 2 and 5 columns of `n` rows for two seeds, one after the other.
fn answers<T>(
    n: usize,
    columns: &[usize],
    draw: impl Fn(usize, &mut Random, &mut [f64]),
    choice: impl Fn(&Array2<f64>, u64) -> T,
) -> Vec<T> {
    let worlds = columns.iter().flat_map(|&d| (0..2).map(move |seed| (d, seed)));
    worlds.map(|(d, seed)| choice(&world(n, d, seed, &draw), seed)).collect()
}

fn gap(x: &Array2<f64>, seed: u64) -> Option<usize> {
    validate::gap(x, 1..=5, 20, seed).unwrap().k
}

fn strength(x: &Array2<f64>, seed: u64) -> Option<usize> {
    validate::prediction_strength(x, 1..=6, 15, seed).unwrap().k
}

fn gaussian(_: usize, random: &mut Random, row: &mut [f64]) {
    row.iter_mut().for_each(|v| *v = random.normal());
}

fn even(_: usize, random: &mut Random, row: &mut [f64]) {
    row.iter_mut().for_each(|v| *v = random.unit());
}

/// Gaussian groups on a zigzag (in one column: a line), neighbours `apart` deviations.
fn groups(n: usize, apart: f64) -> impl Fn(usize, &mut Random, &mut [f64]) {
    move |row, random, values| {
        values.iter_mut().for_each(|v| *v = random.normal());
        let group = row % n;
        if values.len() == 1 {
            values[0] += apart * group as f64;
        } else {
            values[0] += apart * (group / 2) as f64;
            values[1] += apart * (group % 2) as f64;
        }
    }
}

#[test]
fn the_gap_statistic_says_one_for_a_cloud_and_for_even_noise_with_rare_exceptions() {
    let mut all = answers(150, &[1, 2, 5], gaussian, gap);
    all.extend(answers(150, &[1, 2, 5], even, gap));
    assert!(all.iter().filter(|k| **k == Some(1)).count() >= 11, "{all:?}");
}

#[test]
fn the_gap_statistic_finds_two_groups_and_a_triangle_but_no_chain_of_five() {
    assert_eq!(answers(120, &[1, 2, 5], groups(2, 5.0), gap), [Some(2); 6]);
    assert_eq!(answers(150, &[2, 5], groups(3, 10.0), gap), [Some(3); 4]);
    // Its rule stops where one more cluster is worse than chance, even if five are far better.
    assert_eq!(answers(90, &[1, 2], groups(5, 10.0), gap), [Some(1); 4]);
}

#[test]
fn prediction_strength_finds_groups_in_any_arrangement() {
    for n in [2, 3, 5] {
        assert_eq!(answers(100, &[1, 2, 5], groups(n, 10.0), strength), [Some(n); 6]);
    }
}

#[test]
fn prediction_strength_is_silent_on_round_noise_but_not_on_a_line() {
    let mut round = answers(150, &[2, 5], gaussian, strength);
    round.extend(answers(150, &[2, 5], even, strength));
    assert!(round.iter().filter(|k| **k == Some(1)).count() >= 7, "{round:?}");
    // The halves of a line come back on every sample, and so would its thirds.
    assert!(answers(150, &[1], even, strength).iter().all(|k| *k > Some(1)));
}

#[test]
fn the_cheap_columns_are_best_where_the_groups_are_and_somewhere_on_noise() {
    let best = |x: &Array2<f64>, seed| {
        let choice = validate::choose_k(x, 2..=5, seed).unwrap();
        let by = |score: fn(&validate::Candidate) -> f64| {
            let order =
                |a: &&validate::Candidate, b: &&validate::Candidate| score(a).total_cmp(&score(b));
            choice.candidates.iter().max_by(order).unwrap().k
        };
        let calinski = by(|c| c.calinski_harabasz.unwrap());
        let davies = by(|c| -c.davies_bouldin.unwrap());
        (calinski, davies, choice.elbow, choice.structure == Structure::Natural)
    };
    assert_eq!(answers(75, &[2], groups(3, 10.0), best), [(3, 3, Some(3), true); 2]);
    // Noise has a best k and a bend, too; it takes more to see that there are no groups.
    for (_, _, elbow, supported) in answers(75, &[2], gaussian, best) {
        assert!(elbow.is_some() && !supported);
    }
}
