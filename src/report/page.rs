//! The page: sections of text and charts, from who the personas are to what they rest on.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::charts::{Bar, Chart, STYLE, Side, bars, blades, group_class, heat, map, percent};
use super::facts::Facts;
use crate::journey::FunnelReport;
use crate::persona::{Persona, Trait};

/// Most columns of the heat map: more cannot be told apart on a telephone.
const MOST_TRAITS: usize = 20;
/// Fewest outliers with the same reason that are told.
const FEWEST_ODD: usize = 20;

/// What the caller adds to the page.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) title: String,
    /// Sections of paragraphs.
    pub(super) notes: Vec<(String, Vec<String>)>,
    /// By group.
    pub(super) funnels: Vec<(String, FunnelReport)>,
}

/// A chart and what to know about it.
pub(super) struct Figure {
    pub(super) chart: Chart,
    caption: String,
    /// Names of numbered columns.
    legend: Vec<String>,
}

impl Figure {
    fn new(chart: Chart, caption: &str) -> Self {
        Self { chart, caption: caption.to_owned(), legend: Vec::new() }
    }

    fn markup(&self) -> Markup {
        html! {
            figure id=(self.chart.id) {
                h3 { (self.chart.title) }
                (PreEscaped(&self.chart.inline))
                figcaption {
                    (self.caption)
                    @if !self.legend.is_empty() {
                        ol.legend { @for name in &self.legend { li { (name) } } }
                    }
                }
            }
        }
    }
}

/// The page as one text.
pub(super) fn html(content: &Content, facts: &Facts<'_>) -> String {
    let personas = facts.model.personas();
    let all = figures(content, facts);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (content.title) }
                style { (PreEscaped(include_str!("page.css"))) (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (content.title) }
                    (opening(facts))
                    h2 { "The personas" }
                    div.grid { @for (at, persona) in personas.iter().enumerate() { (card(facts, at, persona)) } }
                    h2 { "How they differ, and how far to trust them" }
                    div.grid { @for figure in &all { (figure.markup()) } }
                    @for (heading, paragraphs) in &content.notes {
                        h2 { (heading) }
                        @for text in paragraphs { p { (text) } }
                    }
                }
            }
        }
    };
    page.into_string()
}

/// All charts but those of the cards, in order.
pub(super) fn figures(content: &Content, facts: &Facts<'_>) -> Vec<Figure> {
    let mut figures = Vec::new();
    figures.extend(traits(facts));
    figures.extend(people(facts));
    figures.extend(fit(facts));
    figures.extend(importances(facts));
    figures.extend(odd_ones(facts));
    figures.extend(missing(facts));
    figures.extend(funnels(&content.funnels));
    figures
}

fn opening(facts: &Facts<'_>) -> Markup {
    let model = facts.model;
    let n = model.personas().len();
    html! {
        p.lead { (count(facts.n_people())) " people in " (n) @if n == 1 { " persona." } @else { " personas." } }
    }
}

fn card(facts: &Facts<'_>, at: usize, persona: &Persona) -> Markup {
    let n = facts.n_in(at);
    let share = n as f64 / facts.n_people().max(1) as f64;
    html! {
        section.card {
            h3 {
                span.tag aria-hidden="true" { svg viewBox="0 0 1 1" { rect width="1" height="1" class=(group_class(at)) {} } }
                (persona.name)
            }
            p.soft { (count(n)) " people, " (percent(share)) " of all." }
            @if persona.traits.is_empty() {
                p { "Nothing sets this group clearly apart." }
            } @else {
                ul { @for told in &persona.traits { li { (told.sentence) } } }
                (PreEscaped(differences(at, persona).inline))
            }
            @if let Some(fitting) = persona.coverage.last() {
                p.soft {
                    (percent(fitting.members)) " of them fit all of this, and " (percent(fitting.others)) " of the others."
                }
            }
        }
    }
}

/// How far a persona differs from everyone else in each of its traits.
fn differences(at: usize, persona: &Persona) -> Chart {
    let rows: Vec<Bar> = persona.traits.iter().map(difference).collect();
    let told: Vec<&str> = persona.traits.iter().map(|told| told.sentence.as_str()).collect();
    let id = format!("traits-{}", at + 1);
    bars(&id, &persona.name, told.join(" "), Side::Both, &rows, None)
}

fn difference(told: &Trait) -> Bar {
    Bar {
        label: told.phrase.clone(),
        value: told.effect.size,
        interval: Some((told.effect.low, told.effect.high)),
        note: String::new(),
        class: None,
    }
}

/// Personas and traits: who leans to which side.
fn traits(facts: &Facts<'_>) -> Option<Figure> {
    let model = facts.model;
    let told = |feature: &str| {
        model
            .personas()
            .iter()
            .any(|persona| persona.traits.iter().any(|told| told.feature == feature))
    };
    let features: Vec<&str> = model
        .importances()
        .iter()
        .map(|importance| importance.feature.as_str())
        .filter(|feature| told(feature))
        .take(MOST_TRAITS)
        .collect();
    if features.is_empty() {
        return None;
    }
    let rows: Vec<(String, Vec<Option<f64>>)> = model
        .personas()
        .iter()
        .map(|persona| {
            let cell = |feature: &&str| {
                persona
                    .traits
                    .iter()
                    .find(|told| told.feature == *feature)
                    .map(|told| told.effect.size)
            };
            (persona.name.clone(), features.iter().map(cell).collect())
        })
        .collect();
    let text = rows.iter().map(|(name, cells)| {
        let high: Vec<&str> = features
            .iter()
            .zip(cells)
            .filter(|(_, cell)| cell.is_some_and(|cell| cell > 0.0))
            .map(|(feature, _)| *feature)
            .collect();
        format!(
            "{name}: more of {}.",
            if high.is_empty() { "nothing".into() } else { high.join(", ") }
        )
    });
    let text = text.collect::<Vec<_>>().join(" ");
    let mut figure = Figure::new(
        heat("traits", "Who differs in what", text, &rows),
        "Orange: more, or more often, than everyone else; blue: less. The stronger the colour, the larger \
         the difference. Grey: no clear difference.",
    );
    figure.legend = features.iter().map(ToString::to_string).collect();
    Some(figure)
}

