//! What people do one after the other: timelines, funnels, paths, peaks.
//!
//! A report is made of everybody's events as of a moment, like a table of features: later events do
//! not count, a late one is as good as a punctual one, and so equal sets of events give equal reports.

use super::profile::Profile;
use super::store::Profiles;
use super::timeline::Timeline;
use crate::features::{Condition, EventFilter, Funnel, Need, PersonEvents, StoredEvent, unmatched};
use crate::journey::{self, FunnelReport, PathReport, Paths, PeakReport};
use crate::{Error, Event, ProfileId, Result, Timestamp};

impl Profiles {
    /// Returns the names of the features that no event up to a moment matches, in order: no event passes the
    /// filter and has the property that is measured. Usually the events use another name.
    ///
    /// [`optional`](crate::features::Feature::optional) features and those made from others are left out.
    ///
    /// ```
    /// use personas::features::{Feature, Measure};
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let features = FeatureSet::default()
    ///     .with(Feature::new("orders", Measure::Count).on("order"))
    ///     .with(Feature::new("spend", Measure::Sum("amount".into())).on("order"));
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let mut people = Profiles::new(Rules::default(), features)?;
    /// people.observe(&Event::new("order", at).id("card", "1").property("revenue", 12.5))?;
    /// assert_eq!(people.unmatched(at)?, ["spend"]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LogsCut`] if [a limit](crate::profiles::StoreOptions::max_log) has cut somebody's log.
    pub fn unmatched(&self, as_of: Timestamp) -> Result<Vec<&str>> {
        let people = self.whole_logs(as_of, |_| true)?;
        let events = people.iter().flatten().copied();
        Ok(unmatched(&self.features, self.histories.lexicon(), events))
    }

    /// How far people get in a funnel, by the events up to a moment; see [`Funnel`] for what reaching a
    /// step means. `who` chooses the people, such as those of one persona; `|_| true` is everybody. Reports
    /// of groups that share nobody add up to that of all of them.
    ///
    /// ```
    /// use personas::features::Funnel;
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::default())?;
    /// people.observe(&Event::new("visit", at).id("card", "1"))?;
    /// people.observe(&Event::new("order", at).id("card", "1"))?;
    /// people.observe(&Event::new("visit", at).id("card", "2"))?;
    /// let funnel = Funnel::new(["visit", "order"]);
    /// let ann = people.get(("card", "1")).map(|ann| ann.id);
    /// assert_eq!(people.funnel(&funnel, at, |_| true)?.steps[1].n_people, 1);
    /// assert_eq!(people.funnel(&funnel, at, |id| Some(id) != ann)?.steps[1].n_people, 0);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// Cost: the events of those people, and one pass over everybody's identifiers.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if the funnel has no step or too many, or a window that is not above 0; [`Error::PropertyNotStored`] if it tests a
    /// property that is not stored: [`StoreOptions::keep`](crate::profiles::StoreOptions::keep) adds one; [`Error::InvalidRule`] if a condition of a filter is not valid, such as a limit of NaN;
    /// [`Error::LogsCut`] if [a limit](crate::profiles::StoreOptions::max_log) has cut somebody's log.
    pub fn funnel(
        &self,
        funnel: &Funnel,
        as_of: Timestamp,
        who: impl FnMut(ProfileId) -> bool,
    ) -> Result<FunnelReport> {
        funnel.check()?;
        funnel.needs().try_for_each(|(property, need)| self.is_kept(property, need))?;
        let people = self.whole_logs(as_of, who)?;
        Ok(FunnelReport::new(funnel, &slices(&people), self.histories.lexicon()))
    }

    /// Returns the paths that people take through their sessions, by the events up to a moment; see [`Paths`] for
    /// an example. `who` chooses the people, as for [`Profiles::funnel`].
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if a setting is out of its range; [`Error::PropertyNotStored`] if a property is
    /// named that is not stored: [`StoreOptions::keep`](crate::profiles::StoreOptions::keep) adds one; [`Error::InvalidRule`] if a condition of the filter is not valid;
    /// [`Error::LogsCut`] if [a limit](crate::profiles::StoreOptions::max_log) has cut somebody's log.
    pub fn paths(
        &self,
        paths: &Paths,
        as_of: Timestamp,
        who: impl FnMut(ProfileId) -> bool,
    ) -> Result<PathReport> {
        paths.check()?;
        let (filter, by) = paths.parts();
        filter.needs().try_for_each(|(property, need)| self.is_kept(property, need))?;
        by.map_or(Ok(()), |by| self.is_kept(by, Need::LABEL))?;
        let people = self.whole_logs(as_of, who)?;
        Ok(PathReport::new(paths, &slices(&people), self.histories.lexicon()))
    }

    /// Returns how many events, and of how many people, have each value of a property. `@hour`, `@weekday` and
    /// `@date` say when people come, by their [own clocks](crate::features#local-time). Only events that pass the
    /// filter and happened by the moment count. `who` chooses the people, as for [`Profiles::funnel`].
    /// [`StoreOptions::keep`](crate::profiles::StoreOptions::keep) has an example.
    ///
    /// # Errors
    /// [`Error::PropertyNotStored`] if the property, or one that the filter tests, is not stored:
    /// [`StoreOptions::keep`](crate::profiles::StoreOptions::keep) adds one; [`Error::InvalidRule`] if a condition is not valid; [`Error::LogsCut`]
    /// if [a limit](crate::profiles::StoreOptions::max_log) has cut somebody's log.
    pub fn peaks(
        &self,
        property: &str,
        filter: &EventFilter,
        as_of: Timestamp,
        who: impl FnMut(ProfileId) -> bool,
    ) -> Result<PeakReport> {
        filter.check()?;
        EventFilter::default().when(property, Condition::Exists).check()?;
        self.is_kept(property, Need::LABEL)?;
        filter.needs().try_for_each(|(property, need)| self.is_kept(property, need))?;
        let people = self.whole_logs(as_of, who)?;
        Ok(PeakReport::new(property, filter, &slices(&people), self.histories.lexicon()))
    }

    /// Checks that a property is stored in the form in which a report reads it: as numbers, as texts, or both.
    fn is_kept(&self, property: &str, need: Need) -> Result<()> {
        if self.histories.schema.holds(property, need) {
            return Ok(());
        }
        Err(Error::PropertyNotStored { property: property.to_owned() })
    }

    /// The events of some people; an error if some log is cut, since a report of the rest would be wrong.
    fn whole_logs(
        &self,
        as_of: Timestamp,
        mut who: impl FnMut(ProfileId) -> bool,
    ) -> Result<Vec<Vec<StoredEvent<'_>>>> {
        let people = self.people(as_of);
        let (mut logs, mut n_cut) = (Vec::new(), 0);
        for row in (0..people.ids.len()).filter(|&row| who(people.ids[row])) {
            let mut person = PersonEvents { log: Vec::new(), summary: None };
            self.events(people.signatures(row), as_of, &mut person)?;
            n_cut += usize::from(!person.has_all_after(None));
            logs.push(person.log);
        }
        if n_cut > 0 { Err(Error::LogsCut { n_cut }) } else { Ok(logs) }
    }
}

