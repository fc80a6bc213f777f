//! `choose_k` on worlds whose truth is known: silent on noise of any shape, exact on groups.

use personas::ndarray::Array2;
use personas::validate::{self, Structure};

/// SplitMix64, and Gaussians by Box and Muller.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Rows of `d` columns, each row drawn on its own.
fn world(
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
            assert!(!choice.supported(), "d {d}, seed {seed}: {}", choice.reason());
            assert_ne!(choice.structure(), Structure::Natural);
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
            assert!(choice.supported(), "d {d}, seed {seed}: {}", choice.reason());
            assert_eq!(choice.k(), sizes.len(), "d {d}, seed {seed}: {}", choice.reason());
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
        assert!(!choice.supported(), "seed {seed}: {}", choice.reason());
    }
}

#[test]
fn answers_that_go_together_are_groups() {
    // Two kinds of people; each of eight yes/no answers is given by 9 of 10 of its kind.
    for seed in 0..2 {
        let x = world(100, 8, seed, |row, random, values| {
            let yes = if row % 2 == 0 { 0.9 } else { 0.1 };
            values.iter_mut().for_each(|v| *v = f64::from(u8::from(random.unit() < yes)));
        });
        let choice = validate::choose_k(&x, 2..=4, seed).unwrap();
        assert_eq!((choice.supported(), choice.k()), (true, 2), "{}", choice.reason());
    }
}

#[test]
fn three_groups_are_three() {
    found(&[25, 25, 25], 10.0, 4);
}

#[test]
fn five_groups_are_five() {
    found(&[16, 16, 16, 16, 16], 10.0, 6);
}

#[test]
fn groups_of_unequal_size_are_found() {
    found(&[60, 25, 12], 10.0, 4);
}

#[test]
fn two_groups_that_overlap_are_two() {
    found(&[180, 180], 4.0, 3);
}
