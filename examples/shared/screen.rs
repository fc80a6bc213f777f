//! What `personas` prints: one screen.

use personas::features::Values;
use personas::persona::{
    Comparison, DeclaredVerdict, Drift, Evidence, Fate, Lineage, Match, Matches, Persona,
    PersonaNiche, PureTypes,
};
use personas::prepare::Dropped;
use personas::validate::Structure;
use personas::{IngestReport, PersonaModel};

use super::few;
use super::program::Outcome;
use super::words::{capitalised, hanging, list, paragraph, percent, section, several};
use super::{Options, People};

/// Traits of a card; the report has all.
const MOST_TRAITS: usize = 3;
/// Share of skipped rows that is said first and last.
const MUCH: f64 = 0.05;
/// Stability indices from which on values moved, and moved a lot.
const MOVED: [f64; 2] = [0.1, 0.25];
/// Headlines of what the screen and the page tell.
pub(crate) const SINCE_EARLIER: &str = "Since the earlier model";
pub(crate) const BY_HAND: &str = "Personas made by hand";

pub(crate) fn text(
    people: &People,
    model: &PersonaModel,
    matches: &Matches<'_>,
    drift: Option<&[Drift]>,
    more: &str,
    options: &Options,
) -> Outcome {
    let attention = match attention(people, drift) {
        said if said.is_empty() => String::new(),
        said => told("Attention", &said),
    };
    let mut text = attention.clone();
    let read = notes(people).into_iter().chain(unused(model));
    text += &section("What was read", &read.map(|note| paragraph(2, &note)).collect::<String>());
    text += &section(&headline(model), &cards(model, matches, drift.is_some()));
    if let Some(drift) = drift {
        let moved = paragraphs(&self::drift(people, drift));
        text += &section("Since the model was made", &moved);
    }
    text += &section("How far to trust it", &trust(people, model, matches, options)?);
    text += more;
    if options.html.is_none() {
        text += "--html FILE writes the full report, --out FILE who is in which persona.\n";
    }
    Ok(text + &attention)
}

/// What is said first and last where a good part of the rows was skipped: whatever the report says, it
/// says of the rest.
pub(crate) fn attention(people: &People, drift: Option<&[Drift]>) -> Vec<String> {
    let problems = people.problems();
    let skipped = (problems.share() > MUCH)
        .then(|| format!("{} of the rows were skipped: {problems}.", percent(problems.share())));
    let gone = drift.and_then(|drift| gone(people, drift));
    skipped.into_iter().chain(problems.run_on()).chain(gone).collect()
}

/// A section of sentences.
pub(crate) fn told(headline: &str, said: &[String]) -> String {
    section(headline, &paragraphs(said))
}

fn paragraphs(said: &[String]) -> String {
    said.iter().map(|text| paragraph(2, text)).collect()
}

/// Columns that the model needs and these people have nothing in.
fn gone(people: &People, drift: &[Drift]) -> Option<String> {
    let has_nothing =
        |feature: &str| match people.table.column(feature).map(|column| &column.values) {
            Some(Values::Numeric(values)) => {
                values.len() > 1 && values.iter().all(|value| value.is_none_or(|v| v == 0.0))
            }
            _ => false,
        };
    let gone = drift.iter().filter(|found| {
        let is_unknown = found.known == 0.0 && found.known_before > 0.0;
        is_unknown || (found.shift >= MOVED[1] && has_nothing(&found.feature))
    });
    let names: Vec<String> = gone.map(|found| found.feature.clone()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "Nobody has anything in {}, which the model was made with: the file may lack the events or columns \
             for it. People are placed by the other columns, and may be in the wrong persona.",
            list(&names)
        )
    })
}

