//! What people do one after the other: timelines, funnels, paths, peaks.
//!
//! A report is made of everybody's events as of a moment, like a table of features: later events do
//! not count, a late one is as good as a punctual one, and so equal sets of events give equal reports.

use std::collections::BTreeMap;

use super::{Profile, Profiles};
use crate::features::{Entry, EventFilter, Events, Need, Test};
use crate::journey::{self, Funnel, FunnelReport, PathReport, Paths, PeakReport};
use crate::{Error, Event, ProfileId, Result, Timestamp};

/// Everybody's events, by the group that somebody is in.
type Grouped<'r, 'e> = BTreeMap<Option<String>, Vec<&'r [&'e Entry]>>;

impl Profiles {
    /// Keeps a property of events from now on that no feature reads, for reports and timelines.
    /// Events that came before are without it, so this belongs before the first; features and
    /// filters of the [`FeatureSet`](crate::FeatureSet) need no saying. What an event is called by
    /// its own clock, such as `@hour`, is kept like this too.
    ///
    /// ```
    /// use personas::features::EventFilter;
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let (at, offset) = Timestamp::parse_with_offset("2017-03-01T23:30:00-05:00")?;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::default())?.keep("@hour")?;
    /// people.observe(&Event::new("visit", at).id("card", "1").utc_offset(offset))?;
    /// let hours = people.peaks("@hour", &EventFilter::all(), at)?;
    /// assert_eq!(hours.peak().map(|peak| peak.of[0].as_str()), Some("23"));
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidRule`] if the name begins with `@` and
    /// [no such property](crate::features#local-time) is known.
    pub fn keep(mut self, property: impl AsRef<str>) -> Result<Self> {
        let property = property.as_ref();
        EventFilter::all().when(property, Test::Exists).check()?;
        self.keep.property(property, Need::BOTH, &mut self.texts);
        Ok(self)
    }

    /// How far everybody gets in a funnel, by the events up to a moment; see [`Funnel`] for what
    /// reaching a step means, and for an example.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if the funnel makes no sense, or tests a property that is not
    /// kept: [`Profiles::keep`] does; [`Error::InvalidRule`] if a filter makes none;
    /// [`Error::LogsCut`] if [a limit](Profiles::max_log) has cut somebody's log.
    pub fn funnel(&self, funnel: &Funnel, as_of: Timestamp) -> Result<FunnelReport> {
        self.check_funnel(funnel)?;
        self.report(as_of, |people| FunnelReport::new(funnel, people, &self.texts))
    }

    /// [`Profiles::funnel`] for every group of people, such as personas, and under `None` for those
    /// in none. Everybody is in one report, so that the people of all add up to those of the whole.
    ///
    /// ```
    /// use personas::journey::Funnel;
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::default())?;
    /// people.observe(&Event::new("visit", at).id("card", "1"))?;
    /// people.observe(&Event::new("order", at).id("card", "1"))?;
    /// people.observe(&Event::new("visit", at).id("card", "2"))?;
    /// let ann = people.get("card", "1").map(|ann| ann.id());
    /// let persona = |id| (Some(id) == ann).then_some("buyers");
    /// let reports = people.funnel_by(&Funnel::new(["visit", "order"]), at, persona)?;
    /// assert_eq!(reports[&Some("buyers".into())].steps[1].n_people, 1);
    /// assert_eq!(reports[&None].steps[1].n_people, 0);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Profiles::funnel`].
    pub fn funnel_by<G: Into<String>>(
        &self,
        funnel: &Funnel,
        as_of: Timestamp,
        group: impl FnMut(ProfileId) -> Option<G>,
    ) -> Result<BTreeMap<Option<String>, FunnelReport>> {
        self.check_funnel(funnel)?;
        self.report_by(as_of, group, |people| FunnelReport::new(funnel, people, &self.texts))
    }

    /// Which ways everybody takes through a visit, by the events up to a moment; see [`Paths`].
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if a setting makes no sense, or a property is named that is not
    /// kept: [`Profiles::keep`] does; [`Error::InvalidRule`] if a filter makes none;
    /// [`Error::LogsCut`] if [a limit](Profiles::max_log) has cut somebody's log.
    pub fn paths(&self, paths: &Paths, as_of: Timestamp) -> Result<PathReport> {
        self.check_paths(paths)?;
        self.report(as_of, |people| PathReport::new(paths, people, &self.texts))
    }

    /// [`Profiles::paths`] for every group of people, as [`Profiles::funnel_by`].
    ///
    /// # Errors
    /// As [`Profiles::paths`].
    pub fn paths_by<G: Into<String>>(
        &self,
        paths: &Paths,
        as_of: Timestamp,
        group: impl FnMut(ProfileId) -> Option<G>,
    ) -> Result<BTreeMap<Option<String>, PathReport>> {
        self.check_paths(paths)?;
        self.report_by(as_of, group, |people| PathReport::new(paths, people, &self.texts))
    }

    /// How many events, of how many people, fall on each value of a property: `@hour`, `@weekday`
    /// and `@date` tell when people come by their [own clocks](crate::features#local-time). Only
    /// events that pass the filter and happened by the moment count; [`Profiles::keep`] has an example.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if the property, or one that the filter tests, is not kept:
    /// [`Profiles::keep`] does; [`Error::InvalidRule`] if a test makes no sense; [`Error::LogsCut`]
    /// if [a limit](Profiles::max_log) has cut somebody's log.
    pub fn peaks(
        &self,
        property: &str,
        filter: &EventFilter,
        as_of: Timestamp,
    ) -> Result<PeakReport> {
        self.check_peaks(property, filter)?;
        self.report(as_of, |people| PeakReport::new(property, filter, people, &self.texts))
    }

    /// [`Profiles::peaks`] for every group of people, as [`Profiles::funnel_by`].
    ///
    /// # Errors
    /// As [`Profiles::peaks`].
    pub fn peaks_by<G: Into<String>>(
        &self,
        property: &str,
        filter: &EventFilter,
        as_of: Timestamp,
        group: impl FnMut(ProfileId) -> Option<G>,
    ) -> Result<BTreeMap<Option<String>, PeakReport>> {
        self.check_peaks(property, filter)?;
        let report = |people: &[&[&Entry]]| PeakReport::new(property, filter, people, &self.texts);
        self.report_by(as_of, group, report)
    }

    fn check_funnel(&self, funnel: &Funnel) -> Result<()> {
        funnel.check()?;
        funnel.needs().try_for_each(|(property, need)| self.is_kept("funnel", property, need))
    }

    fn check_paths(&self, paths: &Paths) -> Result<()> {
        paths.check()?;
        let (filter, by) = paths.parts();
        filter.needs().try_for_each(|(property, need)| self.is_kept("paths", property, need))?;
        by.map_or(Ok(()), |by| self.is_kept("paths", by, Need::LABEL))
    }

    fn check_peaks(&self, property: &str, filter: &EventFilter) -> Result<()> {
        filter.check()?;
        EventFilter::all().when(property, Test::Exists).check()?;
        self.is_kept("property", property, Need::LABEL)?;
        filter.needs().try_for_each(|(property, need)| self.is_kept("filter", property, need))
    }

    /// Whether events that came were kept with a property.
    fn is_kept(&self, name: &'static str, property: &str, need: Need) -> Result<()> {
        if self.keep.holds(property, need) {
            return Ok(());
        }
        let expected = "of properties that are kept (Profiles::keep does)";
        Err(Error::parameter(name, expected, format!("of {property:?}")))
    }

    /// A report of everybody.
    fn report<R>(&self, as_of: Timestamp, report: impl FnOnce(&[&[&Entry]]) -> R) -> Result<R> {
        let (_, people) = self.whole_logs(as_of)?;
        Ok(report(&people.iter().map(|events| events.log.as_slice()).collect::<Vec<_>>()))
    }

    /// A report of every group.
    fn report_by<G: Into<String>, R>(
        &self,
        as_of: Timestamp,
        mut group: impl FnMut(ProfileId) -> Option<G>,
        report: impl Fn(&[&[&Entry]]) -> R,
    ) -> Result<BTreeMap<Option<String>, R>> {
        let (ids, people) = self.whole_logs(as_of)?;
        let mut groups = Grouped::new();
        for (id, events) in ids.into_iter().zip(&people) {
            groups.entry(group(id).map(Into::into)).or_default().push(&events.log);
        }
        Ok(groups.into_iter().map(|(name, people)| (name, report(&people))).collect())
    }

    /// Everybody's events; a report of what is left of some would be wrong.
    fn whole_logs(&self, as_of: Timestamp) -> Result<(Vec<ProfileId>, Vec<Events<'_>>)> {
        let (ids, people) = self.rows(as_of)?;
        match people.iter().filter(|events| !events.has_all_after(None)).count() {
            0 => Ok((ids, people)),
            n_cut => Err(Error::LogsCut { n_cut }),
        }
    }
}

