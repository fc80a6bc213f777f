//! The attempt of a person at a funnel that counts: the longest, then the earliest.
//!
//! Events of one time are a *moment*, within which any order may be taken. For every moment it is
//! known how far one gets from each step within it (see `matching`), and from when on an attempt
//! that is still alive must have started: the window and the excluded events both say so, and both
//! only ever later.
//!
//! - In order: for every number of steps the latest start of an attempt that has got so far is kept.
//!   A later start outlives an earlier one, so no other need be remembered. The first moment at
//!   which the greatest number is reached says from when on attempts count; the first start from
//!   then on leads as far, and taking every step as early as possible is then the attempt.
//! - Strict: between the first moment and the last all events are steps, so an attempt spans no more
//!   moments than there are steps, and every start is tried.
//! - Any order: the steps that events since a moment can take are those of the latest matching;
//!   the rest is as in order.
//!
//! Cost: O(events · steps) and memory O(moments · steps); up to O(steps³) for each event of a time
//! at which several happened. No order of events costs more.

use std::cmp::Reverse;
use std::ops::Range;

use super::matching::{Matching, reach};
use super::{Funnel, StepOrder};
use crate::Timestamp;
use crate::features::dictionary::Dictionary;
use crate::features::filter::{BoundFilter, EventFilter};
use crate::features::stored::StoredEvent;

/// A funnel with its names looked up.
pub(crate) struct BoundFunnel {
    funnel: Funnel,
    steps: Vec<BoundFilter>,
    exclude: Vec<BoundFilter>,
}

impl BoundFunnel {
    pub(crate) fn new(funnel: &Funnel, bind: impl Fn(&EventFilter) -> BoundFilter) -> Self {
        let steps = funnel.steps.iter().map(&bind).collect();
        let exclude = funnel.exclude.iter().map(&bind).collect();
        Self { funnel: funnel.clone(), steps, exclude }
    }

    /// The times of the steps that a person reached, in the order in which they were.
    pub(crate) fn times(
        &self,
        events: &[StoredEvent<'_>],
        dictionary: &Dictionary,
    ) -> Vec<Timestamp> {
        let seen = events.iter().map(|event| {
            let passes = |filter: &BoundFilter| filter.passes(*event, dictionary);
            let steps = self.steps.iter().enumerate().filter(|(_, step)| passes(step));
            let steps = steps.fold(0, |steps, (step, _)| steps | 1 << step);
            SeenEvent { at: event.at, steps, excludes: self.exclude.iter().any(passes) }
        });
        // Only where nothing may lie between do events matter that are neither.
        let is_strict = self.funnel.order == StepOrder::Strict;
        let seen: Vec<SeenEvent> =
            seen.filter(|seen| is_strict || seen.steps != 0 || seen.excludes).collect();
        attempt(&self.funnel, &seen)
    }

    pub(crate) fn n_steps(&self) -> usize {
        self.steps.len()
    }
}

/// What a funnel sees of an event.
#[derive(Debug, Clone, Copy)]
struct SeenEvent {
    at: Timestamp,
    /// The steps whose filters it passes, as bits.
    steps: u32,
    excludes: bool,
}

/// The events of one time.
struct Moment {
    at: Timestamp,
    /// An attempt that gets here has started at this time or later.
    earliest: Timestamp,
    events: Range<usize>,
}

/// The times of the attempt that counts, of events in order of time.
fn attempt(funnel: &Funnel, seen: &[SeenEvent]) -> Vec<Timestamp> {
    let n_steps = funnel.steps.len();
    let moments = moments(seen, funnel.within_days);
    if funnel.order == StepOrder::Any {
        return in_any_order(&moments, seen, n_steps);
    }
    let mut reaches = Vec::with_capacity(moments.len() * n_steps);
    let mut steps = Vec::new();
    for moment in &moments {
        steps.clear();
        steps.extend(seen[moment.events.clone()].iter().map(|seen| seen.steps));
        reach(&steps, n_steps, &mut reaches);
    }
    let way = Way { moments, reaches, n_steps };
    match funnel.order {
        StepOrder::Strict => way.best_strict(0..way.moments.len()),
        _ => way.first_longest().map(|start| way.run(start)).unwrap_or_default(),
    }
}

fn moments(seen: &[SeenEvent], within_days: f64) -> Vec<Moment> {
    let mut moments = Vec::new();
    let mut excluded: Option<Timestamp> = None;
    let mut start = 0;
    for events in seen.chunk_by(|a, b| a.at == b.at) {
        let at = events[0].at;
        let window = at.days_before(within_days);
        let earliest = excluded.map_or(window, |excluded| excluded.max(window));
        moments.push(Moment { at, earliest, events: start..start + events.len() });
        start += events.len();
        if events.iter().any(|seen| seen.excludes) {
            excluded = Some(at);
        }
    }
    moments
}

/// Moments in order, and how far each leads.
struct Way {
    moments: Vec<Moment>,
    /// For every moment and step the first step that can no longer be taken.
    reaches: Vec<u8>,
    n_steps: usize,
}

impl Way {
    /// Number of steps taken after a moment, if so many were taken before.
    fn reach(&self, moment: usize, taken: usize) -> usize {
        if taken == self.n_steps {
            return taken;
        }
        usize::from(self.reaches[moment * self.n_steps + taken])
    }

