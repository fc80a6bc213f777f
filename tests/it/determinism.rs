//! The whole journey gives the same bytes whatever the number of threads, in separate processes.

use std::fmt::Write as _;
use std::process::Command;

use personas::cluster::{Agglomerative, Dbscan, Hdbscan, Linkage};
use personas::features::EventFilter;
use personas::features::Funnel;
use personas::journey::Paths;
use personas::outlier::{IsolationForest, LocalOutlierFactor};
use personas::{Event, FeatureSet, KMeans, Preprocessor, Profiles, Rules, Timestamp, validate};

/// Tells this test, when it runs itself, to print its results instead of comparing them.
const CHILD: &str = "PERSONAS_TEST_PRINTS_THE_JOURNEY";
const MARK: &str = "journey: ";

/// Enough people and rows that every parallel path is taken.
fn journey() -> String {
    let start = Timestamp::parse("2026-01-01").unwrap().millis();
    let people: Vec<(i64, f64)> = (0..300)
        .map(|person| if person % 3 == 0 { (6, 9.0) } else { (20, 40.0 + (person % 7) as f64) })
        .collect();
    let mut events = Vec::new();
    for (person, &(every, amount)) in people.iter().enumerate() {
        for day in (person as i64 % 5..120).step_by(every as usize) {
            let at = Timestamp::from_millis(start + day * 86_400_000 + person as i64);
            let event = Event::new("purchase", at)
                .id("card", format!("card {person}"))
                .property("amount", amount + ((person as i64 * 31 + day * 17) % 23) as f64 / 3.0)
                .property("category", ["food", "tools", "toys"][(person + day as usize) % 3]);
            events.push(if day < 40 { event.id("email", format!("p{person}")) } else { event });
        }
    }
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    let funnel = Funnel { within_days: 30.0, ..Funnel::new(["purchase"; 4]) };
    let ingest = people.extend(&events);
    let as_of = Timestamp::parse("2026-06-01").unwrap();
    let far = people.funnel(&funnel, as_of, |_| true).unwrap();
    let ways = people
        .paths(&Paths { by: Some("category".into()), ..Paths::default() }, as_of, |_| true)
        .unwrap();
    let peaks = people.peaks("category", &EventFilter::default(), as_of, |_| true).unwrap();
    let table = people.features(as_of).unwrap();
    let prep = Preprocessor::default().fit(&table).unwrap();
    let x = prep.transform(&table).unwrap();
    let fit = KMeans::new(3).seed(7).fit(&x).unwrap();
    let choice = validate::choose_k(&x, 2..=4, 7).unwrap();
    let again =
        |sample: personas::ndarray::ArrayView2<'_, f64>| Ok(KMeans::new(3).fit(sample)?.labels);
    let stability = validate::stability(&x, &fit.labels, 10, 7, again).unwrap();
    let folds = validate::k_fold(&x, &fit.labels, 5, 7, again).unwrap();
    let silhouette =
        validate::silhouette(&x, &fit.labels, validate::SilhouetteKind::Exact).unwrap();
    let personas = personas::persona::Describer::default().describe(&table, &prep, &fit).unwrap();
    let forest = IsolationForest::default().fit(&x).unwrap();
    let lof = LocalOutlierFactor::new(10).fit(&x).unwrap();
    let dbscan = Dbscan::new(1.5, 5).fit(&x).unwrap();
    let hdbscan = Hdbscan::new(10).min_samples(4).fit(&x).unwrap();
    let mut out = format!(
        "{ingest} {far:?} {ways:?} {peaks:?} {silhouette:?} {stability:?} {folds:?} {choice:?}"
    );
    for linkage in [Linkage::Single, Linkage::Complete, Linkage::Average, Linkage::Ward] {
        let tree = Agglomerative::new(linkage).fit(&x).unwrap();
        write!(out, " {}", serde_json::to_string(&tree).unwrap()).unwrap();
    }
    for json in [
        serde_json::to_string(&table).unwrap(),
        serde_json::to_string(&prep).unwrap(),
        serde_json::to_string(&fit).unwrap(),
        serde_json::to_string(&personas).unwrap(),
        serde_json::to_string(&*personas.assign(&table).unwrap()).unwrap(),
        format!("{:?}", personas.assign(&table).unwrap().reasons(0)),
        serde_json::to_string(&forest).unwrap(),
        serde_json::to_string(&lof).unwrap(),
        serde_json::to_string(&dbscan).unwrap(),
        serde_json::to_string(&hdbscan).unwrap(),
    ] {
        write!(out, " {json}").unwrap();
    }
    out.replace('\n', " ")
}

#[test]
fn rayon_num_threads_changes_no_byte_of_the_journey() {
    if std::env::var_os(CHILD).is_some() {
        println!("{MARK}{}", journey());
        return;
    }
    let run = |threads: &str| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "determinism::rayon_num_threads_changes_no_byte_of_the_journey"])
            .arg("--nocapture")
            .env(CHILD, "1")
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let at = text.find(MARK).expect("the child prints its journey");
        text[at..].lines().next().unwrap().to_owned()
    };
    let one = run("1");
    assert!(one.len() > 10_000, "{one}");
    for threads in ["2", "3", "16"] {
        assert!(one == run(threads), "{threads} threads give other bytes than one");
    }
}
