//! Tables to matrices and back.

use personas::prepare::{Dropped, Original, PreprocessorFit, Scaling};
use personas::{Error, FeatureTable, Preprocessor};
use proptest::prelude::*;

use super::persona::without;

fn table(n_rows: usize) -> FeatureTable {
    FeatureTable::new(n_rows)
}

fn numbers(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().copied().map(Some).collect()
}

/// One level per character, `.` for none.
fn levels(text: &str) -> Vec<Option<String>> {
    text.chars().map(|c| (c != '.').then(|| c.to_string())).collect()
}

fn near(a: impl IntoIterator<Item = f64>, b: &[f64]) {
    let a: Vec<f64> = a.into_iter().collect();
    assert_eq!(a.len(), b.len());
    assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-8), "{a:?} is not {b:?}");
}

fn with(change: impl FnOnce(&mut Preprocessor)) -> Preprocessor {
    let mut changed = Preprocessor::default();
    change(&mut changed);
    changed
}

/// What one value of the only column was.
fn was(fit: &personas::prepare::PreprocessorFit, value: f64) -> String {
    fit.inverse(&[value]).unwrap()[0].1.to_string()
}

#[test]
fn the_golden_column_is_scaled_as_defined() {
    let x = table(4).numeric("x", numbers(&[1.0, 2.0, 3.0, 10.0])).unwrap();
    let kept = with(|prep| prep.tame_tails = false);
    let z = kept.fit(&x).unwrap().transform(&x).unwrap();
    near(z.iter().copied(), &[-0.848_528_137, -0.565_685_425, -0.282_842_712, 1.697_056_275]);
    let robust = Preprocessor { scaling: Scaling::Robust, ..kept };
    let z = robust.fit(&x).unwrap().transform(&x).unwrap();
    near(z.iter().copied(), &[-0.5, -0.166_666_667, 0.166_666_667, 2.5]);
}

#[test]
fn missing_values_take_the_middle_and_are_marked_only_if_asked_for() {
    let x = table(4)
        .numeric("a", vec![Some(1.0), None, Some(3.0), Some(8.0)])
        .and_then(|t| t.categorical("b", levels("xy.x")))
        .unwrap();
    let marked = with(|prep| {
        prep.scaling = Scaling::None;
        prep.missing_indicator_from = Some(0.05);
    });
    let marked = marked.fit(&x).unwrap();
    let names: Vec<&str> = marked.columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["a", "a missing", "b=x", "b=y", "b missing"]);
    let m = marked.transform(&x).unwrap();
    near(m.row(0).iter().copied(), &[1.0, 0.0, 1.0, 0.0, 0.0]);
    near(m.row(1).iter().copied(), &[3.0, 1.0, 0.0, 1.0, 0.0]);
    near(m.row(2).iter().copied(), &[3.0, 0.0, 1.0, 0.0, 1.0]);
    assert_eq!(marked.inverse(&[1.0, 0.25, 1.0, 0.0, 0.0]).unwrap().len(), 2);
    let fewer = with(|prep| prep.missing_indicator_from = Some(0.26)).fit(&x).unwrap();
    assert_eq!(fewer.columns().len(), 3);
    assert_eq!(Preprocessor::default().fit(&x).unwrap().columns().len(), 3);
}

#[test]
fn what_cannot_tell_rows_apart_is_dropped_and_named() {
    let x = table(3)
        .numeric("constant", numbers(&[7.0; 3]))
        .and_then(|t| t.numeric("empty", vec![None; 3]))
        .and_then(|t| t.numeric("x", numbers(&[1.0, 2.0, 4.0])))
        .and_then(|t| t.categorical("one", levels("aa.")))
        .and_then(|t| t.numeric("unwanted", numbers(&[1.0, 2.0, 4.0])))
        .unwrap();
    let fit = Preprocessor::default().weight("unwanted", 0.0).fit(&x).unwrap();
    assert_eq!(fit.columns().len(), 1);
    assert_eq!(
        fit.dropped(),
        [
            ("constant", Dropped::Constant),
            ("empty", Dropped::AllMissing),
            ("one", Dropped::Constant),
            ("unwanted", Dropped::ZeroWeight)
        ]
    );
    // What was dropped need not be there later.
    assert!(fit.transform(&without(&x, &["constant", "empty", "one"])).is_ok());
    let nothing = Preprocessor::default().fit(&without(&x, &["x", "unwanted"]));
    assert!(matches!(nothing, Err(Error::NoColumns { .. })));
    let nobody = table(0).numeric("x", vec![]).unwrap();
    assert!(matches!(Preprocessor::default().fit(&nobody), Err(Error::Empty { .. })));
}

