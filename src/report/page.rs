//! The page: sections of text and charts, from who the personas are to what they rest on.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::charts::{Bar, BarSide, Chart, STYLE, bars};
use super::content::Report;
use super::facts::Facts;
use super::figures::{figures, tag};
use crate::Timestamp;
use crate::persona::{Contrast, Persona, PersonaNiche, PureTypes, Trait, printable};

/// The page as one text.
pub(super) fn html(content: &Report<'_>, facts: &Facts<'_>) -> String {
    let personas = facts.model.personas();
    let all = figures(content, facts);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (printable(&content.title)) }
                style { (PreEscaped(include_str!("page.css"))) (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (printable(&content.title)) }
                    @for text in &content.attention { p.attention { (printable(text)) } }
                    (opening(content, facts))
                    h2 { (facts.say("The personas", &[])) }
                    div.grid {
                        @for (at, persona) in personas.iter().enumerate().filter(|(at, _)| facts.is_described(*at)) {
                            (card(facts, at, persona))
                        }
                    }
                    @if let Some(text) = not_listed(facts) { p { (text) } }
                    @if let Some(types) = &content.types { (pure_types(facts, types)) }
                    @if !content.niches.is_empty() { (niches(facts, &content.niches)) }
                    h2 { (facts.say("How they differ, and how far to trust them", &[])) }
                    div.grid { @for figure in &all { (figure.markup()) } }
                    @for (heading, paragraphs) in &content.notes {
                        h2 { (printable(heading)) }
                        @for text in paragraphs { p { (printable(text)) } }
                    }
                }
            }
        }
    };
    page.into_string()
}

fn opening(content: &Report<'_>, facts: &Facts<'_>) -> Markup {
    let model = facts.model;
    let (people, n) = (facts.people(facts.n_people()), model.personas().len());
    let evidence = model.evidence();
    html! {
        p.lead {
            @let parts = [("people", &*people), ("n", &n.to_string())];
            @match n { 1 => (facts.say("{people} in one persona", &parts)), _ => (facts.say("{people} in {n} personas", &parts)) }
            @match evidence.groups {
                Some(_) if evidence.is_natural => (facts.say(", groups that the data hold.", &[])),
                Some(_) if evidence.is_given => (facts.say(", as many as were asked for.", &[])),
                Some(_) => (facts.say(", a practical division of people who differ by degrees.", &[])),
                None => ".",
            }
            @if let Some(as_of) = content.table.as_of() {
                " " (facts.say("As of {moment}.", &[("moment", &moment(as_of))]))
            }
        }
        @if let Some(text) = in_none(facts) { p { (text) } }
        @if facts.are_others() {
            p {
                (facts.say(
                    "The sentences tell of the {before} the model was made from; counts and shares are of the \
                     {people} of this page.",
                    &[("before", &facts.people(evidence.n_rows)), ("people", &people)],
                ))
                @if let Some(as_of) = evidence.as_of {
                    " " (facts.say("The model is as of {moment}.", &[("moment", &moment(as_of))]))
                }
            }
        }
        @if evidence.groups.is_some() {
            p { (evidence.reason) }
            @if !evidence.ageing.is_empty() {
                p {
                    @let ageing: Vec<String> = evidence.ageing.iter().map(|name| facts.model.called(name)).collect();
                    (facts.say(
                        "These change from day to day by themselves, so people can move to another persona \
                         without doing anything: {features}.",
                        &[("features", &ageing.join(", "))],
                    ))
                }
            }
        }
    }
}

/// A moment, with hyphens at which no line is broken.
fn moment(at: Timestamp) -> String {
    at.to_string().replace('-', "\u{2011}")
}

/// How many people are in no persona, if any are.
fn in_none(facts: &Facts<'_>) -> Option<String> {
    let n = facts.personas.iter().filter(|persona| persona.is_none()).count();
    let share = facts.percent(n as f64 / facts.n_people().max(1) as f64);
    let parts = [("people", &*facts.people(n)), ("share", &share)];
    let least = facts.model.least();
    match n {
        0 => None,
        n if n < least => Some(
            facts.say("In no persona: fewer than {people}.", &[("people", &facts.people(least))]),
        ),
        _ => Some(facts.say("In no persona: {people}, {share} of all.", &parts)),
    }
}

/// How many groups are too small to be described, if any are.
fn not_listed(facts: &Facts<'_>) -> Option<String> {
    let n = (0..facts.model.personas().len()).filter(|&at| !facts.is_described(at)).count();
    let least = facts.people(facts.model.least());
    let parts = [("n", &*n.to_string()), ("people", &least)];
    match n {
        0 => None,
        1 => Some(facts.say("Not listed: 1 group of fewer than {people}.", &parts)),
        _ => Some(facts.say("Not listed: {n} groups of fewer than {people}.", &parts)),
    }
}

