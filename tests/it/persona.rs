//! Personas from the table to the reasons, through the real methods.

use std::ops::Range;

use personas::cluster::{Dbscan, Metric};
use personas::features::Condition;
use personas::persona::{
    DeclaredPersona, DeclaredVerdict, Describer, Fate, PersonaModel, PersonaSettings,
};
use personas::prepare::{Cohorts, Relative};
use personas::report::Report;
use personas::{Error, FeatureTable, KMeans, Labels, Matrix, Preprocessor, stored};
use proptest::prelude::*;

fn rows(n: usize) -> FeatureTable {
    FeatureTable::new(n)
}

fn numbers(values: impl IntoIterator<Item = i32>) -> Vec<Option<f64>> {
    values.into_iter().map(|v| Some(f64::from(v))).collect()
}

/// Thirty who spend 0 to 29, thirty who spend 100 to 129; cities alternate.
fn sixty() -> FeatureTable {
    let city = (0..60).map(|i| Some(["north", "south"][i % 2].to_owned()));
    rows(60)
        .numeric("spend", numbers((0..60).map(|i| i / 30 * 100 + i % 30)))
        .and_then(|t| t.categorical("city", city.collect()))
        .unwrap()
}

/// The persona of every row.
fn placed(matches: &[personas::persona::Match]) -> Vec<Option<usize>> {
    matches.iter().map(|found| found.persona).collect()
}

/// The rows of one cluster each.
fn groups(n: usize, clusters: &[Range<usize>]) -> Labels {
    Labels::new((0..n).map(|row| clusters.iter().position(|c| c.contains(&row)))).unwrap()
}

fn model(table: &FeatureTable, labels: &Labels) -> PersonaModel {
    let prep = Preprocessor::default().fit(table).unwrap();
    Describer::default().describe(table, &prep, labels).unwrap()
}

#[test]
fn labels_of_any_origin_are_given_back_and_noise_stays_noise() {
    let table = sixty();
    let exact = model(&table, &groups(60, &[0..30, 30..60]));
    assert_eq!(
        (exact.evidence().agreement, exact.evidence().coverage, exact.evidence().n_rows),
        (1.0, 1.0, 60)
    );
    assert!(
        exact.evidence().unexplained > 0.0 && exact.evidence().unexplained < 0.6,
        "{}",
        exact.evidence().unexplained
    );
    let labels = groups(60, &[0..30, 30..50]);
    let noisy = model(&table, &labels);
    assert_eq!((noisy.evidence().agreement, noisy.evidence().coverage), (1.0, 50.0 / 60.0));
    assert!(noisy.evidence().contains_training_rows);
    let placed: Vec<_> = noisy.assign(&table).unwrap().iter().map(|found| found.persona).collect();
    assert_eq!(placed, labels.to_vec());
}

#[test]
fn without_groups_nobody_is_placed_and_nothing_is_explained() {
    let table = sixty();
    let none = model(&table, &groups(60, &[]));
    assert_eq!(
        (none.personas().len(), none.evidence().coverage, none.evidence().agreement),
        (0, 0.0, 1.0)
    );
    assert_eq!(none.evidence().unexplained, 1.0);
    let matches = none.assign(&table).unwrap();
    assert!(matches.iter().all(|m| m.persona.is_none() && m.runner_up.is_none()));
    assert_eq!(matches.explain(0), "In no persona.");
    let comparison = none
        .compare(&[DeclaredPersona::from(("all", [("spend", Condition::AtLeast(0.0))]))], &table)
        .unwrap();
    assert_eq!(comparison.declared[0].nearest, None);
    assert_eq!(comparison.declared[0].in_none, 60);
}

#[test]
fn one_persona_of_everyone_explains_nothing_and_has_no_runner_up() {
    let table = sixty();
    let one = model(&table, &groups(60, &[0..60, 60..60]));
    assert_eq!(one.evidence().unexplained, 1.0);
    let matches = one.assign(&table).unwrap();
    let first = matches.first().unwrap();
    assert_eq!((first.persona, first.runner_up, first.margin), (Some(0), None, 1.0));
    assert!(matches.reasons(0).is_empty());
    assert_eq!(matches.explain(0), "Everybody; there is no other persona.");
}