/// How far the people differ from those the model was made from.
pub(crate) fn drift(people: &People, drift: &[Drift]) -> Vec<String> {
    let moved: Vec<&Drift> = drift.iter().filter(|found| found.shift >= MOVED[0]).collect();
    let mut said: Vec<String> = gone(people, drift).into_iter().collect();
    if people.table.n_rows() < few::least() {
        let few = several(few::least(), "person is", "people are");
        said.push(format!(
            "Fewer than {few} too few to tell whether they are like those the model was made from."
        ));
    } else if moved.is_empty() {
        said.push(
            "In every column, these people are much like those the model was made from.".into(),
        );
    }
    said.extend(moved.iter().map(|found| {
        let a_lot = if found.shift >= MOVED[1] { "Moved a lot: " } else { "Moved: " };
        format!("{a_lot}{}", found.sentence)
    }));
    if moved.iter().any(|found| found.shift >= MOVED[1]) {
        said.push("Where much has moved, make a new model with --save.".into());
    }
    said
}

/// What became of the rows.
pub(crate) fn notes(people: &People) -> Vec<String> {
    let n_people = several(people.table.n_rows(), "person", "people");
    let Some(events) = &people.events else {
        let mut notes = vec![format!("{n_people} from {}.", people.name)];
        if people.skipped.count() > 0 && people.skipped.share() <= MUCH {
            notes.push(format!("Skipped {}.", people.skipped));
        }
        notes.extend(people.notes.iter().cloned());
        return notes;
    };
    let mut notes = vec![format!(
        "{} of {n_people} from {}, up to {}.",
        several(events.ingest.accepted, "event", "events"),
        people.name,
        events.as_of
    )];
    let problems = &events.rows.problems;
    if problems.count() > 0 && problems.share() <= MUCH {
        notes.push(format!("Skipped {problems}."));
    }
    if events.known.problems.count() > 0 {
        notes.push(format!("Of the people's file, skipped {}.", events.known.problems));
    }
    notes.extend(problems.mended());
    let of_people =
        events.known.problems.mended().into_iter().chain(events.known.problems.run_on());
    notes.extend(of_people.map(|said| format!("Of the people's file: {said}")));
    notes.extend(events.rows.notes.iter().chain(&events.known.notes).cloned());
    notes.extend(refused(&events.ingest, &events.rows.lines));
    if events.n_unattributed > 0 {
        let n = several(events.n_unattributed, "event is", "events are");
        notes.push(format!(
            "{n} nobody's: the identifiers are placeholders, or belong to somebody else."
        ));
    }
    notes.extend(events.warnings.iter().cloned());
    notes
}

/// The rows that the library refused, and why; `lines` are those of all rows.
pub(crate) fn refused(ingest: &IngestReport, lines: &[u64]) -> Vec<String> {
    let told = ingest.refused.iter().map(|refused| {
        let lines = refused.examples.iter().filter_map(|&position| lines.get(position));
        let lines: Vec<String> = lines.map(u64::to_string).collect();
        let more = if refused.n > lines.len() { " …" } else { "" };
        let n = several(refused.n, "row", "rows");
        let at = if refused.n == 1 { "line" } else { "lines" };
        format!("Refused {n}: {} ({at} {}{more}).", refused.what, lines.join(", "))
    });
    told.collect()
}

/// Columns that the grouping could not use.
fn unused(model: &PersonaModel) -> Option<String> {
    let unused: Vec<String> = (model.preprocessor().dropped().into_iter())
        .filter_map(|(feature, why)| {
            let why = match why {
                Dropped::Constant => "always the same",
                Dropped::AllMissing => "empty",
                Dropped::RareLevels => "many categories, each rare",
                _ => return None,
            };
            Some(format!("{feature} ({why})"))
        })
        .collect();
    (!unused.is_empty()).then(|| format!("Not used for grouping: {}.", list(&unused)))
}

fn headline(model: &PersonaModel) -> String {
    let n = several(model.personas().len(), "persona", "personas");
    if model.personas().len() == 1 {
        return "One persona is everybody".into();
    }
    let evidence = model.evidence();
    match evidence.groups {
        None => n,
        Some(_) if evidence.is_natural => format!("{n}: groups that the data hold"),
        Some(_) if evidence.is_given => format!("{n}, as asked by --k"),
        Some(_) => format!("{n}: a practical division"),
    }
}