fn card(facts: &Facts<'_>, at: usize, persona: &Persona) -> Markup {
    let n = facts.n_in(at);
    let share = n as f64 / facts.n_people().max(1) as f64;
    html! {
        section.card {
            h3 {
                (tag(at)) (persona.name)
            }
            p.soft {
                @if facts.is_told(at) {
                    (facts.say(
                        "{people}, {share} of all.",
                        &[("people", &facts.people(n)), ("share", &facts.percent(share))],
                    ))
                } @else {
                    (fewer(facts))
                }
                @if !persona.traits.is_empty() && let Some(stability) = facts.model.evidence().stability.get(at) {
                    " " (facts.say("Stability {share}.", &[("share", &facts.percent(*stability))]))
                }
            }
            @if persona.traits.is_empty() {
                p { (persona.sentences.last().map_or("", String::as_str)) }
            } @else {
                ul { @for told in &persona.traits { li title=(told.detail) { (told.sentence) } } }
                (PreEscaped(differences(at, persona).inline))
            }
            @if !facts.are_others() && let Some(fitting) = persona.coverage.last() {
                p.soft {
                    (facts.say(
                        "{members} of them fit all of this, and {others} of the others.",
                        &[("members", &facts.percent(fitting.0)), ("others", &facts.percent(fitting.1))],
                    ))
                }
            }
        }
    }
}

/// That nothing is counted of so few.
fn fewer(facts: &Facts<'_>) -> String {
    facts.say("Fewer than {people}.", &[("people", &facts.people(facts.model.least()))])
}

/// What people are mixtures of.
fn pure_types(facts: &Facts<'_>, types: &PureTypes) -> Markup {
    html! {
        h2 { (facts.say("Pure types", &[])) }
        p {
            (facts.say(
                "Everybody is a mixture of {n} pure types; mixtures account for {share} of the differences between \
                 people. A type is described by the people it makes up half or more of.",
                &[("n", &types.types.len().to_string()), ("share", &facts.percent(types.explained))],
            ))
        }
        div.grid {
            @for kind in types.types.iter().filter(|kind| kind.size >= facts.model.least()) {
                section.card {
                    h3 { (kind.name) }
                    p.soft { (facts.say("{people} are mostly this.", &[("people", &facts.people(kind.size))])) }
                    ul { @for told in &kind.traits { li title=(told.detail) { (told.sentence) } } }
                }
            }
        }
    }
}

/// Small groups inside personas.
fn niches(facts: &Facts<'_>, niches: &[PersonaNiche]) -> Markup {
    html! {
        h2 { (facts.say("Niches inside the personas", &[])) }
        p { (facts.say("In these cards, the others and everyone are the people of the same persona.", &[])) }
        div.grid {
            @for niche in niches {
                section.card {
                    h3 { (niche.card.name) }
                    p.soft {
                        @let persona = facts.model.personas().get(niche.persona);
                        (facts.say(
                            "{people} of “{name}”; stability {share}.",
                            &[
                                ("people", &facts.people(niche.rows.len())),
                                ("name", persona.map_or("", |persona| &persona.name)),
                                ("share", &facts.percent(niche.stability)),
                            ],
                        ))
                    }
                    ul { @for told in &niche.card.traits { li title=(told.detail) { (told.sentence) } } }
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
    bars(&id, &persona.name, told.join(" "), BarSide::Both, &rows, None)
}

fn difference(told: &Trait) -> Bar {
    let (value, (low, high)) = (told.effect, told.interval);
    // A value that is known more often than by others is a bar to the right.
    let is_known = matches!(told.contrast, Contrast::Missing { .. }) && value < 0.0;
    let (value, interval) = if is_known { (-value, (-high, -low)) } else { (value, (low, high)) };
    Bar {
        label: told.phrase.clone(),
        value,
        interval: Some(interval),
        note: String::new(),
        class: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_points_right_where_a_value_is_known_or_unknown_more_often() {
        let bar = |effect: f64, interval| {
            difference(&Trait {
                feature: "gap".into(),
                phrase: "came back".into(),
                sentence: String::new(),
                detail: String::new(),
                also: Vec::new(),
                effect,
                interval,
                n: 30,
                n_others: 30,
                fitting: (1.0, 0.5),
                contrast: Contrast::Missing { share: 0.0, share_others: 0.5, lift: 0.0 },
            })
        };
        let known = bar(-0.5, (-0.7, -0.3));
        assert_eq!((known.value, known.interval), (0.5, Some((0.3, 0.7))));
        let unknown = bar(0.5, (0.3, 0.7));
        assert_eq!((unknown.value, unknown.interval), (0.5, Some((0.3, 0.7))));
    }
}
