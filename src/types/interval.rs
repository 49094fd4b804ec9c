//! The units of interval types: `INTERVAL DAY`, `INTERVAL HOUR TO SECOND`, `INTERVAL YEAR TO MONTH`.
//!
//! Arrow's types know months and microseconds, not which units they are counted in, so the units are kept beside the type: of an
//! expression and of a column as [`TypeUnits`], in a schema in the metadata of the field under [`UNITS_KEY`]. A type may hold several
//! intervals (`map<interval day, struct<a: interval hour>>`); `TypeUnits` lists the units of each in the order in which the type is written,
//! which is why arrays around them make no difference. Nothing said means all units, and that is the only way in which all units are
//! said: two values are equal exactly if they mean the same.
//!
//! Units decide how a type is called, how a value is written as text and what casts cut off. They do not change how values are stored.

use super::map_key_value;
use arrow::datatypes::{DataType, Field, IntervalUnit, Schema};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Under which key the units of a field's type are in its metadata.
pub const UNITS_KEY: &str = "tidemill.interval";

/// A unit of intervals, from the greatest down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the words are SQL's")]
pub enum IntervalField {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

impl IntervalField {
    /// All, from the greatest down.
    pub const ALL: [IntervalField; 6] = [
        IntervalField::Year,
        IntervalField::Month,
        IntervalField::Day,
        IntervalField::Hour,
        IntervalField::Minute,
        IntervalField::Second,
    ];

    /// The unit of this name, without regard to case.
    pub fn parse(name: &str) -> Option<IntervalField> {
        let is_called = |field: &IntervalField| field.name().eq_ignore_ascii_case(name);
        IntervalField::ALL.into_iter().find(is_called)
    }

    /// Its name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            IntervalField::Year => "year",
            IntervalField::Month => "month",
            IntervalField::Day => "day",
            IntervalField::Hour => "hour",
            IntervalField::Minute => "minute",
            IntervalField::Second => "second",
        }
    }

    /// How many microseconds it has; of months and years there is no fixed number.
    pub fn micros(self) -> Option<i64> {
        match self {
            IntervalField::Year | IntervalField::Month => None,
            IntervalField::Day => Some(86_400_000_000),
            IntervalField::Hour => Some(3_600_000_000),
            IntervalField::Minute => Some(60_000_000),
            IntervalField::Second => Some(1_000_000),
        }
    }

    fn is_year_month(self) -> bool {
        self <= IntervalField::Month
    }
}

/// The units of one interval type, from the greatest to the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IntervalUnits {
    from: IntervalField,
    to: IntervalField,
}

impl IntervalUnits {
    /// All units of a day-time interval.
    pub const DAY_TIME: IntervalUnits = IntervalUnits {
        from: IntervalField::Day,
        to: IntervalField::Second,
    };

    /// All units of a year-month interval.
    pub const YEAR_MONTH: IntervalUnits = IntervalUnits {
        from: IntervalField::Year,
        to: IntervalField::Month,
    };

    /// `from TO to`; `None` if they are in the wrong order or of different kinds.
    pub fn new(from: IntervalField, to: IntervalField) -> Option<IntervalUnits> {
        (from <= to && from.is_year_month() == to.is_year_month())
            .then_some(IntervalUnits { from, to })
    }

    /// Only this unit.
    pub fn only(field: IntervalField) -> IntervalUnits {
        IntervalUnits {
            from: field,
            to: field,
        }
    }