#[test]
fn a_category_spreads_rows_as_far_as_a_standardised_number() {
    let x = table(8)
        .categorical("c", levels("aaabbccd"))
        .and_then(|t| t.numeric("n", (0..8).map(|i| Some(f64::from(i))).collect()))
        .unwrap();
    let m = Preprocessor::default().fit(&x).unwrap().transform(&x).unwrap();
    let variance = |column: usize| {
        let values = m.column(column);
        let mean = values.sum() / 8.0;
        values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 8.0
    };
    let of_category: f64 = (0..4).map(variance).sum();
    near([of_category, variance(4)], &[1.0, 1.0]);
}

#[test]
fn an_ordered_category_is_one_column_and_opting_out_makes_it_one_hot() {
    let incomes = ["Under 15K", "250K+", "15-24K", "35-49K", "35-49K"];
    let x = table(6)
        .categorical("income", incomes.map(|l| Some(l.into())).into_iter().chain([None]).collect())
        .unwrap();
    let prep = with(|prep| {
        prep.scaling = Scaling::None;
        prep.missing_indicator_from = Some(2.0);
    });
    let fit = prep.fit(&x).unwrap();
    let m = fit.transform(&x).unwrap();
    // The median of ranks 0, 1, 2, 2, 3 is 2.
    near(m.iter().copied(), &[0.0, 3.0, 1.0, 2.0, 2.0, 2.0]);
    assert_eq!([1.4, 99.0, -99.0].map(|value| was(&fit, value)), ["15-24K", "250K+", "Under 15K"]);
    let unordered = Preprocessor { unordered: ["income".into()].into(), ..prep };
    assert_eq!(unordered.fit(&x).unwrap().columns().len(), 4);
}

#[test]
fn levels_not_met_before_are_zero_placed_or_missing() {
    let column = |values: [&str; 3]| values.map(|v| Some(v.to_owned())).to_vec();
    let colours = |colour: [&str; 3], size: [&str; 3]| {
        table(3)
            .categorical("colour", column(colour))
            .and_then(|t| t.categorical("size", column(size)))
            .unwrap()
    };
    let fit = with(|prep| prep.scaling = Scaling::None)
        .fit(&colours(["red", "red", "blue"], ["1-2", "5-6", "7+"]))
        .unwrap();
    let later = colours(["green", "red", "grey"], ["3-4", "big", "7+"]);
    let m = fit.transform(&later).unwrap();
    near(m.row(0).iter().copied(), &[0.0, 0.0, 0.5]);
    near(m.row(1).iter().copied(), &[0.0, 1.0, 1.0]);
}

#[test]
fn another_schema_is_an_error_and_order_and_extra_columns_are_not() {
    let x = table(2)
        .numeric("a", numbers(&[1.0, 2.0]))
        .and_then(|t| t.categorical("b", levels("xy")))
        .unwrap();
    let fit = Preprocessor::default().fit(&x).unwrap();
    let swapped = table(2)
        .numeric("c", vec![None; 2])
        .and_then(|t| t.categorical("b", levels("xy")))
        .and_then(|t| t.numeric("a", numbers(&[1.0, 2.0])))
        .unwrap();
    assert_eq!(fit.transform(&swapped).unwrap(), fit.transform(&x).unwrap());
    let problem = |table: &FeatureTable| match fit.transform(table) {
        Err(Error::SchemaMismatch { column, problem }) => (column, problem),
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(&without(&x, &["b"])), ("b".into(), "missing"));
    let retyped = without(&x, &["a"]).categorical("a", levels("xy")).unwrap();
    assert_eq!(problem(&retyped), ("a".into(), "categorical, not numeric"));
    let retyped = without(&x, &["b"]).numeric("b", vec![None; 2]).unwrap();
    assert_eq!(problem(&retyped), ("b".into(), "numeric, not categorical"));
}

