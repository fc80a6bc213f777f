//! The page of a model: one text that anybody can be shown.

use personas::persona::{Describer, PersonaSettings, Vocabulary};
use personas::report::Report;
use personas::{FeatureTable, KMeans, Labels, PersonaModel, Preprocessor};

/// Sixty people who spend little and sixty who spend much, of two cities.
fn table(city: &str) -> FeatureTable {
    let spend = (0..120).map(|i| Some(f64::from(i % 60) + if i < 60 { 0.0 } else { 500.0 }));
    let visits = (0..120).map(|i| (i % 7 > 0).then(|| f64::from((i * 37) % 90)));
    let cities = (0..120).map(|i| Some(if i < 60 { city } else { "Rome" }.to_owned()));
    let table = FeatureTable::new(120).numeric("spend", spend.collect()).unwrap();
    let table = table.numeric("visits", visits.collect()).unwrap();
    table.categorical("city", cities.collect()).unwrap()
}

fn model(table: &FeatureTable) -> PersonaModel {
    let prep = Preprocessor::default().fit(table).unwrap();
    let fit = KMeans::new(2).fit(&prep.transform(table).unwrap()).unwrap();
    personas::persona::Describer::default().describe(table, &prep, &fit).unwrap()
}

#[test]
fn the_heat_map_shows_a_difference_that_no_sentence_of_its_own_tells() {
    let table = table("Oslo");
    let model = model(&table);
    assert_eq!(model.personas()[0].traits.len(), 1, "spend and city are one trait");
    let page = Report::new(&model, &table).html().unwrap();
    for column in ["spend", "city"] {
        assert!(page.contains(&format!("<li>{column}</li>")), "{column}");
    }
}

#[test]
fn the_page_stands_alone_and_is_the_same_twice() {
    let table = table("Oslo");
    let model = model(&table);
    let page = Report::new(&model, &table).html().unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    assert!(page.len() < 1_000_000);
    for outside in ["http:", "https:", "<script", "<link", "@import", "url("] {
        let rest = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!rest.contains(outside), "{outside}");
    }
    assert_eq!(Report::new(&model, &table).html().unwrap(), page);
}

#[test]
fn hostile_texts_stay_texts() {
    let hostile = "</style><script>alert(1)</script>\u{202e}&\"";
    let table = table(hostile);
    let model = model(&table);
    let mut report = Report::new(&model, &table);
    report.title = "<b>bold</b>".into();
    report.notes.push(("<i>rows</i>".into(), vec!["<u>all</u>".into()]));
    let page = report.html().unwrap();
    for raw in ["<script", "<b>", "<i>", "<u>"] {
        assert!(!page.contains(raw), "{raw}");
    }
    assert!(page.contains("&lt;b&gt;bold&lt;/b&gt;") && page.contains("&lt;script&gt;"));
    // A label as long as a book does not make the page one.
    let long = self::table(&"x".repeat(100_000));
    let page = Report::new(&self::model(&long), &long).html().unwrap();
    assert!(page.len() < 1_000_000);
}

#[test]
fn no_name_reaches_beyond_itself_on_the_page_in_charts_or_in_texts() {
    let reaches = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(
                c,
                '\u{2028}'..='\u{202e}' | '\u{2066}' | '\u{2067}' | '\u{fffe}' | '\u{ffff}'
            )
    };
    let hostile = "\u{1b}[31m\u{202e}\u{7}\u{2067}\u{ffff}\u{9b}x";
    let n = 240;
    let spend = (0..n).map(|i| Some(f64::from(i % 60) + if i < 120 { 0.0 } else { 500.0 }));
    let city = (0..n)
        .map(|i| (i % 9 > 0).then(|| if i < 120 { hostile } else { "\u{5d0}\u{5d1}" }.to_owned()));
    let table = FeatureTable::new(n as usize)
        .numeric(format!("spend {hostile}"), spend.collect())
        .and_then(|table| {
            table.numeric("visits", (0..n).map(|i| Some(f64::from(i * 37 % 90))).collect())
        })
        .and_then(|table| table.categorical(format!("city {hostile}"), city.collect()))
        .unwrap();
    let settings = PersonaSettings { k: Some(3), ..quick() };
    let model = PersonaModel::fit(&table, &settings).unwrap();
    let mut report = Report::new(&model, &table);
    report.title = hostile.into();
    report.attention = vec![hostile.into()];
    report.notes.push((hostile.into(), vec![hostile.into()]));
    report.niches = model.niches(&table, 0).unwrap();
    report.types = Some(model.archetypes(&table, Some(2), 0).unwrap());
    let page = report.html().unwrap();
    assert!(!page.contains(reaches));
    // A name in the other direction is isolated wherever it stands.
    assert!(page.matches('\u{5d0}').count() > 3);
    assert_eq!(
        page.matches("\u{5d0}\u{5d1}").count(),
        page.matches("\u{2068}\u{5d0}\u{5d1}\u{2069}").count()
    );
    for chart in report.charts().unwrap() {
        assert!(!chart.svg.contains(reaches) && !chart.text.contains(reaches), "{}", chart.id);
    }
    for persona in model.personas() {
        assert!(
            !persona.to_string().contains(reaches) && !persona.name.contains(reaches),
            "{persona}"
        );
    }
    let matches = model.assign(&table).unwrap();
    assert!(!matches.explain(0).contains(reaches), "{}", matches.explain(0));
}

