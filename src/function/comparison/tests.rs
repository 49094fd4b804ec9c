use super::*;
use crate::batch::{BatchContext, Timestamp};
use arrow::array::{AsArray, Float64Array, Int64Array, ListArray, StringArray, StructArray};
use arrow::datatypes::{Field, Float64Type, Int64Type};

fn run(name: &str, arguments: &[Value], rows: usize, returns: &DataType) -> ArrayRef {
    let function = functions()
        .into_iter()
        .find(|function| function.name == name)
        .unwrap();
    let context = BatchContext::one_shot(Timestamp(0), "UTC");
    (function.kernel)(&Call {
        arguments,
        lambdas: &[],
        input: None,
        rows,
        returns,
        context: &context,
    })
    .unwrap()
}

fn holds(name: &str, left: &ArrayRef, right: &ArrayRef) -> Vec<Option<bool>> {
    let arguments = [
        Value::Array(Arc::clone(left)),
        Value::Array(Arc::clone(right)),
    ];
    let result = run(name, &arguments, left.len(), &DataType::Boolean);
    result.as_boolean().iter().collect()
}

fn doubles(values: Vec<Option<f64>>) -> ArrayRef {
    Arc::new(Float64Array::from(values))
}

#[test]
fn nan_is_the_greatest_and_the_two_zeros_are_equal() {
    let left = doubles(vec![Some(f64::NAN), Some(-0.0), Some(1.0), None]);
    let right = doubles(vec![Some(-f64::NAN), Some(0.0), Some(f64::NAN), Some(1.0)]);
    let some = |values: [bool; 3]| {
        values
            .map(Some)
            .into_iter()
            .chain([None])
            .collect::<Vec<_>>()
    };
    assert_eq!(holds("=", &left, &right), some([true, true, false]));
    assert_eq!(holds("<>", &left, &right), some([false, false, true]));
    assert_eq!(holds("<", &left, &right), some([false, false, true]));
    assert_eq!(holds(">=", &left, &right), some([true, true, false]));
    assert_eq!(
        holds("<=>", &left, &right),
        vec![Some(true), Some(true), Some(false), Some(false)]
    );
}

#[test]
fn constants_compare_with_columns_on_either_side() {
    let column = Value::Array(doubles(vec![Some(1.0), None, Some(f64::NAN)]));
    let constant = Value::Scalar(doubles(vec![Some(1.0)]));
    let result = run(
        "<",
        &[constant.clone(), column.clone()],
        3,
        &DataType::Boolean,
    );
    assert_eq!(
        result.as_boolean(),
        &BooleanArray::from(vec![Some(false), None, Some(true)])
    );
    let result = run("=", &[column, constant], 3, &DataType::Boolean);
    assert_eq!(
        result.as_boolean(),
        &BooleanArray::from(vec![Some(true), None, Some(false)])
    );
}

#[test]
fn arrays_and_structs_compare_part_by_part_with_null_first() {
    let lists = |rows: Vec<Option<Vec<Option<f64>>>>| -> ArrayRef {
        Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(rows))
    };
    let left = lists(vec![
        Some(vec![Some(1.0), None]),
        Some(vec![Some(-0.0)]),
        None,
        Some(vec![Some(1.0)]),
    ]);
    let right = lists(vec![
        Some(vec![Some(1.0), Some(0.0)]),
        Some(vec![Some(0.0)]),
        Some(vec![]),
        Some(vec![Some(1.0), None]),
    ]);
    assert_eq!(
        holds("<", &left, &right),
        vec![Some(true), Some(false), None, Some(true)]
    );
    assert_eq!(
        holds("=", &left, &right),
        vec![Some(false), Some(true), None, Some(false)]
    );
    let structs = |values: Vec<Option<i64>>| -> ArrayRef {
        let field = Arc::new(Field::new("a", DataType::Int64, true));
        let column: ArrayRef = Arc::new(Int64Array::from(values));
        Arc::new(StructArray::from(vec![(field, column)]))
    };
    assert_eq!(
        holds(
            "=",
            &structs(vec![None, Some(1)]),
            &structs(vec![None, Some(2)])
        ),
        vec![Some(true), Some(false)]
    );
}

#[test]
fn greatest_and_least_leave_out_nulls() {
    let longs = |values: Vec<Option<i64>>| Value::Array(Arc::new(Int64Array::from(values)));
    let arguments = [
        longs(vec![Some(1), None, None]),
        Value::Scalar(Arc::new(Int64Array::from(vec![2]))),
        longs(vec![Some(3), Some(-1), None]),
        Value::Scalar(Arc::new(Int64Array::from(vec![None]))),
    ];
    let greatest = run("greatest", &arguments, 3, &DataType::Int64);
    assert_eq!(
        greatest.as_primitive::<Int64Type>(),
        &Int64Array::from(vec![3, 2, 2])
    );
    let least = run("least", &arguments, 3, &DataType::Int64);
    assert_eq!(
        least.as_primitive::<Int64Type>(),
        &Int64Array::from(vec![1, -1, 2])
    );
}

#[test]
fn a_null_constant_is_equal_to_null_only_null_safely() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let null = Value::Scalar(new_null_array(&DataType::Utf8, 1));
    let arguments = [Value::Array(texts), null];
    let equal = run("=", &arguments, 2, &DataType::Boolean);
    assert_eq!(equal.null_count(), 2);
    let safe = run("<=>", &arguments, 2, &DataType::Boolean);
    assert_eq!(safe.as_boolean(), &BooleanArray::from(vec![false, true]));
}

#[test]
fn maps_have_no_order() {
    use crate::types::map_of;
    let map = map_of(DataType::Int32, DataType::Int32);
    let column = Expr::column(0, map, true);
    let error = resolve(&[column.clone(), column]).unwrap_err();
    assert_eq!(
        error.condition(),
        Some("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
    );
}