fn cards(model: &PersonaModel, matches: &Matches<'_>, are_others: bool) -> String {
    let evidence = model.evidence();
    let personas: Vec<Option<usize>> = matches.iter().map(|found| found.persona).collect();
    let mut body = String::new();
    if are_others {
        body += &paragraph(
            2,
            &format!(
                "The sentences tell of the {} the model was made from; counts and shares are of these people.",
                several(evidence.n_rows, "person", "people")
            ),
        );
    }
    let least = few::least();
    let (mut n_small, mut in_small) = (0, 0);
    for (at, persona) in model.personas().iter().enumerate() {
        let n = personas.iter().filter(|found| **found == Some(at)).count();
        if persona.size < least {
            n_small += 1;
            in_small += n;
            continue;
        }
        let size = few::people(n) + &share_of(n, personas.len());
        let stable = evidence.stability.get(at).filter(|_| !are_others);
        let stable = stable.map_or(String::new(), |s| format!("; stability {}", percent(*s)));
        let then = match are_others {
            true => format!("; {} when the model was made", percent(persona.share)),
            false => String::new(),
        };
        let head = format!("{} ({size}{stable}{then})", persona.name);
        body += &hanging(&format!("  {}. ", at + 1), 5, &head);
        body += &card(persona);
    }
    if n_small > 0 {
        let groups = several(n_small, "group", "groups");
        let least = several(least, "person", "people");
        let people = match few::are_few(in_small) {
            true => String::new(),
            false => format!(", {} in all", few::people(in_small)),
        };
        let said = format!("Not listed: {groups} of fewer than {least}{people}.");
        body += &paragraph(2, &said);
    }
    let n_outside = personas.iter().filter(|found| found.is_none()).count();
    if n_outside > 0 {
        let share = share_of(n_outside, personas.len());
        let people = capitalised(&few::people(n_outside));
        body += &paragraph(2, &format!("{people} are in no persona{share}."));
    }
    body
}

/// `, 12%`: the share of so many people, unless they are few.
fn share_of(n: usize, n_all: usize) -> String {
    match few::are_few(n) {
        true => String::new(),
        false => format!(", {}", percent(n as f64 / n_all.max(1) as f64)),
    }
}

fn card(persona: &Persona) -> String {
    if persona.traits.is_empty() {
        let nothing = persona.sentences.last().map_or("", String::as_str);
        return paragraph(5, nothing);
    }
    let traits = persona.traits.iter().take(MOST_TRAITS);
    let mut body: String = traits.map(|told| hanging("     - ", 7, &told.sentence)).collect();
    if let Some(fitting) = persona.coverage.get(MOST_TRAITS.min(persona.coverage.len()) - 1) {
        body += &paragraph(
            5,
            &format!(
                "{} of them fit all of this, and {} of the others.",
                percent(fitting.0),
                percent(fitting.1)
            ),
        );
    }
    body
}