#[test]
fn the_labels_of_the_caller_stand_everywhere_on_the_page() {
    // Heavy tails make outliers, gaps what is not known.
    let n = 400;
    let drawn = |i: i32, step: i32| f64::from(i * step % 401);
    let spend = (0..n).map(|i| Some(drawn(i, 37) + if i % 16 == 0 { 9e3 } else { 0.0 }));
    let twice = (0..n).map(|i| (i % 9 > 0).then(|| 2.0 * drawn(i, 37) + f64::from(i % 3)));
    let shelf =
        (0..n).map(|i| Some(if i * 37 % 401 > 200 { "GROCERY" } else { "DRUG GM" }.to_owned()));
    let table = FeatureTable::new(n as usize)
        .numeric("X_SPEND", spend.collect())
        .and_then(|table| table.numeric("X_TWICE", twice.collect()))
        .and_then(|table| table.categorical("X_SHELF", shelf.collect()))
        .unwrap();
    let mut vocabulary = Vocabulary::default();
    for (name, label) in [
        ("X_SPEND", "money"),
        ("X_TWICE", "double"),
        ("X_SHELF", "shelf"),
        ("GROCERY", "groceries"),
        ("DRUG GM", "household goods"),
    ] {
        vocabulary.labels.insert(name.into(), label.into());
    }
    let describer = Describer { vocabulary, ..Describer::default() };
    let settings = PersonaSettings { describer, ..quick() };
    let model = PersonaModel::fit(&table, &settings).unwrap();
    let page = Report::new(&model, &table).html().unwrap();
    for raw in ["X_", "GROCERY", "DRUG"] {
        let at = page
            .find(raw)
            .map(|at| page[at.saturating_sub(300)..].chars().take(400).collect::<String>());
        assert_eq!(at, None, "{raw}");
    }
    for told in ["drivers", "importance", "missing", "map", "odd"] {
        assert!(page.contains(&format!("id=\"{told}\"")), "{told}");
    }
    assert!(page.contains("money") && page.contains("groceries"));
}

/// Settings that need little time.
fn quick() -> PersonaSettings {
    PersonaSettings { max_k: 4, n_half_samples: 4, ..PersonaSettings::default() }
}

/// What can be read of a page, without tags and styles.
fn readable(page: &str) -> String {
    let without_style: String =
        page.split("<style>").map(|part| part.split("</style>").last().unwrap_or(part)).collect();
    without_style
        .split('<')
        .map(|part| part.split_once('>').map_or(part, |(_, text)| text))
        .collect()
}

#[test]
fn a_vocabulary_of_another_language_leaves_no_english_on_the_page() {
    let mut words = Vocabulary::default();
    for text in words.texts.values_mut() {
        // What stands outside the braces becomes X.
        let parts = text.split('{').map(|part| part.split_once('}'));
        let parts = parts.map(|part| part.map_or("X".into(), |(name, _)| format!("{{{name}}}X")));
        *text = parts.collect::<Vec<String>>().concat();
    }
    let n = 400;
    let drawn = |i: i32, step: i32| f64::from(i * step % 401);
    let spend = (0..n).map(|i| Some(drawn(i, 37) + if i % 16 == 0 { 9e3 } else { 0.0 }));
    let twice = (0..n).map(|i| (i % 9 > 0).then(|| drawn(i, 53)));
    let shelf =
        (0..n).map(|i| Some(if i * 37 % 401 > 200 { "GROCERY" } else { "DRUG GM" }.to_owned()));
    let table = FeatureTable::new(n as usize)
        .numeric("A", spend.collect())
        .and_then(|table| table.numeric("B", twice.collect()))
        .and_then(|table| table.categorical("C", shelf.collect()))
        .unwrap();
    let describer = Describer { vocabulary: words, ..Describer::default() };
    for k in [None, Some(3)] {
        let settings = PersonaSettings { k, describer: describer.clone(), ..quick() };
        let model = PersonaModel::fit(&table, &settings).unwrap();
        let mut report = Report::new(&model, &table);
        report.title = "T".into();
        report.types = Some(model.archetypes(&table, Some(2), 0).unwrap());
        let text = readable(&report.html().unwrap());
        let english = text.find(|c: char| c.is_ascii_lowercase());
        let around =
            english.map(|at| text[at.saturating_sub(80)..].chars().take(200).collect::<String>());
        assert_eq!(around, None);
    }
}

