//! Stored values: whatever is read must be a value that goes on working.

use std::hash::Hasher;

use personas::cluster::{
    DbscanFit, Dendrogram, FadingDbscan, HdbscanFit, IncrementalDbscan, KMeansFit, OnlineKMeans,
};
use personas::features::{Feature, Measure};
use personas::identity::Snapshot;
use personas::ndarray::{Array2, ArrayView1};
use personas::outlier::{IsolationForestFit, LofFit};
use personas::prepare::{CohortsFit, PreprocessorFit};
use personas::reduce::{ArchetypesFit, PcaFit};
use personas::scale::ScalerFit;
use personas::{
    Event, FeatureSet, FeatureTable, IdentityGraph, Labels, PersonaModel, Profiles, Rules,
    Timestamp,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use siphasher::sip128::{Hasher128, SipHasher24};

/// Reads a value by postcard or JSON; what can be read can be written, and read again as the same.
fn read<T: Serialize + DeserializeOwned>(json: bool, data: &[u8]) -> Option<T> {
    let value: T = match json {
        true => serde_json::from_slice(data).ok()?,
        false => postcard::from_bytes(data).ok()?,
    };
    let bytes = postcard::to_stdvec(&value).ok()?;
    let again: T = postcard::from_bytes(&bytes).expect("what was written can be read");
    assert_eq!(postcard::to_stdvec(&again).ok(), Some(bytes));
    let text = serde_json::to_vec(&value).expect("values can be written as JSON");
    let again: T = serde_json::from_slice(&text).expect("what was written can be read");
    assert_eq!(serde_json::to_vec(&again).ok(), Some(text));
    Some(value)
}

fn store() -> Profiles {
    let features = FeatureSet::default()
        .with(Feature::new("n", Measure::Count))
        .with(Feature::new("spend", Measure::Sum("amount".into())));
    Profiles::new(Rules::default().limit("user_id", 1), features).expect("they make sense")
}

/// Graphs, tables, settings, events and pieces of stores.
pub fn stored(data: &[u8]) {
    let Some((&first, data)) = data.split_first() else { return };
    let json = first & 1 > 0;
    let at = Timestamp::from_millis(1_700_000_000_000);
    match first >> 1 & 7 {
        0 => {
            if let Some(mut graph) = read::<IdentityGraph>(json, data) {
                let _ = graph.observe(&Event::new("e", at).id("user_id", "1").id("cookie", "c"));
                let _ = graph.health();
            }
        }
        1 => drop(read::<Snapshot>(json, data)),
        2 => drop(read::<FeatureTable>(json, data)),
        3 => {
            let Some(features) = read::<FeatureSet>(json, data) else { return };
            if let Ok(mut people) = Profiles::new(Rules::default(), features) {
                let event = Event::new("e", at).id("user_id", "1").property("amount", 1.5);
                people.observe(&event).expect("a plain event");
                let _ = people.features(at);
                let _ = people.unmatched(at);
            }
        }
        4 => {
            let Some(rules) = read::<Rules>(json, data) else { return };
            if let Ok(mut graph) = IdentityGraph::new(rules) {
                let _ = graph.observe(&Event::new("e", at).id("user_id", "1").id("email", "a@b.c"));
            }
        }
        5 => {
            if let Some(event) = read::<Event<'static>>(json, data) {
                let mut people = store();
                let report = people.extend([&event]);
                assert_eq!(report.accepted + report.n_refused() + report.suppressed, 1);
            }
        }
        6 => {
            let _ = personas::stored::from_bytes::<Rules>(data);
            let _ = store().absorb(data);
        }
        _ => piece(data),
    }
}

/// Bytes of a frame: letters, version, length, checksum.
const HEAD: usize = 36;