fn trust(
    people: &People,
    model: &PersonaModel,
    matches: &Matches<'_>,
    options: &Options,
) -> Outcome {
    let mut said = Vec::new();
    let evidence = model.evidence();
    if evidence.groups.is_some() {
        said.push(evidence.reason.clone());
        if model.personas().len() > 1 {
            said.push(drivers(evidence));
            said.push(
                "Stability is how much of a persona is found again when only a random half of the people is \
                 grouped."
                    .into(),
            );
        }
        if is_division(model) && !options.archetypes {
            said.push("--archetypes describes the extreme types that people lie between.".into());
        }
        if !evidence.ageing.is_empty() {
            said.push(format!(
                "{} {} from day to day by {}, so people can move to another persona without doing anything; \
                 --keep-out leaves a column out of the grouping.",
                list(&evidence.ageing),
                if evidence.ageing.len() == 1 { "changes" } else { "change" },
                if evidence.ageing.len() == 1 { "itself" } else { "themselves" },
            ));
        }
    }
    said.push(format!(
        "The personas explain {} of the differences between people, and {} of the people are about as close \
         to a second persona as to their own.",
        percent(1.0 - evidence.unexplained),
        percent(between(matches)),
    ));
    if !people.declared.is_empty() {
        let found = model.importance(&people.table, None, None)?;
        let related: Vec<String> = found
            .iter()
            .filter(|importance| people.declared.contains(&importance.feature))
            .map(|importance| format!("{} {}", importance.label, percent(importance.strength)))
            .collect();
        said.push(format!(
            "Of the columns that describe people and were not used for grouping, the personas explain: {}. Low \
             values mean that personas describe behaviour only.",
            list(&related)
        ));
    }
    Ok(paragraphs(&said))
}

/// Whether the personas are a division of people who may differ by degrees: the data were judged, and hold no
/// natural groups.
pub(crate) fn is_division(model: &PersonaModel) -> bool {
    let groups = model.evidence().groups.as_ref();
    groups.is_some_and(|groups| groups.structure != Structure::Natural)
}

/// Margin below which people are about as close to a second persona as to their own.
const CLOSE: f64 = 0.1;

/// The share of people in a persona who are about as close to a second one.
fn between(matches: &Matches<'_>) -> f64 {
    let n = matches.iter().filter(|found| found.persona.is_some()).count();
    let is_close = |found: &&Match| found.persona.is_some() && found.margin < CLOSE;
    matches.iter().filter(is_close).count() as f64 / n.max(1) as f64
}

/// What the grouping was made by.
fn drivers(evidence: &Evidence) -> String {
    let shares: Vec<String> = evidence
        .blocks
        .iter()
        .take(4)
        .enumerate()
        .filter(|(place, block)| *place == 0 || block.share >= 0.05)
        .map(|(_, block)| block)
        .map(|block| format!("{} {}", block.name, percent(block.share)))
        .collect();
    format!("The personas differ mostly by: {}.", list(&shares))
}

/// What people are mixtures of.
pub(crate) fn types(found: &PureTypes) -> String {
    let mut body = paragraph(
        2,
        &format!(
            "Mixtures of these account for {} of the differences between people.",
            percent(found.explained)
        ),
    );
    let is_told = |kind: &Persona| kind.size >= few::least();
    for (at, kind) in found.types.iter().enumerate().filter(|(_, kind)| is_told(kind)) {
        let head = format!("{} ({} are mostly this)", kind.name, few::people(kind.size));
        body += &hanging(&format!("  {}. ", at + 1), 5, &head);
        body += &card(kind);
    }
    let n_few = found.types.iter().filter(|kind| !is_told(kind)).count();
    if n_few > 0 {
        let types = several(n_few, "type that makes", "types that each make");
        let least = several(few::least(), "person", "people");
        body += &paragraph(2, &format!("Not listed: {types} up most of fewer than {least}."));
    }
    section(&format!("{} pure types", found.types.len()), &body)
}

/// Small groups inside personas.
pub(crate) fn niches(model: &PersonaModel, niches: &[PersonaNiche]) -> String {
    let mut body = match niches {
        [] => String::new(),
        _ => paragraph(2, "Here, the others and everyone are the people of the same persona."),
    };
    for niche in niches {
        let n = few::people(niche.rows.len());
        let within = &model.personas()[niche.persona].name;
        body += &hanging("  - ", 4, &format!("{} ({n} of “{within}”)", niche.card.name));
        body += &card(&niche.card);
    }
    if niches.is_empty() {
        body = paragraph(2, "No small group inside a persona stands apart and is found again.");
    }
    section("Niches", &body)
}