    /// Reads `day to second` or `hour`, without regard to case.
    pub fn parse(text: &str) -> Option<IntervalUnits> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        match words[..] {
            [only] => IntervalField::parse(only).map(IntervalUnits::only),
            [from, to_word, to] if to_word.eq_ignore_ascii_case("to") => {
                IntervalUnits::new(IntervalField::parse(from)?, IntervalField::parse(to)?)
            }
            _ => None,
        }
    }

    /// The greatest unit.
    pub fn from(self) -> IntervalField {
        self.from
    }

    /// The least unit.
    pub fn to(self) -> IntervalField {
        self.to
    }

    /// The unit, if there is but one.
    pub fn single(self) -> Option<IntervalField> {
        (self.from == self.to).then_some(self.from)
    }

    /// Whether they are units of a year-month interval.
    pub fn is_year_month(self) -> bool {
        self.from.is_year_month()
    }

    /// The type that intervals with these units have.
    pub fn data_type(self) -> DataType {
        if self.is_year_month() {
            super::year_month_interval()
        } else {
            super::day_time_interval()
        }
    }

    /// The units that hold the values of both. Units of different kinds have nothing in common: the first stay.
    #[must_use]
    pub fn union(self, other: IntervalUnits) -> IntervalUnits {
        if self.is_year_month() != other.is_year_month() {
            return self;
        }
        IntervalUnits {
            from: self.from.min(other.from),
            to: self.to.max(other.to),
        }
    }

    fn is_full(self) -> bool {
        self == IntervalUnits::DAY_TIME || self == IntervalUnits::YEAR_MONTH
    }
}

impl fmt::Display for IntervalUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.from.name())?;
        if self.from != self.to {
            write!(f, " to {}", self.to.name())?;
        }
        Ok(())
    }
}

/// The units of all intervals in a type, in the order in which the type is written. The default says nothing: all have all units.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TypeUnits(Option<Arc<[IntervalUnits]>>);

impl TypeUnits {
    /// Of a type with these intervals in it.
    pub fn new(units: Vec<IntervalUnits>) -> TypeUnits {
        if units.iter().all(|one| one.is_full()) {
            return TypeUnits(None);
        }
        TypeUnits(Some(units.into()))
    }

    /// Of a type with one interval in it.
    pub fn only(units: IntervalUnits) -> TypeUnits {
        TypeUnits::new(vec![units])
    }

    /// The units of each interval in `data_type`, which these are the units of.
    pub fn of(&self, data_type: &DataType) -> Vec<IntervalUnits> {
        let all = all_units(data_type);
        match &self.0 {
            Some(units) if are_of_same_kinds(units, &all) => units.to_vec(),
            _ => all,
        }
    }

    /// The units of `data_type` as an interval; `None` if it is none.
    pub fn of_interval(&self, data_type: &DataType) -> Option<IntervalUnits> {
        match data_type {
            DataType::Duration(_) | DataType::Interval(IntervalUnit::YearMonth) => {
                self.of(data_type).first().copied()
            }
            _ => None,
        }
    }