/// A piece with a right frame around settings that fit and a content of any kind.
fn piece(content: &[u8]) {
    let mut people = store();
    let before = people.state_hash();
    let mut other = store();
    let at = Timestamp::from_millis(1_700_000_000_000);
    let event = Event::new("e", at).id("user_id", "1").property("amount", 1.5);
    other.observe(&event).expect("a plain event");
    let Some(real) = other.pieces(1, None).expect("no piece was given").next() else { return };
    // The settings of a real piece; what follows is flipped by the content.
    let mut forged = real[..HEAD].to_vec();
    forged.extend(
        real[HEAD..].iter().zip(content.iter().chain(std::iter::repeat(&0))).map(|(a, b)| a ^ b),
    );
    forged.extend(content.iter().skip(real.len() - HEAD));
    let length = (forged.len() - HEAD) as u64;
    let mut hasher = SipHasher24::new();
    hasher.write(&forged[HEAD..]);
    forged[12..20].copy_from_slice(&length.to_le_bytes());
    forged[20..HEAD].copy_from_slice(&hasher.finish128().as_u128().to_le_bytes());
    match people.absorb(&forged) {
        Ok(_) => {
            let _ = people.features(at);
            people.observe(&event).expect("a plain event");
            assert!(people.n_profiles() > 0);
        }
        Err(_) => assert_eq!(people.state_hash(), before),
    }
}

/// Fitted models, read and then asked about rows.
pub fn models(data: &[u8]) {
    let Some((&first, data)) = data.split_first() else { return };
    let json = first & 1 > 0;
    for d in 1..4 {
        let x = Array2::from_shape_fn((3, d), |(row, column)| row as f64 * 1.5 - column as f64);
        model(first >> 1, json, data, &x);
    }
}

fn model(kind: u8, json: bool, data: &[u8], x: &Array2<f64>) {
    let row: ArrayView1<'_, f64> = x.row(0);
    match kind % 16 {
        0 => drop(read::<Labels>(json, data).map(|labels| labels.to_vec())),
        1 => drop(read::<KMeansFit>(json, data).map(|fit| fit.predict(x))),
        2 => drop(read::<DbscanFit>(json, data).map(|fit| fit.predict(x))),
        3 => drop(read::<HdbscanFit>(json, data).map(|fit| (fit.predict(x), fit.reasons(0)))),
        4 => drop(read::<Dendrogram>(json, data).map(|tree| (tree.cut_into(2), tree.leaf_order()))),
        5 => drop(read::<OnlineKMeans>(json, data).map(|mut fit| fit.learn(x, None))),
        6 => drop(
            read::<FadingDbscan>(json, data).map(|mut fit| (fit.insert(row, 5), fit.groups(9))),
        ),
        7 => drop(
            read::<IncrementalDbscan>(json, data).map(|mut fit| (fit.insert(row, 5), fit.labels())),
        ),
        8 => drop(read::<IsolationForestFit>(json, data).map(|fit| (fit.score(x), fit.reasons(x)))),
        9 => drop(read::<LofFit>(json, data).map(|fit| (fit.score(x), fit.reasons(0)))),
        10 => drop(read::<PcaFit>(json, data).map(|fit| (fit.transform(x), fit.inverse(x)))),
        11 => drop(read::<ArchetypesFit>(json, data).map(|fit| fit.transform(x))),
        12 => drop(read::<ScalerFit>(json, data).map(|fit| (fit.transform(x), fit.inverse(x)))),
        13 => {
            if let Some(fit) = read::<PreprocessorFit>(json, data) {
                let _ = fit.transform(&table_for(&fit));
            }
        }
        14 => drop(read::<CohortsFit>(json, data).map(|fit| fit.apply(&FeatureTable::new(2)))),
        _ => {
            if let Some(model) = read::<PersonaModel>(json, data) {
                let table = table_for(model.preprocessor());
                let _ = model.assign(&table).map(|matches| matches.iter().count());
                model.personas().iter().for_each(|persona| drop(persona.to_string()));
            }
        }
    }
}

/// Two people with the columns that a model reads.
fn table_for(fit: &PreprocessorFit) -> FeatureTable {
    fit.columns().iter().fold(FeatureTable::new(2), |table, column| {
        let numbers = table.clone().numeric(&column.feature, vec![Some(1.5), None]);
        numbers.unwrap_or(table)
    })
}
