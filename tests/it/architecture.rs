//! The rooms of the house and who may know whom, read from the paths in the source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that everyone may name.
const FLOOR: [&str; 2] = ["error", "num"];

/// The rooms directly below each room; it may name these, all below them, and itself.
const BELOW: [(&str, &[&str]); 19] = [
    ("num", &[]),
    ("stored", &["persona", "outlier"]),
    ("labels", &[]),
    ("cluster", &["labels"]),
    ("outlier", &["labels"]),
    ("reduce", &["labels"]),
    ("scale", &["labels"]),
    ("validate", &["cluster"]),
    ("event", &[]),
    ("segment", &["event"]),
    ("identity", &["event"]),
    ("features", &["identity"]),
    ("journey", &["features"]),
    ("quality", &["features"]),
    ("profiles", &["segment", "journey", "quality"]),
    ("prepare", &["scale", "features"]),
    ("persona", &["prepare", "profiles", "reduce", "validate"]),
    ("report", &["persona", "outlier", "reduce", "journey"]),
    ("error", &[]),
];

/// Imports that go against the direction, from file to room. The list only shrinks.
const AGAINST: &[(&str, &str)] = &[];

/// Rooms without circles between their files: all that have more than one.
const WITHOUT_CIRCLES: [&str; 17] = [
    "num", "labels", "event", "segment", "cluster", "outlier", "validate", "features", "journey",
    "profiles", "report", "prepare", "persona", "quality", "identity", "reduce", "scale",
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
    ("KMeans", "cluster"),
    ("IdentityGraph", "identity"),
    ("ProfileId", "identity"),
    ("Rules", "identity"),
    ("FeatureTable", "features"),
    ("FeatureSet", "features"),
    ("Matrix", "prepare"),
    ("Preprocessor", "prepare"),
    ("Profiles", "profiles"),
    ("PersonaModel", "persona"),
    ("Pca", "reduce"),
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

/// The files under `src`, by their module's path; the root's is empty.
fn modules() -> BTreeMap<Vec<String>, (String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let module = |file: PathBuf| {
        let inside = file.strip_prefix(&src).unwrap().with_extension("");
        let mut path: Vec<String> =
            inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if path == ["lib"] || path.last().unwrap() == "mod" {
            path.pop();
        }
        let name = file.strip_prefix(&src).unwrap().display().to_string();
        (path, (name, fs::read_to_string(&file).unwrap()))
    };
    files.into_iter().map(module).collect()
}

/// The source without comments.
fn code(source: &str) -> String {
    let lines = source.lines().map(|line| match line.find("//") {
        Some(at) if !line[..at].contains('"') => &line[..at],
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The source up to its unit tests: what a test needs is not what the file needs.
fn before_tests(source: &str) -> &str {
    &source[..source.find("#[cfg(test)]\nmod tests").unwrap_or(source.len())]
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Adds the paths of a tree such as `a::{b, c::{self, d}}` to `found`, each after `prefix`; returns
/// what follows the tree.
fn tree<'s>(mut rest: &'s str, mut prefix: Vec<String>, found: &mut Vec<Vec<String>>) -> &'s str {
    loop {
        rest = rest.trim_start();
        if let Some(list) = rest.strip_prefix('{') {
            rest = list.trim_start();
            while !rest.is_empty() && !rest.starts_with('}') {
                rest = tree(rest, prefix.clone(), found).trim_start();
                // ` as name`, if any.
                rest = rest[rest.find([',', '}']).unwrap_or(rest.len())..].trim_start_matches(',');
                rest = rest.trim_start();
            }
            return rest.strip_prefix('}').unwrap_or(rest);
        }
        let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        if word != "self" && !word.is_empty() {
            prefix.push(word.to_owned());
        }
        rest = &rest[word.len()..];
        match rest.strip_prefix("::") {
            Some(more) if more.trim_start().starts_with(|c| is_word(c) || c == '{') => rest = more,
            _ => {
                found.push(prefix);
                return rest;
            }
        }
    }
}

/// The paths that code in `module` names by `crate::`, `super::`, `self::` or the name of one of its
/// `children`, from the crate's root.
fn named(module: &[String], code: &str, children: &[&str]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    // Modules within the file, as (depth of braces, name): `super` in them is the file.
    let mut inline: Vec<(usize, String)> = Vec::new();
    let (mut depth, mut at) = (0usize, 0);
    while let Some(c) = code[at..].chars().next() {
        if !is_word(c) {
            match c {
                '{' => depth += 1,
                '}' => {
                    depth -= 1;
                    inline.retain(|(opened, _)| *opened <= depth);
                }
                _ => {}
            }
            at += c.len_utf8();
            continue;
        }
        let word = &code[at..][..code[at..].find(|c| !is_word(c)).unwrap_or(code.len() - at)];
        let (before, after) = (code[..at].trim_end(), &code[at + word.len()..]);
        let starts = !before.ends_with("::");
        if before.ends_with("mod") && after.trim_start().starts_with('{') {
            inline.push((depth + 1, word.to_owned()));
        }
        let here = || module.iter().cloned().chain(inline.iter().map(|(_, name)| name.clone()));
        let base: Option<Vec<String>> = match word {
            "crate" => Some(Vec::new()),
            "self" => Some(here().collect()),
            "super" => {
                let mut base: Vec<String> = here().collect();
                base.pop();
                Some(base)
            }
            child if children.contains(&child) && inline.is_empty() => {
                Some(here().chain([child.to_owned()]).collect())
            }
            _ => None,
        };
        at += word.len();
        if let (Some(mut base), true, Some(mut rest)) = (base, starts, after.strip_prefix("::")) {
            while let Some(more) = rest.strip_prefix("super::") {
                base.pop();
                rest = more;
            }
            tree(rest, base, &mut found);
        }
    }
    found
}

/// Root names stand for what they are re-exported from.
fn at_home(path: &[String]) -> Vec<String> {
    let root = path.first().and_then(|name| ROOT_NAMES.iter().find(|(root, _)| root == name));
    root.map_or_else(|| path.to_vec(), |(_, room)| vec![(*room).to_owned()])
}

/// All rooms below a room.
fn below(room: &str) -> BTreeSet<&'static str> {
    let direct = BELOW.iter().find(|(name, _)| *name == room);
    let (_, direct) = direct.unwrap_or_else(|| panic!("{room} is new: say here what it may know"));
    direct.iter().flat_map(|&room| below(room).into_iter().chain([room])).chain(FLOOR).collect()
}

#[test]
fn rooms_know_only_the_rooms_below_them() {
    let mut broken = BTreeSet::new();
    let modules = modules();
    for (module, (file, source)) in &modules {
        let Some(room) = module.first().filter(|room| *room != "error") else { continue };
        let allowed = below(room);
        for path in named(module, &code(source), &[]) {
            let path = at_home(&path);
            let named = path.first().filter(|named| *named != room);
            if let Some(named) = named.filter(|named| !allowed.contains(named.as_str())) {
                broken.insert((file.as_str(), named.clone()));
            }
        }
    }
    let listed = AGAINST.iter().map(|&(file, room)| (file, room.to_owned())).collect();
    assert!(modules.len() > 100);
    assert_eq!(broken, listed, "left: found; right: listed");
}

#[test]
fn no_file_imports_back_into_one_that_imports_it() {
    let modules = modules();
    let file_of = |path: &[String]| {
        let known = |n| modules.get_key_value(&path[..n]).map(|(module, _)| &module[..]);
        (1..=path.len()).rev().find_map(known)
    };
    let mut imports: BTreeMap<&[String], BTreeSet<&[String]>> = BTreeMap::new();
    for (module, (_, source)) in &modules {
        if module.first().is_none_or(|room| !WITHOUT_CIRCLES.contains(&room.as_str())) {
            continue;
        }
        let children: Vec<&str> = modules
            .keys()
            .filter(|other| other.len() == module.len() + 1 && other.starts_with(module))
            .map(|child| child.last().unwrap().as_str())
            .collect();
        let paths = named(module, &code(before_tests(source)), &children);
        let paths: Vec<Vec<String>> = paths.iter().map(|path| at_home(path)).collect();
        let files = paths.iter().filter_map(|path| file_of(path));
        imports.insert(module, files.filter(|file| *file != &module[..]).collect());
    }
    // Files that import nothing of the rest are taken away until nothing is left but circles.
    loop {
        let known: BTreeSet<&[String]> = imports.keys().copied().collect();
        let before = imports.len();
        imports.retain(|_, files| {
            files.retain(|file| known.contains(file));
            !files.is_empty()
        });
        if imports.len() == before {
            break;
        }
    }
    let named = |path: &[String]| modules[path].0.clone();
    let circles: Vec<(String, Vec<String>)> = imports
        .iter()
        .map(|(file, files)| (named(file), files.iter().map(|file| named(file)).collect()))
        .collect();
    assert!(circles.is_empty(), "files on circles, or above one: {circles:#?}");
}

#[test]
fn the_reader_of_paths_sees_every_form() {
    let source = "use crate::{Error, num::{check, rng::Stream as S}};\n\
        let x = crate::event::Refusal; // crate::persona\n\
        use super::{fit::{self, Tree}, sizes};\n\
        fn a() { child::b::<f64>(); other::child::c() }\n\
        mod inner { use super::super::lanes::Avx2; use super::Tiles; }\n\
        let x = super::last(1);";
    let module = ["room", "file"].map(str::to_owned);
    let found: Vec<String> =
        named(&module, &code(source), &["child"]).iter().map(|path| path.join("::")).collect();
    let expected = [
        "Error",
        "num::check",
        "num::rng::Stream",
        "event::Refusal",
        "room::fit",
        "room::fit::Tree",
        "room::sizes",
        "room::file::child::b",
        "room::lanes::Avx2",
        "room::file::Tiles",
        "room::last",
    ];
    assert_eq!(found, expected);
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

/// The rooms of the list in `design.md`, each with the names of files and folders in its lines.
fn rooms_of_the_design() -> BTreeMap<String, BTreeSet<String>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let design = fs::read_to_string(src.join("design.md")).unwrap();
    let list = design.split("## Rooms").nth(1).unwrap().split("```").nth(1).unwrap();
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut room = String::new();
    for line in list.lines().filter(|line| !line.is_empty()) {
        let is_name = |c: char| is_word(c) || matches!(c, '.' | '/');
        let mut names = line.split(|c| !is_name(c)).map(|name| name.trim_end_matches('.'));
        if !line.starts_with(' ') {
            room = names.next().unwrap().to_owned();
        }
        if src.join(&room).is_dir() {
            let is_path = |name: &&str| name.ends_with(".rs") || name.ends_with('/');
            rooms.entry(room.clone()).or_default().extend(names.filter(is_path).map(str::to_owned));
        }
    }
    rooms
}

#[test]
fn the_design_names_every_file_and_no_other() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rooms = rooms_of_the_design();
    assert!(rooms.len() > 14);
    for (room, named) in rooms {
        let mut files = Vec::new();
        sources(&src.join(&room), &mut files);
        let inside =
            |file: &PathBuf| file.strip_prefix(src.join(&room)).unwrap().display().to_string();
        let files: Vec<String> = files.iter().map(inside).collect();
        let name_of = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        for name in &named {
            let is_there = match name.strip_suffix('/') {
                Some(folder) => src.join(&room).join(folder).is_dir(),
                None => files.iter().any(|file| file == name || name_of(file) == *name),
            };
            assert!(is_there, "{name} is not in {room}");
        }
        for file in files.iter().filter(|file| *file != "mod.rs") {
            let in_folder = named.iter().any(|name| name.ends_with('/') && file.starts_with(name));
            let is_named = named.contains(file) || named.contains(&name_of(file));
            assert!(in_folder || is_named, "{file} of {room} is not named");
        }
    }
}

/// The name of the type that a line declares. A type within an implementation or a function stands
/// for that place only, as `type Item` does.
fn declared_type(line: &str) -> Option<&str> {
    let in_a_block = line.starts_with(' ');
    let line = line.trim_start();
    let rest = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => &rest[rest.find(')')? + 1..],
        Some(rest) => rest,
        None => line,
    };
    let rest = rest.trim_start();
    let kinds: &[&str] = match in_a_block {
        true => &["struct ", "enum "],
        false => &["struct ", "enum ", "trait ", "type "],
    };
    let name = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    Some(&name[..name.find(|c| !is_word(c)).unwrap_or(name.len())])
}