impl<'p> Profile<'p> {
    /// What the person did up to and including a moment, step by step in order of time; of events
    /// at the same time, in order of their names, then of what they say.
    ///
    /// Of a log that was [cut](Profiles::max_log), what is left. An event tells what is kept of it: its name, its time, the properties and attributes that
    /// features read or [`Profiles::keep`] asked for, in order of their names. It has no
    /// identifiers, no offset and no message id; flags are texts, and moments where only their
    /// number is read are days.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::default())?.keep("page")?;
    /// people.extend(&[
    ///     Event::new("order", at("2017-03-02")?).id("card", "1"),
    ///     Event::new("visit", at("2017-03-01")?).id("card", "1").property("page", "/home"),
    /// ]);
    /// if let Some(ann) = people.get("card", "1") {
    ///     let steps: Vec<Event<'_>> = ann.timeline(at("2017-03-05")?).collect();
    ///     assert_eq!((steps[0].name.as_ref(), steps[1].name.as_ref()), ("visit", "order"));
    ///     assert_eq!(steps[0].properties[0], ("page".into(), "/home".into()));
    /// }
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn timeline(&self, as_of: Timestamp) -> impl Iterator<Item = Event<'p>> + use<'p> {
        let texts = self.texts();
        self.log(as_of).into_iter().map(move |entry| journey::event(entry, texts))
    }
}