#[test]
fn a_new_person_is_placed_with_reasons_in_words() {
    let table = sixty();
    let personas = model(&table, &groups(60, &[0..30, 30..60]));
    let ann = rows(1)
        .numeric("spend", vec![Some(99.0)])
        .and_then(|t| t.categorical("city", vec![None]))
        .unwrap();
    let matches = personas.assign(&ann).unwrap();
    let found = matches.first().unwrap();
    assert_eq!((found.id, found.persona, found.runner_up), (None, Some(1), Some(0)));
    assert!(found.margin > 0.3 && found.margin < 1.0, "{found:?}");
    let reasons = matches.reasons(0);
    assert_eq!((reasons[0].feature.as_str(), reasons[0].value.as_str()), ("spend", "spend 99"));
    assert_eq!(reasons[1].value, "no city known");
    assert!(reasons[0].contribution > 0.0);
    let text = matches.explain(0);
    assert!(
        text.starts_with("Big spenders rather than Small spenders (margin 0.")
            && text.contains("spend 99 (here median 114.50, there median 14.50)"),
        "{text}"
    );
    assert_eq!((matches.reasons(1).len(), matches.get(1)), (0, None));
}

#[test]
fn a_table_that_does_not_fit_is_refused_and_an_empty_one_has_no_matches() {
    let personas = model(&sixty(), &groups(60, &[0..30, 30..60]));
    let lacking = rows(1).numeric("spend", vec![None]).unwrap();
    assert!(matches!(personas.assign(&lacking), Err(Error::SchemaMismatch { .. })));
    let empty = sixty().select(&[]).unwrap();
    assert!(personas.assign(&empty).unwrap().is_empty());
    assert_eq!(personas.typical(&empty, 3).unwrap(), vec![Vec::<usize>::new(); 2]);
    let prep = Preprocessor::default().fit(&sixty()).unwrap();
    let short = Describer::default().describe(&sixty(), &prep, &groups(59, &[0..30, 30..30]));
    assert!(matches!(short, Err(Error::DimensionMismatch { expected: 59, got: 60, .. })));
    let narrow = KMeans::new(2).fit(&personas::ndarray::array![[0.0], [1.0]]).unwrap();
    assert!(matches!(
        Describer::default().describe(&sixty().select(&[0, 1]).unwrap(), &prep, &narrow),
        Err(Error::DimensionMismatch { what, .. }) if what == "columns of the matrix"
    ));
    let none = Describer::default().describe(&empty, &prep, &groups(0, &[]));
    assert!(matches!(none, Err(Error::Empty { .. })));
}

#[test]
fn dbscan_places_people_as_it_predicts_and_leaves_far_ones_out() {
    // Two dense runs of spend and one person far from both.
    let spend = (0..61).map(|i| if i == 60 { 1000 } else { i / 30 * 100 + i % 30 });
    let table = rows(61).numeric("spend", numbers(spend)).unwrap();
    let prep = Preprocessor::default().fit(&table).unwrap();
    let x = prep.transform(&table).unwrap();
    let near = (x[[1, 0]] - x[[0, 0]]).abs();
    let fit = Dbscan::new(1.5 * near, 3).fit(&x).unwrap();
    assert_eq!(fit.labels.sizes(), [30, 30]);
    let personas = Describer::default().describe(&table, &prep, &fit).unwrap();
    assert!(personas.evidence().contains_training_rows);
    assert_eq!((personas.evidence().agreement, personas.evidence().coverage), (1.0, 60.0 / 61.0));
    let matches = personas.assign(&table).unwrap();
    assert_eq!(placed(&matches), fit.predict(&x).unwrap().to_vec());
    let far = matches.get(60).unwrap();
    assert_eq!((far.persona, far.runner_up, far.margin), (None, Some(1), 0.0));
    assert!(matches.reasons(60).is_empty());
    let text = matches.explain(60);
    assert_eq!(text, "In no persona; the nearest is Big spenders.");
    // The noise row is among the others of both groups.
    assert_eq!(personas.personas()[0].traits[0].n_others, 31);
    let json = serde_json::to_string(&personas).unwrap();
    assert_eq!(serde_json::from_str::<PersonaModel>(&json).unwrap(), personas);
}

#[test]
fn the_typical_members_are_those_in_the_middle() {
    let personas = model(&without(&sixty(), &["city"]), &groups(60, &[0..30, 30..60]));
    // Spend 114 and 115 lie around the mean 114.5, rows 44 and 45; 14 and 15 around 14.5.
    let typical = personas.typical(&sixty(), 2).unwrap();
    for (mut found, rows) in typical.into_iter().zip([[14, 15], [44, 45]]) {
        found.sort();
        assert_eq!(found, rows);
    }
}

