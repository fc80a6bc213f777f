//! The size of the public API, counted in the source.
//!
//! Counted are types, functions, methods, constants and traits; not fields, variants, re-exports,
//! modules and implementations of traits. The compiler denies `pub` on what nobody outside can
//! reach, so every line that begins with `pub` counts. To see the counts:
//! `cargo test --test it the_public_api -- --nocapture`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Public items of each room, 400 in all at most: lower a line with every item that goes.
const AT_MOST: &[(&str, usize)] = &[
    ("cluster", 72),
    ("error", 1),
    ("event", 31),
    ("features", 39),
    ("identity", 43),
    ("journey", 6),
    ("labels", 6),
    ("num", 3), // samples, the metrics of neighbours and the reason of an odd row stand below the methods that use them
    ("outlier", 22),
    ("persona", 43),
    ("prepare", 20),
    ("profiles", 44),
    ("quality", 10),
    ("reduce", 20),
    ("report", 5),
    ("scale", 5),
    ("segment", 3),
    ("stored", 2),
    ("validate", 25),
];

/// Names at the root of the crate; the rest is found by its module.
const AT_MOST_AT_ROOT: usize = 20;

/// What a line of source declares for the public, if anything: its kind and its name.
fn public_item(line: &str) -> Option<(&str, &str)> {
    let mut words = line.trim_start().strip_prefix("pub ")?.split_whitespace().peekable();
    loop {
        let kind = words.next()?;
        match kind {
            "unsafe" | "async" | "const" if matches!(words.peek(), Some(&"fn" | &"unsafe")) => {}
            "fn" | "struct" | "enum" | "type" | "const" | "static" | "trait" | "union" => {
                let rest = words.next()?;
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                return Some((kind, &rest[..end]));
            }
            _ => return None,
        }
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names of the public types of a room.
pub(super) fn public_types(room: &str) -> Vec<String> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room), &mut files);
    let mut names = Vec::new();
    for file in files {
        let source = fs::read_to_string(file).unwrap();
        let items = source.lines().filter_map(public_item);
        let types = items.filter(|(kind, _)| matches!(*kind, "struct" | "enum"));
        names.extend(types.map(|(_, name)| name.to_owned()));
    }
    names
}

#[test]
fn the_public_api_is_small() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for file in &files {
        let inside = file.strip_prefix(&src).unwrap().with_extension("");
        let room = inside.iter().next().unwrap().to_str().unwrap().to_owned();
        let source = fs::read_to_string(file).unwrap();
        let end = source.find("#[cfg(test)]\nmod tests").unwrap_or(source.len());
        let n = source[..end].lines().filter_map(public_item).count();
        *counts.entry(room).or_default() += n;
    }
    let total: usize = counts.values().sum();
    counts.retain(|_, n| *n > 0);
    println!("{total} public items: {counts:?}");
    assert!(total > 200, "the count misses items: {counts:?}");
    for (room, n) in &counts {
        let at_most = AT_MOST.iter().find(|(name, _)| name == room).map_or(0, |(_, most)| *most);
        assert!(*n <= at_most, "{room}: {n} public items, at most {at_most}");
    }
}

#[test]
fn the_root_holds_few_names_and_no_glob() {
    let root =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let uses = root.lines().filter_map(|line| line.strip_prefix("pub use "));
    let names = uses.flat_map(|line| line.split(',')).count();
    assert!(names <= AT_MOST_AT_ROOT, "{names} names at the root, at most {AT_MOST_AT_ROOT}");
    assert!(!root.contains('*'), "a glob makes every new name public");
}

#[test]
fn the_count_sees_every_kind_of_item_and_nothing_else() {
    let cases = [
        ("pub struct Event<'a> {", Some(("struct", "Event"))),
        ("    pub fn id(mut self) -> Self {", Some(("fn", "id"))),
        ("    pub const fn millis(self) -> i64 {", Some(("fn", "millis"))),
        ("pub const unsafe fn raw() {}", Some(("fn", "raw"))),
        ("pub const BLOCKED: u8 = 1;", Some(("const", "BLOCKED"))),
        ("pub type Result<T> = X;", Some(("type", "Result"))),
        ("    pub name: String,", None),
        ("pub(crate) fn hidden() {}", None),
        ("pub use event::Event;", None),
        ("pub mod event;", None),
        ("// pub fn told_of() {}", None),
    ];
    for (line, expected) in cases {
        assert_eq!(public_item(line), expected, "{line}");
    }
}
