//! Whether an event moved a person from one persona to another.

use super::model::PersonaModel;
use crate::profiles::Observed;
use crate::{FeatureTable, Result};

impl PersonaModel {
    /// The persona of an event's person before the event and now, as indices into
    /// [`PersonaModel::personas`]; `None` if it is the same, or if the event belongs to nobody. In the pair, `None` is a person in no persona, or without a row of features.
    ///
    /// The person before the event is [the one that `observed` tells](Observed#structfield.before). Cost: at most
    /// two [assignments](PersonaModel::assign); none if no feature changed or features were not asked for.
    ///
    /// # Errors
    /// As [`PersonaModel::assign`].
    ///
    /// ```
    /// use personas::features::{Feature, Measure};
    /// use personas::persona::PersonaSettings;
    /// use personas::{Event, FeatureSet, PersonaModel, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let order = |who: usize| Event::new("order", at).id("card", format!("c{who}"));
    /// let orders = FeatureSet::default().with(Feature::new("orders", Measure::Count));
    /// let mut people = Profiles::new(Rules::default(), orders)?;
    /// for who in 0..40 {
    ///     (0..if who < 20 { 1 } else { 9 }).try_for_each(|_| people.observe(&order(who)).map(drop))?;
    /// }
    /// let settings = PersonaSettings { k: Some(2), ..PersonaSettings::default() };
    /// let model = PersonaModel::fit(&people.features(at)?, &settings)?;
    /// let mut changes = Vec::new();
    /// for _ in 0..8 {
    ///     changes.extend(model.change(&people.observe_as_of(&order(0), at)?)?);
    /// }
    /// assert_eq!(changes.len(), 1); // one of the eight orders moved the person
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn change(&self, observed: &Observed) -> Result<Option<[Option<usize>; 2]>> {
        let (Some(before), Some(after)) = (&observed.before, &observed.after) else {
            return Ok(None);
        };
        if observed.changed.is_empty() {
            return Ok(None);
        }
        let persona = |table: &FeatureTable| -> Result<Option<usize>> {
            Ok(self.assign(table)?.first().and_then(|found| found.persona))
        };
        let personas = [persona(before)?, persona(after)?];
        Ok((personas[0] != personas[1]).then_some(personas))
    }
}