/// What reports are made of.
fn slices<'r, 'e>(people: &'r [Vec<StoredEvent<'e>>]) -> Vec<&'r [StoredEvent<'e>]> {
    people.iter().map(Vec::as_slice).collect()
}

impl<'p> Profile<'p> {
    /// Returns the person's events up to and including a moment, in order of time; events of equal time are
    /// ordered by name, then by content.
    ///
    /// Runs from both ends: `.rev().take(20)` are the newest. To show one page after another while events arrive, put
    /// all events of one time on one page, and call this for the next page with a moment one millisecond before the
    /// last event of the page: skipping a number of events would repeat some. Cost: a step for each set of identifiers that the person was seen under, then the
    /// events that are reached; the rest of a long log costs nothing.
    ///
    /// A log that was [cut](crate::profiles::StoreOptions::max_log) gives what is left of it. An event tells what is kept of
    /// it: its name, its time, the properties and attributes that features read or
    /// [`StoreOptions::keep`](crate::profiles::StoreOptions::keep) asked for, in order of their names. It has no
    /// identifiers, no offset and no message id; flags are texts, and moments where only their
    /// number is read are days.
    ///
    /// ```
    /// use personas::profiles::StoreOptions;
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse;
    /// let options = StoreOptions { keep: ["page".into()].into(), ..StoreOptions::default() };
    /// let mut people = Profiles::with_options(Rules::default(), FeatureSet::default(), options)?;
    /// people.extend(&[
    ///     Event::new("order", at("2017-03-02")?).id("card", "1"),
    ///     Event::new("visit", at("2017-03-01")?).id("card", "1").property("page", "/home"),
    /// ]);
    /// if let Some(ann) = people.get(("card", "1")) {
    ///     let steps: Vec<Event<'_>> = ann.timeline(at("2017-03-05")?).collect();
    ///     assert_eq!((steps[0].name.as_ref(), steps[1].name.as_ref()), ("visit", "order"));
    ///     assert_eq!(steps[0].properties[0], ("page".into(), "/home".into()));
    ///     let newest = ann.timeline(at("2017-03-05")?).rev().next();
    ///     assert_eq!(newest.as_ref(), Some(&steps[1]));
    /// }
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn timeline(
        &self,
        as_of: Timestamp,
    ) -> impl DoubleEndedIterator<Item = Event<'p>> + ExactSizeIterator + use<'p> {
        let (lexicon, histories) = (self.lexicon(), &self.people.histories);
        let logs = self.signatures.iter().filter_map(|&signature| histories.log(signature));
        let rests = logs.map(|log| log.rest_until(as_of)).collect();
        Timeline::new(rests, lexicon).map(move |event| journey::event(event, lexicon))
    }
}