/// What became of the personas of an earlier model.
pub(crate) fn lineage(lineage: &Lineage, old: &PersonaModel, new: &PersonaModel) -> Vec<String> {
    let is_told = |model: &PersonaModel, at: usize| model.personas()[at].size >= few::least();
    let name = |model: &PersonaModel, at: usize| match is_told(model, at) {
        true => format!("“{}”", model.personas()[at].name),
        false => format!("a group of {}", few::people(model.personas()[at].size)),
    };
    let names = |model: &PersonaModel, all: &[usize]| {
        list(&all.iter().map(|&at| name(model, at)).collect::<Vec<_>>())
    };
    let is_survivor = |fate: &Fate| matches!(fate, Fate::Survived(_));
    let n = capitalised(&few::people(lineage.n_shared));
    let mut said = match lineage.is_known {
        true => Vec::new(),
        false if lineage.earlier.iter().any(is_survivor) => vec![format!(
            "{n} are known at both times: too few to follow. Personas are matched by where they lie."
        )],
        false => {
            return vec![format!(
                "{n} are known at both times: too few to tell what became of the personas."
            )];
        }
    };
    for (at, fate) in lineage.earlier.iter().enumerate().filter(|(at, _)| is_told(old, *at)) {
        let before = name(old, at);
        said.push(match fate {
            Fate::Survived(now) => format!("{before} is now {}.", name(new, *now)),
            Fate::Split(parts) => format!("{before} split into {}.", names(new, parts)),
            Fate::Merged(into) => format!("{before} went into {}.", name(new, *into)),
            _ => format!("{before} is gone."),
        });
    }
    let is_new = |&(at, _): &(usize, &Vec<usize>)| !lineage.earlier.contains(&Fate::Survived(at));
    let later = lineage.later.iter().enumerate().filter(|(at, _)| is_told(new, *at));
    for (at, from) in later.filter(is_new) {
        let of = match from.is_empty() {
            true => String::new(),
            false => format!(", with people of the earlier {}", names(old, from)),
        };
        said.push(format!("{} is new{of}.", name(new, at)));
    }
    said
}

pub(crate) fn declared(model: &PersonaModel, comparison: &Comparison) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for declared in &comparison.declared {
        let (n, share) =
            (few::people(declared.n_full), share_of(declared.n_full, comparison.n_rows));
        let verdict = match declared.verdict {
            DeclaredVerdict::Confirmed => "confirmed",
            DeclaredVerdict::Split => "split between personas of the data",
            DeclaredVerdict::Blurred => "spread over several personas",
            DeclaredVerdict::Absent => "hardly anybody",
        };
        said.push(format!("{}: {verdict}; {n} fit it in full{share}.", declared.name));
        said.extend(declared.contradictions.iter().cloned());
        let is_declared = |feature: &str| declared.rules.iter().any(|rule| rule.feature == feature);
        let traits = declared.card.iter().flat_map(|card| &card.traits);
        let also: Vec<String> = traits
            .filter(|told| !is_declared(&told.feature))
            .map(|told| told.phrase.clone())
            .collect();
        if !also.is_empty() {
            said.push(format!("What else sets them apart: {}.", list(&also)));
        }
    }
    for (a, first) in comparison.declared.iter().enumerate() {
        for (b, second) in comparison.declared.iter().enumerate().skip(a + 1) {
            let n = comparison.shared[a][b];
            if n >= few::least() && 2 * n >= first.n_full + second.n_full - n {
                let names = format!("{} and {}", first.name, second.name);
                said.push(format!("{names} overlap: {} fit both.", few::people(n)));
            }
        }
    }
    let is_told = |at: &&usize| model.personas()[**at].size >= few::least();
    let uncovered = comparison.uncovered.iter().filter(is_told);
    let names: Vec<String> =
        uncovered.map(|&at| format!("“{}”", model.personas()[at].name)).collect();
    if !names.is_empty() {
        said.push(format!("Nobody declared: {}.", list(&names)));
    }
    said
}
