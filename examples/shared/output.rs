//! What `personas` writes to files: members, models, JSON.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use personas::persona::{
    Comparison, DeclaredMatch, DeclaredPersona, Drift, Lineage, Matches, PersonaNiche, PureTypes,
};
use personas::{FeatureSet, FeatureTable, PersonaModel, ProfileId, Profiles};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::People;
use super::events::Rows;
use super::texts::Texts;
use super::{few, screen};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The version of files of models that this program writes, and the newest that it reads.
const VERSION: u32 = 1;

/// A model and the features of its table, for later events.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    version: u32,
    pub(crate) features: FeatureSet,
    pub(crate) model: PersonaModel,
}

impl Kept {
    pub(crate) fn new(features: FeatureSet, model: PersonaModel) -> Self {
        Self { version: VERSION, features, model }
    }

    pub(crate) fn read(file: &Path) -> Outcome<Self> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        // The version first: a newer file may hold what this program does not know.
        let version = from_json::<Version>(file)
            .map_err(|error| format!("no model that --save wrote: {error}"))?
            .version;
        if version > VERSION {
            return Err(format!(
                "{}: version {version} of a model's file; this program reads up to version {VERSION}",
                file.display()
            )
            .into());
        }
        from_json(file)
    }

    /// Whether a column was one of numbers when the model was made, if that is known.
    pub(crate) fn is_number(&self, column: &str) -> Option<bool> {
        let mut columns = self.model.preprocessor().columns().iter();
        columns.find(|known| known.feature == column).map(|known| known.is_number)
    }

    pub(crate) fn to_json(&self) -> Outcome<String> {
        Ok(serde_json::to_string(self)?)
    }
}

/// Whether files can be written, before the work is done: none is written twice, and none is read.
pub(crate) fn check(files: &[&PathBuf], read: &[&PathBuf]) -> Outcome<()> {
    let place = |file: &Path| file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
    for (at, file) in files.iter().enumerate() {
        let is_same = |other: &&&PathBuf| place(other) == place(file);
        if read.iter().any(|other| is_same(&other)) {
            return Err(format!("{} would be overwritten, but is read", file.display()).into());
        }
        if files[..at].iter().any(|other| is_same(&other)) {
            return Err(format!("{} is named for two outputs", file.display()).into());
        }
        can_be_written(file)?;
    }
    Ok(())
}

fn can_be_written(file: &Path) -> Outcome<()> {
    if file.as_os_str() == "-" {
        return Err("standard output is for the screen or --json: name a file instead of -".into());
    }
    let is_new = !file.exists();
    std::fs::File::options()
        .append(true)
        .create(true)
        .open(file)
        .map_err(|error| format!("{}: {error}", file.display()))?;
    if is_new {
        std::fs::remove_file(file)?;
    }
    Ok(())
}

pub(crate) fn write(file: &Path, text: &str) -> Outcome<()> {
    Ok(std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?)
}

/// Numbers to twelve digits: 10.98, not 10.979999999999563.
fn tidy(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let rounded = number.as_f64().and_then(|n| format!("{n:.11e}").parse::<f64>().ok());
            rounded.map_or(Value::Number(number), Value::from)
        }
        Value::Array(items) => items.into_iter().map(tidy).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, v)| (key, tidy(v))).collect(),
        other => other,
    }
}

/// What a file of JSON holds.
pub(crate) fn from_json<T: DeserializeOwned>(file: &Path) -> Outcome<T> {
    let text = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))?)
}

/// Personas made by hand: a list of them, or one.
pub(crate) fn declared(file: &Path) -> Outcome<Vec<DeclaredPersona>> {
    let text = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    match text.trim_ascii_start().starts_with(b"{") {
        true => Ok(vec![from_json(file)?]),
        false => from_json(file),
    }
}

/// The identifiers of the people of a table.
#[derive(Default)]
pub(crate) struct Who {
    /// The kinds of their identifiers, each the head of a column.
    pub(crate) kinds: Vec<String>,
    /// A cell for each kind, row after row.
    pub(crate) cells: Vec<Vec<String>>,
}

impl Who {
    /// The identifiers of the people of a table, strongest first; several of a kind stand in one cell.
    pub(crate) fn of(rows: &Rows, people: &Profiles, table: &FeatureTable) -> Self {
        let mut kinds: Vec<String> = Vec::new();
        for kind in rows.kinds() {
            if kinds.iter().all(|known| known != kind) {
                kinds.push(kind.to_owned());
            }
        }
        let mut known: HashMap<ProfileId, Vec<String>> = HashMap::new();
        for row in 0..rows.at.len() {
            // The first may be a placeholder, which is nobody's.
            let mut found =
                rows.identifiers(row).filter_map(|(kind, value)| people.get((kind, value)));
            let Some(profile) = found.next() else { continue };
            known.entry(profile.id).or_insert_with(|| {
                let identifiers = profile.identifiers();
                let cell = |kind: &String| {
                    let own = identifiers.iter().filter(|identifier| identifier.kind == **kind);
                    own.map(|identifier| &*identifier.value).collect::<Vec<_>>().join("; ")
                };
                kinds.iter().map(cell).collect()
            });
        }
        // A person without a row is named by the id of the profile.
        let nobody = |id: &ProfileId| {
            let mut cells = vec![String::new(); kinds.len()];
            cells[..1].fill(id.to_string());
            cells
        };
        let cells = table.ids().iter().map(|id| known.remove(id).unwrap_or_else(|| nobody(id)));
        let cells = cells.collect();
        Self { kinds, cells }
    }