#[test]
fn settings_outside_their_range_are_refused_by_name() {
    let x = table(2).numeric("a", numbers(&[1.0, 2.0])).unwrap();
    let default = Preprocessor::default;
    for (prep, setting) in [
        (default().weight("a", -1.0), "weight"),
        (default().weight("a", f64::NAN), "weight"),
        (default().weight("a", 1e300), "weight"),
        (default().weight("b", 1.0), "weight"),
        (with(|prep| prep.missing_indicator_from = Some(-0.1)), "missing_indicator_from"),
        (with(|prep| prep.missing_indicator_from = Some(f64::NAN)), "missing_indicator_from"),
        (with(|prep| prep.unordered = ["a".into()].into()), "unordered"),
        (with(|prep| prep.unordered = ["b".into()].into()), "unordered"),
    ] {
        let error = prep.fit(&x);
        assert!(
            matches!(error, Err(Error::InvalidParameter { name, .. }) if name == setting),
            "{error:?}"
        );
    }
    let fit = default().fit(&x).unwrap();
    assert!(matches!(fit.inverse(&[0.0; 2]), Err(Error::DimensionMismatch { .. })));
}

#[test]
fn a_value_of_1e300_gives_finite_numbers_or_an_error_that_names_its_place() {
    let mut values: Vec<f64> = (0..40).map(f64::from).collect();
    values[7] = 1e300;
    let x = table(40).numeric("x", numbers(&values)).unwrap();
    for prep in [Preprocessor::default(), with(|prep| prep.tame_tails = false)] {
        let m = prep.fit(&x).unwrap().transform(&x).unwrap();
        assert!(m.iter().all(|z| z.abs() < 10.0));
    }
    let robust = with(|prep| {
        prep.tame_tails = false;
        prep.scaling = Scaling::Robust;
    });
    let far = robust.fit(&x).unwrap().transform(&x);
    assert!(matches!(far, Err(Error::MagnitudeTooLarge { row: 7, column: 0, .. })), "{far:?}");
    let infinite = table(1).numeric("x", numbers(&[-f64::MAX])).unwrap();
    let narrow = table(2).numeric("x", numbers(&[0.0, 1e-300])).unwrap();
    let far = Preprocessor::default().fit(&narrow).unwrap().transform(&infinite);
    assert!(matches!(far, Err(Error::MagnitudeTooLarge { value, .. }) if value == -f64::MAX));
}

#[test]
fn a_weight_multiplies_all_columns_of_its_feature_and_is_taken_off_again() {
    let x = table(3).categorical("c", levels("a.b")).unwrap();
    let plain = Preprocessor::default().fit(&x).unwrap();
    let heavy = Preprocessor::default().weight("c", 3.0).fit(&x).unwrap();
    let (a, b) = (plain.transform(&x).unwrap(), heavy.transform(&x).unwrap());
    near(b.iter().copied(), &a.iter().map(|v| 3.0 * v).collect::<Vec<_>>());
    let row = |m: &personas::Matrix| m.row(0).to_vec();
    assert_eq!(heavy.inverse(&row(&b)).unwrap(), plain.inverse(&row(&a)).unwrap());
}

