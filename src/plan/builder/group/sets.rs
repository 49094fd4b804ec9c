//! `ROLLUP`, `CUBE` and `GROUPING SETS`.
//!
//! Each row comes once per grouping set, with the keys that the set lacks replaced by null, and with the grouping id: bit `i`, counted from
//! the last key, is 1 where key `i` is lacking. A set that is listed twice gives its groups twice, told apart by one more
//! hidden key. The columns of the input stay, so that aggregates see them as they are.

use crate::analyze::null_of;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::plan::builder::{Output, node};
use crate::plan::{Column, LogicalPlan, PlanNode};
use crate::types::TypeUnits;
use arrow::array::Int64Array;
use arrow::datatypes::DataType;
use std::sync::Arc;

/// The most grouping sets one query may have; each multiplies its rows.
const MAX_SETS: usize = 4_096;

/// All prefixes, the longest first.
pub(super) fn rollup(lists: &[Vec<usize>]) -> Vec<Vec<usize>> {
    (0..=lists.len())
        .rev()
        .map(|length| lists.iter().take(length).flatten().copied().collect())
        .collect()
}

/// All subsets, the largest first.
pub(super) fn cube(lists: &[Vec<usize>]) -> Result<Vec<Vec<usize>>> {
    let mut sets: Vec<Vec<usize>> = vec![vec![]];
    for list in lists {
        check_count(sets.len() * 2)?;
        let with = sets
            .iter()
            .map(|set| set.iter().chain(list).copied().collect());
        sets = with
            .collect::<Vec<_>>()
            .into_iter()
            .chain(sets.clone())
            .collect();
    }
    Ok(sets)
}

/// Each set of the left with each of the right.
pub(super) fn product(left: &[Vec<usize>], right: &[Vec<usize>]) -> Result<Vec<Vec<usize>>> {
    check_count(left.len() * right.len())?;
    let pair = |left: &Vec<usize>, right: &Vec<usize>| {
        let mut set = left.clone();
        set.extend(right.iter().filter(|key| !left.contains(key)));
        set
    };
    Ok(left
        .iter()
        .flat_map(|left| right.iter().map(move |right| pair(left, right)))
        .collect())
}

fn check_count(count: usize) -> Result<()> {
    if count > MAX_SETS {
        return Err(Error::invalid(format!(
            "there are too many grouping sets. sets=`{count}`, limit=`{MAX_SETS}`"
        )));
    }
    Ok(())
}

/// Each row once per set: the columns of the input, the keys, the grouping id and, if a set comes twice, the set's position.
pub(super) fn expand(
    input: &Arc<LogicalPlan>,
    keys: &[Output],
    sets: &[Vec<usize>],
) -> Arc<LogicalPlan> {
    let has_repeated = sets
        .iter()
        .enumerate()
        .any(|(position, set)| sets.iter().take(position).any(|other| is_same(set, other)));
    let mut columns = input.schema.columns.clone();
    let own: Vec<Expr> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| column.expr(index))
        .collect();
    columns.extend(keys.iter().enumerate().map(|(index, key)| Column {
        is_nullable: key.column.is_nullable || sets.iter().any(|set| !set.contains(&index)),
        ..key.column.clone()
    }));
    columns.push(hidden("spark_grouping_id"));
    if has_repeated {
        columns.push(hidden("_gen_grouping_pos"));
    }
    let projections = sets
        .iter()
        .enumerate()
        .map(|(position, set)| {
            let mut projection = own.clone();
            projection.extend(keys.iter().enumerate().map(|(index, key)| {
                if set.contains(&index) {
                    key.expr.clone()
                } else {
                    null_of(&key.column.data_type).with_units(key.column.units.clone())
                }
            }));
            projection.push(bigint(grouping_id(set, keys.len())));
            if has_repeated {
                projection.push(bigint(i64::try_from(position).unwrap_or(i64::MAX)));
            }
            projection
        })
        .collect();
    let expand = PlanNode::Expand {
        input: Arc::clone(input),
        projections,
    };
    node(expand, columns)
}

fn is_same(left: &[usize], right: &[usize]) -> bool {
    left.iter().all(|key| right.contains(key)) && right.iter().all(|key| left.contains(key))
}

/// A bit per key, the first key's highest: 1 where the set lacks it.
fn grouping_id(set: &[usize], keys: usize) -> i64 {
    (0..keys).fold(0, |id, key| (id << 1) | i64::from(!set.contains(&key)))
}

fn hidden(name: &str) -> Column {
    Column {
        qualifier: None,
        name: name.to_owned(),
        data_type: DataType::Int64,
        units: TypeUnits::default(),
        is_nullable: false,
        event_time: None,
    }
}

fn bigint(value: i64) -> Expr {
    Expr::literal(Arc::new(Int64Array::from(vec![value])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollup_has_all_prefixes_and_a_cube_all_subsets() {
        let keys = [vec![0], vec![1, 2]];
        assert_eq!(rollup(&keys), [vec![0, 1, 2], vec![0], vec![]]);
        assert_eq!(
            cube(&keys).unwrap(),
            [vec![0, 1, 2], vec![1, 2], vec![0], vec![]]
        );
        assert_eq!(
            product(&[vec![0]], &[vec![1], vec![0]]).unwrap(),
            [vec![0, 1], vec![0]]
        );
    }

    #[test]
    fn the_first_key_is_the_highest_bit_of_the_grouping_id() {
        assert_eq!(grouping_id(&[0, 1], 2), 0);
        assert_eq!(grouping_id(&[0], 2), 1);
        assert_eq!(grouping_id(&[1], 2), 2);
        assert_eq!(grouping_id(&[], 2), 3);
    }
}
