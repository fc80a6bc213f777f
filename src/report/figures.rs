//! The figures of the page: which numbers are drawn how, and what to know of each.

use maud::{Markup, PreEscaped, html};

use super::charts::{
    Bar, BarSide, Blade, Chart, Trace, bars, blades, group_class, heat, lines, map, mixtures,
};
use super::content::Report;
use super::facts::Facts;
use super::text::count;
use crate::journey::FunnelReport;
use crate::persona::{PureTypes, tellable};

/// Most columns of the heat map: more cannot be told apart on a telephone.
const MOST_TRAITS: usize = 20;

/// A chart and what to know about it.
pub(super) struct Figure {
    pub(super) chart: Chart,
    caption: String,
    /// Names of numbered columns or parts.
    legend: Vec<String>,
    /// Whether the parts have the colours of groups.
    is_coloured: bool,
    /// More to know, point by point.
    points: Vec<String>,
}

impl Figure {
    fn new(chart: Chart, caption: &str) -> Self {
        Self {
            chart,
            caption: caption.to_owned(),
            legend: Vec::new(),
            is_coloured: false,
            points: Vec::new(),
        }
    }

    pub(super) fn markup(&self) -> Markup {
        html! {
            figure id=(self.chart.id) {
                h3 { (self.chart.title) }
                (PreEscaped(&self.chart.inline))
                figcaption {
                    (self.caption)
                    @if !self.legend.is_empty() {
                        ol.legend {
                            @for (at, name) in self.legend.iter().enumerate() {
                                li { @if self.is_coloured { (tag(at)) } (name) }
                            }
                        }
                    }
                    @if !self.points.is_empty() {
                        ul { @for point in &self.points { li { (point) } } }
                    }
                }
            }
        }
    }
}

/// A square in the colour of a group.
pub(super) fn tag(group: usize) -> Markup {
    html! { span.tag aria-hidden="true" { svg viewBox="0 0 1 1" { rect width="1" height="1" class=(group_class(group)) {} } } }
}

/// All charts but those of the cards, in order.
pub(super) fn figures(content: &Report<'_>, facts: &Facts<'_>) -> Vec<Figure> {
    let mut figures = Vec::new();
    figures.extend(traits(facts));
    figures.extend(drivers(facts));
    figures.extend(people(facts));
    figures.extend(fit(facts));
    figures.extend(choice(facts));
    figures.extend(stability(facts));
    figures.extend(importances(facts));
    figures.extend(odd_ones(facts));
    figures.extend(missing(facts));
    figures.extend(content.types.as_ref().map(|types| mixed(types, facts)));
    figures.extend(funnels(&content.funnels, facts));
    figures
}

/// Personas and traits: who leans to which side.
fn traits(facts: &Facts<'_>) -> Option<Figure> {
    let found = |feature: &str| facts.leanings.iter().find(|(column, _)| column == feature);
    let (features, leanings): (Vec<&str>, Vec<&Vec<Option<f64>>>) = facts
        .importances
        .iter()
        .filter_map(|importance| found(&importance.feature))
        .filter(|(_, leanings)| leanings.iter().any(Option::is_some))
        .take(MOST_TRAITS)
        .map(|(feature, leanings)| (feature.as_str(), leanings))
        .unzip();
    if features.is_empty() {
        return None;
    }
    let personas = facts.model.personas().iter().enumerate();
    let rows: Vec<(String, Vec<Option<f64>>)> = personas
        .filter(|(at, _)| facts.is_told(*at))
        .map(|(at, persona)| (persona.name.clone(), leanings.iter().map(|l| l[at]).collect()))
        .collect();
    let text = rows.iter().map(|(name, cells)| {
        let high: Vec<String> = features
            .iter()
            .zip(cells)
            .filter(|(_, cell)| cell.is_some_and(|cell| cell > 0.0))
            .map(|(feature, _)| facts.model.called(feature))
            .collect();
        let high = if high.is_empty() { facts.say("nothing", &[]) } else { high.join(", ") };
        facts.say("{name}: more of {features}.", &[("name", name), ("features", &high)])
    });
    let text = text.collect::<Vec<_>>().join(" ");
    let mut figure = Figure::new(
        heat("traits", &facts.say("Who differs in what", &[]), text, &rows),
        &facts.say("Orange: more, or more often, than everyone else; blue: less. The stronger the colour, the larger \
         the difference. Grey: neither, as far as can be told.", &[]),
    );
    figure.legend = features.iter().map(|feature| facts.model.called(feature)).collect();
    Some(figure)
}

