//! Moments to ask about, from the times of the events.

use std::collections::BTreeMap;

use super::store::Profiles;
use crate::Timestamp;
use crate::features::Log;

const DAY: i64 = 86_400_000;

/// Days after nearly all events from which on a time is taken for a wrong clock.
const FAR_DAYS: i64 = 366;

/// Of fewer events than this nobody can tell which clock is wrong.
const FEW: usize = 20;

impl Profiles {
    /// Returns the time of the newest event that belongs to somebody: a handy moment to ask about.
    ///
    /// Cost: the signatures that could be nobody's, since their identifiers are placeholders or
    /// claims; after an event was removed, all histories once.
    pub fn newest(&self) -> Option<Timestamp> {
        let last = |signature: u32| self.histories.span(signature).map(|(_, last)| last);
        let is_sure = |signature: &u32| self.doubtful.binary_search(signature).is_err();
        let sure = self.newest.get_or_init(|| {
            (0..self.histories.len() as u32).filter(is_sure).filter_map(last).max()
        });
        let doubtful = self.doubtful.iter().copied();
        let attributed = doubtful.filter(|&sig| self.graph.name_of_signature(sig).is_some());
        attributed.filter_map(last).max().max(*sure)
    }

    /// Returns a moment to ask about, and how many events are later: the time of the newest event, unless
    /// its clock is likely to be wrong. Times more than 366 days after 99.9 % of all events do not count,
    /// from 20 events on; so one clock that is years ahead does not make everybody look long absent.
    /// Only events that belong to somebody count. `None` if there are none.
    ///
    /// Cost: one pass over all stored events. With
    /// [`max_log`](crate::profiles::StoreOptions::max_log) all events of a history count at the time of its last.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// let (may, ahead) = (Timestamp::parse("2017-05-01")?, Timestamp::parse("2071-05-01")?);
    /// let visits = vec![Event::new("visit", may).id("card", "1"); 30];
    /// people.extend(&visits);
    /// people.observe(&Event::new("visit", ahead).id("card", "1"))?;
    /// assert_eq!(people.newest(), Some(ahead));
    /// assert_eq!(people.default_as_of(), Some((may, 1)));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn default_as_of(&self) -> Option<(Timestamp, usize)> {
        let mut days: BTreeMap<i64, Day> = BTreeMap::new();
        let mut n = 0;
        let mut count = |at: Timestamp, times: usize| {
            n += times;
            let day = days.entry(at.millis().div_euclid(DAY));
            let day = day.or_insert(Day { n: 0, last: at.millis() });
            day.n += times;
            day.last = day.last.max(at.millis());
        };
        for signature in self.attributed() {
            if self.histories.summary(signature).is_some() {
                let last = self.histories.span(signature).map(|(_, last)| last);
                last.into_iter().for_each(|at| count(at, self.histories.n_events(signature)));
            } else {
                let log = self.histories.log(signature).into_iter().flat_map(Log::iter);
                log.for_each(|event| count(event.at, 1));
            }
        }
        let rank = if n < FEW { n } else { n - n.div_ceil(1000) };
        let mut before = 0;
        let nearly_all = days.iter().find(|(_, day)| {
            before += day.n;
            before >= rank
        });
        let limit = nearly_all?.0.saturating_add(FAR_DAYS);
        let last = days.range(..=limit).next_back()?.1.last;
        let n_later = days.range(limit.saturating_add(1)..).map(|(_, day)| day.n).sum();
        Some((Timestamp::from_millis(last), n_later))
    }
}

/// The events of a day: how many, and the time of the last.
struct Day {
    n: usize,
    last: i64,
}

#[cfg(test)]
mod tests {
    use crate::{Event, FeatureSet, Profiles, Rules, Timestamp};

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + day * super::DAY)
    }

    fn moment(days: impl IntoIterator<Item = i64>) -> Option<(i64, usize)> {
        let events: Vec<Event<'_>> =
            days.into_iter().map(|day| Event::new("visit", at(day)).id("card", "1")).collect();
        let mut people = Profiles::new(Rules::default(), FeatureSet::default()).unwrap();
        people.extend(&events);
        let found = people.default_as_of();
        found.map(|(moment, n)| ((moment.millis() - at(0).millis()) / super::DAY, n))
    }

    #[test]
    fn events_before_1970_have_a_moment_of_their_own() {
        let (dawn, then) = (at(-40_000), at(-20_000));
        let rules = Rules::default().clock(dawn, at(0));
        let mut people = Profiles::new(rules, FeatureSet::default()).unwrap();
        people.observe(&Event::new("visit", then).id("card", "1")).unwrap();
        assert_eq!(people.default_as_of(), Some((then, 0)));
    }

    #[test]
    fn a_clock_that_is_years_ahead_does_not_move_the_moment_to_ask_about() {
        assert_eq!(moment((0..100).chain([5000])), Some((99, 1)));
        // One in a thousand, and no more.
        assert_eq!(moment((0..2998).map(|i| i % 50).chain([5000, 5000])), Some((49, 2)));
        assert_eq!(moment((0..98).map(|i| i % 50).chain([5000, 5000])), Some((5000, 0)));
        // Within a year and a day it is nobody's fault.
        assert_eq!(moment(vec![0; 99].into_iter().chain([366])), Some((366, 0)));
        assert_eq!(moment(vec![0; 99].into_iter().chain([367])), Some((0, 1)));
        assert_eq!(moment([0, 5000]), Some((5000, 0)));
        assert_eq!(moment([]), None);
    }
}