#[test]
fn of_several_columns_too_the_typical_members_are_near_the_mean_of_their_own_group() {
    let personas = model(&sixty(), &groups(60, &[0..30, 30..60]));
    for (found, near) in personas.typical(&sixty(), 4).unwrap().iter().zip([10..20, 40..50]) {
        assert!(found.len() == 4 && found.iter().all(|row| near.contains(row)), "{found:?}");
    }
}

#[test]
fn a_kept_model_places_people_as_the_first_one_does() {
    let table = sixty();
    let personas = model(&table, &groups(60, &[0..30, 30..60]));
    let json = serde_json::to_string(&personas).unwrap();
    let kept: PersonaModel = serde_json::from_str(&json).unwrap();
    assert_eq!(kept, personas);
    assert_eq!(kept.assign(&table).unwrap(), personas.assign(&table).unwrap());
}

#[test]
fn a_broken_snapshot_is_refused() {
    let personas = model(&sixty(), &groups(60, &[0..30, 30..60]));
    let good = serde_json::to_value(&personas).unwrap();
    let broken = |path: &str, value: serde_json::Value| {
        let mut broken = good.clone();
        *broken.pointer_mut(path).unwrap() = value;
        serde_json::from_value::<PersonaModel>(broken).map(|_| ()).unwrap_err().to_string()
    };
    assert!(broken("/rule/points", serde_json::json!([0.0])).contains("incomplete"));
    assert!(broken("/rule/personas/0", serde_json::json!(7)).contains("no persona"));
    assert!(broken("/personas/0/size", serde_json::json!(61)).contains("more members"));
    assert!(broken("/personas/0/size", serde_json::json!(u64::MAX)).contains("more members"));
    assert!(broken("/evidence/n_rows", serde_json::json!(0)).contains("more members"));
    for share in ["unexplained", "agreement", "coverage"] {
        let error = |share_is: f64| broken(&format!("/evidence/{share}"), share_is.into());
        assert!(error(-0.5).contains("outside [0, 1]") && error(1.5).contains("outside [0, 1]"));
    }
    assert!(broken("/personas/0/share", 1.5.into()).contains("contradict"));
    assert!(broken("/personas/0/traits/0/fitting/0", 1.5.into()).contains("contradict"));
    assert!(broken("/personas/0/coverage", serde_json::json!([])).contains("contradict"));
    assert!(broken("/evidence/stability", serde_json::json!([0.5])).contains("contradict"));
    assert!(broken("/seen/0/counts", serde_json::json!([1])).contains("not finite"));
}

#[test]
fn declared_personas_are_held_against_people() {
    let table = sixty();
    let personas = model(&table, &groups(60, &[0..30, 30..60]));
    let mut declared = [
        // 120 to 129 in the north: rows 50, 52, …, 58; north alone 30, spend alone 10.
        DeclaredPersona::from((
            "Gold",
            [("spend", Condition::AtLeast(120.0)), ("city", Condition::Equals("north".into()))],
        )),
        DeclaredPersona::from(("Northern", [("city", Condition::Equals("north".into()))])),
        DeclaredPersona::from(("Nobody", [("spend", Condition::AtLeast(1000.0))])),
    ];
    declared[0].rules[0].weight = 3.0;
    let comparison = personas.compare(&declared, &table).unwrap();
    let gold = &comparison.declared[0];
    let per_rule: Vec<_> =
        gold.rules.iter().map(|r| (r.n_known, r.n_fitting, r.n_so_far)).collect();
    assert_eq!((gold.n_full, per_rule), (5, vec![(60, 10, 10), (60, 30, 5)]));
    assert_eq!(gold.in_personas, [0, 5]);
    // 5 people score 1, 5 score 3/4, 25 score 1/4.
    let n_at_least = |score: f64| gold.scores.iter().filter(|&&s| s >= score).count();
    assert_eq!((n_at_least(1.0), n_at_least(0.75)), (5, 10));
    assert!((gold.mean_score - (5.0 + 3.75 + 6.25) / 60.0).abs() < 1e-12);
    assert_eq!((gold.nearest, gold.jaccard), (Some(1), 5.0 / 30.0));
    // Half of the big spenders live in the north: no contradiction. A third spends 120.
    assert_eq!(
        gold.contradictions,
        ["Spend at least 120: fits 33% of Big spenders (median 114.50)."]
    );
    // Northern: half of each persona; equal overlaps and scores go to the first.
    assert_eq!(comparison.declared[1].nearest, Some(0));
    assert_eq!(comparison.covered, [0.5, 0.5]);
    assert_eq!(comparison.uncovered, [0usize; 0]);
    assert_eq!(comparison.shared, [[5, 5, 0], [5, 30, 0], [0, 0, 0]]);
    assert_eq!((comparison.n_unmatched, comparison.n_rows), (30, 60));
    assert_eq!((comparison.declared[2].n_full, comparison.declared[2].mean_score), (0, 0.0));
    let verdicts: Vec<DeclaredVerdict> = comparison.declared.iter().map(|d| d.verdict).collect();
    // Five people are too few to speak of; half of the north is in either persona.
    assert_eq!(
        verdicts,
        [DeclaredVerdict::Absent, DeclaredVerdict::Split, DeclaredVerdict::Absent]
    );
    let big = DeclaredPersona::from(("Big", [("spend", Condition::Greater(90.0))]));
    let confirmed = personas.compare(&[big], &table).unwrap();
    assert_eq!(confirmed.declared[0].verdict, DeclaredVerdict::Confirmed);
}