fn people(facts: &Facts<'_>) -> Option<Figure> {
    let [(first, share), (second, other)] = facts.axes.as_slice() else { return None };
    let told = facts.personas.iter().map(|persona| persona.filter(|&at| facts.is_told(at)));
    let points: Vec<_> = facts.places.iter().copied().zip(told).collect();
    let (people, share) = (facts.people(points.len()), facts.percent(share + other));
    let parts = [("people", &*people), ("first", first), ("second", second), ("share", &share)];
    let text = facts.say(
        "A map of {people} in small squares. To the right: {first}. Upwards: {second}.",
        &parts,
    );
    let caption = facts.say(
        "To the right: {first}. Upwards: {second}. The two directions hold {share} of all differences. The size \
         of a square is how many people are there, its colour the persona most of them are in. Squares \
         with fewer than five people are left out.",
        &parts,
    );
    Some(Figure::new(map("map", &facts.say("Where people are", &[]), text, &points), &caption))
}

fn fit(facts: &Facts<'_>) -> Option<Figure> {
    let personas = facts.model.personas().iter().zip(&facts.silhouettes).enumerate();
    let groups: Vec<Blade> = personas
        .filter(|(at, (_, values))| !values.is_empty() && facts.is_told(*at))
        .map(|(at, (persona, values))| Blade {
            group: at,
            name: persona.name.clone(),
            values: values.clone(),
        })
        .collect();
    if groups.is_empty() {
        return None;
    }
    let text = groups.iter().map(|Blade { name, values, .. }| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let below =
            values.iter().filter(|value| **value < 0.0).count() as f64 / values.len() as f64;
        let (mean, share) = (format!("{mean:.2}"), facts.percent(below));
        let parts = [("name", name.as_str()), ("mean", &mean), ("share", &share)];
        facts.say("{name}: mean silhouette {mean}, below zero for {share} of its people.", &parts)
    });
    let text = text.collect::<Vec<_>>().join(" ");
    Some(Figure::new(
        blades("silhouettes", &facts.say("How well people fit their persona", &[]), text, &groups),
        &facts.say("Each blade holds the people of a persona, the best fitting on top. To the right of the line: \
         nearer to their own persona than to the next. To the left: nearer to another.", &[]),
    ))
}

/// What the grouping was made by.
fn drivers(facts: &Facts<'_>) -> Option<Figure> {
    let evidence = facts.model.evidence();
    let rows: Vec<Bar> = evidence
        .blocks
        .iter()
        .filter(|block| block.share > 0.0)
        .take(10)
        .map(|block| Bar {
            label: {
                let features = block.features.iter().map(|feature| facts.model.called(feature));
                features.collect::<Vec<_>>().join(" + ")
            },
            value: block.share,
            interval: None,
            note: facts.percent(block.share),
            class: None,
        })
        .collect();
    (!rows.is_empty()).then(|| {
        let text = told(&rows);
        Figure::new(
            bars("drivers", &facts.say("What makes the personas", &[]), text, BarSide::Right, &rows, None),
            &facts.say("The share of each column in the differences between personas. Columns that say much the same \
             are one and count once.", &[]),
        )
    })
}