    /// The units of `part`, before which there are the intervals of `before` in `whole`.
    #[must_use]
    pub fn part<'a>(
        &self,
        whole: &DataType,
        before: impl IntoIterator<Item = &'a DataType>,
        part: &DataType,
    ) -> TypeUnits {
        if self.0.is_none() {
            return TypeUnits::default();
        }
        let skipped = before.into_iter().map(count_intervals).sum();
        let own = self.of(whole).into_iter().skip(skipped);
        TypeUnits::new(own.take(count_intervals(part)).collect())
    }

    /// The units of field `index` of a struct type.
    #[must_use]
    pub fn field(&self, structure: &DataType, index: usize) -> TypeUnits {
        let DataType::Struct(fields) = structure else {
            return TypeUnits::default();
        };
        let Some(field) = fields.get(index) else {
            return TypeUnits::default();
        };
        let before = fields.iter().take(index).map(|field| field.data_type());
        self.part(structure, before, field.data_type())
    }

    /// The units of the type whose parts are these, one behind the other: of a struct, say.
    pub fn concatenated<'a>(
        parts: impl IntoIterator<Item = (&'a DataType, &'a TypeUnits)>,
    ) -> TypeUnits {
        let units = parts
            .into_iter()
            .flat_map(|(data_type, units)| units.of(data_type));
        TypeUnits::new(units.collect())
    }

    /// The units that hold the values of all of these types, for values of `common`: types that have other intervals in them do not count.
    /// `None` if none has intervals like it.
    pub fn union<'a>(
        common: &DataType,
        types: impl IntoIterator<Item = (&'a DataType, &'a TypeUnits)>,
    ) -> Option<TypeUnits> {
        let wanted = all_units(common);
        if wanted.is_empty() {
            return None;
        }
        let alike = types
            .into_iter()
            .map(|(data_type, units)| units.of(data_type))
            .filter(|units| are_of_same_kinds(units, &wanted));
        let union = alike.reduce(|all, next| {
            let pairs = all.into_iter().zip(next);
            pairs.map(|(one, other)| one.union(other)).collect()
        });
        union.map(TypeUnits::new)
    }

    /// What the metadata of a field says.
    pub fn from_field(field: &Field) -> TypeUnits {
        let read = |text: &String| {
            let units = text.split(',').map(IntervalUnits::parse);
            units.collect::<Option<Vec<_>>>()
        };
        let units = field.metadata().get(UNITS_KEY).and_then(read);
        units.map_or_else(TypeUnits::default, TypeUnits::new)
    }

    /// The field with these units in its metadata, in place of any that are there.
    #[must_use]
    pub fn on_field(&self, field: Field) -> Field {
        let has_other = field.metadata().contains_key(UNITS_KEY);
        if self.0.is_none() && !has_other {
            return field;
        }
        let mut metadata: HashMap<String, String> = field.metadata().clone();
        match &self.0 {
            None => metadata.remove(UNITS_KEY),
            Some(units) => {
                let units: Vec<String> = units.iter().map(ToString::to_string).collect();
                metadata.insert(UNITS_KEY.to_owned(), units.join(","))
            }
        };
        field.with_metadata(metadata)
    }

    /// The type of a struct with the columns of a schema, without metadata, and the units of the intervals in it.
    pub fn of_schema(schema: &Schema) -> (DataType, TypeUnits) {
        let units: Vec<TypeUnits> = schema
            .fields()
            .iter()
            .map(|field| TypeUnits::from_field(field))
            .collect();
        let parts = schema.fields().iter().zip(&units);
        let units = TypeUnits::concatenated(parts.map(|(field, units)| (field.data_type(), units)));
        let plain = |field: &Arc<Field>| {
            let mut metadata = field.metadata().clone();
            metadata.remove(UNITS_KEY);
            field.as_ref().clone().with_metadata(metadata)
        };
        let fields: Vec<Field> = schema.fields().iter().map(plain).collect();
        (DataType::Struct(fields.into()), units)
    }
}

/// Whether there is an ANSI interval in the type.
pub fn has_interval(data_type: &DataType) -> bool {
    count_intervals(data_type) > 0
}

/// The type with `STRING` in the place of each interval, of the legacy ones too; `None` if there is none.
pub(crate) fn with_text_intervals(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Duration(_)
        | DataType::Interval(IntervalUnit::YearMonth | IntervalUnit::MonthDayNano) => {
            Some(DataType::Utf8)
        }
        DataType::List(element) => with_text_intervals(element.data_type()).map(super::list_of),
        DataType::Map(_, _) => {
            let (key, value) = map_key_value(data_type)?;
            let (text_key, text_value) = (with_text_intervals(key), with_text_intervals(value));
            (text_key.is_some() || text_value.is_some()).then(|| {
                super::map_of(
                    text_key.unwrap_or_else(|| key.clone()),
                    text_value.unwrap_or_else(|| value.clone()),
                )
            })
        }
        DataType::Struct(fields) => {
            let texts: Vec<Option<DataType>> = fields
                .iter()
                .map(|field| with_text_intervals(field.data_type()))
                .collect();
            let of_text = |(field, text): (&Arc<Field>, Option<DataType>)| match text {
                Some(text) => Arc::new(field.as_ref().clone().with_data_type(text)),
                None => Arc::clone(field),
            };
            texts
                .iter()
                .any(Option::is_some)
                .then(|| DataType::Struct(fields.iter().zip(texts).map(of_text).collect()))
        }
        _ => None,
    }
}

/// How many ANSI intervals there are in the type.
pub(crate) fn count_intervals(data_type: &DataType) -> usize {
    all_units(data_type).len()
}

