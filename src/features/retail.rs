//! The features a shop starts with, in the shop's own words.

use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::feature::Feature;
use super::filter::EventFilter;
use super::formula;
use super::measure::{Best, Measure, Share};
use super::set::FeatureSet;

/// The words of a shop's events, and the features made of them.
///
/// The default words are plain ones and those of Segment's `Order Completed`: an event of either name is a
/// purchase.
///
/// From the purchases:
///
/// | column | is |
/// |---|---|
/// | `recency_days` | days since the last one |
/// | `frequency` | number of orders; lines without an order's id count as one order a day |
/// | `monetary` | sum of the amounts, less what was refunded |
/// | `mean_order_value` | monetary / frequency |
/// | `tenure_days` | days since the first one |
/// | `gap_days` | mean days from one shopping day to the next |
/// | `discount_share` | discounts as a part of amounts and discounts; only if discounts occur |
/// | `share of …` | spend by category: one column for each of the `n_categories` largest |
/// | `item share of …` | the same by the category of each item of an order; only if items have one |
/// | `recency_score`, `frequency_score`, `monetary_score` | 1 to 5 by rank among all, 5 is best; only with [`Retail::scores`](#structfield.scores) |
///
/// There is also a column `number of …` for each of the eight most frequent other events, and a column for
/// every declared attribute, [at most 256](Measure::Attributes).
///
/// **Refunds.** A purchase with an amount below zero is a refund or a cancellation: it is subtracted from
/// `monetary` and has no other effect. It is neither an order nor the last purchase nor a shopping day. A
/// purchase of amount zero, or without an amount, is a purchase like any other. A cancelled order still
/// counts in `frequency`; if that matters, leave its events out.
///
/// A person who never bought has 0 for `frequency`, `monetary` and the numbers of events; the rest is
/// missing.
///
/// `recency_days` is the recency of RFM: less is more recent. BG/NBD and related models use the word recency
/// for the time from the first purchase to the last ([`Measure::SpanDays`]); their
/// frequency is the number of *repeated* shopping days ([`Measure::ActiveDays`] − 1), their T is
/// `tenure_days`, and their monetary value leaves out the first day ([`Measure::RepeatMean`]).
///
/// ```
/// use personas::features::Retail;
/// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
///
/// let words = Retail {
///     order: "basket_id".into(),
///     category: "department".into(),
///     scores: true,
///     ..Retail::default()
/// };
/// let features = FeatureSet::from(&words);
/// let mut people = Profiles::new(Rules::default(), features)?;
/// let noon = Timestamp::parse("2017-03-01T12:00:00Z")?;
/// for (amount, department) in [(3.0, "PRODUCE"), (9.0, "GROCERY")] {
///     let line = Event::new("purchase", noon).id("card", "4711").property("basket_id", "b1");
///     people.observe(&line.property("amount", amount).property("department", department))?;
/// }
/// let table = people.features(noon)?;
/// let names: Vec<&str> = table.columns().iter().map(|column| column.name.as_str()).collect();
/// assert_eq!(names[..4], ["recency_days", "frequency", "monetary", "mean_order_value"]);
/// assert_eq!(names[6..8], ["share of GROCERY", "share of PRODUCE"]);
/// assert_eq!(names[8..], ["recency_score", "frequency_score", "monetary_score"]);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retail {
    /// The names of purchase events, one per order or per line; `purchase` and `Order Completed` by default.
    pub purchase: Vec<String>,
    /// The property that holds the order's id; `order_id` by default.
    pub order: String,
    /// The property that holds the amount paid, or up to three of them, of which the first that an order
    /// has counts; `amount ?? revenue ?? total` by default. Where an order has none, the amount is the sum of price ×
    /// quantity over its items.
    pub amount: String,
    /// The field of an order's items that holds the price of one piece; `products.price` by default.
    pub price: String,
    /// The field of an order's items that holds the number of pieces, 1 where it is missing; `products.quantity` by default.
    pub quantity: String,
    /// The property that holds what was taken off the price; `discount` by default.
    pub discount: String,
    /// The property that holds the kind of goods; `category` by default. A field of the items is weighed by the price
    /// and quantity of the same item.
    pub category: String,
    /// The field of an order's items that holds their kind; `products.category` by default.
    pub item_category: String,
    /// Number of categories whose share is taken, at least 1; 8 by default.
    pub n_categories: usize,
    /// Whether to add the RFM scores, 1 to 5 by rank among all people; `false` by default. 5 is the most
    /// recent, most frequent and largest. Equal values score equally, so a score can have more than a fifth of
    /// the people, or none. A person who never bought has no recency and no recency score.
    pub scores: bool,
}

impl FeatureSet {
    /// A good start for a shop: [`Retail`] with its default words.
    pub fn retail() -> Self {
        Self::from(&Retail::default())
    }
}

impl Default for Retail {
    fn default() -> Self {
        Self {
            purchase: ["purchase", "Order Completed"].map(Into::into).to_vec(),
            order: "order_id".into(),
            amount: "amount ?? revenue ?? total".into(),
            price: "products.price".into(),
            quantity: "products.quantity".into(),
            discount: "discount".into(),
            category: "category".into(),
            item_category: "products.category".into(),
            n_categories: 8,
            scores: false,
        }
    }
}

impl From<&Retail> for FeatureSet {
    fn from(words: &Retail) -> Self {
        let purchases: EventFilter = words.purchase.iter().collect();
        let on = |name: &str, measure| Feature::new(name, measure).on(purchases.clone());
        let of_items = format!("{} * {}", words.price, words.quantity);
        let amount = format!("{} ?? {of_items}", words.amount);
        let bought = |name: &str, measure| on(name, measure).when(&amount, Condition::NotLess(0.0));
        let per_order = Measure::Ratio { of: "monetary".into(), per: "frequency".into() };
        let discounts = Share::Part { part: words.discount.clone(), rest: amount.clone() };
        let discounts = Measure::Share(discounts);
        let except = words.purchase.iter().cloned().chain(["identify".into()]).collect();
        let others = Measure::EventCounts { except, n: 8 };
        let shares = |property: &String| {
            let is_of_items = formula::are_of_one_list(property, &of_items);
            let by = Some(if is_of_items { &of_items } else { &amount }.clone());
            Measure::TopShares { property: property.clone(), by, n: words.n_categories }
        };
        let by_item = (words.item_category != words.category)
            .then(|| on("item share of", shares(&words.item_category)).optional());
        let scores = [
            ("recency_score", "recency_days", Best::Low),
            ("frequency_score", "frequency", Best::High),
            ("monetary_score", "monetary", Best::High),
        ];
        let scores = scores.into_iter().filter(|_| words.scores).map(|(name, of, best)| {
            Feature::new(name, Measure::Score { of: of.into(), n: 5, best })
        });
        let features = [
            bought("recency_days", Measure::RecencyDays),
            bought("frequency", Measure::Orders(words.order.clone())),
            on("monetary", Measure::Sum(amount.clone())),
            Feature::new("mean_order_value", per_order),
            bought("tenure_days", Measure::TenureDays),
            bought("gap_days", Measure::GapDays),
            on("discount_share", discounts).optional(),
            Feature::new("number of", others),
            on("share of", shares(&words.category)).optional(),
        ];
        let attributes = Feature::new("attributes", Measure::Attributes);
        features.into_iter().chain(by_item).chain([attributes]).chain(scores).collect()
    }
}