/// What was found for every number of personas.
fn choice(facts: &Facts<'_>) -> Option<Figure> {
    let evidence = facts.model.evidence();
    let groups = evidence.groups.as_ref()?;
    let chosen = facts.model.personas().len();
    if !evidence.is_natural && !evidence.candidates.is_empty() {
        return Some(choice_of_cut(facts));
    }
    let found = &groups.candidates;
    let numbers: Vec<usize> = found.iter().map(|candidate| candidate.k).collect();
    let without = found.iter().map(|c| {
        let [low, high] = [-2.0, 2.0].map(|step| c.null_silhouette + step * c.null_spread);
        (low, high)
    });
    let traces = [Trace {
        name: facts.say("silhouette", &[]),
        values: found.iter().map(|candidate| candidate.silhouette).collect(),
        band: Some(without.collect()),
    }];
    (numbers.len() > 1).then(|| {
        Figure::new(
            lines("choice-of-k", &facts.say("How many groups", &[]), evidence.reason.clone(), &numbers, &traces, chosen),
            &facts.say("How much nearer people are to their own group than to the next, for each number of groups. \
             The grey band is where it would lie if the data held no groups.", &[]),
        )
    })
}

/// What was found for every number of personas that a cut was tried in.
fn choice_of_cut(facts: &Facts<'_>) -> Figure {
    let evidence = facts.model.evidence();
    let chosen = facts.model.personas().len();
    let tried = &evidence.candidates;
    let numbers: Vec<usize> = tried.iter().map(|candidate| candidate.k).collect();
    let traces = [
        Trace {
            name: facts.say("stability", &[]),
            values: tried.iter().map(|candidate| candidate.stability).collect(),
            band: None,
        },
        Trace {
            name: facts.say("explained", &[]),
            values: tried.iter().map(|candidate| candidate.explained).collect(),
            band: None,
        },
    ];
    let finding = |failed: &[String]| match failed {
        [] => facts.say("passes all criteria", &[]),
        failed => failed.join("; "),
    };
    let mut figure = Figure::new(
        lines(
            "choice-of-k",
            &facts.say("How many personas", &[]),
            evidence.reason.clone(),
            &numbers,
            &traces,
            chosen,
        ),
        &facts.say("For each number of personas: how much of the least stable one is found again when half of the people are \
         drawn, and how much of the differences between people the personas account for.", &[]),
    );
    figure.points = tried
        .iter()
        .map(|c| {
            let parts = [("n", &*c.k.to_string()), ("finding", &finding(&c.failed))];
            facts.say("{n} personas: {finding}", &parts)
        })
        .collect();
    figure
}

/// Whether the personas are found again.
fn stability(facts: &Facts<'_>) -> Option<Figure> {
    let evidence = facts.model.evidence();
    let rows: Vec<Bar> = facts
        .model
        .personas()
        .iter()
        .zip(&evidence.stability)
        .enumerate()
        .filter(|(at, _)| facts.is_described(*at))
        .map(|(at, (persona, &value))| Bar {
            label: persona.name.clone(),
            value,
            interval: None,
            note: facts.percent(value),
            class: Some(group_class(at)),
        })
        .collect();
    (!rows.is_empty()).then(|| {
        let text = told(&rows);
        let needed = facts.say("needed", &[]);
        let needed = Some((evidence.min_stability, needed.as_str()));
        Figure::new(
            bars("stability", &facts.say("Whether they are found again", &[]), text, BarSide::Right, &rows, needed),
            &facts.say("How much of each persona is found again, on average, when only a random half of the people is grouped: 100% is all of \
             it. Stable does not mean natural.", &[]),
        )
    })
}

fn importances(facts: &Facts<'_>) -> Option<Figure> {
    let rows: Vec<Bar> = facts
        .importances
        .iter()
        .take(10)
        .filter(|importance| importance.strength > 0.0)
        .map(|importance| Bar {
            label: importance.label.clone(),
            value: importance.strength,
            interval: None,
            note: facts.percent(importance.strength),
            class: None,
        })
        .collect();
    (!rows.is_empty()).then(|| {
        let text = told(&rows);
        Figure::new(
            bars("importance", &facts.say("What tells the personas apart", &[]), text, BarSide::Right, &rows, None),
            &facts.say("The share of the differences between people in each column that their persona accounts for.", &[]),
        )
    })
}