/// The intervals of a type, with all units that their kinds have.
fn all_units(data_type: &DataType) -> Vec<IntervalUnits> {
    let mut units = Vec::new();
    collect(data_type, &mut units);
    units
}

fn collect(data_type: &DataType, units: &mut Vec<IntervalUnits>) {
    match data_type {
        DataType::Duration(_) => units.push(IntervalUnits::DAY_TIME),
        DataType::Interval(IntervalUnit::YearMonth) => units.push(IntervalUnits::YEAR_MONTH),
        DataType::List(element) => collect(element.data_type(), units),
        DataType::Struct(fields) => {
            for field in fields {
                collect(field.data_type(), units);
            }
        }
        DataType::Map(_, _) => {
            if let Some((key, value)) = map_key_value(data_type) {
                collect(key, units);
                collect(value, units);
            }
        }
        _ => {}
    }
}

fn are_of_same_kinds(left: &[IntervalUnits], right: &[IntervalUnits]) -> bool {
    let mut pairs = left.iter().zip(right);
    left.len() == right.len()
        && pairs.all(|(one, other)| one.is_year_month() == other.is_year_month())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{day_time_interval, list_of, map_of, parse_ddl_schema, year_month_interval};

    fn units(text: &str) -> IntervalUnits {
        IntervalUnits::parse(text).unwrap()
    }

    #[test]
    fn units_meet_at_those_that_hold_both() {
        assert_eq!(units("day").union(units("MINUTE")), units("day to minute"));
        assert_eq!(
            units("year").union(units("month")),
            IntervalUnits::YEAR_MONTH
        );
        for wrong in ["", "week", "hour to day", "month to day", "day to"] {
            assert_eq!(IntervalUnits::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn all_units_are_said_by_saying_nothing() {
        assert_eq!(
            TypeUnits::only(IntervalUnits::DAY_TIME),
            TypeUnits::default()
        );
        let interval = day_time_interval();
        assert_eq!(
            TypeUnits::default().of_interval(&interval),
            Some(IntervalUnits::DAY_TIME)
        );
        assert_eq!(TypeUnits::default().of_interval(&DataType::Int32), None);
    }

    #[test]
    fn a_type_lists_the_units_of_its_intervals_in_order() {
        let (structure, all) = TypeUnits::of_schema(
            &parse_ddl_schema("a INTERVAL HOUR, b INT, c ARRAY<MAP<INTERVAL YEAR, INTERVAL DAY>>")
                .unwrap(),
        );
        assert_eq!(all.field(&structure, 0), TypeUnits::only(units("hour")));
        assert_eq!(all.field(&structure, 1), TypeUnits::default());
        let map = map_of(year_month_interval(), day_time_interval());
        let of_map = all.field(&structure, 2);
        assert_eq!(of_map.of(&list_of(map)), [units("year"), units("day")]);
    }

    #[test]
    fn units_survive_in_the_metadata_of_a_field() {
        let of_type = TypeUnits::new(vec![units("hour to second"), units("month")]);
        let data_type = map_of(day_time_interval(), year_month_interval());
        let field = of_type.on_field(Field::new("a", data_type, true));
        assert_eq!(TypeUnits::from_field(&field), of_type);
        let without = TypeUnits::default().on_field(field);
        assert!(without.metadata().is_empty());
    }

    #[test]
    fn a_union_takes_only_types_with_the_same_intervals() {
        let (interval, number) = (day_time_interval(), DataType::Int32);
        let (day, hour, nothing) = (
            TypeUnits::only(units("day")),
            TypeUnits::only(units("hour")),
            TypeUnits::default(),
        );
        let of =
            |types: &[(&DataType, &TypeUnits)]| TypeUnits::union(&interval, types.iter().copied());
        assert_eq!(
            of(&[(&interval, &day), (&number, &nothing), (&interval, &hour)]),
            Some(TypeUnits::only(units("day to hour")))
        );
        assert_eq!(of(&[(&number, &nothing)]), None);
        assert_eq!(
            of(&[(&interval, &nothing), (&interval, &hour)]),
            Some(nothing.clone())
        );
    }
}