#[test]
fn people_are_not_placed_by_another_distance_than_the_one_that_grouped_them() {
    let table = sixty();
    let prep = Preprocessor::default().fit(&table).unwrap();
    let x = prep.transform(&table).unwrap();
    let fit = Dbscan::new(2.0, 3).metric(Metric::Manhattan).fit(&x).unwrap();
    let error = Describer::default().describe(&table, &prep, &fit).unwrap_err().to_string();
    assert!(error.contains("Euclidean") && error.contains("Manhattan"), "{error}");
    assert!(Describer::default().describe(&table, &prep, &fit.labels).is_ok());
}

#[test]
fn of_nineteen_people_nothing_is_told_by_a_declared_persona_either() {
    for n in [19, 20] {
        let spend = (0..80).map(|i| Some(f64::from(i / 40 * 500 + i % 40))).collect();
        let known = |i: usize| (40..40 + n).contains(&i).then_some(30.0);
        let table = FeatureTable::new(80).numeric("spend", spend).unwrap();
        let table = table.numeric("height", (0..80).map(known).collect()).unwrap();
        let personas = model(&table, &groups(80, &[0..40, 40..80]));
        let declared = [
            DeclaredPersona::from(("Top", [("spend", Condition::AtLeast(540.0 - n as f64))])),
            DeclaredPersona::from((
                "Tall",
                [("spend", Condition::AtLeast(500.0)), ("height", Condition::AtLeast(99.0))],
            )),
        ];
        let [top, tall] = personas.compare(&declared, &table).unwrap().declared.try_into().unwrap();
        assert_eq!((top.n_full, top.card.is_some()), (n, n == 20));
        assert_eq!(tall.nearest, Some(1));
        let said = "Height at least 99: fits 0% of Big spenders";
        assert_eq!(tall.contradictions.iter().any(|text| text.starts_with(said)), n == 20);
        assert_eq!(tall.contradictions.len(), usize::from(n == 20), "{tall:?}");
    }
}

#[test]
fn declared_personas_that_claim_the_same_people_each_get_their_verdict() {
    let table = sixty();
    let personas = model(&table, &groups(60, &[0..30, 30..60]));
    let rich =
        |name: &str, from| DeclaredPersona::from((name, [("spend", Condition::AtLeast(from))]));
    let northern =
        DeclaredPersona::from(("Northern", [("city", Condition::Equals("north".into()))]));
    // Everybody is the whole of two personas, although half of them are in the nearest one.
    let everybody = rich("Everybody", 0.0);
    let declared =
        [rich("Gold", 100.0), rich("Loyal", 105.0), northern, rich("Nobody", 1000.0), everybody];
    let found = personas.compare(&declared, &table).unwrap();
    let verdicts: Vec<DeclaredVerdict> = found.declared.iter().map(|d| d.verdict).collect();
    use DeclaredVerdict::{Absent, Confirmed, Split};
    assert_eq!(verdicts, [Confirmed, Confirmed, Split, Absent, Split]);
    assert_eq!(found.shared[0], [30, 25, 15, 0, 30]);
    assert_eq!(found.declared[3].contradictions.len(), 1, "{:?}", found.declared[3]);
    // What no value can fit is refused.
    let torn = [DeclaredPersona::from((
        "Torn",
        [("spend", Condition::AtLeast(100.0)), ("spend", Condition::AtMost(20.0))],
    ))];
    let error = personas.compare(&torn, &table).unwrap_err().to_string();
    assert!(error.contains("the range of \"spend\", 100 to 20, is empty"), "{error}");
}

