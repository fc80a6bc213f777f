//! The personas of the service: found from everybody when asked, kept as `model.json`, and read for one
//! person at a time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use personas::persona::PersonaSettings;
use personas::profiles::Profile;
use personas::{PersonaModel, Profiles, Timestamp};
use serde_json::{Value, json};

/// A model, if one was fitted, and where it is kept.
pub(crate) struct Model {
    file: PathBuf,
    model: Option<PersonaModel>,
}

impl Model {
    /// The model that a folder holds.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let file = folder.join("model.json");
        let model = match fs::read(&file) {
            Ok(json) => Some(serde_json::from_slice(&json)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { file, model })
    }

    /// Finds the personas of everybody as of now, and keeps them in place of those before.
    pub(crate) fn fit(&mut self, people: &Profiles, now: Timestamp) -> Result<Value, String> {
        let table = people.features(now).map_err(|error| error.to_string())?;
        let model = PersonaModel::fit(&table, &PersonaSettings::default())
            .map_err(|error| error.to_string())?;
        let unfinished = self.file.with_extension("unfinished");
        let json = serde_json::to_vec(&model).map_err(|error| error.to_string())?;
        fs::write(&unfinished, json)
            .and_then(|()| fs::rename(&unfinished, &self.file))
            .map_err(|error| error.to_string())?;
        let personas = model.personas().iter();
        let personas: Vec<Value> =
            personas.map(|one| json!({"name": one.name, "share": one.share})).collect();
        self.model = Some(model);
        Ok(json!({"personas": personas}))
    }

    /// A person's persona, how clearly it is that one, and why; none without a model.
    pub(crate) fn persona(&self, person: &Profile<'_>, now: Timestamp) -> Option<Value> {
        let model = self.model.as_ref()?;
        let table = person.features(now).ok()?;
        let matches = model.assign(&table).ok()?;
        let found = matches.first()?;
        let name = |persona: usize| &model.personas()[persona].name;
        let reasons: Vec<Value> = matches
            .reasons(0)
            .into_iter()
            .take(3)
            .map(|reason| json!({"value": reason.value, "contribution": reason.contribution}))
            .collect();
        Some(json!({"persona": {
            "name": found.persona.map(name), "margin": found.margin,
            "runner_up": found.runner_up.map(name), "reasons": reasons,
        }}))
    }
}
