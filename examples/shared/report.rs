//! What `personas` prints, one section per function.

use std::collections::{HashMap, HashSet};

use personas::IngestReport;
use personas::features::Values;
use personas::ndarray::Array2;
use personas::persona::{Contrast, Matches, Trait};
use personas::prepare::PreprocessorFit;
use personas::validate::{KChoice, Stability, Structure, Verdict};
use personas::{FeatureTable, Matrix, PersonaModel, ProfileId, Profiles, Timestamp};

use super::events::Rows;
use super::words::{columns, count, hanging, list, number, paragraph, percent, section, several};

/// How people are called in the report: by their strongest identifier.
pub(crate) struct Names(HashMap<ProfileId, String>);

impl Names {
    pub(crate) fn of(events: &Rows, people: &Profiles) -> Self {
        let mut names = HashMap::new();
        let mut seen = HashSet::new();
        let all = (0..events.at.len()).flat_map(|row| events.identifiers(row));
        for (kind, value) in all {
            if !seen.insert((kind, value)) {
                continue;
            }
            if let Some(profile) = people.get(kind, value) {
                let identifiers = profile.identifiers();
                let name = identifiers.first().map(|best| format!("{} {}", best.kind, best.value));
                names.insert(profile.id(), name.unwrap_or_default());
            }
        }
        Self(names)
    }

    fn name(&self, id: ProfileId) -> String {
        self.0.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }
}

/// An error if there are too few people to look for groups.
pub(crate) fn enough_people(n: usize, as_of: Timestamp) -> Result<(), String> {
    const FEWEST: usize = 3;
    if n >= FEWEST {
        return Ok(());
    }
    let people = several(n, "person has", "people have");
    Err(format!("{people} events up to {as_of}; groups need at least {FEWEST} people"))
}

/// The columns of a table that were declared of people, not computed from what they did.
pub(crate) fn declared_columns(table: &FeatureTable, known: &Rows) -> Vec<String> {
    let declared: HashSet<&str> = known.attributes().collect();
    let names = table.columns().iter().map(|column| column.name.clone());
    names.filter(|name| declared.contains(name.as_str())).collect()
}

pub(crate) fn reading(
    source: &str,
    events: &Rows,
    ingest: &IngestReport,
    known: &Rows,
    ingest_known: &IngestReport,
) -> String {
    let one = |what: &str, rows: &Rows, ingest: &IngestReport| {
        let mut text = paragraph(2, &format!("{} {what}.", count(ingest.accepted)));
        if rows.problems.count() > 0 {
            text += &paragraph(2, &format!("Skipped {}.", rows.problems));
        }
        text += &rows.problems.mended().iter().map(|said| paragraph(2, said)).collect::<String>();
        for refused in &ingest.refused {
            let lines: Vec<String> = refused
                .examples
                .iter()
                .filter_map(|&position| rows.lines.get(position))
                .map(u64::to_string)
                .collect();
            let more = if refused.n > lines.len() { " …" } else { "" };
            let lines = lines.join(", ");
            let n = several(refused.n, "row", "rows");
            text +=
                &paragraph(2, &format!("Refused {n}: {} (lines {lines}{more}).", refused.reason));
        }
        text
    };
    let mut body = one(&format!("events from {source}"), events, ingest);
    if !known.lines.is_empty() {
        body += &one("people with declared attributes", known, ingest_known);
    }
    if events.problems.count() + known.problems.count() + ingest.n_refused() == 0 {
        body += &paragraph(2, "Nothing was wrong with any row.");
    }
    section("Events", &body)
}

/// What is said first and last where a good part of the rows was skipped: whatever the report says, it
/// says of the rest.
pub(crate) fn much_skipped(events: &Rows) -> Option<String> {
    const MUCH: f64 = 0.05;
    let share = events.problems.share();
    (share > MUCH).then(|| {
        let text = format!("{} of the rows were skipped. {}.", percent(share), events.problems);
        section("Attention", &paragraph(2, &text))
    })
}

pub(crate) fn profiles(people: &Profiles, table: &FeatureTable, as_of: Timestamp) -> String {
    let all = several(people.len(), "person", "people");
    let with_events = count(table.n_rows());
    let mut body = paragraph(2, &format!("{all}; {with_events} have events up to {as_of}."));
    if people.n_unattributed() > 0 {
        let n = several(people.n_unattributed(), "event is", "events are");
        let why = "all they carry are placeholders, or identifiers that are somebody else's";
        body += &paragraph(2, &format!("{n} nobody's: {why}."));
    }
    section("Profiles", &body)
}

