//! Joins with a side that is known when the query starts: a hash table over the static side, probed by every slice.
//!
//! Only the columns that come out are copied; the others of a pair are gathered for the residual condition alone, if there is one. Where
//! each probing row has exactly one match, as with a foreign key, the probing columns are not copied at all.
//!
//! The preserved side of an outer join, and the side a semi or anti join keeps, is the probing one; [`HashJoin::unmatched`] adds what
//! a static full or right outer join needs of the other.

use crate::batch::BatchContext;
use crate::error::Result;
use crate::expr::Expr;
use crate::operator::key::{EncodedKeys, KeyIndex};
use crate::plan::JoinType;
use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array, new_null_array};
use arrow::compute::{filter_record_batch, take};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// End of a chain of rows with one key.
const END: u32 = u32::MAX;

/// What happens to probing rows that match nothing, and to those that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    /// Pairs only.
    Pairs,
    /// Pairs, and probing rows without a match, with nulls.
    PairsAndRest,
    /// Probing rows with a match, once.
    Matching,
    /// Probing rows without a match.
    Rest,
}

/// What is joined, and how.
#[derive(Debug, Clone)]
pub(crate) struct JoinSpec {
    pub(crate) join_type: JoinType,
    /// Key expressions over the left columns, over the right columns, and whether null equals null.
    pub(crate) equalities: Vec<(Expr, Expr, bool)>,
    /// Over left then right columns.
    pub(crate) residual: Option<Expr>,
    /// Left then right columns.
    pub(crate) pairs: SchemaRef,
    /// Which of them come out, ascending; left columns only for semi and anti.
    pub(crate) kept: Vec<usize>,
    /// Whether the left side probes and the right side is in the table.
    pub(crate) probes_left: bool,
}

/// A static side with its hash table.
#[derive(Debug)]
pub(crate) struct HashJoin {
    spec: JoinSpec,
    keeps: Keeps,
    /// The columns that come out.
    output: SchemaRef,
    /// Where these are in the probing and in the static rows.
    probing: Vec<usize>,
    building: Vec<usize>,
    build: RecordBatch,
    index: KeyIndex,
    /// First row of each key, and the next row with the same key.
    heads: Vec<u32>,
    next: Vec<u32>,
    /// Which rows of the static side have found a match.
    matched: Vec<AtomicBool>,
}

impl HashJoin {
    /// Builds the table over `build`.
    pub(crate) fn new(
        spec: JoinSpec,
        build: RecordBatch,
        context: &BatchContext,
    ) -> Result<HashJoin> {
        let keys = key_columns(&spec, !spec.probes_left, &build, context)?;
        let usable = usable_rows(&spec, &keys, build.num_rows());
        let encoded = EncodedKeys::new(&keys, build.num_rows())?;
        let mut index = KeyIndex::default();
        let mut heads: Vec<u32> = Vec::new();
        let mut tails: Vec<u32> = Vec::new();
        let mut next = vec![END; build.num_rows()];
        for ((row, key), usable) in (0..).zip(encoded.iter()).zip(&usable) {
            if !usable {
                continue;
            }
            let (slot, is_new) = index.intern(key);
            if is_new {
                heads.push(row);
                tails.push(row);
            } else if let Some(tail) = tails.get_mut(slot as usize) {
                if let Some(link) = next.get_mut(*tail as usize) {
                    *link = row;
                }
                *tail = row;
            }
        }
        let keeps = match (spec.join_type, spec.probes_left) {
            (JoinType::Inner | JoinType::Cross, _)
            | (JoinType::LeftOuter, false)
            | (JoinType::RightOuter, true) => Keeps::Pairs,
            (JoinType::LeftOuter, true)
            | (JoinType::RightOuter, false)
            | (JoinType::FullOuter, _) => Keeps::PairsAndRest,
            (JoinType::LeftSemi, _) => Keeps::Matching,
            (JoinType::LeftAnti, _) => Keeps::Rest,
        };
        let matched = (0..build.num_rows())
            .map(|_| AtomicBool::new(false))
            .collect();
        let (probing, building) = sides_of(&spec, build.num_columns());
        Ok(HashJoin {
            output: Arc::new(spec.pairs.project(&spec.kept)?),
            probing,
            building,
            spec,
            keeps,
            build,
            index,
            heads,
            next,
            matched,
        })
    }

