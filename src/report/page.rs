//! The page: sections of text and charts, from who the personas are to what they rest on.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::charts::{Bar, Chart, STYLE, Side, bars, group_class, percent};
use super::content::Report;
use super::facts::Facts;
use super::figures::figures;
use super::text::count;
use crate::persona::{Persona, PersonaNiche, PureTypes, Trait};

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
                title { (content.title) }
                style { (PreEscaped(include_str!("page.css"))) (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (content.title) }
                    @for text in &content.attention { p.attention { (text) } }
                    (opening(content, facts))
                    h2 { "The personas" }
                    div.grid { @for (at, persona) in personas.iter().enumerate() { (card(facts, at, persona)) } }
                    @if let Some(types) = &content.types { (pure_types(facts, types)) }
                    @if !content.niches.is_empty() { (niches(facts, &content.niches)) }
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

fn opening(content: &Report<'_>, facts: &Facts<'_>) -> Markup {
    let model = facts.model;
    let (n_people, n) = (count(facts.n_people()), model.personas().len());
    let evidence = model.evidence();
    html! {
        p.lead {
            (n_people) " people in " (n) @if n == 1 { " persona" } @else { " personas" }
            @match evidence.groups {
                Some(_) if evidence.is_natural => ", groups that the data hold.",
                Some(_) if evidence.is_given => ", as many as were asked for.",
                Some(_) => ", a practical division of people who differ by degrees.",
                None => ".",
            }
            @if let Some(as_of) = content.table.as_of() { " As of " (as_of) "." }
        }
        @if facts.are_others() {
            p {
                "The sentences tell of the " (count(evidence.n_rows)) " people the model was made from"
                @if let Some(as_of) = evidence.as_of { ", as of " (as_of) }
                "; counts and shares are of the " (n_people) " people of this page."
            }
        }
        @if evidence.groups.is_some() {
            p { (evidence.reason) }
            @if !evidence.ageing.is_empty() {
                p {
                    "These change from day to day by themselves, so people can move to another persona without \
                     doing anything: " (evidence.ageing.join(", ")) "."
                }
            }
        }
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
            p.soft {
                @if facts.is_told(at) {
                    (count(n)) " people, " (percent(share)) " of all."
                } @else {
                    "Fewer than " (count(facts.model.least())) " people."
                }
                @if !persona.traits.is_empty() && let Some(stability) = facts.model.evidence().stability.get(at) {
                    " Stability " (percent(*stability)) "."
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
                    (percent(fitting.0)) " of them fit all of this, and " (percent(fitting.1)) " of the others."
                }
            }
        }
    }
}

/// What people are mixtures of.
fn pure_types(facts: &Facts<'_>, types: &PureTypes) -> Markup {
    html! {
        h2 { "Pure types" }
        p {
            "Everybody is a mixture of " (types.types.len()) " pure types; mixtures account for "
            (percent(types.explained)) " of the differences between people. A type is described by the \
             people it makes up half or more of."
        }
        div.grid {
            @for kind in &types.types {
                section.card {
                    h3 { (kind.name) }
                    @if kind.size >= facts.model.least() {
                        p.soft { (count(kind.size)) " people are mostly this." }
                    } @else {
                        p.soft { "Fewer than " (count(facts.model.least())) " people are mostly this." }
                    }
                    ul { @for told in &kind.traits { li title=(told.detail) { (told.sentence) } } }
                }
            }
        }
    }
}

/// Small groups inside personas.
fn niches(facts: &Facts<'_>, niches: &[PersonaNiche]) -> Markup {
    html! {
        h2 { "Niches inside the personas" }
        div.grid {
            @for niche in niches {
                section.card {
                    h3 { (niche.card.name) }
                    p.soft {
                        (count(niche.rows.len())) " people"
                        @if let Some(persona) = facts.model.personas().get(niche.persona) {
                            " of “" (persona.name) "”"
                        }
                        "; stability " (percent(niche.stability)) "."
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
    bars(&id, &persona.name, told.join(" "), Side::Both, &rows, None)
}

fn difference(told: &Trait) -> Bar {
    Bar {
        label: told.phrase.clone(),
        value: told.effect,
        interval: Some(told.interval),
        note: String::new(),
        class: None,
    }
}
