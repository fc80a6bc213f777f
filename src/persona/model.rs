//! Groups as personas: described once, kept, and used on people seen later.
//!
//! The model holds everything it needs to place a person: how the table becomes a matrix, and the
//! rule of the method that made the groups. So the same person is never in one group when fitted
//! and in another when asked for: [`Evidence::agreement`] says how far that holds, and for
//! k-means it holds always.

use std::borrow::Cow;
use std::iter;
use std::ops::Range;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::card::Persona;
use super::describe::{Used, described, leanings};
use super::evidence::{BlockShare, CutCandidate, Evidence};
use super::index::ColumnIndex;
use super::names;
use super::numbers::{self, Unit, called};
use super::place::{Grouping, NearestGroups, Rule};
use super::thresholds::Describer;
use super::training_columns::TrainingColumn;
use super::vocabulary::Vocabulary;
use crate::labels::NOISE;
use crate::num::check::{self, Rows};
use crate::num::distance::squared;
use crate::num::group_means::group_means;
use crate::num::parallel;
use crate::prepare::{CohortsFit, PreprocessorFit};
use crate::validate::KChoice;
use crate::{Error, FeatureTable, Labels, Result, Timestamp};

/// Groups of people in words and numbers, with the rule that places new people.
///
/// ```
/// use personas::{FeatureTable, KMeans, PersonaModel, Preprocessor};
///
/// // Sixty people: half spend 0 to 29, half spend 100 to 129.
/// let spend: Vec<Option<f64>> = (0..60).map(|i| Some(f64::from(i / 30 * 100 + i % 30))).collect();
/// let table = FeatureTable::new(60).numeric("spend", spend)?;
/// let prep = Preprocessor::default().fit(&table)?;
/// let fit = KMeans::new(2).fit(&prep.transform(&table)?)?;
///
/// let personas = personas::persona::Describer::default().describe(&table, &prep, &fit)?;
/// let names: Vec<&str> = personas.personas().iter().map(|p| p.name.as_str()).collect();
/// assert_eq!(names, ["Small spenders", "Big spenders"]);
/// assert_eq!(
///     personas.personas()[1].to_string(),
///     "30 people, 50% of all. Big spenders: median spend 114.50, 7.9 times the others' 14.50; \
///      all lie above the median of everyone (others none)."
/// );
/// assert_eq!((personas.evidence().agreement, personas.evidence().coverage), (1.0, 1.0));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct PersonaModel {
    version: ModelVersion,
    /// What people are compared with before their table is prepared.
    pub(super) cohorts: Option<CohortsFit>,
    pub(super) prep: PreprocessorFit,
    #[serde(with = "crate::num::exact")]
    pub(super) rule: Rule,
    #[serde(with = "crate::num::exact")]
    pub(super) personas: Vec<Persona>,
    /// How they are described: thresholds and words.
    pub(super) rules: Describer,
    #[serde(with = "crate::num::exact")]
    evidence: Evidence,
    /// The columns of the people it was made from.
    #[serde(with = "crate::num::exact")]
    pub(super) seen: Vec<TrainingColumn>,
    /// The features of the matrix in words.
    #[serde(skip)]
    pub(super) terms: Vec<Term>,
}

/// A feature of the matrix: what it is called and how its values are told, found once.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Term {
    pub(super) feature: String,
    /// Its place in the table the model was made from.
    pub(super) at: usize,
    /// Its columns of the matrix.
    pub(super) columns: Range<usize>,
    pub(super) label: String,
    pub(super) unit: Unit,
}

impl Term {
    fn all(prep: &PreprocessorFit, rules: &Describer) -> Vec<Self> {
        let mut terms = Vec::new();
        let mut first = 0;
        for (at, step) in prep.steps().iter().enumerate() {
            let columns = first..first + step.n_columns();
            first = columns.end;
            if !columns.is_empty() {
                terms.push(Self {
                    feature: step.feature.clone(),
                    at,
                    columns,
                    label: called(&rules.vocabulary, &step.feature),
                    unit: Unit::of(&rules.vocabulary, &step.feature),
                });
            }
        }
        terms
    }
}

