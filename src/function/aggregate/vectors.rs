//! `vector_sum` and `vector_avg`: arrays of floats of one length, folded element by element in single precision, as in Spark. Arrays that are
//! null or hold a null do not count.
//!
//! What is saved is the count (8 little-endian bytes), then the elements (4 each): sums, or means so far.

use super::Definition;
use super::fold::{Fold, FoldAccumulator, FoldRows, damaged};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::Signature;
use crate::function::signature::{argument, count_arguments};
use crate::function::vector::{dimension_mismatch, floats, require_vector, vector_type};
use arrow::array::{ArrayRef, AsArray, Float32Array, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use std::sync::Arc;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "vector_sum",
        usage: "vector_sum(vector)",
        description: "The sum of vectors (arrays of floats of one length), element by element.",
        example: "SELECT vector_sum(v) FROM VALUES (array(1.0F, 2.0F)), (array(3.0F, 4.0F)) AS t(v)",
        resolve,
        accumulator: |_, _| Ok(FoldAccumulator::boxed(Vectors::Sum)),
    },
    Definition {
        name: "vector_avg",
        usage: "vector_avg(vector)",
        description: "The mean of vectors (arrays of floats of one length), element by element.",
        example: "SELECT vector_avg(v) FROM VALUES (array(1.0F, 2.0F)), (array(3.0F, 4.0F)) AS t(v)",
        resolve,
        accumulator: |_, _| Ok(FoldAccumulator::boxed(Vectors::Mean)),
    },
];