    /// Adds a kind and the column of its identifiers.
    pub(crate) fn add(&mut self, kind: &str, column: &Texts) {
        self.kinds.push(kind.to_owned());
        self.cells.resize(column.len(), Vec::new());
        for (cells, text) in self.cells.iter_mut().zip(column.iter()) {
            cells.push(text.unwrap_or_default().to_owned());
        }
    }
}

/// What stands behind the identifiers.
pub(crate) const COLUMNS: [&str; 4] = ["persona", "margin", "runner_up", "reasons"];

/// One line per person: their identifiers, which persona, how clearly, and why.
pub(crate) fn members(
    people: &People,
    model: &PersonaModel,
    matches: &Matches<'_>,
) -> Outcome<String> {
    let name = |persona: Option<usize>| {
        persona.map_or("", |persona| model.personas()[persona].name.as_str()).to_owned()
    };
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(people.who.kinds.iter().map(String::as_str).chain(COLUMNS))?;
    for (row, found) in matches.iter().enumerate() {
        let reasons = matches.reasons(row);
        let best: Vec<&str> = reasons
            .iter()
            .filter(|reason| reason.contribution > 0.0)
            .take(3)
            .map(|reason| reason.value.as_str())
            .collect();
        let told = [
            name(found.persona),
            format!("{:.2}", found.margin),
            name(found.runner_up),
            best.join("; "),
        ];
        rows.write_record(people.who.cells[row].iter().chain(&told))?;
    }
    Ok(String::from_utf8(rows.into_inner()?)?)
}

/// What is told of people: personas, what they rest on, and what was asked for besides.
pub(crate) struct Told<'a> {
    pub(crate) people: &'a People,
    pub(crate) model: &'a PersonaModel,
    pub(crate) matches: &'a Matches<'a>,
    pub(crate) types: Option<&'a PureTypes>,
    pub(crate) niches: Option<&'a [PersonaNiche]>,
    pub(crate) comparison: Option<&'a Comparison>,
    pub(crate) lineage: Option<&'a Lineage>,
    pub(crate) drift: Option<&'a [Drift]>,
    /// What the forest and the regression say of columns together; only if they were asked for.
    pub(crate) seed: Option<u64>,
}

impl Told<'_> {
    /// As JSON. Rows, parts and scores are of single people, who come by --out only; what counts a few
    /// people is null.
    pub(crate) fn to_json(&self) -> Outcome<String> {
        let types = self.types.map(|found| {
            let types: Vec<Value> = found.types.iter().map(few::persona).collect();
            json!({"types": types, "by_persona": found.by_persona, "explained": found.explained})
        });
        let niche = |niche: &PersonaNiche| json!({"persona": niche.persona, "card": few::persona(&niche.card)});
        let niches = self.niches.map(|all| all.iter().map(niche).collect::<Vec<_>>());
        let declared = |found: &DeclaredMatch| {
            json!({
                "name": found.name, "verdict": found.verdict, "people": few::counted(found.n_full),
                "contradictions": found.contradictions, "card": found.card,
            })
        };
        let compared = self.comparison.map(|comparison| {
            json!({
                "declared": comparison.declared.iter().map(declared).collect::<Vec<_>>(),
                "discovered": comparison.discovered,
            })
        });
        let n_outside = self.matches.iter().filter(|found| found.persona.is_none()).count();
        let importances = self.model.importance(&self.people.table, None, self.seed)?;
        let importances = importances.iter().map(|found| {
            let mut told = json!(found);
            told["n"] = few::counted(found.n);
            told
        });
        let told = json!({
            "source": self.people.name,
            "people": self.people.table.n_rows(),
            "skipped_rows": self.people.problems().count(),
            "attention": screen::attention(self.people, self.drift),
            "read": screen::notes(self.people),
            "personas": self.model.personas().iter().map(few::persona).collect::<Vec<_>>(),
            "in_no_persona": few::counted(n_outside),
            "importances": importances.collect::<Vec<_>>(),
            "evidence": self.evidence(),
            "archetypes": types,
            "niches": niches,
            "comparison": compared,
            "lineage": self.lineage.map(lineage),
            "drift": self.drift,
        });
        Ok(serde_json::to_string_pretty(&tidy(told))? + "\n")
    }

    /// What the personas rest on.
    fn evidence(&self) -> Value {
        let evidence = self.model.evidence();
        let mut told = json!(evidence);
        for (at, candidate) in evidence.candidates.iter().enumerate() {
            told["candidates"][at]["smallest"] = few::counted(candidate.smallest);
        }
        let personas = self.model.personas().iter().enumerate();
        for (at, _) in personas.filter(|(_, persona)| few::are_few(persona.size)) {
            if let Some(stability) = told["stability"].get_mut(at) {
                *stability = Value::Null;
            }
        }
        told
    }
}

/// What became of earlier personas.
fn lineage(found: &Lineage) -> Value {
    let mut told = json!(found);
    let counted = |row: &Vec<usize>| row.iter().map(|&n| few::counted(n)).collect::<Vec<_>>();
    told["moves"] = found.moves.iter().map(counted).collect();
    told["n_shared"] = few::counted(found.n_shared);
    told
}
