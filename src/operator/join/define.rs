//! What a join of two streams computes: given by the cut, worked out once, shared by all partitions.

use super::piece::times_of;
use crate::batch::Timestamp;
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind};
use crate::operator::key::is_key_type;
use crate::plan::JoinType;
use crate::plan::check::TimeBound;
use crate::types::simple_string;
use arrow::array::{ArrayRef, new_null_array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Left and right.
pub(crate) const SIDES: usize = 2;

/// What ends the stay of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateTime {
    /// This key, which is event time: the row goes when the watermark passes it.
    Key(usize),
    /// This column, which is event time: the row goes when the bound of the condition, in whole milliseconds, passes it.
    Column {
        /// By index into the side's columns.
        column: usize,
        /// What the condition says.
        bound: TimeBound,
    },
}

/// One side of a join.
#[derive(Debug, Clone)]
pub struct JoinInput {
    /// Its columns.
    pub schema: SchemaRef,
    /// Its part of each equality, over its columns.
    pub keys: Vec<Expr>,
    /// What the condition demands of this side alone. A row that fails it matches nothing.
    pub filter: Option<Expr>,
    /// The column that late rows are told by: a timestamp or a window, whose end counts.
    pub event_time: Option<usize>,
    /// What ends the stay of a row; `None`: nothing.
    pub state_time: Option<StateTime>,
}

/// What a join of two streams computes.
#[derive(Debug, Clone)]
pub struct StreamJoinSpec {
    /// Inner, left, right or full outer, or left semi.
    pub join_type: JoinType,
    /// Left and right.
    pub inputs: [JoinInput; SIDES],
    /// For each equality, whether null equals null.
    pub null_safe: Vec<bool>,
    /// The rest of the condition, over left then right columns.
    pub residual: Option<Expr>,
    /// What the condition says of the time of a right row less that of a left one, each the time of [`JoinInput::state_time`], in
    /// microseconds: at least, at most. May be wider than the condition.
    pub distance_us: (Option<i64>, Option<i64>),
    /// The columns that come out, by index into left then right columns.
    pub output: Vec<usize>,
}

/// How the rows of a side are kept.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The columns that are kept: some of the side's, then keys that are computed.
    pub(crate) schema: SchemaRef,
    /// Which of the side's columns are kept, and first.
    pub(crate) columns: Vec<usize>,
    /// Where the keys are among the columns kept.
    pub(crate) keys: Vec<usize>,
    /// Where the time is that ends a row.
    time: Option<usize>,
    /// Whether rows must know if they have found a partner.
    pub(crate) is_marked: bool,
    /// Whether rows that have found a partner are done with.
    pub(crate) drops_matched: bool,
}

impl Layout {
    fn new(
        input: &JoinInput,
        needed: &BTreeSet<usize>,
        is_marked: bool,
        drops_matched: bool,
    ) -> Layout {
        let mut columns = needed.clone();
        columns.extend(input.keys.iter().filter_map(column_of));
        if let Some(StateTime::Column { column, .. }) = input.state_time {
            columns.insert(column);
        }
        let columns: Vec<usize> = columns.into_iter().collect();
        let mut fields: Vec<Field> = columns
            .iter()
            .filter_map(|column| input.schema.fields().get(*column))
            .map(|field| field.as_ref().clone().with_nullable(true))
            .collect();
        let place = |column: usize| columns.iter().position(|kept| *kept == column);
        let mut keys = Vec::with_capacity(input.keys.len());
        for (number, key) in input.keys.iter().enumerate() {
            let kept = column_of(key).and_then(place);
            keys.push(kept.unwrap_or(fields.len()));
            if kept.is_none() {
                fields.push(Field::new(
                    format!("key{number}"),
                    key.data_type.clone(),
                    true,
                ));
            }
        }
        let time = match input.state_time {
            Some(StateTime::Key(key)) => keys.get(key).copied(),
            Some(StateTime::Column { column, .. }) => place(column),
            None => None,
        };
        Layout {
            schema: Arc::new(Schema::new(fields)),
            columns,
            keys,
            time,
            is_marked,
            drops_matched,
        }
    }

    /// Whether a time ends rows.
    pub(crate) fn is_timed(&self) -> bool {
        self.time.is_some()
    }