impl PersonaModel {
    pub(super) fn build(
        index: &ColumnIndex<'_>,
        rows: &Rows<'_>,
        prep: &PreprocessorFit,
        groups: Grouping,
        rules: &Describer,
        choice: Option<Choice>,
    ) -> Result<Self> {
        let rule = groups.rule(rows)?;
        let labels = &groups.labels;
        let personas = described(index, labels, rules, &Used::by(prep));
        let members: usize = personas.iter().map(|persona| persona.size).sum();
        let Choice {
            as_of,
            groups,
            is_natural,
            is_given,
            candidates,
            stability,
            min_stability,
            reason,
        } = choice.unwrap_or_default();
        let centres = Centres::of(rows, labels);
        let evidence = Evidence {
            n_rows: rows.n_rows(),
            coverage: members as f64 / rows.n_rows() as f64,
            unexplained: unexplained(rows, labels, &centres),
            agreement: agreement(&rule, rows, labels),
            contains_training_rows: rule.reaches(),
            blocks: blocks(labels, &centres, prep, &rules.vocabulary),
            as_of,
            groups,
            ageing: ageing(index, &Used::by(prep)),
            is_natural,
            is_given,
            candidates,
            stability,
            min_stability,
            reason,
        };
        Ok(Self {
            version: ModelVersion,
            cohorts: None,
            personas,
            rules: rules.clone(),
            prep: prep.clone(),
            rule,
            evidence,
            seen: TrainingColumn::all(index, rules.least()),
            terms: Term::all(prep, rules),
        })
    }

    /// The personas, largest first; persona i is cluster i of the labels.
    pub fn personas(&self) -> &[Persona] {
        &self.personas
    }

    /// How tables become the matrix in which people are placed.
    pub fn preprocessor(&self) -> &PreprocessorFit {
        &self.prep
    }

    /// A table with the columns that compare people with their cohorts, if the model has them.
    pub(crate) fn with_cohorts<'t>(
        &self,
        table: &'t FeatureTable,
    ) -> Result<Cow<'t, FeatureTable>> {
        with_cohorts(self.cohorts.as_ref(), table)
    }

    /// A text in the words that the personas are described in.
    pub(crate) fn say(&self, template: &'static str, parts: &[(&str, &str)]) -> String {
        self.rules.vocabulary.say(template, parts)
    }

    /// A column as readers call it.
    pub(crate) fn called(&self, feature: &str) -> String {
        numbers::called(&self.rules.vocabulary, feature)
    }

    /// A category as readers call it.
    pub(crate) fn category(&self, category: &str) -> String {
        names::category(&self.rules.vocabulary, category)
    }

    /// A share in percent.
    pub(crate) fn percent(&self, share: f64) -> String {
        numbers::percent(&self.rules.vocabulary, share)
    }

    /// The smallest group of people that anything is told of.
    pub(crate) fn least(&self) -> usize {
        self.rules.least()
    }

    /// How far each persona leans to which side in each column of a table of its people: −1 is less of
    /// everybody, 1 is more; none where nothing can be told.
    pub(crate) fn leanings(
        &self,
        table: &FeatureTable,
        personas: &[Option<usize>],
    ) -> Result<Vec<Vec<Option<f64>>>> {
        let numbers = personas.iter().map(|found| found.map_or(NOISE, |at| at as u32));
        let labels = Labels::numbered(numbers.collect(), self.personas.len())?;
        Ok(leanings(&ColumnIndex::new(table)?, &labels, &self.rules))
    }

    /// Why there are these personas and how far to trust them.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

