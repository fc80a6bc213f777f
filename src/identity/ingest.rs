//! Observations in: one path for one event, many events, and columns.
//!
//! Events are cut into chunks, and a chunk into blocks. All threads pack blocks: they check,
//! normalise and hash the identifiers. The evidence then records the blocks of a chunk, and the
//! partition follows once at the end. A single event is a block of one.

use std::ops::Range;

use super::evidence::{PackedBatch, Recorded};
use super::graph::IdentityGraph;
use super::state::State;
use crate::event::{EventColumns, IngestReport, NumberTexts, Observations};
use crate::num::parallel;
use crate::{Event, Refusal, Result};

/// Events that are recorded at a time: enough for a shard of the tables to be worth while, few
/// enough to hold beside the graph.
const CHUNK: usize = 1 << 20;

/// Events that one thread packs at a time.
const BLOCK: usize = 1 << 12;

/// How many events are recorded at a time, and packed by one thread.
#[derive(Clone, Copy)]
struct Sizes {
    chunk: usize,
    block: usize,
}

impl IdentityGraph {
    /// Adds one observation. Nothing is kept of an event about somebody who was forgotten;
    /// [`IdentityGraph::extend`] counts such events.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused) for no identifier or more than 64, for two values of a kind of
    /// which a person has one (neither only claimed), and if the graph is full. An identifier of more than
    /// 1,024 bytes, or with a control character, is left out; the event is refused only if no other is left.
    /// Nothing changes if an error is returned.
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let login = Event::new("login", Timestamp::parse("2017-03-01")?);
    /// graph.observe(&login.clone().id("cookie", "c1").id("user_id", "7"))?;
    /// assert_eq!(graph.get(("cookie", "c1")), graph.get(("user_id", "7")));
    /// assert!(graph.observe(&login).is_err()); // no identifier
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn observe(&mut self, event: &Event<'_>) -> Result<()> {
        self.observe_signature(event)?;
        Ok(())
    }

    /// As [`IdentityGraph::observe`]; returns the number of the signature, which stays the same until
    /// something is forgotten, or none if the event is about somebody who was forgotten; and how many
    /// identifiers were left out because they cannot be identifiers.
    pub(crate) fn observe_signature(
        &mut self,
        event: &Event<'_>,
    ) -> std::result::Result<(Option<u32>, usize), Refusal> {
        let mut observations = Observations::default();
        observations.push_event(event);
        self.observe_row(&observations, 0)
    }

    /// As [`IdentityGraph::observe_signature`], for a row of a batch.
    pub(crate) fn observe_row(
        &mut self,
        observations: &Observations<'_>,
        row: usize,
    ) -> std::result::Result<(Option<u32>, usize), Refusal> {
        let packed = &mut self.one.0;
        let seen =
            (observations.at(row), observations.message_id(row), observations.identifiers(row));
        packed.one(&self.state.policy, seen);
        let recorded = self.state.record_one(packed)?;
        let n_bad = packed.n_bad();
        self.state.follow();
        Ok((recorded, n_bad))
    }