    /// The joined rows of one slice of the probing side.
    pub(crate) fn probe(&self, rows: &RecordBatch, context: &BatchContext) -> Result<RecordBatch> {
        let (mut probing, mut building) = self.candidates(rows, context)?;
        if let Some(residual) = &self.spec.residual {
            let pairs = self.whole_pairs(rows, &probing, &building)?;
            let keep = residual.evaluate_predicate(&pairs, context)?;
            (probing, building) = only(&keep, &probing, &building);
        }
        for row in &building {
            if let Some(matched) = self.matched.get(*row as usize) {
                matched.store(true, Ordering::Relaxed);
            }
        }
        match self.keeps {
            Keeps::Pairs => self.pairs(rows, probing, building),
            Keeps::PairsAndRest => self.pairs_and_rest(rows, probing, building),
            Keeps::Matching => select(&rows.project(&self.probing)?, &probing, true),
            Keeps::Rest => select(&rows.project(&self.probing)?, &probing, false),
        }
    }

    /// Static rows that no slice has matched, with nulls on the probing side.
    pub(crate) fn unmatched(&self) -> Result<RecordBatch> {
        let rows: UInt32Array = (0..)
            .zip(&self.matched)
            .filter(|(_, matched)| !matched.load(Ordering::Relaxed))
            .map(|(row, _)| row)
            .collect::<Vec<u32>>()
            .into();
        let offset = if self.spec.probes_left {
            0
        } else {
            self.build.num_columns()
        };
        let fields = self.spec.pairs.fields();
        let nulls = self.probing.iter();
        let nulls = nulls
            .filter_map(|column| fields.get(offset + column))
            .map(|field| new_null_array(field.data_type(), rows.len()))
            .collect();
        let building = taken(&self.build, &self.building, &rows)?;
        self.joined(nulls, building, rows.len(), &self.output)
    }

    /// Pairs of rows whose keys are equal.
    fn candidates(
        &self,
        rows: &RecordBatch,
        context: &BatchContext,
    ) -> Result<(Vec<u32>, Vec<u32>)> {
        let keys = key_columns(&self.spec, self.spec.probes_left, rows, context)?;
        let usable = usable_rows(&self.spec, &keys, rows.num_rows());
        let encoded = EncodedKeys::new(&keys, rows.num_rows())?;
        let mut probing = Vec::with_capacity(rows.num_rows());
        let mut building = Vec::with_capacity(rows.num_rows());
        for ((row, key), usable) in (0_u32..).zip(encoded.iter()).zip(&usable) {
            let slot = if *usable { self.index.find(key) } else { None };
            let mut found = slot.and_then(|slot| self.heads.get(slot as usize).copied());
            while let Some(other) = found.filter(|other| *other != END) {
                probing.push(row);
                building.push(other);
                found = self.next.get(other as usize).copied();
            }
        }
        Ok((probing, building))
    }

    /// Pairs with all their columns.
    fn whole_pairs(
        &self,
        rows: &RecordBatch,
        probing: &[u32],
        building: &[u32],
    ) -> Result<RecordBatch> {
        let all = |rows: &RecordBatch| (0..rows.num_columns()).collect::<Vec<_>>();
        let left = taken(rows, &all(rows), &probing.to_vec().into())?;
        let right = taken(&self.build, &all(&self.build), &building.to_vec().into())?;
        self.joined(left, right, probing.len(), &self.spec.pairs)
    }

    fn pairs(
        &self,
        rows: &RecordBatch,
        probing: Vec<u32>,
        building: Vec<u32>,
    ) -> Result<RecordBatch> {
        let length = probing.len();
        let is_each_once =
            length == rows.num_rows() && (0..).zip(&probing).all(|(row, at)| row == *at);
        let left = if is_each_once {
            rows.project(&self.probing)?.columns().to_vec()
        } else {
            taken(rows, &self.probing, &probing.into())?
        };
        let right = taken(&self.build, &self.building, &building.into())?;
        self.joined(left, right, length, &self.output)
    }