#[test]
fn nothing_declared_leaves_everyone_unmatched() {
    let table = sixty();
    let personas = model(&table, &groups(60, &[0..30, 30..60]));
    let comparison = personas.compare(&[], &table).unwrap();
    assert_eq!((comparison.n_unmatched, comparison.uncovered), (60, vec![0, 1]));
    let unknown = personas
        .compare(&[DeclaredPersona::from(("x", [("income", Condition::AtMost(1.0))]))], &table);
    assert!(matches!(unknown, Err(Error::InvalidRule { .. })));
}

#[test]
fn what_nobody_declared_can_be_declared_as_it_was_found() {
    let table = sixty();
    let personas = model(&table, &groups(60, &[0..30, 30..60]));
    let discovered = personas.compare(&[], &table).unwrap().discovered;
    let names: Vec<&str> = discovered.iter().map(|persona| persona.name.as_str()).collect();
    assert_eq!(names, ["Small spenders", "Big spenders"]);
    assert_eq!(discovered[0].rules[0].condition, Condition::Less(64.5));
    // Declared, they are the personas they came from.
    let again = personas.compare(&discovered, &table).unwrap();
    assert!(again.declared.iter().all(|found| found.verdict == DeclaredVerdict::Confirmed));
    assert!(again.uncovered.is_empty() && again.discovered.is_empty());
}

#[test]
fn a_declared_persona_learns_what_else_sets_its_people_apart() {
    let table = sixty();
    let personas = model(&table, &groups(60, &[0..30, 30..60]));
    let declared = [
        DeclaredPersona::from(("Rich", [("spend", Condition::Greater(90.0))])),
        DeclaredPersona::from(("Few", [("spend", Condition::Greater(125.0))])),
    ];
    let found = personas.compare(&declared, &table).unwrap().declared;
    let card = found[0].card.as_ref().unwrap();
    assert_eq!((card.name.as_str(), card.size), ("Rich", 30));
    assert!(card.traits.iter().any(|told| told.phrase == "big spenders"), "{card:?}");
    // Four people are not described.
    assert_eq!(found[1].card, None);
}

#[test]
fn columns_that_did_not_make_the_groups_are_described_too() {
    let table = sixty();
    let prep = Preprocessor::default().fit(&without(&table, &["city"])).unwrap();
    let fit = KMeans::new(2).fit(&prep.transform(&table).unwrap()).unwrap();
    let personas = Describer::default().describe(&table, &prep, &fit).unwrap();
    let found = personas.importance(&table, None, Some(0)).unwrap();
    let strength: Vec<(&str, f64)> =
        found.iter().map(|i| (i.feature.as_str(), i.strength)).collect();
    assert_eq!((strength[0].0, strength[1]), ("spend", ("city", 0.0)));
    assert!(strength[0].1 > 0.7, "{strength:?}");
}

/// Mixed tables with missing values, equal rows and constant columns; small groups.
fn mixed() -> impl Strategy<Value = (FeatureTable, usize)> {
    let row = (prop::option::weighted(0.9, 0i32..20), prop::option::weighted(0.9, 0usize..4));
    (prop::collection::vec(row, 6..40), 1usize..4).prop_map(|(cells, k)| {
        let n = cells.len();
        let city = |c: usize| ["a", "b", "c", "d"][c].to_owned();
        let first = numbers(0..n as i32);
        let table = rows(n)
            .numeric("order", first)
            .and_then(|t| t.numeric("spend", cells.iter().map(|c| c.0.map(f64::from)).collect()))
            .and_then(|t| t.categorical("city", cells.iter().map(|c| c.1.map(city)).collect()))
            .unwrap();
        (table, k)
    })
}