/// Names that mean the same wherever they stand: `Stored` is the form of a type that serde reads.
const CONVENTIONS: [&str; 1] = ["Stored"];

#[test]
fn the_name_of_a_type_is_used_once_in_the_crate() {
    let mut declared: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, source) in modules().into_values().filter(|(name, _)| !name.ends_with("tests.rs")) {
        for of in code(before_tests(&source)).lines().filter_map(declared_type) {
            declared.entry(of.to_owned()).or_default().push(name.clone());
        }
    }
    assert!(declared.len() > 500);
    declared.retain(|name, places| places.len() > 1 && !CONVENTIONS.contains(&name.as_str()));
    assert!(declared.is_empty(), "{declared:#?}");
}

#[test]
fn the_reader_of_declarations_sees_every_kind_of_type() {
    let cases = [
        ("pub struct Event<'a> {", Some("Event")),
        ("pub(in crate::num) struct Avx2(__m256);", Some("Avx2")),
        ("    enum Inner {", Some("Inner")),
        ("type Pair = (u32, u32);", Some("Pair")),
        ("pub(crate) trait Singles: Copy {", Some("Singles")),
        ("    type Item = u32;", None),
        ("let structure = 1;", None),
        ("use super::Event;", None),
    ];
    for (line, expected) in cases {
        assert_eq!(declared_type(line), expected, "{line}");
    }
}