fn people(facts: &Facts<'_>) -> Option<Figure> {
    let [(first, share), (second, other)] = facts.axes.as_slice() else { return None };
    let points: Vec<_> = facts.places.iter().copied().zip(facts.personas.iter().copied()).collect();
    let text = format!(
        "A map of {} people in small squares. To the right: {first}. Upwards: {second}.",
        count(points.len())
    );
    let caption = format!(
        "To the right: {first}. Upwards: {second}. The two directions hold {} of all differences. The size \
         of a square is how many people are there, its colour the persona most of them are in. Squares \
         with fewer than five people are left out.",
        percent(share + other)
    );
    Some(Figure::new(map("map", "Where people are", text, &points), &caption))
}

fn fit(facts: &Facts<'_>) -> Option<Figure> {
    let names = facts.model.personas().iter().map(|persona| persona.name.clone());
    let groups: Vec<(String, Vec<f64>)> = names
        .zip(facts.silhouettes.iter().cloned())
        .filter(|(_, values)| !values.is_empty())
        .collect();
    if groups.is_empty() {
        return None;
    }
    let text = groups.iter().map(|(name, values)| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let below =
            values.iter().filter(|value| **value < 0.0).count() as f64 / values.len() as f64;
        format!(
            "{name}: mean silhouette {mean:.2}, below zero for {} of its people.",
            percent(below)
        )
    });
    let text = text.collect::<Vec<_>>().join(" ");
    Some(Figure::new(
        blades("silhouettes", "How well people fit their persona", text, &groups),
        "Each blade holds the people of a persona, the best fitting on top. To the right of the line: \
         nearer to their own persona than to the next. To the left: nearer to another.",
    ))
}

fn importances(facts: &Facts<'_>) -> Option<Figure> {
    let model = facts.model;
    let rows: Vec<Bar> = model
        .importances()
        .iter()
        .take(10)
        .filter(|importance| importance.strength > 0.0)
        .map(|importance| Bar {
            label: importance.feature.clone(),
            value: importance.strength,
            interval: None,
            note: percent(importance.strength),
            class: None,
        })
        .collect();
    (!rows.is_empty()).then(|| {
        let text = told(&rows);
        Figure::new(
            bars("importance", "What tells the personas apart", text, Side::Right, &rows, None),
            "The share of the differences between people in each column that their persona accounts for.",
        )
    })
}

fn odd_ones(facts: &Facts<'_>) -> Option<Figure> {
    let total: usize = facts.odd.iter().map(|(_, n)| n).sum();
    let rows: Vec<Bar> = facts
        .odd
        .iter()
        .filter(|(_, n)| *n >= FEWEST_ODD)
        .take(8)
        .map(|(reason, n)| Bar {
            label: reason.clone(),
            value: *n as f64 / total as f64,
            interval: None,
            note: count(*n),
            class: None,
        })
        .collect();
    (!rows.is_empty()).then(|| {
        let caption = format!(
            "{} people are unlike everybody else. Shown is what sets them apart most, where it is the \
             same for at least {FEWEST_ODD} of them.",
            count(total)
        );
        let text = told(&rows);
        Figure::new(bars("odd", "Who is unlike everybody", text, Side::Right, &rows, None), &caption)
    })
}

fn missing(facts: &Facts<'_>) -> Option<Figure> {
    let mut missing: Vec<&(String, f64)> =
        facts.missing.iter().filter(|(_, share)| *share > 0.0).collect();
    missing.sort_by(|a, b| b.1.total_cmp(&a.1));
    let rows: Vec<Bar> = missing
        .into_iter()
        .take(10)
        .map(|(column, share)| Bar {
            label: column.clone(),
            value: *share,
            interval: None,
            note: percent(*share),
            class: Some("soft".into()),
        })
        .collect();
    (!rows.is_empty()).then(|| {
        let text = told(&rows);
        Figure::new(
            bars("missing", "What is not known", text, Side::Right, &rows, None),
            "The share of people without a value in each column.",
        )
    })
}

fn funnels(funnels: &[(String, FunnelReport)]) -> Vec<Figure> {
    let all = funnels.iter().enumerate();
    all.map(|(place, (name, funnel))| {
        let n_people = funnel.n_people.max(1) as f64;
        let rows: Vec<Bar> = funnel
            .steps
            .iter()
            .map(|step| Bar {
                label: step.step.clone(),
                value: step.n_people as f64 / n_people,
                interval: None,
                note: format!(
                    "{}, {}",
                    count(step.n_people),
                    percent(step.n_people as f64 / n_people)
                ),
                class: None,
            })
            .collect();
        let text = told(&rows);
        let id = format!("funnel-{}", place + 1);
        let title = format!("How far they get: {name}");
        Figure::new(
            bars(&id, &title, text, Side::Right, &rows, None),
            "The share of people who reach each step, in order.",
        )
    })
    .collect()
}

/// Bars in words.
fn told(rows: &[Bar]) -> String {
    let rows = rows.iter().map(|bar| format!("{}: {}.", bar.label, bar.note));
    rows.collect::<Vec<_>>().join(" ")
}

/// A count with its thousands apart: `47,703`.
fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
