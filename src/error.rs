//! One error for the whole crate: what was wrong, where, and with which value.
//!
//! Only what a caller can cause is an error. Bad news that is still an answer (not converged, all
//! noise, no groups) is a result. Messages carry positions and numbers, never identifiers or text
//! of a person, so that they can be logged.

use std::borrow::Cow;

/// `Result` with the crate's [`Error`].
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// What can go wrong. Rows and columns are 0-based.
///
/// ```
/// use personas::{Error, KMeans, ndarray::array};
///
/// let x = array![[0.0, 1.0], [2.0, f64::NAN]];
/// let error = KMeans::new(1).fit(&x).unwrap_err();
/// assert!(matches!(error, Error::NonFinite { row: 1, column: 1, .. }));
/// assert_eq!(error.to_string(), "the value at row 1, column 1 is NaN, not a finite number");
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting lies outside its range.
    #[error("{name} must be {expected}, but is {got}")]
    InvalidParameter {
        /// The parameter, by the name of its setter, field or argument.
        name: &'static str,
        /// The rule it breaks.
        expected: Cow<'static, str>,
        /// The value given.
        got: String,
    },
    /// A report reads a property that the store does not keep, or of which it keeps only what its features read,
    /// such as the numbers and not the texts.
    #[error(
        "property {property:?} is not stored as this report reads it; add it to StoreOptions::keep"
    )]
    PropertyNotStored {
        /// The property.
        property: String,
    },
    /// A question needs an option that the store was made without.
    #[error("StoreOptions::{option} is not set; set it when the store is made")]
    OptionNotSet {
        /// The option.
        option: &'static str,
    },
    /// Two options of a store exclude each other.
    #[error("StoreOptions::{first} and StoreOptions::{second} cannot be set together")]
    OptionsExclude {
        /// One option.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// Two stores together have more names of attributes than one can store.
    #[error("too many attribute names: {got} together with the store's, at most {limit}")]
    TooManyAttributes {
        /// Names that the stores have together.
        got: usize,
        /// Names allowed.
        limit: usize,
    },
    /// The moment asked about is so early that events from before it are no longer kept.
    #[error("cannot answer as of {as_of}: older events are gone, and answers begin at {earliest}")]
    AsOfTooEarly {
        /// The moment asked about.
        as_of: crate::event::Timestamp,
        /// The first moment that can be asked about: the horizon, or the newest event of somebody
        /// whose log was cut.
        earliest: crate::event::Timestamp,
    },
    /// A report needs every event, but logs were cut.
    #[error(
        "the logs of {n_cut} people were cut by max_log, so a report would be wrong; raise it or set none"
    )]
    LogsCut {
        /// Number of people whose log was cut.
        n_cut: usize,
    },
    /// There are no rows.
    #[error("{what} has no rows")]
    Empty {
        /// Which input.
        what: &'static str,
    },
    /// There are no columns to compute with.
    #[error("{what} has no columns that can be used")]
    NoColumns {
        /// Which input.
        what: &'static str,
    },
    /// A value is NaN or infinite.
    #[error("the value at row {row}, column {column} is {value}, not a finite number")]
    NonFinite {
        /// Row of the first such value in row-major order.
        row: usize,
        /// Its column.
        column: usize,
        /// The value.
        value: f64,
    },
    /// A value is so large that squared distances would overflow.
    #[error(
        "the value at row {row}, column {column} is {value:e}; magnitudes above {limit:e} cannot be squared and summed"
    )]
    MagnitudeTooLarge {
        /// Row of the first such value in row-major order.
        row: usize,
        /// Its column.
        column: usize,
        /// The value.
        value: f64,
        /// The greatest magnitude allowed.
        limit: f64,
    },
    /// Two things that must have the same length or width do not.
    #[error("{what}: expected {expected}, got {got}")]
    DimensionMismatch {
        /// What was compared, such as a column by its name.
        what: Cow<'static, str>,
        /// The length or width needed.
        expected: usize,
        /// The length or width given.
        got: usize,
    },
    /// The method needs more rows than there are.
    #[error("{what} needs at least {needed} rows, but there are {got}")]
    TooFewSamples {
        /// The method, or the parameter that asks for them.
        what: &'static str,
        /// Rows needed.
        needed: usize,
        /// Rows given.
        got: usize,
    },
    /// There are more rows than the method can number, mostly 2³² − 1; checked before allocating.
    #[error("{what} is limited to {limit} rows, but there are {got}")]
    TooManySamples {
        /// The method.
        what: &'static str,
        /// Rows allowed.
        limit: usize,
        /// Rows given.
        got: usize,
    },
    /// The measure has no value for these labels or rows.
    #[error("{metric} is undefined: {reason}")]
    UndefinedMetric {
        /// The measure.
        metric: &'static str,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// A column of [`EventColumns`](crate::event::EventColumns) cannot be read.
    #[error("column {column:?}: {reason}")]
    InvalidColumn {
        /// The kind of its identifiers, or the name of its property or attribute.
        column: String,
        /// What is wrong, and in which row.
        reason: Cow<'static, str>,
    },
    /// A table lacks a column that the model was fitted with, or has it with another type.
    #[error("the table does not fit the model: column {column:?} is {problem}")]
    SchemaMismatch {
        /// The column's name.
        column: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A text is not a time.
    #[error("not a time: {reason}")]
    InvalidTime {
        /// The parser's words.
        reason: String,
    },
    /// A feature is not valid, or a column cannot be added to a table.
    #[error("feature {feature:?}: {reason}")]
    InvalidFeature {
        /// The feature's name.
        feature: String,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// An event was refused; nothing changed.
    #[error("event refused: {0}")]
    Refused(#[from] crate::event::Refusal),
    /// A rule, an event filter or a declared persona is not valid.
    #[error("rule {rule:?}: {reason}")]
    InvalidRule {
        /// The rule or persona.
        rule: String,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// The changes since a cursor are no longer kept.
    #[error(
        "changes since cursor {since} are no longer kept: read all profiles, then continue from cursor {cursor}"
    )]
    ChangesLost {
        /// The cursor given.
        since: u64,
        /// The cursor to continue from after reading all profiles.
        cursor: u64,
    },
    /// Pieces of changes do not continue the pieces before them; see
    /// [`Profiles::pieces`](crate::Profiles::pieces).
    #[error("pieces are missing: {reason}; start over with all pieces of the store")]
    StartOver {
        /// What is missing.
        reason: Cow<'static, str>,
    },
    /// A restored model breaks one of its own invariants.
    #[error("the stored {what} is not valid: {reason}")]
    InvalidSnapshot {
        /// Which type.
        what: &'static str,
        /// The invariant.
        reason: Cow<'static, str>,
    },
}

impl Error {
    /// A parameter outside its range.
    pub(crate) fn parameter(
        name: &'static str,
        expected: impl Into<Cow<'static, str>>,
        got: impl ToString,
    ) -> Self {
        Self::InvalidParameter { name, expected: expected.into(), got: got.to_string() }
    }

    /// A stored value that breaks an invariant of its type.
    pub(crate) fn snapshot(what: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidSnapshot { what, reason: reason.into() }
    }
}