fn odd_ones(facts: &Facts<'_>) -> Option<Figure> {
    let total: usize = facts.odd.iter().map(|(_, n)| n).sum();
    let rows: Vec<Bar> = facts
        .odd
        .iter()
        .filter(|(_, n)| *n >= facts.model.least())
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
        let (people, least) = (facts.people(total), count(facts.model.least()));
        let caption = facts.say(
            "{people} are unlike everybody else. Shown is what sets them apart most, where it is the same for at \
             least {least} of them.",
            &[("people", &people), ("least", &least)],
        );
        let text = told(&rows);
        Figure::new(bars("odd", &facts.say("Who is unlike everybody", &[]), text, BarSide::Right, &rows, None), &caption)
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
            note: facts.percent(*share),
            class: Some("soft".into()),
        })
        .collect();
    (!rows.is_empty()).then(|| {
        let text = told(&rows);
        Figure::new(
            bars(
                "missing",
                &facts.say("What is not known", &[]),
                text,
                BarSide::Right,
                &rows,
                None,
            ),
            &facts.say("The share of people without a value in each column.", &[]),
        )
    })
}

/// What the personas are mixtures of.
fn mixed(types: &PureTypes, facts: &Facts<'_>) -> Figure {
    let personas = facts.model.personas().iter().zip(&types.by_persona).enumerate();
    let rows: Vec<(String, Vec<f64>)> = personas
        .filter(|(at, (_, parts))| !parts.is_empty() && facts.is_told(*at))
        .map(|(_, (persona, parts))| (persona.name.clone(), parts.clone()))
        .collect();
    let names: Vec<String> = types.types.iter().map(|kind| kind.name.clone()).collect();
    let text = rows.iter().map(|(persona, parts)| {
        let parts = names.iter().zip(parts);
        let shares: Vec<String> =
            parts.map(|(name, part)| format!("{} {name}", facts.percent(*part))).collect();
        format!("{persona}: {}.", shares.join(", "))
    });
    let text = text.collect::<Vec<_>>().join(" ");
    let mut figure = Figure::new(
        mixtures("mixtures", &facts.say("What each persona is a mixture of", &[]), text, &rows),
        &facts.say(
            "The mean part of each pure type in the people of a persona, from left to right:",
            &[],
        ),
    );
    figure.legend = names;
    figure.is_coloured = true;
    figure
}

/// How far groups get; steps that too few people reach are not told.
fn funnels(funnels: &[(String, FunnelReport)], facts: &Facts<'_>) -> Vec<Figure> {
    let least = facts.model.least();
    let all = funnels.iter().enumerate().filter(|(_, (_, funnel))| funnel.n_people >= least);
    all.map(|(place, (name, funnel))| {
        let n_people = funnel.n_people.max(1) as f64;
        let rows: Vec<Bar> = funnel
            .steps
            .iter()
            .take_while(|step| step.n_people >= least)
            .map(|step| Bar {
                label: tellable(&step.step).into_owned(),
                value: step.n_people as f64 / n_people,
                interval: None,
                note: format!(
                    "{}, {}",
                    count(step.n_people),
                    facts.percent(step.n_people as f64 / n_people)
                ),
                class: None,
            })
            .collect();
        let text = told(&rows);
        let id = format!("funnel-{}", place + 1);
        let title = facts.say("How far they get: {name}", &[("name", &tellable(name))]);
        Figure::new(
            bars(&id, &title, text, BarSide::Right, &rows, None),
            &facts.say("The share of people who reach each step, in order.", &[]),
        )
    })
    .collect()
}

/// Bars in words.
fn told(rows: &[Bar]) -> String {
    let rows = rows.iter().map(|bar| format!("{}: {}.", bar.label, bar.note));
    rows.collect::<Vec<_>>().join(" ")
}
