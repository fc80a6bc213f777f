//! Options of a store, given when it is made.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Options of a store of [`Profiles`](crate::Profiles). By default, all are off.
///
/// ```
/// use personas::profiles::StoreOptions;
/// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
///
/// let options = StoreOptions { dedupe: true, ..StoreOptions::default() };
/// let mut people = Profiles::with_options(Rules::default(), FeatureSet::retail(), options)?;
/// let event = Event::new("visit", Timestamp::parse("2017-03-01")?).id("card", "1").message_id("m1");
/// let report = people.extend([&event, &event]);
/// assert_eq!((report.accepted, report.duplicates), (1, 1));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreOptions {
    /// Counts events of the same message id once; those without an id always count.
    ///
    /// An event that was sent again has the smallest of its times: a retried call gets another one where a wrong
    /// clock is [corrected](crate::segment#time). Where events with one id differ in content or identifiers,
    /// the first by time counts, then the smaller by content, whatever came first. All of them are evidence of
    /// identity. Costs memory for every id, and for every copy that differs; with
    /// [`StoreOptions::retention_days`], which needs all times, also for every other time.
    /// Not together with [`StoreOptions::max_log`].
    pub dedupe: bool,

    /// The most events to keep of each set of identifiers seen together: the newest by time, then by content.
    /// Memory then does not grow with the number of events; 0 keeps none.
    ///
    /// A summary of some 20 to 100 bytes counts all events, so counts, times, sums, means, standard deviations,
    /// extremes, first and last values and attributes stay exact. Features that need the log (windows,
    /// half-lives, distinct values, shares, sessions …) are computed while the log reaches back far enough.
    /// Otherwise the value is missing and its row is listed in [`Column::cut`](crate::features::Column::cut).
    /// After events were removed, only moments from the person's last event on can be asked about. The columns
    /// must be fixed; see [`Profiles::freeze`](crate::Profiles::freeze).
    ///
    /// ```
    /// use personas::features::{Feature, Measure};
    /// use personas::profiles::StoreOptions;
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let features = FeatureSet::default()
    ///     .with(Feature::new("visits", Measure::Count))
    ///     .with(Feature::new("visits this week", Measure::Count).within_days(7.0));
    /// let options = StoreOptions { max_log: Some(1), ..StoreOptions::default() };
    /// let mut people = Profiles::with_options(Rules::default(), features, options)?;
    /// for day in ["2017-03-01", "2017-03-20", "2017-03-25"] {
    ///     people.observe(&Event::new("visit", Timestamp::parse(day)?).id("card", "1"))?;
    /// }
    /// let table = people.features(Timestamp::parse("2017-03-26")?)?;
    /// // All visits are counted; whether the second was this week is no longer known.
    /// assert!(table.columns()[0].cut.is_empty());
    /// assert_eq!(table.columns()[1].cut, [0]);
    /// assert!(people.features(Timestamp::parse("2017-03-24")?).is_err());
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub max_log: Option<usize>,

    /// Further properties to store, for reports and timelines. Properties that the features read are always
    /// stored. Names that begin with `@` are those of [local time](crate::features#local-time).
    ///
    /// ```
    /// use personas::features::EventFilter;
    /// use personas::profiles::StoreOptions;
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let (at, offset) = Timestamp::parse_with_offset("2017-03-01T23:30:00-05:00")?;
    /// let options = StoreOptions { keep: ["@hour".into()].into(), ..StoreOptions::default() };
    /// let mut people = Profiles::with_options(Rules::default(), FeatureSet::default(), options)?;
    /// people.observe(&Event::new("visit", at).id("card", "1").utc_offset(offset))?;
    /// let hours = people.peaks("@hour", &EventFilter::default(), at, |_| true)?;
    /// assert_eq!((hours.values.len(), hours.values[23].n), (24, 1));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub keep: BTreeSet<String>,

    /// The number of profiles, 1 or more, whose latest change is kept for
    /// [`Profiles::changes`](crate::Profiles::changes); `None` keeps no changes. Costs four bytes for each
    /// identifier, and some 100 bytes for each change. Stores with different values can exchange
    /// [pieces](crate::Profiles::pieces).
    pub changes: Option<usize>,

    /// If given, keeps events for so many days, in (0, 36525]: [`Profiles::advance`](crate::Profiles::advance) says
    /// what time it is, and removes those that are older, with their message ids. An event that is already
    /// too old when it arrives is refused. So the memory of events, texts and message ids is bounded, with
    /// [`StoreOptions::dedupe`] as well; identifiers remain. Features count what is kept. Not together with
    /// [`StoreOptions::max_log`], whose summaries cannot forget an event.
    pub retention_days: Option<f64>,
}

impl StoreOptions {
    /// How long events are kept, if they are not kept for ever.
    pub(super) fn retention_millis(&self) -> Option<i64> {
        self.retention_days.map(|days| (days * 86_400_000.0) as i64)
    }

    /// Checks options against each other.
    pub(super) fn check(&self) -> Result<()> {
        if self.max_log.is_some() {
            let excluded =
                [(self.dedupe, "dedupe"), (self.retention_days.is_some(), "retention_days")];
            if let Some((_, second)) = excluded.into_iter().find(|(is_set, _)| *is_set) {
                return Err(Error::OptionsExclude { first: "max_log", second });
            }
        }
        if self.changes == Some(0) {
            return Err(Error::parameter("changes", "at least 1", 0));
        }
        match self.retention_days {
            Some(days) if !(days > 0.0 && days <= 36_525.0) => {
                Err(Error::parameter("retention_days", "more than 0 and at most 36525 days", days))
            }
            _ => Ok(()),
        }
    }

    /// What decides what is stored.
    pub(super) fn stored(&self) -> Self {
        Self { changes: None, ..self.clone() }
    }
}
