//! Events as the columns of a table, as CSV files, Arrow and Polars have them.
//!
//! Nothing is copied and no [`Event`](crate::Event) is built: the columns are read where they are.

use std::borrow::Cow;

use super::column::{ColumnData, EventColumn, Role};
use super::time::Timestamp;
use crate::{Error, Result};

/// Events as borrowed columns, one row for each event.
///
/// The builder mirrors [`Event`](crate::Event). All columns have one row for each time. Where a row
/// has no value in a column, its event lacks that identifier, property or attribute.
///
/// Identifiers and message ids are texts, or whole numbers, which become the text of their digits.
///
/// ```
/// use personas::event::EventColumns;
/// use personas::{FeatureSet, Profiles, Rules, Timestamp};
///
/// let at = vec![Timestamp::parse("2024-05-01")?, Timestamp::parse("2024-05-02")?];
/// let customers = vec![4711_i64, 4712];
/// let emails = vec![Some("ann@example.org"), None];
/// let amounts = vec![12.5, 99.0];
/// let purchases = EventColumns::new(&at)
///     .name("purchase")
///     .id("customer", &customers)
///     .id("email", &emails)
///     .property("amount", &amounts);
/// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
/// assert_eq!(people.extend_columns(&purchases)?.accepted, at.len());
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct EventColumns<'a> {
    at: &'a [Timestamp],
    name: Option<EventColumn<'a>>,
    identifiers: Vec<IdentifierColumn<'a>>,
    properties: Vec<(Cow<'a, str>, EventColumn<'a>)>,
    attributes: Vec<(Cow<'a, str>, EventColumn<'a>)>,
    message_ids: Option<EventColumn<'a>>,
    utc_offsets: Option<&'a [Option<i16>]>,
}

#[derive(Debug, Clone)]
struct IdentifierColumn<'a> {
    kind: Cow<'a, str>,
    claimed: bool,
    values: EventColumn<'a>,
}

impl<'a> EventColumns<'a> {
    /// Creates a table with the time of each event and nothing else yet.
    pub fn new(at: &'a [Timestamp]) -> Self {
        Self {
            at,
            name: None,
            identifiers: Vec::new(),
            properties: Vec::new(),
            attributes: Vec::new(),
            message_ids: None,
            utc_offsets: None,
        }
    }

    /// Sets the name of each event: a column of texts, or one text for all events. A missing name is an
    /// empty one.
    #[must_use]
    pub fn name(mut self, names: impl Into<ColumnData<'a>>) -> Self {
        self.name = Some(EventColumn::new(names.into()));
        self
    }

    /// Adds a column of identifiers.
    #[must_use]
    pub fn id(mut self, kind: impl Into<Cow<'a, str>>, values: impl Into<ColumnData<'a>>) -> Self {
        let (kind, values) = (kind.into(), EventColumn::new(values.into()));
        self.identifiers.push(IdentifierColumn { kind, claimed: false, values });
        self
    }

    /// Adds a column of identifiers that a client claims and nobody verified.
    #[must_use]
    pub fn claimed_id(
        mut self,
        kind: impl Into<Cow<'a, str>>,
        values: impl Into<ColumnData<'a>>,
    ) -> Self {
        let (kind, values) = (kind.into(), EventColumn::new(values.into()));
        self.identifiers.push(IdentifierColumn { kind, claimed: true, values });
        self
    }

    /// Adds a property of the events.
    #[must_use]
    pub fn property(
        mut self,
        name: impl Into<Cow<'a, str>>,
        values: impl Into<ColumnData<'a>>,
    ) -> Self {
        self.properties.push((name.into(), EventColumn::new(values.into())));
        self
    }

    /// Adds an attribute of the people.
    #[must_use]
    pub fn attribute(
        mut self,
        name: impl Into<Cow<'a, str>>,
        values: impl Into<ColumnData<'a>>,
    ) -> Self {
        self.attributes.push((name.into(), EventColumn::new(values.into())));
        self
    }