    /// When each row ends, in microseconds, and which rows have no such time.
    pub(crate) fn times(
        &self,
        rows: &RecordBatch,
    ) -> Result<(ScalarBuffer<i64>, Option<NullBuffer>)> {
        let column = self.time.and_then(|time| rows.columns().get(time));
        column
            .and_then(times_of)
            .ok_or_else(|| Error::internal("what ends the rows of a join is not a time"))
    }

    /// The key columns of rows that are kept.
    pub(crate) fn key_columns(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        let column = |key: &usize| rows.columns().get(*key).cloned();
        self.keys.iter().filter_map(column).collect()
    }

    /// Where this column of the side is kept.
    fn place(&self, column: usize) -> Option<usize> {
        self.columns.iter().position(|kept| *kept == column)
    }
}

fn column_of(key: &Expr) -> Option<usize> {
    match key.kind {
        ExprKind::Column(column) => Some(column),
        _ => None,
    }
}

/// A column of pairs: which side has it, and where it is among the columns kept of that side.
pub(crate) type PairColumn = (usize, usize);

/// A condition on pairs.
#[derive(Debug)]
pub(crate) struct Residual {
    /// Over `columns`.
    pub(crate) condition: Expr,
    pub(crate) columns: Vec<PairColumn>,
    pub(crate) schema: SchemaRef,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) join_type: JoinType,
    pub(crate) inputs: [JoinInput; SIDES],
    pub(crate) layouts: [Arc<Layout>; SIDES],
    /// For each key, whether rows where it is null can match.
    pub(crate) null_matches: Vec<bool>,
    pub(crate) residual: Option<Residual>,
    pub(crate) distance_us: (Option<i64>, Option<i64>),
    /// Where the output's columns are.
    pub(crate) output: Vec<PairColumn>,
    /// The same by the columns of the inputs.
    output_of_inputs: Vec<PairColumn>,
    pub(crate) output_schema: SchemaRef,
}

impl Definition {
    #[expect(
        clippy::too_many_lines,
        reason = "the parts of a definition, each made once"
    )]
    pub(crate) fn new(spec: StreamJoinSpec) -> Result<Definition> {
        check(&spec)?;
        let join_type = spec.join_type;
        let width = spec.inputs[0].schema.fields().len();
        let by_side = |column: usize| match column.checked_sub(width) {
            None => (0, column),
            Some(column) => (1, column),
        };
        let residual_columns: BTreeSet<usize> =
            spec.residual.iter().flat_map(Expr::columns).collect();
        let needed = |side: usize| -> BTreeSet<usize> {
            let all = spec.output.iter().chain(&residual_columns);
            let all = all.map(|column| by_side(*column));
            all.filter(|(of, _)| *of == side)
                .map(|(_, column)| column)
                .collect()
        };
        let is_semi = join_type == JoinType::LeftSemi;
        let [left, right] = &spec.inputs;
        let layouts = [
            Arc::new(Layout::new(
                left,
                &needed(0),
                preserves(join_type, 0) || is_semi,
                is_semi,
            )),
            Arc::new(Layout::new(
                right,
                &needed(1),
                preserves(join_type, 1),
                false,
            )),
        ];
        let place = |column: &usize| -> Result<PairColumn> {
            let (side, column) = by_side(*column);
            let layout = layouts.get(side);
            let place = layout.and_then(|layout| layout.place(column));
            Ok((
                side,
                place.ok_or_else(|| Error::internal("a column of a join is not kept"))?,
            ))
        };
        let output = spec.output.iter().map(place).collect::<Result<Vec<_>>>()?;
        let residual = match &spec.residual {
            None => None,
            Some(residual) => {
                let columns = residual_columns
                    .iter()
                    .map(place)
                    .collect::<Result<Vec<_>>>()?;
                let position = |column: usize| residual_columns.range(..column).count();
                Some(Residual {
                    condition: residual.remap_columns(columns.len(), &position),
                    schema: pair_schema(&columns, &layouts),
                    columns,
                })
            }
        };
        // What each side's fields say of null, and that a partner may be missing.
        let output_of_inputs: Vec<PairColumn> = spec.output.iter().map(|c| by_side(*c)).collect();
        let output_schema = output_schema(&spec, &output_of_inputs);
        Ok(Definition {
            join_type,
            layouts,
            null_matches: spec
                .null_safe
                .iter()
                .map(|is_null_safe| *is_null_safe || join_type == JoinType::FullOuter)
                .collect(),
            residual,
            distance_us: spec.distance_us,
            output,
            output_of_inputs,
            output_schema,
            inputs: spec.inputs,
        })
    }

    /// Whether rows of this side come out even without a partner.
    pub(crate) fn preserves(&self, side: usize) -> bool {
        preserves(self.join_type, side)
    }

    /// The layout of a side.
    pub(crate) fn layout(&self, side: usize) -> &Arc<Layout> {
        let [left, right] = &self.layouts;
        if side == 0 { left } else { right }
    }

    pub(crate) fn input(&self, side: usize) -> &JoinInput {
        let [left, right] = &self.inputs;
        if side == 0 { left } else { right }
    }

    /// Whether time ends the rows of a side.
    pub(crate) fn is_bounded(&self) -> bool {
        self.layouts.iter().any(|layout| layout.is_timed())
    }

    /// Up to which time the rows of a side are over, if the watermark is `watermark`.
    pub(crate) fn ended_ms(&self, side: usize, watermark: Timestamp) -> Option<Timestamp> {
        match self.input(side).state_time? {
            StateTime::Key(_) => Some(watermark),
            StateTime::Column { bound, .. } => {
                Some(Timestamp(bound.at(watermark.as_micros()) / 1_000))
            }
        }
    }

    /// Rows of one side, as they are kept or as they came in, with nulls for the other.
    pub(crate) fn padded(
        &self,
        side: usize,
        rows: &RecordBatch,
        are_kept: bool,
    ) -> Result<RecordBatch> {
        let columns = if are_kept {
            &self.output
        } else {
            &self.output_of_inputs
        };
        let fields = self.output_schema.fields().iter();
        let columns = columns
            .iter()
            .zip(fields)
            .map(|((of, column), field)| match rows.columns().get(*column) {
                Some(column) if *of == side => Arc::clone(column),
                _ => new_null_array(field.data_type(), rows.num_rows()),
            })
            .collect();
        self.batch(columns, rows.num_rows())
    }

    /// Output columns as a batch.
    pub(crate) fn batch(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::clone(&self.output_schema);
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }

    /// Types count, names do not.
    pub(crate) fn fingerprint(&self) -> String {
        let side = |side: usize| {
            let layout = self.layout(side);
            let types: Vec<String> = layout
                .schema
                .fields()
                .iter()
                .map(|field| simple_string(field.data_type()))
                .collect();
            format!("[{}] keys={:?}", types.join(", "), layout.keys)
        };
        format!(
            "join type={:?} left={} right={}",
            self.join_type,
            side(0),
            side(1)
        )
    }
}