    fn starts(&self, moment: usize) -> bool {
        self.reach(moment, 0) > 0
    }

    /// The moment at which the attempt that counts starts, other events allowed between.
    fn first_longest(&self) -> Option<usize> {
        // By number of steps taken, the latest start; more steps never have a later one.
        let mut latest: Vec<Option<Timestamp>> = vec![None; self.n_steps];
        let mut best = 0;
        let mut from = None;
        for (moment, Moment { at, earliest, .. }) in self.moments.iter().enumerate() {
            latest[0] = Some(*at);
            // Downwards, so that what is overwritten has been read.
            for taken in (0..self.n_steps).rev() {
                let Some(start) = latest[taken].filter(|start| start >= earliest) else { continue };
                let reached = self.reach(moment, taken);
                for better in latest.iter_mut().take(reached + 1).skip(taken + 1) {
                    *better = Some(start);
                }
                if reached > best {
                    best = reached;
                    from = Some(*earliest);
                }
            }
        }
        let from = from?;
        let first = self.moments.partition_point(|moment| moment.at < from);
        (first..self.moments.len()).find(|&moment| self.starts(moment))
    }

    /// The attempt that starts at a moment and takes every step as early as possible.
    fn run(&self, start: usize) -> Vec<Timestamp> {
        let mut times = Vec::new();
        for (moment, Moment { at, earliest, .. }) in self.moments.iter().enumerate().skip(start) {
            if *earliest > self.moments[start].at || times.len() == self.n_steps {
                break;
            }
            times.resize(self.reach(moment, times.len()), *at);
        }
        times
    }

    /// The attempt that counts among those that start at some moments and have nothing between.
    fn best_strict(&self, starts: Range<usize>) -> Vec<Timestamp> {
        // Longest, then by start, by end, and by every time in turn.
        fn rank(t: &[Timestamp]) -> impl Ord + '_ {
            (Reverse(t.len()), t.first(), t.last(), t)
        }
        let mut best = Vec::new();
        for start in starts {
            if best.len() == self.n_steps {
                break;
            }
            // What is left over of the first moment lies before the attempt.
            for n_first in 1..=self.reach(start, 0) {
                let times = self.run_strict(start, n_first);
                if rank(&times) < rank(&best) {
                    best = times;
                }
            }
        }
        best
    }

    /// The attempt that takes the first few steps at a moment, and then with every event the next.
    fn run_strict(&self, start: usize, n_first: usize) -> Vec<Timestamp> {
        let first = &self.moments[start];
        let mut times = vec![first.at; n_first];
        for (moment, Moment { at, earliest, events }) in
            self.moments.iter().enumerate().skip(start + 1)
        {
            if *earliest > first.at {
                break;
            }
            let taken = times.len();
            times.resize(self.reach(moment, taken), *at);
            // What is left over of a moment lies after the attempt.
            if times.len() - taken < events.len() {
                break;
            }
        }
        times
    }
}