#[test]
fn every_chart_is_an_image_with_a_text_and_an_id_of_its_own() {
    let table = table("Oslo");
    let model = model(&table);
    let charts = Report::new(&model, &table).charts().unwrap();
    let mut ids: Vec<&str> = charts.iter().map(|chart| chart.id.as_str()).collect();
    assert!(
        ids.contains(&"traits") && ids.contains(&"map") && ids.contains(&"silhouettes"),
        "{ids:?}"
    );
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), charts.len());
    for chart in &charts {
        assert!(!chart.text.is_empty() && chart.svg.contains("role=\"img\""), "{}", chart.id);
        assert!(chart.svg.contains("prefers-color-scheme:dark"), "{}", chart.id);
        assert!(!chart.svg.contains("NaN") && !chart.svg.contains("inf"), "{}", chart.id);
    }
}

#[test]
fn one_column_one_group_and_no_group_make_a_page_too() {
    let table = FeatureTable::new(9);
    let table = table.numeric("n", (0..9).map(|i| Some(f64::from(i))).collect()).unwrap();
    let prep = Preprocessor::default().fit(&table).unwrap();
    for labels in [vec![Some(0); 9], vec![None; 9]] {
        let labels = Labels::new(labels).unwrap();
        let model =
            personas::persona::Describer::default().describe(&table, &prep, &labels).unwrap();
        assert!(Report::new(&model, &table).html().unwrap().contains("9 people"));
    }
}

#[test]
fn pure_types_and_niches_are_shown_where_they_were_asked_for() {
    let table = table("Oslo");
    let model = model(&table);
    let mut report = Report::new(&model, &table);
    assert!(!report.html().unwrap().contains("Pure types"));
    let types = model.archetypes(&table, Some(2), 0).unwrap();
    let niches = model.niches(&table, 0).unwrap();
    report.types = Some(types.clone());
    report.niches = niches;
    let page = report.html().unwrap();
    assert!(page.contains("Everybody is a mixture of 2 pure types"));
    assert!(types.types.iter().all(|kind| page.contains(&kind.name)), "{types:?}");
    assert!(report.charts().unwrap().iter().any(|chart| chart.id == "mixtures"));
}

#[test]
fn a_group_below_the_smallest_size_is_neither_counted_nor_drawn() {
    let table = FeatureTable::new(60);
    let table = table.numeric("n", (0..60).map(|i| Some(f64::from(i % 30))).collect()).unwrap();
    let table = table.numeric("m", (0..60).map(|i| Some(f64::from(i * 7 % 11))).collect()).unwrap();
    let prep = Preprocessor::default().fit(&table).unwrap();
    let labels = Labels::new((0..60).map(|i| Some(usize::from(i >= 57)))).unwrap();
    let model = personas::persona::Describer::default().describe(&table, &prep, &labels).unwrap();
    let report = Report::new(&model, &table);
    let page = report.html().unwrap();
    assert!(page.contains("Not listed: 1 group of fewer than 20 people."));
    assert!(!page.contains("3 people") && !page.contains("Small group"));
    // Of fewer people than the model's smallest group, nothing is counted at all.
    let few = table.select(&[0, 1, 2]).unwrap();
    assert!(!Report::new(&model, &few).html().unwrap().contains("3 people, 100"));
}

#[test]
fn a_page_in_other_words_has_no_english_template_left() {
    let table = table("Oslo");
    let mut foreign = personas::persona::Vocabulary::default();
    // Every run of letters outside of braces becomes one foreign letter.
    let replaced = |text: &str| {
        let mut inside = false;
        let letter = |c: char| {
            inside = (inside || c == '{') && c != '}';
            if inside || !c.is_alphabetic() { c } else { 'ж' }
        };
        text.chars().map(letter).collect::<String>()
    };
    for text in foreign.texts.values_mut() {
        *text = replaced(text);
    }
    let english = personas::persona::Vocabulary::default();
    let prep = Preprocessor::default().fit(&table).unwrap();
    let fit = KMeans::new(2).fit(&prep.transform(&table).unwrap()).unwrap();
    let describer = personas::persona::Describer {
        vocabulary: foreign,
        ..personas::persona::Describer::default()
    };
    let model = describer.describe(&table, &prep, &fit).unwrap();
    let mut report = Report::new(&model, &table);
    report.types = Some(model.archetypes(&table, Some(2), 0).unwrap());
    let page = report.html().unwrap();
    assert!(page.contains('ж'));
    for template in english.texts.keys() {
        let fixed = template.split(['{', '}']).step_by(2).map(str::trim);
        for part in fixed.filter(|part| part.contains(' ') && part.len() > 8) {
            assert!(!page.contains(part), "{part:?} is still English");
        }
    }
    // The headings and captions are all templates.
    let tags = page.split("<h2>").skip(1).chain(page.split("<h3>").skip(1));
    for text in
        tags.map(|rest| rest.split('<').next().unwrap_or_default()).filter(|text| !text.is_empty())
    {
        assert!(!text.contains("the ") && !text.contains("How"), "{text:?}");
    }
}
