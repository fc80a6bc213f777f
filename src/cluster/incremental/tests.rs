//! Every step against the batch.

use super::*;
use crate::num::rng::Stream;
use ndarray::{Array2, aview1};
use proptest::prelude::*;

fn of(settings: Dbscan) -> Result<IncrementalDbscan> {
    IncrementalDbscan::new(settings, Window::All)
}

/// The rows that are there, beside the numbers of all.
struct Twin {
    groups: IncrementalDbscan,
    rows: BTreeMap<u64, (i64, Vec<f64>)>,
}

impl Twin {
    fn check(&self) {
        let groups = &self.groups;
        let (numbers, labels) = groups.labels().unwrap();
        assert!(numbers.iter().eq(self.rows.keys()));
        if self.rows.is_empty() {
            assert_eq!(labels.len(), 0);
            return;
        }
        let width = self.rows.values().next().unwrap().1.len();
        let values = self.rows.values().flat_map(|(_, row)| row.clone()).collect();
        let x = Array2::from_shape_vec((self.rows.len(), width), values).unwrap();
        let batch = Dbscan::new(groups.eps, groups.min_samples).metric(groups.metric);
        let batch = batch.fit(&x).unwrap();
        assert_eq!(labels, batch.labels);
        let is_core = groups.by_number.values().map(|&slot| groups.is_core(slot));
        let cores: Vec<usize> =
            is_core.enumerate().filter(|(_, is_core)| *is_core).map(|(row, _)| row).collect();
        assert_eq!(cores, batch.core_rows);
    }

    fn insert(&mut self, row: &[f64], at: i64) {
        let number = self.groups.insert(aview1(row), at).unwrap();
        self.rows.insert(number, (at, row.to_vec()));
        let newest = self.groups.newest;
        loop {
            let oldest = self.rows.iter().map(|(&number, (at, _))| (*at, number)).min();
            let Some((at, number)) = oldest else { return };
            let outside = match self.groups.window {
                Window::All => false,
                Window::Rows(n) => self.rows.len() > n,
                Window::Span(span) => at < newest - span,
            };
            if !outside {
                return;
            }
            self.rows.remove(&number);
        }
    }
}

proptest! {
    #[test]
    fn every_step_equals_the_batch(
        steps in prop::collection::vec((0i32..24, 0i32..6, 0u8..3, 0i64..4), 1..90),
        min_samples in 1usize..6,
        window in prop::sample::select(vec![
            Window::All, Window::Rows(1), Window::Rows(20), Window::Span(15),
        ]),
        metric in prop::sample::select(vec![Metric::Euclidean, Metric::Chebyshev]),
        unit in prop::sample::select(vec![1.0, 1e-200]),
    ) {
        let settings = Dbscan::new(1.5 * unit, min_samples).metric(metric);
        let groups = IncrementalDbscan::new(settings, window).unwrap();
        let mut twin = Twin { groups, rows: BTreeMap::new() };
        let mut at = 0;
        for (x, y, action, later) in steps {
            at += later - 1;
            if action == 0 && !twin.rows.is_empty() {
                let which = x as usize % twin.rows.len();
                let number = *twin.rows.keys().nth(which).unwrap();
                prop_assert!(twin.groups.remove(number));
                prop_assert!(!twin.groups.remove(number));
                twin.rows.remove(&number);
            } else {
                twin.insert(&[f64::from(x) * unit, f64::from(y) * unit], at);
            }
            twin.check();
        }
        // Stored and restored, the same again.
        let json = serde_json::to_string(&twin.groups).unwrap();
        twin.groups = serde_json::from_str(&json).unwrap();
        twin.check();
        prop_assert_eq!(&serde_json::to_string(&twin.groups).unwrap(), &json);
    }
}

#[test]
fn a_long_chain_is_cut_and_mended_again_and_again() {
    // Two rows that go and come split the chain far from its ends and join it.
    let mut twin = Twin { groups: of(Dbscan::new(1.0, 2)).unwrap(), rows: BTreeMap::new() };
    (0..400).for_each(|i| twin.insert(&[f64::from(i), 0.0], 0));
    let mut stream = Stream::new(4, 0);
    for step in 0..60 {
        let which = stream.below(twin.rows.len());
        let number = *twin.rows.keys().nth(which).unwrap();
        twin.groups.remove(number);
        let (_, row) = twin.rows.remove(&number).unwrap();
        twin.check();
        if step % 3 != 0 {
            twin.insert(&row, 0);
            twin.check();
        }
    }
}

#[test]
fn rows_that_do_not_fit_are_refused_and_change_nothing() {
    let mut groups = of(Dbscan::new(1.0, 2)).unwrap();
    groups.insert(aview1(&[0.0, 1.0]), None).unwrap();
    assert!(groups.insert(aview1(&[0.0]), None).is_err());
    assert!(groups.insert(aview1(&[0.0, f64::NAN]), None).is_err());
    assert_eq!(groups.labels().unwrap().0, [0]);
    for window in [Window::Rows(0), Window::Span(-1)] {
        assert!(IncrementalDbscan::new(Dbscan::new(1.0, 2), window).is_err());
    }
    let mut tiny = of(Dbscan::new(1e-200, 2)).unwrap();
    let error = tiny.insert(aview1(&[1e144]), None).unwrap_err();
    assert!(matches!(error, Error::MagnitudeTooLarge { .. }));
    assert!(of(Dbscan::new(0.0, 2)).is_err() && of(Dbscan::new(1.0, 0)).is_err());
    let mut angles = of(Dbscan::new(0.1, 2).metric(Metric::Cosine)).unwrap();
    assert!(angles.insert(aview1(&[0.0, 0.0]), None).is_err());
    angles.insert(aview1(&[1.0, 0.0]), None).unwrap();
    angles.insert(aview1(&[9.0, 0.1]), None).unwrap();
    assert_eq!(angles.labels().unwrap().1.sizes(), [2]);
}

#[test]
fn a_stored_model_without_a_number_for_the_next_row_is_refused() {
    let stored = serde_json::to_value(of(Dbscan::new(1.0, 2)).unwrap()).unwrap();
    let mut full = stored.clone();
    full["next_number"] = u64::MAX.into();
    assert!(serde_json::from_value::<IncrementalDbscan>(full).is_err());
    assert!(serde_json::from_value::<IncrementalDbscan>(stored).is_ok());
}