pub(crate) fn features(table: &FeatureTable) -> String {
    let row = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
    let mut numbers = vec![row(["number", "min", "median", "max", "missing"])];
    let mut categories = vec![row(["category", "levels", "most often", "share", "missing"])];
    for column in table.columns() {
        let name = &column.name;
        let missing = count(column.values.n_missing());
        match &column.values {
            Values::Numeric(values) => {
                let sorted = sorted(values);
                let at = |value: Option<&f64>| value.map_or("-".into(), |&value| number(value));
                let middle = median(&sorted).map_or("-".into(), number);
                let (min, max) = (at(sorted.first()), at(sorted.last()));
                numbers.push(vec![name.clone(), min, middle, max, missing]);
            }
            Values::Categorical(values) => {
                let levels = levels(values);
                let n_present = values.len() - column.values.n_missing();
                let (level, share) =
                    levels.first().map_or(("-".into(), "-".into()), |(level, n)| {
                        (level.to_string(), percent(*n as f64 / n_present as f64))
                    });
                categories.push(vec![name.clone(), count(levels.len()), level, share, missing]);
            }
            _ => {}
        }
    }
    let mut body = columns(&numbers);
    if categories.len() > 1 {
        body += "\n";
        body += &columns(&categories);
    }
    let (rows, width) = (count(table.n_rows()), table.n_columns());
    section(&format!("Features of {rows} people, {width} each"), &body)
}

pub(crate) fn preparation(prep: &PreprocessorFit, declared: &[String]) -> String {
    let mut body: String = prep
        .steps()
        .iter()
        .filter(|step| !declared.contains(&step.feature))
        .map(|step| hanging("  ", 4, &step.to_string()))
        .collect();
    if !declared.is_empty() {
        let kept_out = format!(
            "Kept out, to tell afterwards whether the groups mean anything: {}.",
            list(declared)
        );
        body += &paragraph(2, &kept_out);
    }
    section("Preparation", &body)
}

pub(crate) fn choice(choice: &KChoice, asked: Option<usize>) -> String {
    let head = ["k", "silhouette", "without groups", "least stable", "valley"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for candidate in &choice.candidates {
        rows.push(vec![
            candidate.k.to_string(),
            format!("{:.3}", candidate.silhouette),
            format!("{:.3} ± {:.3}", candidate.null_silhouette, candidate.null_spread),
            format!("{:.2}", candidate.stability),
            format!("{:.2}", candidate.valley),
        ]);
    }
    let mut body = paragraph(
        2,
        "Silhouette: how much nearer people are to their own group than to the next one, and the \
         same for clouds without groups. Least stable: how well the worst group comes back when \
         other people are drawn (1 is exactly). Valley: how empty it is between the groups.",
    );
    body += &(columns(&rows) + "\n");
    body += &paragraph(2, &choice.reason());
    if let Some(k) = asked.filter(|&k| k != choice.k) {
        body += &paragraph(2, &format!("Asked for are {k}, so there will be {k}."));
    }
    section("How many groups?", &body)
}

pub(crate) fn personas(
    model: &PersonaModel,
    stability: &Stability,
    typical: &[Vec<ProfileId>],
    names: &Names,
) -> String {
    let mut body = String::new();
    let all = model.personas().iter().zip(&stability.per_cluster).zip(typical);
    for (place, ((persona, stability), typical)) in all.enumerate() {
        body += &hanging(&format!("  {}. ", place + 1), 5, &persona.name);
        let opening = persona.sentences.first().map_or("", String::as_str);
        body += &paragraph(5, opening);
        for told in &persona.traits {
            body += &hanging("     - ", 7, &format!("{} {}", told.sentence, effect(told)));
        }
        for rest in persona.sentences.iter().skip(1 + persona.traits.len()) {
            body += &paragraph(5, rest);
        }
        let trust = format!(
            "Trust: {}; drawn again, {} of the time it comes back, {} it dissolves (mean Jaccard {:.2}).",
            verdict(stability.verdict),
            percent(stability.recovered),
            percent(stability.dissolved),
            stability.mean_jaccard
        );
        body += &hanging("     ", 7, &trust);
        let typical: Vec<String> = typical.iter().map(|&id| names.name(id)).collect();
        body += &hanging("     ", 7, &format!("Typical: {}.\n", typical.join(", ")));
        body += "\n";
    }
    section("Personas", &body)
}

/// An effect, and what was compared.
fn effect(told: &Trait) -> String {
    let what = match told.contrast {
        Contrast::Numeric { .. } => "Cliff's delta",
        _ => "difference of shares",
    };
    let effect = told.effect;
    format!("({what} {:+.2}, 95% {:+.2} to {:+.2})", effect.size, effect.low, effect.high)
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::HighlyStable => "highly stable",
        Verdict::Stable => "stable",
        Verdict::Doubtful => "doubtful",
        Verdict::Unstable => "unstable",
    }
}

pub(crate) fn odd_ones(
    table: &FeatureTable,
    x: &Matrix,
    scores: &[f64],
    reasons: &Array2<f64>,
    names: &Names,
) -> String {
    const SHOWN: usize = 5;
    let mut rows: Vec<usize> = (0..scores.len()).collect();
    rows.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut body = paragraph(2, "Isolation forest: 0.5 is ordinary, 1 is like nobody else.");
    for &row in rows.iter().take(SHOWN) {
        // The columns of a feature count together.
        let mut parts: Vec<(&str, f64)> = Vec::new();
        for (column, &part) in x.columns().iter().zip(reasons.row(row)) {
            match parts.iter_mut().find(|(feature, _)| *feature == column.feature) {
                Some((_, sum)) => *sum += part,
                None => parts.push((&column.feature, part)),
            }
        }
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
        let why: Vec<String> = parts
            .iter()
            .take(3)
            .filter(|(_, part)| *part > 0.0)
            .map(|(feature, _)| in_own_units(table, feature, row))
            .collect();
        let text =
            format!("{} ({:.2}): {}.", names.name(table.ids()[row]), scores[row], why.join("; "));
        body += &hanging("  - ", 4, &text);
    }
    section("The odd ones out", &body)
}