impl Describer {
    /// Describes groups that any method made.
    ///
    /// `table` holds the people who were grouped, in the order of the grouping. Every column of it
    /// is described, also those that `prep` does not use: whether the groups differ in what they
    /// were not made from is the better question. Persona i is cluster i of the labels.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] if the grouping has another number of rows than the table, or
    /// was made from a matrix of another width than `prep` makes; [`Error::Empty`] for a table
    /// without rows; [`Error::InvalidParameter`] for labels with a cluster without rows, as predicted
    /// ones may have, or for a threshold outside its range; and those of `prep.transform`.
    pub fn describe(
        &self,
        table: &FeatureTable,
        prep: &PreprocessorFit,
        groups: impl Into<Grouping>,
    ) -> Result<PersonaModel> {
        self.check()?;
        if table.n_rows() == 0 {
            return Err(Error::Empty { what: "the table" });
        }
        let matrix = prep.transform(table)?;
        let rows = check::rows((&matrix).into())?;
        PersonaModel::build(&ColumnIndex::new(table)?, &rows, prep, groups.into(), self, None)
    }
}

pub(super) fn with_cohorts<'t>(
    cohorts: Option<&CohortsFit>,
    table: &'t FeatureTable,
) -> Result<Cow<'t, FeatureTable>> {
    Ok(match cohorts {
        Some(cohorts) => Cow::Owned(cohorts.apply(table)?),
        None => Cow::Borrowed(table),
    })
}

/// Share of the rows that the rule puts where the labels have them.
fn agreement(rule: &Rule, rows: &Rows<'_>, labels: &Labels) -> f64 {
    let placed = rule.place_all(rows, NearestGroups::persona);
    let agreeing = placed.into_iter().zip(labels.iter()).filter(|(placed, own)| placed == own);
    agreeing.count() as f64 / rows.n_rows() as f64
}

/// The means of all rows and of the rows of each group, row-major.
struct Centres {
    all: Vec<f64>,
    own: Vec<f64>,
}

impl Centres {
    fn of(rows: &Rows<'_>, labels: &Labels) -> Self {
        let d = rows.n_columns();
        let all = group_means(rows.iter(), d, iter::repeat(Some(0)), 1);
        Self { all, own: group_means(rows.iter(), d, labels.iter(), labels.n_clusters()) }
    }
}

/// Squared deviations from the own group's mean (for rows in no group, from the mean of all) over
/// squared deviations from the mean of all.
fn unexplained(rows: &Rows<'_>, labels: &Labels, centres: &Centres) -> f64 {
    let width = rows.n_columns();
    let Centres { all: centre, own } = centres;
    // Sums by chunks of rows, in their order, whatever the number of threads.
    let sums = parallel::map_chunks(rows.n_rows(), 2 * width, |chunk| {
        chunk.fold((0.0, 0.0), |(within, total), row| {
            let deviation = squared(rows.row(row), centre);
            let own = labels
                .get(row)
                .map(|group| squared(rows.row(row), &own[group * width..(group + 1) * width]));
            (within + own.unwrap_or(deviation), total + deviation)
        })
    });
    let (within, total) =
        sums.iter().fold((0.0, 0.0), |(within, total), sum| (within + sum.0, total + sum.1));
    if total > 0.0 { (within / total).min(1.0) } else { 0.0 }
}

/// The columns that made the groups and age by themselves.
fn ageing(index: &ColumnIndex<'_>, used: &Used) -> Vec<String> {
    let columns = index.columns.iter().map(|indexed| indexed.column);
    let ages = columns.filter(|column| column.ages && used.contains(&column.name));
    ages.map(|column| column.name.clone()).collect()
}