    /// Adds observations; the same as one after another, and faster.
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2024-05-01")?;
    /// let events = [
    ///     Event::new("login", at).id("cookie", "c").id("user_id", "7"),
    ///     Event::new("login", at).id("user_id", "7").id("user_id", "8"),
    /// ];
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let report = graph.extend(&events);
    /// assert_eq!((report.accepted, report.n_refused()), (1, 1));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn extend<'a>(&mut self, events: impl IntoIterator<Item = &'a Event<'a>>) -> IngestReport {
        self.extend_in(events.into_iter(), Sizes { chunk: CHUNK, block: BLOCK })
    }

    /// Adds observations from columns, as of a CSV file or an Arrow or Polars table, without building events.
    /// The result is that of [`IdentityGraph::extend`] on the same events.
    ///
    /// ```
    /// use personas::event::EventColumns;
    /// use personas::{IdentityGraph, Rules, Timestamp};
    ///
    /// let at = [Timestamp::parse("2024-05-01")?, Timestamp::parse("2024-05-02")?];
    /// let columns = EventColumns::new(&at)
    ///     .name("login")
    ///     .id("cookie", &["c", "d"])
    ///     .id("user_id", &[7, 7]);
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// assert_eq!(graph.extend_columns(&columns)?.accepted, 2);
    /// assert_eq!(graph.get(("cookie", "c")), graph.get(("cookie", "d")));
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`](crate::Error::DimensionMismatch) or
    /// [`Error::InvalidColumn`](crate::Error::InvalidColumn) for a column that cannot be read, and
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter) if the events have no name; then
    /// nothing has changed.
    pub fn extend_columns(&mut self, columns: &EventColumns<'_>) -> Result<IngestReport> {
        columns.check()?;
        Ok(self.extend_columns_in(columns, Sizes { chunk: CHUNK, block: BLOCK }))
    }

    fn extend_in<'a>(
        &mut self,
        mut events: impl Iterator<Item = &'a Event<'a>>,
        sizes: Sizes,
    ) -> IngestReport {
        let mut ingestion = Ingestion::new(self);
        let mut chunk = Vec::new();
        loop {
            chunk.clear();
            chunk.extend(events.by_ref().take(sizes.chunk));
            if chunk.is_empty() {
                return ingestion.finish();
            }
            ingestion.add(chunk.chunks(sizes.block).collect(), |state, events| {
                let mut batch = Observations::with_capacity(events.len());
                events.iter().for_each(|event| batch.push_event(event));
                state.pack(&batch, |_| false)
            });
        }
    }

    /// Adds columns that were checked.
    fn extend_columns_in(&mut self, columns: &EventColumns<'_>, sizes: Sizes) -> IngestReport {
        let mut ingestion = Ingestion::new(self);
        let n = columns.len();
        for start in (0..n).step_by(sizes.chunk) {
            let end = n.min(start + sizes.chunk);
            let starts = (start..end).step_by(sizes.block);
            let blocks = starts.map(|row| row..end.min(row + sizes.block)).collect();
            ingestion.add(blocks, |state, rows: Range<usize>| {
                let mut digits = NumberTexts::default();
                let mut batch = Observations::with_capacity(rows.len());
                batch.push_columns(columns, rows, &mut digits);
                state.pack(&batch, |_| false)
            });
        }
        ingestion.finish()
    }

    /// Checks, normalises and packs the identifiers of a batch, without the rows for which `skip`
    /// holds. Reads only, so that many batches can be packed on all threads.
    pub(crate) fn pack(
        &self,
        batch: &Observations<'_>,
        skip: impl Fn(usize) -> bool,
    ) -> PackedBatch {
        self.state.pack(batch, skip)
    }

    /// Adds packed batches in order; returns what became of each.
    pub(crate) fn record(&mut self, packed: Vec<PackedBatch>) -> Vec<Recorded> {
        let recorded = self.record_deferred(packed);
        self.follow();
        recorded
    }

    /// As [`IdentityGraph::record`], and leaves out who is who: nothing may be read of profiles until
    /// [`IdentityGraph::follow`] is called. For many batches, that is faster.
    pub(crate) fn record_deferred(&mut self, packed: Vec<PackedBatch>) -> Vec<Recorded> {
        self.state.record(packed)
    }

    /// Brings who is who up to date.
    pub(crate) fn follow(&mut self) {
        self.state.follow();
    }
}

/// Many observations on their way into a graph. When it ends, the partition follows, even if the
/// source of the observations panics.
struct Ingestion<'g> {
    graph: &'g mut IdentityGraph,
    report: IngestReport,
    /// Position of the next observation.
    position: usize,
}

impl<'g> Ingestion<'g> {
    fn new(graph: &'g mut IdentityGraph) -> Self {
        Self { graph, report: IngestReport::default(), position: 0 }
    }

    /// Adds a chunk of observations; `pack` packs one block of it.
    fn add<B: Send>(&mut self, blocks: Vec<B>, pack: impl Fn(&State, B) -> PackedBatch + Sync) {
        let (state, work) = (&self.graph.state, blocks.len() << 16);
        let packed = parallel::map_each(blocks, work, |_, block| pack(state, block));
        for recorded in self.graph.record_deferred(packed) {
            let kept = recorded.signatures.iter().filter(|&&sig| sig != Recorded::NONE);
            self.report.accepted += kept.count();
            self.report.suppressed += recorded.suppressed;
            self.report.bad_identifiers += recorded.n_bad;
            for (row, reason) in recorded.refused {
                self.report.refuse(self.position + row, reason);
            }
            self.position += recorded.signatures.len();
        }
    }

    fn finish(mut self) -> IngestReport {
        let report = std::mem::take(&mut self.report);
        self.graph.follow();
        if report.accepted > self.graph.n_signatures() / 4 {
            self.graph.state.shrink();
        }
        report
    }
}

impl Drop for Ingestion<'_> {
    fn drop(&mut self) {
        self.graph.follow();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Owner, Rules};
    use super::*;
    use crate::{Identifier, Timestamp};

    /// Small enough for a world of some thousand events to have several chunks of several blocks.
    const SIZES: Sizes = Sizes { chunk: 1000, block: 300 };

    /// Few people with many cookies, shared devices, claims, placeholders, repeats and refusals.
    fn world(n: u64) -> Vec<Event<'static>> {
        let mut state = 7u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        let mut one = |i| {
            let at = Timestamp::from_millis((1_500_000_000_000 + below(1 << 20)) as i64);
            let mut seen = Event::new("", at);
            if below(3) == 0 {
                seen = seen.id("user_id", below(n / 20).to_string());
            }
            if below(200) == 0 {
                // Two values of a kind of which a person has one.
                seen = seen.id("user_id", "7").id("user_id", "8");
            }
            if below(4) == 0 {
                seen = seen.id("email", format!("{}@x.org", below(n / 10)));
            }
            if below(9) == 0 {
                seen = seen.claimed_id("email", format!("{}@x.org", below(n / 10)));
            }
            // Some cookies are everybody's.
            let cookie = if below(5) == 0 { below(4) } else { 4 + below(n / 2) };
            seen = seen.id("cookie", if cookie == 0 { "null".into() } else { cookie.to_string() });
            if below(2) == 0 { seen.message_id(format!("m{i}")) } else { seen }
        };
        (0..n).map(&mut one).collect()
    }

    fn empty(owner: Owner) -> IdentityGraph {
        IdentityGraph::new(Rules::default().owner(owner).weak("cookie")).unwrap()
    }

    #[test]
    fn bulk_gives_the_state_of_one_after_another_across_all_borders() {
        let world = world(4000);
        for owner in [Owner::First, Owner::Latest, Owner::Nobody] {
            let mut single = empty(owner);
            let outcomes: Vec<_> = world.iter().map(|seen| single.observe(seen).is_ok()).collect();
            // All at once; the smaller part to the larger; the larger to the smaller.
            for (first, n_threads) in [(0, 1), (3900, 2), (500, 3)] {
                let mut bulk = empty(owner);
                world[..first].iter().for_each(|seen| drop(bulk.observe(seen)));
                // What was read before must not be true for ever.
                let _ = bulk.profiles();
                let report = parallel::with_threads(n_threads, || {
                    bulk.extend_in(world[first..].iter(), SIZES)
                });
                let kept = outcomes[first..].iter().filter(|kept| **kept).count();
                assert_eq!(report.accepted, kept);
                let refused = outcomes[first..].iter().position(|kept| !kept);
                assert_eq!(report.refused.first().map(|refused| refused.examples[0]), refused);
                assert_eq!(bulk.n_profiles(), single.n_profiles());
                assert!(bulk == single);
                assert_eq!(bulk.profiles(), single.profiles());
                for seen in &world {
                    let profile = |graph: &IdentityGraph| graph.profile_of(seen).ok().flatten();
                    assert_eq!(profile(&bulk), profile(&single));
                }
            }
        }
    }

    #[test]
    fn a_batch_with_more_that_is_new_than_one_chunk_holds_gives_the_state_of_single_events() {
        // Identifiers of every kind, blocked ones and sets of one to three, none twice in the same place.
        let n = 3 * parallel::CHUNK as i64;
        let seen = |i: i64| {
            let at = Timestamp::from_millis(1_500_000_000_000 + i * 7919 % n);
            let mut seen = Event::new("", at).id("cookie", format!("c{i}"));
            if i % 3 == 0 {
                seen = seen.id("user_id", format!("u{}", i / 6));
            }
            if i % 5 == 0 {
                let email = if i % 35 == 0 { "none@".into() } else { format!("{i}@x.org") };
                seen = seen.id("email", email);
            }
            seen
        };
        let world: Vec<Event<'_>> = (0..n).map(seen).collect();
        let graph = || IdentityGraph::new(Rules::default()).unwrap();
        let mut single = graph();
        world.iter().for_each(|seen| drop(single.observe(seen)));
        for n_threads in [1, 2] {
            let mut bulk = graph();
            parallel::with_threads(n_threads, || bulk.extend(&world));
            assert!(bulk == single);
            assert_eq!(bulk.n_profiles(), single.n_profiles());
            assert_eq!(bulk.profiles(), single.profiles());
        }
    }

    #[test]
    fn columns_give_the_graph_of_the_events_of_their_rows() {
        let n = 3000;
        let at: Vec<Timestamp> =
            (0..n).map(|i| Timestamp::from_millis(1_500_000_000_000 + i * 7919 % n)).collect();
        let cookies: Vec<String> = (0..n).map(|i| format!("c{}", i * i % 701)).collect();
        let users: Vec<Option<i64>> = (0..n).map(|i| (i % 3 == 0).then_some(i % 97)).collect();
        let claims: Vec<Option<&str>> =
            (0..n).map(|i| (i % 50 == 0).then_some("A@x.org")).collect();
        let messages: Vec<String> = (0..n).map(|i| format!("m{i}")).collect();
        let columns = EventColumns::new(&at)
            .name("page")
            .id("cookie", &cookies)
            .id("user_id", &users)
            .claimed_id("email", &claims)
            .message_ids(&messages);
        let events: Vec<Event<'_>> = (0..n as usize)
            .map(|i| {
                let mut event = Event::new("page", at[i]).id("cookie", &*cookies[i]);
                if let Some(user) = users[i] {
                    event = event.id("user_id", user.to_string());
                }
                if let Some(email) = claims[i] {
                    event = event.claimed_id("email", email);
                }
                event.message_id(&*messages[i])
            })
            .collect();
        let mut expected = empty(Owner::First);
        events.iter().for_each(|event| expected.observe(event).unwrap());
        for sizes in [SIZES, Sizes { chunk: 5000, block: 4096 }] {
            let mut graph = empty(Owner::First);
            let report = graph.extend_columns_in(&columns, sizes);
            assert_eq!((report.accepted, report.n_refused()), (n as usize, 0));
            assert!(graph == expected);
            assert_eq!(graph.profiles(), expected.profiles());
        }
        let mut graph = expected.clone();
        let short = columns.clone().id("card", &["1"]);
        assert!(graph.extend_columns(&short).is_err());
        assert!(graph == expected);
    }

    #[test]
    fn a_batch_of_more_kinds_than_can_be_told_apart_refuses_what_single_events_do() {
        // Every event but each hundredth names as many new kinds as there is room for, and more.
        let event = |i: usize| {
            let mut event = Event::new("", Timestamp::from_millis(1_600_000_000_000 + i as i64));
            let n = if i.is_multiple_of(100) { 3 } else { 64 };
            for k in 0..n {
                event = event.id(format!("kind {i} {k}"), "1");
            }
            event
        };
        let mut events: Vec<Event<'_>> = (0..620).map(event).collect();
        events.push(Event::new("", events[0].at).id("user_id", "7"));
        let mut single = empty(Owner::First);
        let kept: Vec<bool> = events.iter().map(|event| single.observe(event).is_ok()).collect();
        let mut bulk = empty(Owner::First);
        let report = bulk.extend(&events);
        assert_eq!(report.accepted, kept.iter().filter(|kept| **kept).count());
        assert_eq!((kept[600], kept[620]), (true, true));
        assert!(bulk == single);
    }

    #[test]
    fn recorded_batches_name_the_signature_of_every_row_that_is_kept() {
        let world = world(1000);
        let mut graph = empty(Owner::First);
        for length in [1, 20, 600, 379] {
            let mut batch = Observations::with_capacity(length);
            world[..length].iter().for_each(|event| batch.push_event(event));
            let packed = graph.pack(&batch, |row| row % 7 == 3);
            let recorded = graph.record(vec![packed]).remove(0);
            assert_eq!(recorded.signatures.len(), length);
            let mut refused = recorded.refused.iter().map(|refused| refused.0).peekable();
            for (row, (event, &sig)) in world.iter().zip(&recorded.signatures).enumerate() {
                let is_refused = refused.next_if_eq(&row).is_some();
                let is_kept = row % 7 != 3 && !is_refused;
                assert_eq!(sig != Recorded::NONE, is_kept, "{row}");
                if is_kept {
                    assert_eq!(graph.observe_signature(event), Ok((Some(sig), 0)));
                }
            }
        }
    }

    #[test]
    fn the_number_of_profiles_is_that_of_the_names_after_any_change() {
        let mut graph = IdentityGraph::new(Rules::default().weak("device")).unwrap();
        let world = world(400);
        let check = |graph: &IdentityGraph| assert_eq!(graph.n_profiles(), graph.profiles().len());
        for (i, event) in world.iter().enumerate() {
            let _ = graph.observe(event);
            let [a, b] = [i % 17, i % 13].map(|n| Identifier::new("user_id", n.to_string()));
            let cookie = Identifier::new("cookie", (i % 19).to_string());
            match i % 11 {
                0 => drop(graph.must_link(&a, &cookie)),
                1 => drop(graph.cannot_link(&a, &b)),
                2 => drop(graph.unlink(&a, &b)),
                3 => drop(graph.forget(("user_id", &*a.value))),
                4 => drop(graph.allow("user_id", &a.value)),
                5 => graph = graph.clone(),
                _ => {}
            }
            if i % 3 == 0 {
                check(&graph);
            }
        }
        let mut other = IdentityGraph::new(graph.rules().clone()).unwrap();
        other.extend_in(world.iter(), SIZES);
        check(&other);
        other.merge(&graph).unwrap();
        check(&other);
    }

    #[test]
    fn after_a_source_that_panics_the_graph_has_what_came_before_and_answers() {
        let world = world(3000);
        let mut graph = empty(Owner::First);
        let source = world.iter().enumerate().map(|(i, event)| {
            assert!(i < 2500, "the source fails");
            event
        });
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            graph.extend_in(source, SIZES);
        }));
        assert!(failed.is_err());
        let mut expected = empty(Owner::First);
        expected.extend_in(world[..2000].iter(), SIZES);
        assert!(graph == expected);
        assert_eq!(graph.profiles(), expected.profiles());
    }
}