    fn pairs_and_rest(
        &self,
        rows: &RecordBatch,
        mut probing: Vec<u32>,
        building: Vec<u32>,
    ) -> Result<RecordBatch> {
        let rest = rest_of(rows.num_rows(), &probing);
        let mut building: Vec<Option<u32>> = building.into_iter().map(Some).collect();
        building.resize(building.len() + rest.len(), None);
        probing.extend(rest);
        let length = probing.len();
        let left = taken(rows, &self.probing, &probing.into())?;
        let right = taken(&self.build, &self.building, &building.into())?;
        self.joined(left, right, length, &self.output)
    }

    /// Puts the probing and the static columns in left-right order.
    fn joined(
        &self,
        probing: Vec<ArrayRef>,
        building: Vec<ArrayRef>,
        rows: usize,
        schema: &SchemaRef,
    ) -> Result<RecordBatch> {
        let (mut columns, right) = if self.spec.probes_left {
            (probing, building)
        } else {
            (building, probing)
        };
        columns.extend(right);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(schema),
            columns,
            &options,
        )?)
    }
}

/// Where the columns that come out are in the probing rows, and in the static rows, which have `build_width` columns.
fn sides_of(spec: &JoinSpec, build_width: usize) -> (Vec<usize>, Vec<usize>) {
    let probe_width = spec.pairs.fields().len() - build_width;
    let left_width = if spec.probes_left {
        probe_width
    } else {
        build_width
    };
    let (left, right): (Vec<usize>, Vec<usize>) =
        spec.kept.iter().partition(|column| **column < left_width);
    let right = right.iter().map(|column| column - left_width).collect();
    if spec.probes_left {
        (left, right)
    } else {
        (right, left)
    }
}

/// These columns of these rows.
fn taken(rows: &RecordBatch, columns: &[usize], indices: &UInt32Array) -> Result<Vec<ArrayRef>> {
    rows.project(columns)?
        .columns()
        .iter()
        .map(|column| Ok(take(column, indices, None)?))
        .collect()
}

fn only(keep: &BooleanArray, probing: &[u32], building: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let is_true = |row: usize| keep.is_valid(row) && keep.value(row);
    let pairs = probing.iter().zip(building).enumerate();
    pairs
        .filter(|(row, _)| is_true(*row))
        .map(|(_, (probing, building))| (*probing, *building))
        .unzip()
}

/// The rows that `found` does not name; `found` ascends.
fn rest_of(rows: usize, found: &[u32]) -> Vec<u32> {
    let mut is_found = vec![false; rows];
    for row in found {
        if let Some(is_found) = is_found.get_mut(*row as usize) {
            *is_found = true;
        }
    }
    (0..)
        .zip(is_found)
        .filter(|(_, is_found)| !is_found)
        .map(|(row, _)| row)
        .collect()
}

fn select(rows: &RecordBatch, found: &[u32], wanted: bool) -> Result<RecordBatch> {
    let mut keep = vec![!wanted; rows.num_rows()];
    for row in found {
        if let Some(keep) = keep.get_mut(*row as usize) {
            *keep = wanted;
        }
    }
    Ok(filter_record_batch(rows, &BooleanArray::from(keep))?)
}

fn key_columns(
    spec: &JoinSpec,
    is_left: bool,
    rows: &RecordBatch,
    context: &BatchContext,
) -> Result<Vec<ArrayRef>> {
    spec.equalities
        .iter()
        .map(|(left, right, _)| if is_left { left } else { right }.evaluate_array(rows, context))
        .collect()
}

/// Which rows can match at all: null equals null only under `<=>`.
fn usable_rows(spec: &JoinSpec, keys: &[ArrayRef], rows: usize) -> Vec<bool> {
    let mut usable = vec![true; rows];
    for (key, (_, _, is_null_safe)) in keys.iter().zip(&spec.equalities) {
        if let (false, Some(nulls)) = (is_null_safe, key.logical_nulls()) {
            usable
                .iter_mut()
                .zip(nulls.iter())
                .for_each(|(usable, valid)| *usable &= valid);
        }
    }
    usable
}

#[cfg(test)]
mod tests;