/// A person's value beside everybody's.
fn in_own_units(table: &FeatureTable, feature: &str, row: usize) -> String {
    let Some(column) = table.column(feature) else { return feature.to_owned() };
    let n_missing = column.values.n_missing();
    let missing = || format!("{feature} is missing, as for {} people", count(n_missing));
    match &column.values {
        Values::Numeric(values) => {
            let Some(value) = values[row] else { return missing() };
            let sorted = sorted(values);
            let middle = median(&sorted).map_or("-".into(), number);
            let below = sorted.partition_point(|&other| other < value);
            let above = sorted.len() - sorted.partition_point(|&other| other <= value);
            let (side, end, n) = if below >= above {
                ("higher", "highest", below)
            } else {
                ("lower", "lowest", above)
            };
            let place = if n + 1 == sorted.len() {
                format!("the {end}")
            } else {
                format!("{side} than {} of people", percent(n as f64 / sorted.len() as f64))
            };
            format!("{feature} {} (median {middle}; {place})", number(value))
        }
        Values::Categorical(values) => {
            let Some(value) = &values[row] else { return missing() };
            let n_same = values.iter().flatten().filter(|other| *other == value).count();
            format!("{feature} {value} (as {} people)", count(n_same))
        }
        _ => feature.to_owned(),
    }
}

pub(crate) fn last_word(
    choice: &KChoice,
    stability: &Stability,
    model: &PersonaModel,
    matches: &Matches,
    declared: &[String],
) -> String {
    let k = model.personas().len();
    let shaky: Vec<String> = model
        .personas()
        .iter()
        .zip(&stability.per_cluster)
        .filter(|(_, stability)| stability.verdict < Verdict::Stable)
        .map(|(persona, _)| format!("“{}”", persona.name))
        .collect();

    let as_chosen = choice.k == k;
    let cut_comes_back = match choice.structure {
        Structure::Reproducible if as_chosen => true,
        Structure::Constructed if as_chosen => false,
        _ => shaky.is_empty(),
    };
    if k == 1 {
        return section("How real is this?", &paragraph(2, "One persona is everybody."));
    }
    let mut said = vec![match choice.structure {
        Structure::Natural if as_chosen => format!(
            "These data hold {k} groups: there are gaps between them, they are tighter than chance \
             would make them, and they come back."
        ),
        Structure::Natural => format!(
            "These data hold {} groups, not {k}: some of these personas cut a group in pieces or \
             join several.",
            choice.k
        ),
        _ if cut_comes_back => "These data hold no groups that could be shown. People differ by \
             degrees, and the personas are a cut through one crowd; it can be repeated, so it may \
             be worked with, but nobody should take it for kinds of people."
            .into(),
        _ => "These data hold no groups that could be shown. People differ by degrees, and the \
             personas are a cut through one crowd that other data would place elsewhere: do not \
             build on them."
            .into(),
    }];
    match (shaky.as_slice(), k) {
        ([], 2) => said.push("Both come back when other people are drawn.".into()),
        ([], _) => said.push(format!("All {k} come back when other people are drawn.")),
        ([one], _) => said.push(format!("{one} does not come back when other people are drawn.")),
        (all, _) if all.len() == k => {
            said.push(format!("None of the {k} comes back when other people are drawn."));
        }
        (some, _) => said.push(format!(
            "{} of the {k} do not come back when other people are drawn: {}.",
            some.len(),
            list(some)
        )),
    }
    said.push(format!(
        "Knowing a person's persona leaves {} of the differences between people unexplained, and {} \
         of them stand nearly halfway between two personas.",
        percent(model.unexplained()),
        percent(matches.between(0.1)),
    ));

    let mut related: Vec<String> = Vec::new();
    for importance in model.importances().iter().filter(|i| declared.contains(&i.feature)) {
        related.push(format!("{} {}", importance.feature, percent(importance.strength)));
    }
    if !related.is_empty() {
        said.push(format!(
            "Of what is declared of people and was kept out of the grouping, the personas account \
             for: {}. The less that is, the less they are more than habits of shopping.",
            list(&related)
        ));
    }
    let body: String = said.iter().map(|text| paragraph(2, text)).collect();
    section("How real is this?", &body)
}

fn sorted(values: &[Option<f64>]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().flatten().copied().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// Levels and how many people have them, the most frequent first; of equals, the first by name.
fn levels(values: &[Option<String>]) -> Vec<(&str, usize)> {
    let mut present: Vec<&str> = values.iter().flatten().map(String::as_str).collect();
    present.sort_unstable();
    let mut levels: Vec<(&str, usize)> =
        present.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect();
    levels.sort_by_key(|&(_, n)| std::cmp::Reverse(n));
    levels
}