fn squared(x: &Matrix, row: usize, point: &[f64]) -> f64 {
    x.row(row).iter().zip(point).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn any() -> Describer {
    Describer { any_size: true, ..Describer::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_people_described_get_their_own_clusters_and_exact_reasons((table, k) in mixed()) {
        let prep = Preprocessor::default().fit(&table).unwrap();
        let x = prep.transform(&table).unwrap();
        let fit = KMeans::new(k).n_init(1).fit(&x).unwrap();
        let personas = any().describe(&table, &prep, &fit).unwrap();
        prop_assert_eq!(personas.evidence().agreement, 1.0);
        let matches = personas.assign(&table).unwrap();
        prop_assert_eq!(placed(&matches), fit.labels.to_vec());
        for (row, found) in matches.iter().enumerate() {
            prop_assert!((0.0..=1.0).contains(&found.margin));
            let Some(other) = found.runner_up else { continue };
            let to = |cluster: usize| {
                squared(&x, row, &fit.centroids.row(cluster).to_vec())
            };
            let (own, other) = (to(found.persona.unwrap()), to(other));
            let sum: f64 = matches.reasons(row).iter().map(|r| r.contribution).sum();
            let scale = 1.0 + own + other;
            prop_assert!((sum - (other - own)).abs() < 1e-9 * scale, "{} {}", sum, other - own);
        }
        let mut names: Vec<&str> = personas.personas().iter().map(|p| p.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        prop_assert_eq!(names.len(), personas.personas().len());
        prop_assert!((0.0..=1.0).contains(&personas.evidence().unexplained));
    }

    #[test]
    fn dbscan_people_are_placed_by_the_fits_own_rule((table, k) in mixed()) {
        let prep = Preprocessor::default().fit(&table).unwrap();
        let x = prep.transform(&table).unwrap();
        let fit = Dbscan::new(0.5 * k as f64, 3).fit(&x).unwrap();
        let personas = any().describe(&table, &prep, &fit).unwrap();
        let matches = personas.assign(&table).unwrap();
        prop_assert_eq!(placed(&matches), fit.predict(&x).unwrap().to_vec());
        for &row in &fit.core_rows {
            prop_assert_eq!(matches.get(row).unwrap().persona, fit.labels.get(row));
        }
    }

    #[test]
    fn the_order_of_people_does_not_change_what_is_said((table, k) in mixed()) {
        let reversed: Vec<usize> = (0..table.n_rows()).rev().collect();
        let sizes = |i: usize| Some(i % (k + 1)).filter(|&g| g < k);
        let labels = Labels::new((0..table.n_rows()).map(sizes)).unwrap();
        let turned = Labels::new(reversed.iter().map(|&i| sizes(i))).unwrap();
        let prep = Preprocessor::default().fit(&table).unwrap();
        let describe = |table: &FeatureTable, labels: &Labels| {
            let model =
                Describer { min_effect: 0.0, ..any() }.describe(table, &prep, labels).unwrap();
            let mut told: Vec<Vec<String>> =
                model.personas().iter().map(|p| p.sentences.clone()).collect();
            told.sort_unstable();
            told
        };
        let turned = describe(&table.select(&reversed).unwrap(), &turned);
        prop_assert_eq!(describe(&table, &labels), turned);
    }
}

/// The table without some columns.
pub(crate) fn without(table: &FeatureTable, names: &[&str]) -> FeatureTable {
    let columns = table.columns().iter().filter(|column| !names.contains(&column.name.as_str()));
    columns.fold(FeatureTable::new(table.n_rows()), |table, column| {
        let name = column.name.as_str();
        match column.values.clone() {
            personas::features::Values::Numeric(values) => table.numeric(name, values).unwrap(),
            personas::features::Values::Categorical(values) => {
                table.categorical(name, values).unwrap()
            }
            other => panic!("{other:?}"),
        }
    })
}

#[test]
fn what_points_to_the_runner_up_speaks_against_the_persona_and_nothing_else_does() {
    // Two groups by spend and, less far apart, by visits; the last person spends like the one and visits like the other.
    let value = |row: usize, step: f64| (row / 30) as f64 * step + (row % 10) as f64;
    let spend = (0..60).map(|row| value(row, 1000.0)).chain([4.0]);
    let visits = (0..60).map(|row| value(row, 20.0)).chain([24.0]);
    let table = FeatureTable::new(61).numeric("spend", spend.map(Some).collect()).unwrap();
    let table = table.numeric("visits", visits.map(Some).collect()).unwrap();
    let prep = Preprocessor { balanced: false, ..Preprocessor::default() }.weight("spend", 2.0);
    let prep = prep.fit(&table).unwrap();
    let mut labels: Vec<Option<usize>> = (0..60).map(|row| Some(row / 30)).collect();
    labels.push(Some(0));
    let labels = Labels::new(labels).unwrap();
    let model = Describer::default().describe(&table, &prep, &labels).unwrap();
    let matches = model.assign(&table).unwrap();
    let of = |row: usize, feature: &str| {
        let reasons = matches.reasons(row);
        reasons.iter().find(|reason| reason.feature == feature).unwrap().contribution
    };
    assert!(of(60, "spend") > 0.0 && of(60, "visits") < 0.0, "{:?}", matches.reasons(60));
    assert!(of(60, "spend") > -of(60, "visits"));
    let said = matches.explain(60);
    let (first, second) = said.split_once("; ").unwrap();
    assert!(first.contains("spend") && !first.contains("against"), "{said}");
    assert!(second.contains("visits") && second.contains("speaks against it"), "{said}");
    assert!(!matches.explain(0).contains("against"), "{}", matches.explain(0));
    for row in [0, 30, 60] {
        let sizes: Vec<f64> = matches.reasons(row).iter().map(|r| r.contribution.abs()).collect();
        assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
        let sum: f64 = matches.reasons(row).iter().map(|reason| reason.contribution).sum();
        assert!(sum > 0.0, "the persona is the nearer one");
    }
}

/// Two hundred and forty people of two plans, of whom those on the paid one visit ten times as often.
fn of_two_plans(factor: f64) -> FeatureTable {
    let plan = (0..240).map(|i| Some(["free", "paid"][i % 2].to_owned())).collect();
    let visits = (0..240).map(|i| Some(factor * [1.0, 10.0][i % 2] * (1 + i / 2) as f64)).collect();
    let table = FeatureTable::new(240).categorical("plan", plan).unwrap();
    table.numeric("visits", visits).unwrap()
}

#[test]
fn a_model_keeps_its_cohorts_and_compares_later_people_with_them() {
    let columns = vec![("visits".into(), Relative::Rank)];
    let cohorts = Cohorts { by: "plan".into(), columns, ..Cohorts::default() };
    let preprocessor = Preprocessor::default().weight("plan", 0.0).weight("visits", 0.0);
    let settings = PersonaSettings {
        k: Some(2),
        cohorts: Some(cohorts),
        preprocessor,
        ..PersonaSettings::default()
    };
    let table = of_two_plans(1.0);
    let model = PersonaModel::fit(&table, &settings).unwrap();
    // The half that visits more than others of the same plan.
    let personas = |table: &FeatureTable| -> Vec<Option<usize>> {
        model.assign(table).unwrap().iter().map(|found| found.persona).collect()
    };
    let placed = personas(&table);
    let more = placed[239];
    assert!(
        placed.iter().enumerate().all(|(i, found)| (*found == more) == (i >= 120)),
        "{placed:?}"
    );
    // Half a year later all visit twice as often: most do more than the people the model was made from.
    let later = of_two_plans(2.0);
    let n_more = personas(&later).iter().filter(|found| **found == more).count();
    assert_eq!(n_more, 180);
    for row in [0, 1, 100, 239] {
        assert_eq!(personas(&later.select(&[row]).unwrap()), [personas(&later)[row]], "{row}");
    }
    // A plan that was not met gives no rank, and the middle is taken.
    let new = FeatureTable::new(1)
        .categorical("plan", vec![Some("team".into())])
        .and_then(|table| table.numeric("visits", vec![Some(5.0)]))
        .unwrap();
    let matches = model.assign(&new).unwrap();
    assert_eq!(matches.reasons(0)[0].value, "no visits, rank in plan known");

    let bytes = stored::to_bytes(&model).unwrap();
    let restored: PersonaModel = stored::from_bytes(&bytes).unwrap();
    assert_eq!(restored, model);
    // Everything else a model does with a table knows the columns too.
    let rank = "visits, rank in plan";
    assert!(
        model.drift(&later).unwrap().iter().any(|found| found.feature == rank && found.shift > 0.1)
    );
    assert_eq!(model.importance(&table, None, None).unwrap()[0].feature, rank);
    let declared = DeclaredPersona::from(("keen", [(rank, Condition::AtLeast(0.5))]));
    let found = model.compare(&[declared], &table).unwrap();
    assert_eq!(found.declared[0].n_full, 120);
    assert!(Report::new(&model, &later).html().is_ok());
    let lineage =
        model.lineage(&model.assign(&table).unwrap(), &restored, &restored.assign(&table).unwrap());
    assert!(lineage.unwrap().is_known);
}

#[test]
fn the_shares_of_columns_in_what_sets_personas_apart_add_up_to_one() {
    let table = sixty().numeric("double", numbers((0..60).map(|i| i / 30 * 9 + i % 7))).unwrap();
    let blocks = model(&table, &groups(60, &[0..30, 30..60])).evidence().blocks.clone();
    let shares: Vec<f64> = blocks.iter().map(|block| block.share).collect();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{blocks:?}");
    assert!(shares.is_sorted_by(|a, b| a >= b) && shares.iter().all(|share| *share >= 0.0));
    // Cities alternate in both groups and set nothing apart.
    let city = blocks.iter().find(|block| block.features.contains(&"city".to_owned())).unwrap();
    assert!(city.share < 1e-12 && shares[0] > 0.3, "{blocks:?}");
}

#[test]
fn a_copy_of_a_table_is_the_same_table_and_another_one_is_not() {
    let (table, copy, other) = (sixty(), sixty(), without(&sixty(), &["city"]));
    let spend = model(&other, &groups(60, &[0..30, 30..60]));
    let same = |other: &FeatureTable| {
        spend.lineage(&spend.assign(&table).unwrap(), &spend, &spend.assign(other).unwrap())
    };
    assert_eq!(same(&table).unwrap(), same(&copy).unwrap());
    assert_eq!(same(&copy).unwrap().n_shared, 60);
    // Of two tables without ids nobody is known: their personas are matched by where they lie.
    let lineage = same(&other).unwrap();
    assert_eq!((lineage.n_shared, lineage.is_known), (0, false));
    assert_eq!(lineage.earlier, [Fate::Survived(0), Fate::Survived(1)]);
}

#[test]
fn a_model_of_a_newer_version_is_refused_by_its_number() {
    let table = sixty();
    let json = serde_json::to_string(&model(&table, &groups(60, &[0..30, 30..60]))).unwrap();
    assert!(json.starts_with("{\"version\":4,"), "{json}");
    let newer = json.replacen("\"version\":4,", "\"version\":9,\"what nobody knows yet\":[],", 1);
    let error = serde_json::from_str::<PersonaModel>(&newer).unwrap_err().to_string();
    assert!(
        error.contains("a persona model of version 9; this release reads version 4"),
        "{error}"
    );
}

#[test]
fn a_kept_model_names_no_category_of_fewer_people_than_are_described() {
    let city = |i: i32| if i == 7 { "Ann's village" } else { ["Oslo", "Rome"][i as usize % 2] };
    let n = 240;
    let cities = (0..n).map(|i| Some(city(i).to_owned())).collect();
    let spend = numbers((0..n).map(|i| i / 120 * 500 + i * 37 % 101));
    let table = rows(n as usize)
        .categorical("city", cities)
        .and_then(|t| t.numeric("spend", spend))
        .unwrap();
    let model =
        PersonaModel::fit(&table, &PersonaSettings { k: Some(2), ..PersonaSettings::default() })
            .unwrap();
    let kept = serde_json::to_string(&model).unwrap();
    assert!(kept.contains("Oslo") && !kept.contains("village"), "{kept}");
    assert_eq!(model.evidence().agreement, 1.0);
}

#[test]
fn a_niche_of_a_large_persona_is_counted_in_all_of_it() {
    // Of 6,000 people, every other one is of another shop, and 300 return nearly everything: more than are
    // looked through.
    let n = 6000;
    let table = rows(n as usize)
        .numeric("shop", numbers((0..n).map(|i| i % 2 * 3)))
        .and_then(|t| t.numeric("spend", numbers((0..n).map(|i| i * 37 % 101))))
        .and_then(|t| {
            t.numeric(
                "returns",
                numbers((0..n).map(|i| i * 17 % 11 + if i % 20 == 0 { 90 } else { 0 })),
            )
        })
        .unwrap();
    let model = model(&table, &Labels::new(vec![Some(0); 6000]).unwrap());
    let niches = model.niches(&table, 0).unwrap();
    let expected: Vec<usize> = (0..6000).step_by(20).collect();
    let found = niches.iter().find(|niche| niche.rows == expected);
    assert!(
        found.is_some_and(|niche| niche.card.size == 300),
        "{:?}",
        niches.iter().map(|n| n.rows.len()).collect::<Vec<_>>()
    );
}