    /// Sets the sender's id of each message.
    ///
    /// ```
    /// use personas::event::EventColumns;
    /// use personas::profiles::StoreOptions;
    /// use personas::{FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = vec![Timestamp::parse("2024-05-01")?; 2];
    /// let messages = vec!["m1", "m1"];
    /// let visits = EventColumns::new(&at)
    ///     .name("visit")
    ///     .claimed_id("user", "ann")
    ///     .id("cookie", "c1")
    ///     .message_ids(&messages)
    ///     .utc_offsets(&[Some(120), None]);
    /// let options = StoreOptions { dedupe: true, ..StoreOptions::default() };
    /// let mut people = Profiles::with_options(Rules::default(), FeatureSet::retail(), options)?;
    /// let report = people.extend_columns(&visits)?;
    /// assert_eq!((report.accepted, report.duplicates), (1, 1));
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn message_ids(mut self, ids: impl Into<ColumnData<'a>>) -> Self {
        self.message_ids = Some(EventColumn::new(ids.into()));
        self
    }

    /// Sets how far local clocks were ahead of UTC, in minutes, where that is known.
    #[must_use]
    pub fn utc_offsets(mut self, minutes: &'a [Option<i16>]) -> Self {
        self.utc_offsets = Some(minutes);
        self
    }

    /// Checks that all columns have the same length and can be read. Functions that read the columns
    /// check them first.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`], with the column's name, for a column that does not have one row for
    /// each time;
    /// [`Error::InvalidColumn`] for names that are not texts, identifiers that are neither texts nor
    /// whole numbers (of `f64`, within ±2⁵³), texts that are not UTF-8, or offsets or a bitmap that
    /// do not fit them; [`Error::InvalidParameter`] if there is no name.
    pub(crate) fn check(&self) -> Result<()> {
        let n_rows = self.at.len();
        match &self.name {
            None => {
                return Err(Error::parameter("name", "set for all events or for each", "missing"));
            }
            Some(names) => names.check("name", Role::Text, n_rows)?,
        }
        for identifier in &self.identifiers {
            identifier.values.check(&identifier.kind, Role::Label, n_rows)?;
        }
        for (name, values) in self.properties.iter().chain(&self.attributes) {
            values.check(name, Role::Value, n_rows)?;
        }
        if let Some(ids) = &self.message_ids {
            ids.check("message_ids", Role::Label, n_rows)?;
        }
        match self.utc_offsets.map(<[_]>::len) {
            Some(got) if got != n_rows => {
                let what = "rows of column \"utc_offsets\"".into();
                Err(Error::DimensionMismatch { what, expected: n_rows, got })
            }
            _ => Ok(()),
        }
    }

    /// Number of events.
    pub(crate) fn len(&self) -> usize {
        self.at.len()
    }

    /// Time of an event.
    pub(crate) fn at(&self, row: usize) -> Timestamp {
        self.at[row]
    }

    /// Name of an event; a missing one is empty.
    pub(crate) fn name_of(&self, row: usize) -> &str {
        self.name.as_ref().and_then(|names| names.text(row)).unwrap_or_default()
    }

    /// The name that all events have, if it was given once.
    pub(crate) fn common_name(&self) -> Option<&str> {
        self.name.as_ref()?.same_in_every_row()
    }

    /// Offset from UTC of an event, in minutes east.
    pub(crate) fn utc_offset(&self, row: usize) -> Option<i16> {
        self.utc_offsets?[row]
    }

    /// Properties of the events; of two with one name, the last counts where it has a value.
    pub(crate) fn properties(&self) -> &[(Cow<'a, str>, EventColumn<'a>)] {
        &self.properties
    }

    /// Attributes of the people; of two with one name, the last counts where it has a value.
    pub(crate) fn attributes(&self) -> &[(Cow<'a, str>, EventColumn<'a>)] {
        &self.attributes
    }

    /// Kinds of the columns of identifiers, whether they are merely claimed, and their values.
    pub(super) fn identifiers(&self) -> impl Iterator<Item = (&str, bool, &EventColumn<'a>)> {
        self.identifiers.iter().map(|column| (&*column.kind, column.claimed, &column.values))
    }

    pub(super) fn message_id_column(&self) -> Option<&EventColumn<'a>> {
        self.message_ids.as_ref()
    }
}