fn check(spec: &StreamJoinSpec) -> Result<()> {
    if matches!(spec.join_type, JoinType::LeftAnti | JoinType::Cross) {
        return Err(Error::internal("two streams cannot be joined like this"));
    }
    let keys = spec.inputs.iter().flat_map(|input| &input.keys);
    match keys.into_iter().find(|key| !is_key_type(&key.data_type)) {
        None => Ok(()),
        Some(key) => Err(Error::invalid(format!(
            "streams cannot be joined on values of this type. type=`{}`",
            key.data_type
        ))
        .with_condition("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
        .with_span(key.span)),
    }
}

fn preserves(join_type: JoinType, side: usize) -> bool {
    match join_type {
        JoinType::LeftOuter => side == 0,
        JoinType::RightOuter => side == 1,
        JoinType::FullOuter => true,
        JoinType::Inner | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::Cross => false,
    }
}

fn output_schema(spec: &StreamJoinSpec, columns: &[PairColumn]) -> SchemaRef {
    let field = |(side, column): &PairColumn| -> Option<Field> {
        let field = spec.inputs.get(*side)?.schema.fields().get(*column)?;
        let may_be_missing = preserves(spec.join_type, 1 - *side);
        let is_nullable = field.is_nullable() || may_be_missing;
        Some(field.as_ref().clone().with_nullable(is_nullable))
    };
    Arc::new(Schema::new(
        columns.iter().filter_map(field).collect::<Vec<_>>(),
    ))
}

/// The fields of columns that are kept.
fn pair_schema(columns: &[PairColumn], layouts: &[Arc<Layout>; SIDES]) -> SchemaRef {
    let field = |(side, column): &PairColumn| {
        let fields = layouts.get(*side)?.schema.fields();
        fields.get(*column).cloned()
    };
    Arc::new(Schema::new(
        columns.iter().filter_map(field).collect::<Vec<_>>(),
    ))
}