fn in_any_order(moments: &[Moment], seen: &[SeenEvent], n_steps: usize) -> Vec<Timestamp> {
    let events = |moment: &Moment| seen[moment.events.clone()].iter();
    let mut matching = Matching::new(n_steps);
    let mut best = 0;
    let mut from = None;
    for moment in moments {
        for seen in events(moment) {
            matching.offer(seen.steps, seen.at);
        }
        let reached = matching.since(moment.earliest);
        if reached > best {
            best = reached;
            from = Some(moment.earliest);
        }
    }
    let Some(from) = from else { return Vec::new() };
    let first = moments.partition_point(|moment| moment.at < from);
    let starts = |moment: &&Moment| events(moment).any(|seen| seen.steps != 0);
    let Some(start) = moments[first..].iter().find(starts).map(|moment| moment.at) else {
        return Vec::new();
    };
    let mut matching = Matching::new(n_steps);
    let mut times = Vec::new();
    let alive = moments[first..].iter().take_while(|moment| moment.earliest <= start);
    for seen in alive.flat_map(events) {
        if matching.offer(seen.steps, seen.at) {
            times.push(seen.at);
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_millis(hour * HOUR)
    }

    /// A funnel of so many steps; which events pass them is said of each event.
    fn funnel(n_steps: usize) -> Funnel {
        Funnel::new(vec!["any"; n_steps])
    }

    fn strict(funnel: Funnel) -> Funnel {
        Funnel { order: StepOrder::Strict, ..funnel }
    }

    fn any_order(funnel: Funnel) -> Funnel {
        Funnel { order: StepOrder::Any, ..funnel }
    }

    /// Events of a text: hours apart by blanks, events of an hour by commas; an event is the letters
    /// of the steps it passes, `x` if it is excluded, `.` if it is nothing.
    fn events(text: &str) -> Vec<SeenEvent> {
        let hours = (0..).zip(text.split(' ')).filter(|(_, hour)| !hour.is_empty());
        let event = |hour: i64, letters: &str| {
            let step = |letter: u8| if letter < b'x' { 1 << (letter - b'a') } else { 0 };
            let letters = letters.replace('.', "");
            let steps = letters.bytes().map(step).fold(0, |steps, step| steps | step);
            SeenEvent { at: at(hour), steps, excludes: letters.contains('x') }
        };
        hours.flat_map(|(hour, all)| all.split(',').map(move |one| event(hour, one))).collect()
    }

    fn check(funnel: &Funnel, text: &str, expected: &[i64]) {
        let expected: Vec<Timestamp> = expected.iter().map(|&hour| at(hour)).collect();
        assert_eq!(attempt(funnel, &events(text)), expected, "{text}");
    }

    #[test]
    fn steps_of_the_same_second_convert_whatever_the_order_they_are_kept_in() {
        for order in ["a,b,c", "c,b,a", "b,c,a"] {
            check(&funnel(3), order, &[0, 0, 0]);
            check(&strict(funnel(3)), order, &[0, 0, 0]);
            check(&any_order(funnel(3)), order, &[0, 0, 0]);
        }
    }

    #[test]
    fn a_repeated_step_needs_as_many_events_and_duplicates_do_no_harm() {
        check(&funnel(2), "ab", &[0]);
        check(&funnel(2), "ab ab", &[0, 1]);
        check(&funnel(2), "ab,ab", &[0, 0]);
        check(&funnel(2), "a,a,a b,b", &[0, 1]);
        // Only one way of sharing the two events takes both steps.
        check(&funnel(2), "ab,a", &[0, 0]);
        check(&funnel(3), "bc,ab,b", &[0, 0, 0]);
        check(&any_order(funnel(2)), "ab", &[0]);
        check(&any_order(funnel(2)), "b ab", &[0, 1]);
    }

    #[test]
    fn other_events_may_lie_between_unless_the_funnel_is_strict() {
        check(&funnel(2), "a . b", &[0, 2]);
        check(&strict(funnel(2)), "a . b", &[0]);
        check(&strict(funnel(2)), "a . a b", &[2, 3]);
        // What happens at the time of the first step or of the last need not lie between.
        check(&strict(funnel(2)), ".,a b,.", &[0, 1]);
        check(&strict(funnel(3)), "a b,. c", &[0, 1]);
        check(&strict(funnel(3)), "a,b c", &[0, 0, 1]);
        check(&strict(funnel(3)), "a,ab b c", &[0, 1, 2]);
    }

    #[test]
    fn any_order_counts_how_many_of_the_steps_were_taken() {
        check(&funnel(3), "c b a", &[2]);
        check(&any_order(funnel(3)), "c b a", &[0, 1, 2]);
        check(&any_order(funnel(3)), "c c b", &[0, 2]);
    }

    #[test]
    fn the_window_includes_its_end_and_a_later_start_may_still_make_it() {
        let day = |funnel: Funnel| Funnel { within_days: 2.0 / 24.0, ..funnel };
        check(&day(funnel(2)), "a . b", &[0, 2]);
        check(&day(funnel(2)), "a . . b", &[0]);
        check(&day(funnel(2)), "a a . b", &[1, 3]);
        check(&day(funnel(3)), "a b a . c b c", &[0, 1]);
        check(&any_order(day(funnel(2))), "a . . b a", &[3, 4]);
    }

    #[test]
    fn an_excluded_event_ends_the_attempt_and_not_the_person() {
        check(&funnel(2), "a x b", &[0]);
        check(&funnel(2), "a x a b", &[2, 3]);
        check(&funnel(3), "a b x c", &[0, 1]);
        check(&any_order(funnel(2)), "b x a b", &[2, 3]);
        // At the time of the first step or of the last it does no harm, as a step between it does.
        check(&funnel(2), "a,x b,x", &[0, 1]);
        check(&funnel(3), "a bx c", &[0, 1]);
        check(&funnel(2), "ax b", &[0, 1]);
    }

    #[test]
    fn the_earliest_start_that_leads_furthest_gives_the_times() {
        check(&funnel(2), "a a b b", &[0, 2]);
        check(&funnel(3), "a b . a b c", &[0, 1, 5]);
        check(&funnel(1), ". a a", &[1]);
        check(&funnel(1), ". .", &[]);
    }

    #[test]
    fn a_hostile_log_takes_time_in_proportion() {
        // All at once, and at two times in turn with every event of every step.
        let n = 100_000;
        let event =
            |at, steps| SeenEvent { at: Timestamp::from_millis(at), steps, excludes: false };
        let same_time: Vec<SeenEvent> = (0..n).map(|i| event(0, 1 << (i % 5))).collect();
        let all_steps: Vec<SeenEvent> = (0..n / 10).map(|i| event(i / 4, u32::MAX)).collect();
        let none_last: Vec<SeenEvent> = (0..n).map(|i| event(i, u32::MAX >> 1)).collect();
        let modes = |n: usize| [funnel(n), strict(funnel(n)), any_order(funnel(n))];
        for funnel in modes(5) {
            assert_eq!(attempt(&funnel, &same_time).len(), 5);
        }
        for (funnel, reached) in modes(32).iter().zip([32, 32, 32]) {
            assert_eq!(attempt(funnel, &all_steps).len(), reached);
        }
        for funnel in [&modes(32)[0], &modes(32)[2]] {
            assert_eq!(attempt(funnel, &none_last).len(), 31);
        }
    }

    /// Every attempt by every choice of events, straight from the definition; the best one.
    fn naive(funnel: &Funnel, seen: &[SeenEvent]) -> Vec<Timestamp> {
        let n_steps = funnel.steps.len();
        // Chosen events by step; of steps that are not taken, none.
        let mut open = vec![Vec::<Option<usize>>::new()];
        let mut best: Vec<Timestamp> = Vec::new();
        while let Some(chosen) = open.pop() {
            if is_attempt(funnel, seen, &chosen) {
                let mut times: Vec<Timestamp> =
                    chosen.iter().flatten().map(|&event| seen[event].at).collect();
                times.sort();
                let rank = |t: &Vec<Timestamp>| {
                    (Reverse(t.len()), t.first().copied(), t.last().copied(), t.clone())
                };
                if rank(&times) < rank(&best) {
                    best = times;
                }
            }
            let step = chosen.len();
            if step < n_steps {
                let passes = (0..seen.len()).filter(|&i| seen[i].steps >> step & 1 == 1).map(Some);
                let skipped = (funnel.order == StepOrder::Any).then_some(None);
                for event in passes.chain(skipped) {
                    if event.is_none() || !chosen.contains(&event) {
                        open.push([chosen.as_slice(), &[event]].concat());
                    }
                }
            }
        }
        best
    }

    fn is_attempt(funnel: &Funnel, seen: &[SeenEvent], chosen: &[Option<usize>]) -> bool {
        let times: Vec<Timestamp> = chosen.iter().flatten().map(|&event| seen[event].at).collect();
        let (Some(&first), Some(&last)) = (times.iter().min(), times.iter().max()) else {
            return false;
        };
        let between = |i: &usize| first < seen[*i].at && seen[*i].at < last;
        let in_order = times.windows(2).all(|pair| pair[0] <= pair[1]);
        let nothing_between = (0..seen.len()).filter(between).all(|i| chosen.contains(&Some(i)));
        last.days_since(first) <= funnel.within_days
            && !(0..seen.len()).filter(between).any(|i| seen[i].excludes)
            && (funnel.order == StepOrder::Any || in_order)
            && (funnel.order != StepOrder::Strict || nothing_between)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_attempt_is_the_best_of_all_choices_in_every_mode(
            log in prop::collection::vec((0i64..5, 0u32..16, prop::bool::weighted(0.1)), 0..7),
            n_steps in 1usize..5,
            hours in 1i64..6,
        ) {
            let mut log: Vec<SeenEvent> = log
                .into_iter()
                .map(|(hour, steps, excludes)| {
                    SeenEvent { at: at(hour), steps: steps & ((1 << n_steps) - 1), excludes }
                })
                .collect();
            log.sort_by_key(|seen| seen.at);
            let funnel = Funnel { within_days: hours as f64 / 24.0, ..funnel(n_steps) };
            let modes = [
                funnel.clone(),
                strict(funnel.clone()),
                any_order(funnel),
            ];
            for funnel in modes {
                prop_assert_eq!(attempt(&funnel, &log), naive(&funnel, &log), "{:?}", funnel);
            }
        }
    }
}
