//! Small values of every type that can be stored, with floats of all 53 bits.

use std::fmt::Debug;

use personas::cluster::{
    Agglomerative, ClusterSelection, Dbscan, Decay, FadingDbscan, Hdbscan, IncrementalDbscan,
    KMeansInit, Linkage, Metric, OnlineKMeans, Window,
};
use personas::features::{
    Best, ColumnType, Condition, EventFilter, Feature, Funnel, Measure, Retail, SessionMeasure,
    Share, StepOrder,
};
use personas::journey::Paths;
use personas::ndarray::{Array2, array};
use personas::outlier::{Contamination, IsolationForest, LocalOutlierFactor};
use personas::persona::{DeclaredPersona, PersonaSettings, Saying, Vocabulary};
use personas::prepare::{Cohorts, Relative, Scaling};
use personas::profiles::StoreOptions;
use personas::quality::{Action, Check, Quality, QualityRule, Target};
use personas::reduce::{Archetypes, ExactMoments};
use personas::scale::Scaler;
use personas::{
    Error, Event, FeatureSet, FeatureTable, Identifier, IdentityGraph, KMeans, Labels, Pca,
    PersonaModel, Preprocessor, Profiles, Rules, Timestamp, Value,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What is done with each value.
pub(crate) trait Visit {
    fn value<T>(&mut self, value: T)
    where
        T: Serialize + DeserializeOwned + PartialEq + Debug + 'static;
}

/// Random floats: splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// In [0, 1), of 53 bits.
    fn float(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Rows in two groups, of three columns.
    fn rows(&mut self, n: usize) -> Array2<f64> {
        Array2::from_shape_fn((n, 3), |(row, _)| self.float() * 3.7 + (row % 2) as f64 * 31.3)
    }
}

/// Visits models: everything that is fitted to rows.
pub(crate) fn models(seed: u64, visit: &mut impl Visit) -> Result<(), Error> {
    let mut random = Random(seed);
    let x = random.rows(14);
    visit.value(Labels::new([Some(0), None, Some(1), Some(0)])?);
    visit.value(KMeans::new(2).fit(&x)?);
    visit.value(Dbscan::new(2.3, 2).fit(&x)?);
    visit.value(Hdbscan::new(3).fit(&x)?);
    visit.value(Agglomerative::new(Linkage::Ward).fit(&x)?);
    let start = KMeans::new(2).fit(&x)?.centroids;
    let mut online = OnlineKMeans::new(&start, Decay::HalfLifePoints(7.3))?;
    online.learn(&random.rows(9), None)?;
    visit.value(online);
    let mut fading = FadingDbscan::new(2.3, 1.1, Decay::HalfLifeDays(0.7), 1000)?;
    let mut latest = IncrementalDbscan::new(Dbscan::new(2.3, 2), Window::Rows(6))?;
    for (row, at) in x.rows().into_iter().zip(0..) {
        fading.insert(row, at * 3_600_000)?;
        latest.insert(row, at)?;
    }
    visit.value(fading);
    visit.value(latest);
    visit.value(IsolationForest::default().n_trees(2).max_samples(8).fit(&x)?);
    visit.value(LocalOutlierFactor::new(3).fit(&x)?);
    visit.value(Pca::new(2).fit(&x)?);
    visit.value(ExactMoments::of(&x)?);
    visit.value(Archetypes::new(2).n_init(1).fit(&x)?);
    let positive = x.mapv(|v| v.abs() + 0.1);
    for scaler in [Scaler::Standard, Scaler::Robust, Scaler::MinMax, Scaler::YeoJohnson] {
        visit.value(scaler.fit(&positive)?);
    }
    Ok(())
}

/// Visits tables of people, and what is fitted to them.
pub(crate) fn people(seed: u64, visit: &mut impl Visit) -> Result<(), Error> {
    let mut random = Random(seed);
    let mut numbers = |far: f64| -> Vec<Option<f64>> {
        (0..24).map(|i| (i != 5).then(|| random.float() + f64::from(i % 2) * far)).collect()
    };
    let (spend, visits) = (numbers(93.1), numbers(0.3));
    let town = (0..24).map(|i| (i != 7).then(|| ["Ulm", "Bern", "Graz"][i % 3].to_owned()));
    let table = FeatureTable::new(24)
        .numeric("spend", spend)?
        .numeric("visits", visits)?
        .categorical("town", town.collect())?;
    visit.value(table.clone());
    visit.value(cohorts().fit(&table)?);
    let fit = preprocessor().fit(&table)?;
    let groups = KMeans::new(2).fit(&fit.transform(&table)?)?;
    visit.value(personas::persona::Describer::default().describe(&table, &fit, &groups)?);
    visit.value(fit);
    let settings =
        PersonaSettings { min_size: 2, n_half_samples: 4, max_k: 3, ..PersonaSettings::default() };
    visit.value(PersonaModel::fit(&table, &settings)?);
    Ok(())
}

fn cohorts() -> Cohorts {
    let columns = vec![("spend".into(), Relative::Rank)];
    Cohorts { by: "town".into(), columns, ..Cohorts::default() }
}

fn preprocessor() -> Preprocessor {
    let mut preprocessor = Preprocessor::default().weight("visits", 0.1 + 0.2);
    preprocessor.scaling = Scaling::Robust;
    preprocessor.tame_tails = false;
    preprocessor.missing_indicator_from = Some(0.01);
    preprocessor
}

/// Visits events, graphs, and stores' parts.
fn events(visit: &mut impl Visit) -> Result<(), Error> {
    let at = Timestamp::parse("2024-05-01T12:00:00Z")?;
    let products = vec![Value::from([("price", (0.1 + 0.2).into()), ("sku", "t".into())])];
    let purchase = Event::new("purchase", at)
        .id("user_id", "1")
        .claimed_id("email", "ann@example.org")
        .property("amount", 1.0 / 3.0)
        .property("gift", true)
        .property("items", products)
        .property("due", at)
        .attribute("age", 41)
        .message_id("m")
        .utc_offset(-300);
    let visits = Event::new("visit", at).id("cookie", "c");
    let mut graph = IdentityGraph::new(Rules::default().limit("user_id", 1).weak("cookie"))?;
    graph.observe(&purchase)?;
    graph.observe(&visits)?;
    graph.must_link(&Identifier::new("user_id", "1"), &Identifier::new("cookie", "c"))?;
    graph.forget(("user_id", "2"))?;
    visit.value(graph.snapshot());
    visit.value(graph);
    let features = FeatureSet::retail().with(Feature::new("gifts", Measure::Count));
    let mut store = Profiles::new(Rules::default(), features)?;
    store.observe(&purchase)?;
    store.observe(&visits)?;
    visit.value(store.features(at)?);
    let id = store.get(("user_id", "1")).map(|profile| profile.id);
    visit.value(Profiles::new(Rules::default(), FeatureSet::default())?.extend([&visits]));
    visit.value(purchase);
    visit.value(visits);
    visit.value(id);
    Ok(())
}

/// Visits rules, features and the like, as users set them.
fn settings(visit: &mut impl Visit) -> Result<(), Error> {
    let third = 1.0 / 3.0;
    let from = Timestamp::parse("2020-01-01")?;
    let to = Timestamp::parse("2030-01-01")?;
    let rules = Rules::default().priority(["user_id", "email"]).hub("email", 10, "name");
    visit.value(rules.blocked("email", "*@x.org").clock(from, to));
    visit.value(StoreOptions {
        max_log: Some(3),
        keep: ["channel".into()].into(),
        ..StoreOptions::default()
    });
    visit.value(FeatureSet::engagement());
    visit.value(Retail::default());
    visit.value(all_features());
    visit.value(Paths { by: Some("page".into()), gap_minutes: third, ..Paths::default() });
    let rule =
        QualityRule::new(Target::Property("amount".into()), Check::FreshDays(third), Action::Keep);
    let whole = QualityRule::new(Target::Columns, Check::Complete(third), Action::Drop);
    visit
        .value(Quality { rules: vec![QualityRule { on: Some("purchase".into()), ..rule }, whole] });
    visit.value(KMeans::new(2).tol(third).init(KMeansInit::Given(array![[third], [0.7]])));
    visit.value(Dbscan::new(third, 2).metric(Metric::Cosine));
    let leaf = ClusterSelection::Leaf { epsilon: third };
    visit.value(Hdbscan::new(3).cluster_selection(leaf));
    visit.value(Agglomerative::new(Linkage::Average));
    visit.value(Decay::HalfLifeDays(third));
    visit.value(IsolationForest::default().contamination(Contamination::Share(third)));
    visit.value(LocalOutlierFactor::new(3));
    visit.value(cohorts());
    visit.value(preprocessor());
    visit.value(PersonaSettings { min_share: third, ..PersonaSettings::default() });
    visit.value(Pca::share(third));
    visit.value(Pca::new(1).whiten());
    visit.value(Archetypes::new(2));
    visit.value(Scaler::Robust);
    let visits = Condition::Between(third, 0.1 + 0.7);
    let mut declared = DeclaredPersona::from(("Regulars", [("visits", visits)]));
    declared.rules[0].weight = third;
    visit.value(declared);
    let high = "big".into();
    let saying = Saying {
        names: ["x".into()].into(),
        high,
        low: "small".into(),
        known: None,
        unknown: None,
        counts: true,
        middle: Some("medium".into()),
        highest: None,
        lowest: Some("smallest".into()),
    };
    visit.value(Vocabulary { sayings: vec![saying], ..Vocabulary::default() });
    Ok(())
}

/// A feature of every measure that has something in it.
fn all_features() -> FeatureSet {
    let third = 1.0 / 3.0;
    let property = || "amount".to_owned();
    let filter = || EventFilter::from("purchase").when("amount", Condition::AtLeast(third));
    let funnel = || Funnel {
        exclude: vec!["return".into()],
        within_days: third,
        ..Funnel::new([filter(), "visit".into()])
    };
    let best = Best::Low;
    let value = Share::Value { property: property(), value: "1".into(), by: Some("x".into()) };
    let measures = [
        Measure::Count,
        Measure::Quantile { property: property(), q: third },
        Measure::First { property: property(), column: ColumnType::Category },
        Measure::Session { of: SessionMeasure::Count, minutes: third },
        Measure::FurthestStep(funnel()),
        Measure::FunnelDays(Funnel { order: StepOrder::Strict, ..funnel() }),
        Measure::MostFrequentTransition(third),
        Measure::Share(Share::Events(filter())),
        Measure::Share(value),
        Measure::TopShares { property: property(), by: None, n: 3 },
        Measure::EventCounts { except: vec![property()], n: 2 },
        Measure::Attribute { name: "age".into(), column: ColumnType::Auto },
        Measure::Attributes,
        Measure::Score { of: "0".into(), n: 5, best },
        Measure::ScoreFrom { of: "0".into(), borders: vec![third, 0.1 + 0.2], best },
        Measure::Ratio { of: "0".into(), per: "1".into() },
    ];
    let conditions = [
        Condition::Equals("a".into()),
        Condition::OneOf(vec!["a".into(), "b".into()]),
        Condition::Less(third),
        Condition::AtMost(0.1 + 0.2),
        Condition::Greater(-third),
        Condition::NotLess(1e300),
        Condition::Exists,
    ];
    let set = measures.into_iter().zip(0..).fold(FeatureSet::default(), |set, (measure, i)| {
        set.with(Feature::new(i.to_string(), measure).on(filter()).within_days(third))
    });
    conditions.into_iter().zip(0..).fold(set, |set, (condition, i)| {
        let feature = Feature::new(format!("when {i}"), Measure::Count).on("visit");
        set.with(feature.when("amount", condition).half_life_days(third).optional())
    })
}

/// Visits one value of everything, and `n` of every model.
pub(crate) fn each(n: u64, visit: &mut impl Visit) -> Result<(), Error> {
    events(visit)?;
    settings(visit)?;
    (0..n).try_for_each(|seed| models(seed, visit).and_then(|()| people(seed, visit)))
}