#[test]
fn a_fitted_preprocessor_survives_json_and_a_broken_one_is_refused() {
    let x = mixed(12, 1).0;
    let prep = Preprocessor::default().weight("ordered", 0.3);
    let json = serde_json::to_string(&prep).unwrap();
    assert_eq!(serde_json::from_str::<Preprocessor>(&json).unwrap(), prep);
    let fit = prep.fit(&x).unwrap();
    let json = serde_json::to_string(&fit).unwrap();
    let restored: PreprocessorFit = serde_json::from_str(&json).unwrap();
    assert_eq!(restored, fit);
    assert_eq!(restored.transform(&x).unwrap(), fit.transform(&x).unwrap());
    for (sound, broken) in [
        (r#""sd":"#, r#""sd":-"#),
        (r#""weight":0.3"#, r#""weight":0.0"#),
        (r#""bend":"#, r#""bend":-"#),
        (r#"["1","2-3","4+"]"#, r#"["2-3","1","4+"]"#),
        (r#"["a","b","c"]"#, r#"["a","b","b"]"#),
        (r#"["a","b","c"]"#, r#"[]"#),
        (r#""feature":"ordered""#, r#""feature":"named""#),
        (r#""n_folded":0"#, r#""n_folded":2"#),
    ] {
        assert!(json.contains(sound), "{sound} is not in {json}");
        let broken = json.replacen(sound, broken, 1);
        assert!(serde_json::from_str::<PreprocessorFit>(&broken).is_err(), "{broken}");
    }
    assert!(serde_json::from_str::<PreprocessorFit>("[]").is_err());
}

#[test]
fn the_attributes_of_real_households_are_read_as_a_person_would() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/people.csv.gz");
    let file = std::fs::File::open(path).unwrap();
    let mut reader = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let names = reader.headers().unwrap().clone();
    let records: Vec<csv::StringRecord> = reader.records().map(|r| r.unwrap()).collect();
    let cell = |r: &csv::StringRecord, i| (!r[i].is_empty()).then(|| r[i].to_owned());
    let x = names.iter().enumerate().skip(1).fold(table(records.len()), |t, (i, name)| {
        t.categorical(name, records.iter().map(|r| cell(r, i)).collect()).unwrap()
    });
    let fit = Preprocessor::default().fit(&x).unwrap();
    let told: Vec<String> = fit.to_string().lines().map(str::to_owned).collect();
    let starts = [
        "age: ranks of 6 ordered levels from 19-24 to 65+, then standardised",
        "income: ranks of 12 ordered levels from Under 15K to 250K+, then standardised",
        "home_ownership: one-hot, 0 or 2.",
        "marital_status: one-hot, 0 or 1.41",
        "household_size: ranks of 5 ordered levels from 1 to 5+, then standardised",
        "household_comp: one-hot, 0 or 1.",
        "kids_count: ranks of 4 ordered levels from 0 to 3+, then standardised",
    ];
    assert_eq!(told.len(), starts.len());
    assert!(told.iter().zip(starts).all(|(told, start)| told.starts_with(start)), "{told:#?}");
    assert!(told[3].ends_with("; 137 missing → most frequent, Married"), "{}", told[3]);
}

/// A table of every kind of column, made from a seed, with the values of its numeric columns.
fn mixed(n_rows: usize, seed: u64) -> (FeatureTable, Vec<Vec<Option<f64>>>) {
    let mut state = seed;
    let mut unit = move || {
        // A multiplicative generator is plenty here.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut column = |f: &dyn Fn(f64) -> f64, missing: f64| -> Vec<Option<f64>> {
        (0..n_rows)
            .map(|_| (Some(f(unit())), unit()))
            .map(|(v, u)| v.filter(|_| u >= missing))
            .collect()
    };
    let plain = column(&|u| 1e6 + u, 0.0);
    let tail = column(&|u| (12.0 * u).exp() - 1.0, 0.1);
    let signed = column(&|u| (9.0 * u * u).exp() - 50.0, 0.0);
    let name = |v: &Option<f64>, names: [&str; 3]| v.map(|v| names[v as usize].to_owned());
    let named = column(&|u| (3.0 * u).floor(), 0.2);
    let ordered = column(&|u| (3.0 * u * u).floor(), 0.02);
    let table = table(n_rows)
        .numeric("plain", plain.clone())
        .and_then(|t| t.numeric("tail", tail.clone()))
        .and_then(|t| t.numeric("signed", signed.clone()))
        .and_then(|t| {
            let levels = named.iter().map(|v| name(v, ["a", "b", "c"])).collect();
            t.categorical("named", levels)
        })
        .and_then(|t| {
            let levels = ordered.iter().map(|v| name(v, ["1", "2-3", "4+"])).collect();
            t.categorical("ordered", levels)
        })
        .expect("columns of n_rows values under different names");
    (table, vec![plain, tail, signed])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn columns_without_gaps_have_mean_0_and_deviation_1(n in 2usize..60, seed: u64) {
        let (x, raw) = mixed(n, seed);
        let fit = with(|prep| prep.balanced = false).fit(&x).unwrap();
        let m = fit.transform(&x).unwrap();
        // The mean of values near a million is only known to 1e-10; divided by a spread that may be
        // a hundredth, that shows.
        let plain: Vec<f64> = raw[0].iter().flatten().copied().collect();
        let highest = plain.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let spread = highest - plain.iter().copied().fold(f64::INFINITY, f64::min);
        let tolerance = 1e-9 / spread.min(1.0);
        for (i, column) in fit.columns().iter().enumerate() {
            if column.name == "plain" || column.name == "signed" {
                let mean = m.column(i).sum() / n as f64;
                let square = m.column(i).iter().map(|v| v * v).sum::<f64>() / n as f64;
                let off = mean.abs().max((square - 1.0).abs());
                prop_assert!(off < tolerance, "{column:?} is off by {off:e}");
            }
        }
    }

    #[test]
    fn a_row_alone_is_transformed_as_among_others(n in 2usize..20, seed: u64) {
        let (x, _) = mixed(n, seed);
        let fit = Preprocessor::default().fit(&x).unwrap();
        let all = fit.transform(&x).unwrap();
        for row in 0..n {
            let alone = fit.transform(&x.select(&[row]).unwrap()).unwrap();
            prop_assert_eq!(alone.row(0), all.row(row));
        }
    }

    #[test]
    fn the_order_of_rows_does_not_change_a_bit_of_the_fit(n in 2usize..40, seed: u64) {
        let (x, _) = mixed(n, seed);
        let turned: Vec<usize> = (0..n).rev().map(|row| (row + n / 3) % n).collect();
        for scaling in [Scaling::Standard, Scaling::Robust] {
            let prep = with(|prep| prep.scaling = scaling);
            let json = |x: &FeatureTable| serde_json::to_string(&prep.fit(x).unwrap()).unwrap();
            prop_assert_eq!(json(&x), json(&x.select(&turned).unwrap()));
        }
    }

    #[test]
    fn the_order_of_columns_is_only_the_order_of_columns(seed: u64) {
        let (x, _) = mixed(30, seed);
        let turned = x.columns().iter().rev().fold(table(30), |t, column| {
            let name = column.name.clone();
            match column.values.clone() {
                personas::features::Values::Numeric(v) => t.numeric(name, v).unwrap(),
                personas::features::Values::Categorical(v) => t.categorical(name, v).unwrap(),
                _ => unreachable!("there are two kinds of columns"),
            }
        });
        let prep = Preprocessor::default();
        let (a, b) = (prep.fit(&x).unwrap(), prep.fit(&turned).unwrap());
        let (ma, mb) = (a.transform(&x).unwrap(), b.transform(&turned).unwrap());
        prop_assert_eq!(ma.ncols(), mb.ncols());
        for (i, column) in a.columns().iter().enumerate() {
            let j = b.columns().iter().position(|c| c == column).unwrap();
            prop_assert_eq!(ma.column(i), mb.column(j));
        }
    }

    #[test]
    fn transformed_values_come_back(n in 3usize..40, seed: u64, robust: bool) {
        let (x, numbers) = mixed(n, seed);
        let scaling = if robust { Scaling::Robust } else { Scaling::Standard };
        let fit = with(|prep| prep.scaling = scaling).weight("tail", 7.0).fit(&x).unwrap();
        let m = fit.transform(&x).unwrap();
        for row in 0..n {
            let cells: Vec<f64> = m.row(row).iter().copied().collect();
            for (feature, original) in fit.inverse(&cells).unwrap() {
                let i = x.columns().iter().position(|c| c.name == feature).unwrap();
                match (original, &x.columns()[i].values) {
                    (Original::Number(back), _) => {
                        let Some(was) = numbers[i][row] else { continue };
                        prop_assert!((back - was).abs() <= 1e-9 * was.abs().max(1.0), "{} {}", back, was);
                    }
                    (
                        Original::Level { level, .. } | Original::Share { level, .. },
                        personas::features::Values::Categorical(values),
                    ) => {
                        prop_assert!(values[row].as_ref().is_none_or(|was| *was == level));
                    }
                    (other, _) => prop_assert!(false, "{:?}", other),
                }
            }
        }
    }
}