fn resolve(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 1, 1)?;
    require_vector(name, argument(name, arguments, 0)?, 0)?;
    Ok(Signature {
        arguments: vec![vector_type()],
        returns: vector_type(),
        is_nullable: true,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vectors {
    Sum,
    Mean,
}

/// Sums or means, of how many vectors; `None` of none.
#[derive(Debug, Default)]
struct Folded {
    count: i64,
    elements: Vec<f32>,
}

impl Vectors {
    fn name(self) -> &'static str {
        match self {
            Vectors::Sum => "vector_sum",
            Vectors::Mean => "vector_avg",
        }
    }

    /// Makes room for vectors of this length, the same as before.
    fn check(self, folded: &mut Folded, length: usize) -> Result<()> {
        if folded.count == 0 {
            folded.elements = vec![0.0; length];
        } else if folded.elements.len() != length {
            return Err(dimension_mismatch(
                self.name(),
                folded.elements.len(),
                length,
            ));
        }
        Ok(())
    }
}

impl Fold for Vectors {
    type State = Folded;

    fn create(&self) -> Result<Folded> {
        Ok(Folded::default())
    }

    fn update(&self, arguments: &[ArrayRef], rows: &mut FoldRows<'_, Self>) -> Result<()> {
        let Some(column) = arguments.first() else {
            return Err(Error::internal("a sum of vectors is that of a column"));
        };
        let vectors = column.as_list::<i32>();
        let counted = rows.counted(std::slice::from_ref(column));
        rows.each(counted.as_ref(), |row, folded| {
            let Some(vector) = floats(vectors, row) else {
                return Ok(());
            };
            self.check(folded, vector.len())?;
            folded.count += 1;
            #[expect(
                clippy::cast_precision_loss,
                reason = "Spark counts in single precision too"
            )]
            let count = folded.count as f32;
            for (element, value) in folded.elements.iter_mut().zip(vector.values()) {
                match self {
                    Vectors::Sum => *element += value,
                    Vectors::Mean => *element += (value - *element) / count,
                }
            }
            Ok(())
        })
    }

    fn merge(&self, folded: &mut Folded, bytes: &[u8]) -> Result<()> {
        let Some((count, elements)) = bytes.split_first_chunk::<8>() else {
            return Err(damaged(self.name()));
        };
        let count = i64::from_le_bytes(*count);
        let (elements, rest) = elements.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(damaged(self.name()));
        }
        if count == 0 {
            return Ok(());
        }
        self.check(folded, elements.len())?;
        let total = folded.count + count;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "a share of the rows"
        )]
        let share = (count as f64 / total as f64) as f32;
        for (element, other) in folded.elements.iter_mut().zip(elements) {
            let other = f32::from_le_bytes(*other);
            match self {
                Vectors::Sum => *element += other,
                // The first part is taken as it is.
                Vectors::Mean if folded.count == 0 => *element = other,
                Vectors::Mean => *element += (other - *element) * share,
            }
        }
        folded.count = total;
        Ok(())
    }

    fn save(&self, folded: &Folded) -> Result<Vec<u8>> {
        let mut bytes = folded.count.to_le_bytes().to_vec();
        bytes.extend(folded.elements.iter().flat_map(|value| value.to_le_bytes()));
        Ok(bytes)
    }

    fn finish(&self, states: &[Option<&Folded>]) -> Result<ArrayRef> {
        let seen = |state: Option<&Folded>| state.is_some_and(|folded| folded.count > 0);
        let elements = states
            .iter()
            .copied()
            .flatten()
            .flat_map(|folded| folded.elements.iter().copied());
        let lengths = states
            .iter()
            .map(|state| state.map_or(0, |folded| folded.elements.len()));
        let nulls: NullBuffer = states.iter().copied().map(seen).collect::<Vec<_>>().into();
        Ok(Arc::new(ListArray::try_new(
            crate::types::list_field(DataType::Float32),
            OffsetBuffer::from_lengths(lengths),
            Arc::new(Float32Array::from_iter_values(elements)),
            Some(nulls),
        )?))
    }

    fn memory_bytes(&self, folded: &Folded) -> usize {
        folded.elements.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Array;
    use arrow::datatypes::Float32Type;

    fn vectors(rows: Vec<Option<Vec<Option<f32>>>>) -> ArrayRef {
        Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(rows))
    }

    fn result(fold: Vectors, pieces: &[ArrayRef]) -> Result<ArrayRef> {
        let mut merged = FoldAccumulator::boxed(fold);
        merged.resize(1);
        for piece in pieces {
            let mut part = FoldAccumulator::boxed(fold);
            part.resize(1);
            part.update(std::slice::from_ref(piece), &vec![0; piece.len()], None)?;
            merged.merge(&part.state(&[0])?, &[0])?;
        }
        merged.finish(&[0])
    }

    #[test]
    fn vectors_with_nulls_do_not_count_and_nothing_gives_null() {
        let piece = vectors(vec![
            Some(vec![Some(1.0), None]),
            None,
            Some(vec![Some(3.0), Some(4.0)]),
        ]);
        let expected = vectors(vec![Some(vec![Some(3.0), Some(4.0)])]);
        for fold in [Vectors::Sum, Vectors::Mean] {
            let pieces = [piece.clone(), piece.slice(0, 2)];
            assert_eq!(&result(fold, &pieces).unwrap(), &expected);
            assert!(result(fold, &[piece.slice(0, 2)]).unwrap().is_null(0));
        }
    }

    #[test]
    fn merged_means_are_weighted_by_their_counts() {
        let many = vectors(vec![Some(vec![Some(2.0)]); 3]);
        let one = vectors(vec![Some(vec![Some(6.0)])]);
        let expected = vectors(vec![Some(vec![Some(3.0)])]);
        let mean = result(Vectors::Mean, &[many.clone(), one.clone()]).unwrap();
        assert_eq!(&mean, &expected);
        assert_eq!(&result(Vectors::Mean, &[one, many]).unwrap(), &expected);
    }

    #[test]
    fn vectors_of_different_lengths_are_an_error() {
        let short = vectors(vec![Some(vec![Some(2.0)])]);
        let long = vectors(vec![Some(vec![Some(2.0), Some(1.0)])]);
        let error = result(Vectors::Sum, &[short, long]).unwrap_err();
        assert_eq!(error.condition(), Some("VECTOR_DIMENSION_MISMATCH"));
    }
}
