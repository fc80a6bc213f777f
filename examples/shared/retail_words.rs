//! What the features of events are called: the program knows what it computed, and says so in plain words.

use personas::persona::{Saying, Vocabulary};

/// Features of purchases.
const LABELS: [(&str, &str); 4] = [
    ("monetary", "spending"),
    ("frequency", "purchases"),
    ("mean_order_value", "basket"),
    ("gap_days", "time between purchases"),
];

/// Departments of the built-in grocer.
const GROCER: [(&str, &str); 10] = [
    ("GROCERY", "groceries"),
    ("FUEL", "fuel"),
    ("PRODUCE", "fruit and vegetables"),
    ("MEAT", "fresh meat"),
    ("MEAT-PCKGD", "packaged meat"),
    ("DRUG GM", "drugstore goods"),
    ("DELI", "delicatessen"),
    ("MISCELLANEOUS", "other goods"),
    ("number of campaign_mailed", "mailings"),
    ("number of coupon_redeemed", "coupons redeemed"),
];

/// Adds units, labels and sayings of features of events; what the vocabulary says already stays.
pub(crate) fn add<'c>(words: &mut Vocabulary, columns: impl Iterator<Item = &'c str>) {
    // Shares as they were computed; those of a file may be in percent already.
    let is_share = |name: &str| {
        name.starts_with("share of ")
            || name.starts_with("item share of ")
            || name == "discount_share"
    };
    for name in columns.filter(|name| is_share(name)) {
        words.units.entry(name.into()).or_insert_with(|| "share".into());
    }
    labels(words, &LABELS);
    // The value of an order is money.
    words.money.insert("value".into());
    // A gap needs purchases on two days.
    let gaps = words.sayings.iter_mut().filter(|saying| saying.names.contains("gap"));
    gaps.for_each(|saying| {
        saying.known.get_or_insert_with(|| "came back".into());
        saying.unknown.get_or_insert_with(|| "bought on one day only".into());
    });
}

/// Adds what the departments and mailings of the built-in grocer are called.
pub(crate) fn add_grocer(words: &mut Vocabulary) {
    labels(words, &GROCER);
    words.sayings.push(Saying {
        names: ["campaign mailed".into()].into(),
        high: "often mailed".into(),
        low: "seldom mailed".into(),
        counts: true,
        middle: Some("sometimes mailed".into()),
        highest: Some("most often mailed".into()),
        lowest: Some("least often mailed".into()),
        ..Saying::default()
    });
}

fn labels(words: &mut Vocabulary, labels: &[(&str, &str)]) {
    for (name, label) in labels {
        words.labels.entry((*name).into()).or_insert_with(|| (*label).into());
    }
}
