//! Which steps different events can take: a matching that grows event by event.
//!
//! An event may pass several steps and take only one. Sets of events that can take steps all at
//! once are independent sets of a matroid (Edmonds, Fulkerson 1965). An event that comes when all
//! it could lead to is taken is exchanged for the oldest event that this frees, and so the events
//! that hold steps are always the latest possible: of those since any moment, as many as any
//! choice could have.
//!
//! Cost: O(steps) look-ups an event, one where a step it passes is free.

use crate::Timestamp;

/// An event that holds a step: the steps it passes, and when it was.
#[derive(Clone, Copy)]
struct Holder {
    steps: u32,
    at: Timestamp,
}

/// Steps and the events that hold them.
pub(super) struct Matching {
    holders: Vec<Option<Holder>>,
    /// The steps that are held, as bits.
    held: u32,
}

/// The event itself, where a chain of exchanges begins.
const NEW: usize = usize::MAX;

impl Matching {
    pub(super) fn new(n_steps: usize) -> Self {
        Self { holders: vec![None; n_steps], held: 0 }
    }

    /// Offers an event, not earlier than those before, to the steps it passes; whether more steps
    /// are held now.
    pub(super) fn offer(&mut self, steps: u32, at: Timestamp) -> bool {
        // Breadth first over the steps that could be freed, each with the step that frees it.
        let (mut from, mut queue, mut n_queued) = ([NEW; 32], [0; 32], 0);
        let (mut seen, mut next, mut by) = (0, 0, NEW);
        let mut reached = steps;
        let mut oldest: Option<(Timestamp, usize)> = None;
        let free = loop {
            let free = reached & !self.held;
            if free != 0 {
                let step = free.trailing_zeros() as usize;
                from[step] = by;
                break Some(step);
            }
            for step in bits(reached & !seen) {
                from[step] = by;
                queue[n_queued] = step;
                n_queued += 1;
            }
            seen |= reached;
            if next == n_queued {
                break None;
            }
            by = queue[next];
            next += 1;
            let Some(holder) = self.holders[by] else { continue };
            if oldest.is_none_or(|(time, _)| holder.at < time) {
                oldest = Some((holder.at, by));
            }
            reached = holder.steps;
        };
        let exchanged = oldest.filter(|(time, _)| *time < at).map(|(_, step)| step);
        let Some(mut step) = free.or(exchanged) else { return false };
        self.held |= 1 << step;
        while from[step] != NEW {
            self.holders[step] = self.holders[from[step]];
            step = from[step];
        }
        self.holders[step] = Some(Holder { steps, at });
        free.is_some()
    }

    /// Number of steps that events from a moment on can take.
    pub(super) fn since(&self, moment: Timestamp) -> usize {
        self.holders.iter().flatten().filter(|holder| holder.at >= moment).count()
    }
}

fn bits(mut word: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < 32).then_some(bit as usize)
    })
}

/// For every step, how far one gets from it with events of the same time: the number of the first
/// step that can no longer be taken. `steps` says which each event passes.
pub(super) fn reach(steps: &[u32], n_steps: usize, out: &mut Vec<u8>) {
    if let [one] = steps {
        out.extend((0..n_steps).map(|step| (step + (*one as usize >> step & 1)) as u8));
        return;
    }
    let enough = enough(steps, n_steps);
    let mut end = 0;
    for start in 0..n_steps {
        // Steps that can be taken together can be taken without the first of them too.
        end = end.max(start);
        while end < n_steps && can_take(&enough, start, end) {
            end += 1;
        }
        out.push(end as u8);
    }
}

/// Events that serve as well as all: of each step as many as there are steps, so that whatever
/// the others take one is left for it.
fn enough(steps: &[u32], n_steps: usize) -> Vec<u32> {
    let mut kept = vec![0; n_steps];
    let mut enough = Vec::new();
    for &steps in steps {
        if bits(steps).any(|step| kept[step] < n_steps) {
            bits(steps).for_each(|step| kept[step] += 1);
            enough.push(steps);
        }
    }
    enough
}

/// Whether different events can take all steps from `first` to `last`.
fn can_take(events: &[u32], first: usize, last: usize) -> bool {
    let wanted = last - first + 1;
    let range = (u32::MAX >> (32 - wanted)) << first;
    let mut matching = Matching::new(last + 1);
    let mut taken = 0;
    for (i, steps) in events.iter().enumerate() {
        if taken + events.len() - i < wanted {
            return false;
        }
        taken += usize::from(matching.offer(steps & range, Timestamp::from_millis(0)));
        if taken == wanted {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Most steps that different events can take, by trying every choice for every event.
    fn naive(events: &[u32], taken: u32) -> usize {
        let Some((first, rest)) = events.split_first() else { return 0 };
        let choices = bits(first & !taken).map(|step| 1 + naive(rest, taken | 1 << step));
        choices.fold(naive(rest, taken), usize::max)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn events_since_any_moment_hold_as_many_steps_as_any_choice_of_them(
            events in prop::collection::vec(0u32..16, 0..7),
        ) {
            let mut matching = Matching::new(4);
            for n in 0..events.len() {
                let at = |i: usize| Timestamp::from_millis(i as i64);
                let grew = matching.offer(events[n], at(n));
                prop_assert_eq!(grew, naive(&events[..=n], 0) > naive(&events[..n], 0));
                for since in 0..=n {
                    prop_assert_eq!(matching.since(at(since)), naive(&events[since..=n], 0));
                }
            }
        }

        #[test]
        fn from_a_step_one_gets_as_far_as_different_events_lead(
            events in prop::collection::vec(0u32..16, 0..7),
        ) {
            let mut got = Vec::new();
            reach(&events, 4, &mut got);
            for (start, &got) in got.iter().enumerate() {
                let can = |end: usize| {
                    let range = (start..end).fold(0, |range, step| range | 1 << step);
                    let within: Vec<u32> = events.iter().map(|steps| steps & range).collect();
                    naive(&within, 0) == end - start
                };
                let end = (start..=4).take_while(|&end| can(end)).last();
                prop_assert_eq!(Some(usize::from(got)), end);
            }
        }
    }
}
