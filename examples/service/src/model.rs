//! The personas of the service: found from everybody when asked, kept as `model.json`, and read for one
//! person at a time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use personas::persona::PersonaSettings;
use personas::profiles::Profile;
use personas::{PersonaModel, Profiles, Timestamp};
use serde_json::{Value, json};

/// A model, if one was fitted, and where it is kept.
pub(crate) struct Model {
    file: PathBuf,
    /// Held for a moment only: to take the model or to put another in its place.
    current: Mutex<Option<Arc<PersonaModel>>>,
    /// Held while personas are found, so that only one request at a time does so.
    fitting: Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Model {
    /// The model that a folder holds.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let file = folder.join("model.json");
        let model = match fs::read(&file) {
            Ok(json) => Some(Arc::new(serde_json::from_slice(&json)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { file, current: Mutex::new(model), fitting: Mutex::new(()) })
    }

    /// The model in use.
    pub(crate) fn current(&self) -> Option<Arc<PersonaModel>> {
        lock(&self.current).clone()
    }

    /// Finds the personas of everybody as of now, and keeps them in place of those before. Those before are
    /// read until then.
    pub(crate) fn fit(
        &self,
        people: impl FnOnce() -> io::Result<Profiles>,
        now: Timestamp,
    ) -> Result<Value, String> {
        let Ok(_one_at_a_time) = self.fitting.try_lock() else {
            return Err("personas are being found; try again later".into());
        };
        let people = people().map_err(|error| error.to_string())?;
        let table = people.features(now).map_err(|error| error.to_string())?;
        drop(people);
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
        *lock(&self.current) = Some(Arc::new(model));
        Ok(json!({"personas": personas}))
    }
}

/// A person's persona, how clearly it is that one, and why.
///
/// # Errors
/// If the model cannot place the person, such as for features it does not know.
pub(crate) fn persona(
    model: &PersonaModel,
    person: &Profile<'_>,
    now: Timestamp,
) -> Result<Value, personas::Error> {
    let table = person.features(now)?;
    let matches = model.assign(&table)?;
    let Some(found) = matches.first() else { return Ok(json!({"persona": null})) };
    let name = |persona: usize| &model.personas()[persona].name;
    let reasons: Vec<Value> = matches
        .reasons(0)
        .into_iter()
        .take(3)
        .map(|reason| json!({"value": reason.value, "contribution": reason.contribution}))
        .collect();
    Ok(json!({"persona": {
        "name": found.persona.map(name), "margin": found.margin,
        "runner_up": found.runner_up.map(name), "reasons": reasons,
    }}))
}
