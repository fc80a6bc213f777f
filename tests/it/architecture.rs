//! The rooms of the house and who may know whom: read from the `use crate::` lines.

use std::fs;
use std::path::{Path, PathBuf};

/// What each room may name. A room may always name itself, and everyone may name the floor.
const FLOOR: [&str; 2] = ["error", "num"];
const ALLOWED: [(&str, &[&str]); 10] = [
    ("num", &[]),
    ("event", &[]),
    ("labels", &[]),
    ("cluster", &["labels"]),
    ("outlier", &["labels"]),
    ("validate", &["labels", "cluster"]),
    ("identity", &["event"]),
    ("features", &["event", "identity", "labels"]),
    ("profiles", &["event", "identity", "features"]),
    ("persona", &["event", "labels", "identity", "features", "profiles", "cluster", "validate"]),
];

/// Root names that stand for a room, as in `use crate::Labels`.
const ROOT_NAMES: &[(&str, &str)] = &[
    ("Error", "error"),
    ("Result", "error"),
    ("Labels", "labels"),
    ("Event", "event"),
    ("Identifier", "event"),
    ("Refusal", "event"),
    ("Timestamp", "event"),
    ("Value", "event"),
    ("Agglomerative", "cluster"),
    ("Dbscan", "cluster"),
    ("Dendrogram", "cluster"),
    ("KMeans", "cluster"),
    ("Linkage", "cluster"),
    ("OnlineKMeans", "cluster"),
    ("IsolationForest", "outlier"),
    ("LocalOutlierFactor", "outlier"),
    ("IdentityGraph", "identity"),
    ("ProfileId", "identity"),
    ("Rules", "identity"),
    ("Features", "features"),
    ("FeatureSet", "features"),
    ("Matrix", "features"),
    ("Preprocessor", "features"),
    ("Profiles", "profiles"),
    ("PersonaModel", "persona"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The first segments after `crate::`, also within braces: `use crate::{Error, num::check};`
/// and paths in the code such as `crate::event::Refusal`.
fn named_rooms(source: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let word = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut item_starts = true;
        for (i, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => item_starts = true,
                c if item_starts && c.is_alphanumeric() => {
                    names.push(word(&list[i..]));
                    item_starts = false;
                }
                _ => {}
            }
        }
    }
    names
        .into_iter()
        .map(|name| {
            let root = ROOT_NAMES.iter().find(|(root, _)| *root == name);
            root.map_or(name, |(_, room)| (*room).to_owned())
        })
        .collect()
}

#[test]
fn rooms_know_only_the_rooms_below_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut broken = Vec::new();
    for file in &files {
        let inside = file.strip_prefix(&src).unwrap();
        let first = inside.iter().next().unwrap().to_str().unwrap();
        let room = first.trim_end_matches(".rs");
        if room == "lib" || room == "error" {
            continue;
        }
        let (_, allowed) = ALLOWED
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("{room} is a new room: say in this test what it may know"));
        for named in named_rooms(&fs::read_to_string(file).unwrap()) {
            let fine = named == room
                || FLOOR.contains(&named.as_str())
                || allowed.contains(&named.as_str());
            if !fine {
                broken.push(format!("{} names {named}", inside.display()));
            }
        }
    }
    assert!(files.len() > 10 && broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_reader_of_use_lines_sees_every_form() {
    let source = "use crate::{Error, num::{check, rng::Stream}, Labels};\nlet x = crate::event::Refusal;\n// crate::persona";
    assert_eq!(named_rooms(source), ["error", "num", "labels", "event"]);
}

#[test]
fn only_parallel_names_rayon_and_only_rng_names_rand() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    for (krate, home) in [("rayon::", "num/parallel.rs"), ("rand::", "num/rng.rs")] {
        let users: Vec<_> = files
            .iter()
            .filter(|file| fs::read_to_string(file).unwrap().contains(krate))
            .map(|file| file.strip_prefix(&src).unwrap().display().to_string())
            .collect();
        assert_eq!(users, [home]);
    }
}
