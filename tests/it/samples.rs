//! What goes into a fit: arrays of both widths, in every layout, and distances.

use personas::cluster::{Dbscan, Samples};
use personas::ndarray::{self, array, s};
use personas::scale::Scaler;
use personas::{Error, KMeans};

#[test]
fn every_kind_and_layout_of_array_gives_the_same_fit() {
    let x = array![[0.5, 1.0], [0.25, 8.0], [0.0, 1.5], [9.0, 4.0]];
    let narrow = x.mapv(|value| value as f32);
    let expected = KMeans::new(2).fit(&x).unwrap();
    let columns = x.t().as_standard_layout().into_owned();
    let with_gaps = ndarray::concatenate![ndarray::Axis(1), narrow, narrow];
    for samples in [
        Samples::from(x.view()),
        Samples::from(&x.view()),
        Samples::from(&narrow),
        Samples::from(narrow.view()),
        Samples::from(columns.t()),
        Samples::from(with_gaps.slice(s![.., 2..])),
        Samples::from(&[[0.5, 1.0], [0.25, 8.0], [0.0, 1.5], [9.0, 4.0]]),
    ] {
        assert_eq!(KMeans::new(2).fit(samples).unwrap(), expected);
    }
    assert_eq!(Scaler::Robust.fit(&narrow).unwrap(), Scaler::Robust.fit(&x).unwrap());
}

#[test]
fn a_value_that_is_not_finite_is_named_by_its_place_in_narrow_arrays_too() {
    let x = array![[0.0_f32, 1.0], [2.0, f32::NAN]];
    let error = Dbscan::new(1.0, 2).fit(&x).unwrap_err();
    assert!(matches!(error, Error::NonFinite { row: 1, column: 1, .. }));
}

#[test]
fn square_and_condensed_distances_give_the_same_and_methods_on_values_refuse_them() {
    let square = array![[0.0, 1.0, 9.0], [1.0, 0.0, 8.0], [9.0, 8.0, 0.0]];
    let square = Samples::Distances(square.into());
    let condensed = Samples::Condensed(vec![1.0, 9.0, 8.0]);
    let fit = |samples: &Samples<'_>| Dbscan::new(1.0, 2).fit(samples.clone()).unwrap();
    assert_eq!(fit(&square), fit(&condensed));
    let error = Scaler::Standard.fit(square).unwrap_err();
    assert!(matches!(error, Error::InvalidParameter { name: "x", .. }), "{error}");
}