/// The share of every block, and of every column in none, of the variance between personas.
fn blocks(
    labels: &Labels,
    centres: &Centres,
    prep: &PreprocessorFit,
    words: &Vocabulary,
) -> Vec<BlockShare> {
    let Centres { all: centre, own } = centres;
    let width = centre.len();
    let mut between = vec![0.0; width];
    for (group, &size) in labels.sizes().iter().enumerate() {
        for (column, sum) in between.iter_mut().enumerate() {
            let step = own[group * width + column] - centre[column];
            *sum += size as f64 * step * step;
        }
    }
    let total: f64 = between.iter().sum();
    let mut shares: Vec<BlockShare> = Vec::new();
    let mut at = 0;
    for step in prep.steps() {
        let columns = at..at + step.n_columns();
        at = columns.end;
        if columns.is_empty() {
            continue;
        }
        let share = if total > 0.0 { between[columns].iter().sum::<f64>() / total } else { 0.0 };
        let name = step.block.as_ref().unwrap_or(&step.feature);
        match shares.iter_mut().find(|known| known.name == *name && step.block.is_some()) {
            Some(known) => {
                known.features.push(step.feature.clone());
                known.share += share;
            }
            None => shares.push(BlockShare {
                name: name.clone(),
                features: vec![step.feature.clone()],
                share,
            }),
        }
    }
    for BlockShare { name, features, .. } in &mut shares {
        let is_found = *name == features.join(" + ");
        let told: Vec<String> = features.iter().map(|feature| called(words, feature)).collect();
        *name = if is_found { told.join(" + ") } else { names::tellable(name).into_owned() };
    }
    // Stable: of equal shares, the earlier column first.
    shares.sort_by(|a, b| b.share.total_cmp(&a.share));
    shares
}

/// How the number of personas was chosen; nothing where groups were made elsewhere.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) as_of: Option<Timestamp>,
    pub(super) groups: Option<KChoice>,
    pub(super) is_natural: bool,
    pub(super) is_given: bool,
    pub(super) candidates: Vec<CutCandidate>,
    pub(super) stability: Vec<f64>,
    pub(super) min_stability: f64,
    pub(super) reason: String,
}

/// The version of the stored form of models; it stands first, so that a newer one is refused by its number
/// before anything else of it is read.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ModelVersion;

impl ModelVersion {
    const NEWEST: u32 = 4;
}

impl Serialize for ModelVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_u32(Self::NEWEST)
    }
}

impl<'de> Deserialize<'de> for ModelVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let (version, newest) = (u32::deserialize(deserializer)?, Self::NEWEST);
        if version != newest {
            return Err(D::Error::custom(format!(
                "a persona model of version {version}; this release reads version {newest}"
            )));
        }
        Ok(Self)
    }
}

/// A [`PersonaModel`] as it is stored, not yet checked.
#[derive(Deserialize)]
struct Stored {
    version: ModelVersion,
    cohorts: Option<CohortsFit>,
    prep: PreprocessorFit,
    #[serde(with = "crate::num::exact")]
    rule: Rule,
    #[serde(with = "crate::num::exact")]
    personas: Vec<Persona>,
    rules: Describer,
    #[serde(with = "crate::num::exact")]
    evidence: Evidence,
    #[serde(with = "crate::num::exact")]
    seen: Vec<TrainingColumn>,
}

impl TryFrom<Stored> for PersonaModel {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let invalid = |reason: &'static str| Error::snapshot("PersonaModel", reason);
        let Stored { version, cohorts, prep, rule, personas, rules, evidence, seen } = stored;
        rules.check()?;
        rule.check(prep.columns().len(), personas.len()).map_err(invalid)?;
        let members =
            personas.iter().try_fold(0usize, |sum, persona| sum.checked_add(persona.size));
        if evidence.n_rows == 0 || members.is_none_or(|members| members > evidence.n_rows) {
            return Err(invalid("the personas have more members than there are people"));
        }
        let shares = [evidence.unexplained, evidence.agreement, evidence.coverage];
        if shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
            return Err(invalid("a share is outside [0, 1]"));
        }
        if !personas.iter().all(Persona::is_finite)
            || !seen.iter().all(TrainingColumn::is_sound)
            || !evidence.is_finite()
        {
            return Err(invalid("a number of its descriptions is not finite"));
        }
        let n_stable = evidence.stability.len();
        if !personas.iter().all(Persona::is_sound) || (n_stable > 0 && n_stable != personas.len()) {
            return Err(invalid("its descriptions contradict each other"));
        }
        let terms = Term::all(&prep, &rules);
        Ok(Self { version, cohorts, prep, rule, personas, rules, evidence, seen, terms })
    }
}
