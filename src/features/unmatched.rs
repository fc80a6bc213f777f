//! Features that no event is for: most often, a word that the events do not use.

use super::definition::{NameLookup, Read};
use super::feature::Feature;
use super::filter::BoundFilter;
use super::log::Lexicon;
use super::measure::{Measure, Share};
use super::schema::Field;
use super::set::FeatureSet;
use super::stored::StoredEvent;

/// What an event must be and have for a feature to say something.
struct FeatureNeeds<'f> {
    name: &'f str,
    filter: BoundFilter,
    /// Fields that it must have.
    fields: Vec<Field>,
}

impl<'f> FeatureNeeds<'f> {
    fn by(feature: &'f Feature, lexicon: Lexicon<'_>) -> Option<Self> {
        let is_by_events = feature.measure().made_of().next().is_none();
        let any = matches!(feature.measure(), Measure::Attributes);
        if any || !is_by_events || feature.is_optional() {
            return None;
        }
        let reads = match feature.measure() {
            // An event without an order's id is an order; steps and parts have filters of their own.
            Measure::Orders(_) | Measure::FurthestStep(_) | Measure::FunnelDays(_) => Vec::new(),
            Measure::Share(Share::Events(_)) => Vec::new(),
            measure => measure.define(NameLookup::NONE).reads,
        };
        let field = |read: &Read| match read {
            // Local time is there or not whatever the words.
            Read::Property(name, _) if name.starts_with('@') => None,
            Read::Property(name, _) => Some(lexicon.schema.property(name)),
            Read::Attribute(name) => Some(lexicon.schema.attribute(name)),
            _ => None,
        };
        Some(Self {
            name: feature.name(),
            filter: feature.bind(lexicon.schema, lexicon.dictionary),
            fields: reads.iter().filter_map(field).collect(),
        })
    }

    fn is_met(&self, event: StoredEvent<'_>, lexicon: Lexicon<'_>) -> bool {
        let has = |field: &Field| event.values(*field).next().is_some();
        self.filter.passes(event, lexicon.dictionary) && self.fields.iter().all(has)
    }
}

/// The names of the features that none of the events is for, in the order of the set.
pub(crate) fn unmatched<'f, 'e>(
    features: &'f FeatureSet,
    lexicon: Lexicon<'_>,
    events: impl Iterator<Item = StoredEvent<'e>>,
) -> Vec<&'f str> {
    let mut wanted: Vec<FeatureNeeds<'f>> =
        features.iter().filter_map(|feature| FeatureNeeds::by(feature, lexicon)).collect();
    for event in events {
        if wanted.is_empty() {
            break;
        }
        wanted.retain(|wanted| !wanted.is_met(event, lexicon));
    }
    wanted.into_iter().map(|wanted| wanted.name).collect()
}
