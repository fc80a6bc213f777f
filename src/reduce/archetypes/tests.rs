use ndarray::{Array2, Axis, array, concatenate};

use super::*;

fn triangle() -> Array2<f64> {
    array![
        [0.0, 0.0],
        [6.0, 0.0],
        [0.0, 6.0],
        [1.0, 1.0],
        [2.0, 1.0],
        [1.0, 3.0],
        [3.0, 2.0],
        [2.0, 2.0],
        [4.0, 1.0],
        [1.0, 4.0]
    ]
}

pub(super) fn five_corners() -> Array2<f64> {
    array![
        [0.0, 0.0],
        [4.0, 0.0],
        [5.0, 3.0],
        [2.0, 5.0],
        [-1.0, 3.0],
        [2.0, 2.0],
        [1.0, 1.0],
        [3.0, 3.0],
        [2.0, 4.0],
        [3.0, 1.0],
        [0.0, 3.0],
        [2.0, 3.0]
    ]
}

fn residual(x: &Array2<f64>, k: usize) -> f64 {
    Archetypes::new(k).fit(x).unwrap().residual
}

/// The archetypes, ascending.
fn places(fit: &ArchetypesFit) -> Vec<Vec<f64>> {
    let mut places: Vec<Vec<f64>> = fit.archetypes.rows().into_iter().map(|r| r.to_vec()).collect();
    places.sort_by(|a, b| a.partial_cmp(b).unwrap());
    places
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

#[test]
fn golden_residuals_and_archetypes_are_reached() {
    let t = triangle();
    assert!(near(residual(&t, 1), 64.0) && near(residual(&t, 2), 58.0 / 3.0));
    let two = places(&Archetypes::new(2).fit(&t).unwrap());
    assert!((two[0][1] - 13.0 / 3.0).abs() < 1e-3 && (two[1][0] - 13.0 / 3.0).abs() < 1e-3);
    assert_eq!(places(&Archetypes::new(3).fit(&t).unwrap()), [[0.0, 0.0], [0.0, 6.0], [6.0, 0.0]]);
    let s = five_corners();
    for (k, golden) in [(2, 26.659_148_057_8), (3, 7.379_089_929_7), (4, 3.214_886_066_2), (5, 0.0)]
    {
        let fit = Archetypes::new(k).fit(&s).unwrap();
        assert!(near(fit.residual, golden), "k {k}: {}", fit.residual);
        assert!(near(fit.explained_variance, 1.0 - golden / 59.583_333_333_3));
    }
    let three = places(&Archetypes::new(3).fit(&s).unwrap());
    let golden = [[-0.482_629, 1.447_888], [2.0, 5.0], [4.178_499, 0.535_497]];
    assert!(three.iter().flatten().zip(golden.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-3));
}

#[test]
fn one_far_row_takes_an_archetype_and_is_named_as_a_single_row() {
    let x = concatenate![Axis(0), five_corners(), array![[20.0, 20.0]]];
    let fit = Archetypes::new(3).fit(&x).unwrap();
    assert!(near(fit.residual, 3.527_724), "{}", fit.residual);
    assert!(fit.made_of.contains(&vec![(12, 1.0)]));
}

#[test]
fn new_rows_of_the_triangle_have_the_mixtures_worked_out_by_hand() {
    let fit = Archetypes::new(3).fit(&triangle()).unwrap();
    let at = |x: f64, y: f64| fit.archetypes.rows().into_iter().position(|r| r == array![x, y]);
    let order = [at(0.0, 0.0), at(6.0, 0.0), at(0.0, 6.0)].map(Option::unwrap);
    let x = array![[4.0, 4.0], [-1.0, -1.0], [8.0, -2.0], [2.0, 1.0], [1.0, 7.0]];
    let new = fit.transform(&x).unwrap();
    let golden = [
        ([0.0, 0.5, 0.5], 2.0),
        ([1.0, 0.0, 0.0], 2.0),
        ([0.0, 1.0, 0.0], 8.0),
        ([0.5, 1.0 / 3.0, 1.0 / 6.0], 0.0),
        ([0.0, 0.0, 1.0], 2.0),
    ];
    for (row, (parts, square)) in golden.into_iter().enumerate() {
        for (column, part) in order.iter().zip(parts) {
            assert!((new[[row, *column]] - part).abs() < 1e-12);
        }
        let off = &x.row(row) - &new.row(row).dot(&fit.archetypes);
        assert!((off.dot(&off) - square).abs() < 1e-11);
    }
}

#[test]
fn weights_are_repeated_rows_and_rows_without_weight_take_no_part() {
    let s = five_corners();
    let weighted = |row: usize, weight: f64| {
        let mut weights = vec![1.0; 12];
        weights[row] = weight;
        Archetypes::new(3).fit((&s, &weights)).unwrap()
    };
    for (row, golden) in [(1, 7.436_592_86), (2, 8.367_396_48), (4, 8.070_542_97)] {
        let fit = weighted(row, 3.0);
        assert!(near(fit.residual, golden), "{}", fit.residual);
        let again = s.select(Axis(0), &[row, row]);
        let repeated = Archetypes::new(3).fit(&concatenate![Axis(0), s, again]).unwrap();
        assert!((repeated.residual - fit.residual).abs() < 1e-7);
    }
    assert!(near(weighted(3, 2.0).residual, 7.379_089_929_7));
    let left_out = weighted(2, 0.0);
    let keep: Vec<usize> = (0..12).filter(|&row| row != 2).collect();
    let without = Archetypes::new(3).fit(&s.select(Axis(0), &keep)).unwrap();
    assert!((left_out.residual - without.residual).abs() < 1e-9);
    assert_eq!(left_out.parts.nrows(), 12);
}

#[test]
fn shifts_turns_and_units_change_nothing_and_the_fit_is_its_own_transform() {
    let s = five_corners();
    let golden = residual(&s, 3);
    let turn = array![[0.6, 0.8], [-0.8, 0.6]];
    for (other, unit) in
        [(s.dot(&turn), 1.0), (&s + 1e9, 1.0), (&s * 1e-200, 1e-200), (&s * 1e120, 1e120)]
    {
        let fit = Archetypes::new(3).fit(&other).unwrap();
        // Beside 1e9 the rows themselves are known to 1e-7; the square of 1e-200 is 0.
        let found = fit.residual / unit / unit;
        assert!((found - golden).abs() < 1e-5 || unit < 1.0, "{found}");
        assert!((fit.explained_variance - (1.0 - golden / 59.583_333_333_3)).abs() < 1e-6);
        assert_eq!(fit.transform(&other).unwrap(), fit.parts);
        for parts in fit.parts.rows() {
            assert!((parts.sum() - 1.0).abs() < 1e-12 && parts.iter().all(|&part| part >= 0.0));
        }
    }
}

#[test]
fn many_rows_are_searched_on_a_sample_and_fitted_on_all() {
    // Mixtures of three points, mostly far from all of them, and the points once each.
    let corners = array![[0.0, 0.0, 1.0], [5.0, 1.0, 0.0], [1.0, 6.0, 2.0]];
    let mut stream = Stream::new(4, 0);
    let mut parts = Array2::from_shape_simple_fn((2500, 3), || stream.unit() + 0.2);
    for mut row in parts.rows_mut() {
        let sum = row.sum();
        row /= sum;
    }
    for j in 0..3 {
        parts.row_mut(800 * j).fill(0.0);
        parts[[800 * j, j]] = 1.0;
    }
    let fits = [1, 3].map(|n| {
        let fit = || Archetypes::new(3).n_init(1).fit(&parts.dot(&corners)).unwrap();
        parallel::with_threads(n, fit)
    });
    assert_eq!(fits[0], fits[1]);
    let fit = &fits[0];
    assert!(fit.explained_variance > 1.0 - 1e-6, "{}", fit.explained_variance);
    let mut of: Vec<usize> = fit.made_of.iter().map(|of| of[0].0).collect();
    of.sort_unstable();
    assert_eq!(of, [0, 800, 1600]);
}

#[test]
fn what_has_no_archetypes_is_refused_and_equal_rows_have_one() {
    let x = array![[1.0, 1.0], [1.0, 1.0], [2.0, 1.0]];
    assert!(matches!(Archetypes::new(0).fit(&x), Err(Error::InvalidParameter { name: "k", .. })));
    let error = Archetypes::new(3).fit(&x);
    assert!(matches!(error, Err(Error::TooFewSamples { needed: 3, got: 2, .. })), "{error:?}");
    assert!(Archetypes::new(1).n_init(0).fit(&x).is_err());
    let error = Archetypes::new(1).fit((&x, &[1.0, -1.0, 1.0]));
    assert!(matches!(error, Err(Error::InvalidParameter { name: "weights", .. })));
    assert!(Archetypes::new(1).fit((&x, &[0.0; 3])).is_err());
    assert!(Archetypes::new(usize::MAX).fit(&x).is_err());
    let equal = Archetypes::new(1).fit(&array![[3.0], [3.0]]).unwrap();
    assert_eq!((equal.residual, equal.explained_variance), (0.0, 1.0));
    assert_eq!(residual(&x, 2), 0.0);
    assert!(matches!(equal.transform(&x), Err(Error::DimensionMismatch { .. })));
}

#[test]
fn weights_too_large_for_the_residual_are_refused() {
    let x = array![[0.0], [1.0], [10.0], [11.0]];
    let error = Archetypes::new(1).fit((&x, &[1e308; 4])).unwrap_err();
    assert!(matches!(error, Error::InvalidParameter { name: "weights", .. }), "{error}");
}

#[test]
fn many_starts_are_tried_in_batches_and_none_is_worse_than_few() {
    let fit = |n_init| Archetypes::new(3).n_init(n_init).fit(&five_corners()).unwrap();
    assert!(fit(130).residual <= 1.01 * fit(5).residual);
}
