use super::*;
use crate::expr::Expr;
use crate::function::registry;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray,
    StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Float64Type};
use proptest::prelude::*;

/// How many groups the tests have; the last one stays empty.
const GROUPS: u32 = 4;

fn all_groups() -> Vec<u32> {
    (0..GROUPS).collect()
}

/// A call of an aggregate on columns of these types, with constants after them.
struct Case {
    name: &'static str,
    columns: Vec<DataType>,
    constants: Vec<ArrayRef>,
}

impl Case {
    fn new(name: &'static str, columns: &[DataType]) -> Case {
        Case {
            name,
            columns: columns.to_vec(),
            constants: Vec::new(),
        }
    }

    fn with(mut self, constant: ArrayRef) -> Case {
        self.constants.push(constant);
        self
    }

    fn arguments(&self) -> Vec<Expr> {
        let columns = self.columns.iter().enumerate();
        columns
            .map(|(index, data_type)| Expr::column(index, data_type.clone(), true))
            .chain(
                self.constants
                    .iter()
                    .map(|value| Expr::literal(value.clone())),
            )
            .collect()
    }

    /// The arguments as the type rule wants them, and an accumulator.
    fn resolved(&self) -> (Signature, Box<dyn Accumulator>) {
        let function = registry::aggregate(self.name).unwrap();
        let mut arguments = self.arguments();
        let signature = function.resolve(&arguments).unwrap();
        for (argument, wanted) in arguments.iter_mut().zip(&signature.arguments) {
            argument.data_type = wanted.clone();
        }
        let mut accumulator = function.accumulator(&arguments, &signature).unwrap();
        accumulator.resize(GROUPS as usize);
        (signature, accumulator)
    }
}

/// Every aggregate with the types of columns that differ in how they are kept.
#[expect(clippy::too_many_lines, reason = "a list, an entry each")]
fn cases() -> Vec<Case> {
    use DataType::{Boolean, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Utf8};
    let point = DataType::Struct(Fields::from(vec![Field::new("x", Int64, true)]));
    let mut cases = vec![
        Case::new("count", &[Int64]),
        Case::new("count", &[Int64, Utf8]),
        Case::new("count_if", &[Boolean]),
        Case::new("bool_and", &[Boolean]),
        Case::new("bool_or", &[Boolean]),
    ];
    for name in ["sum", "avg", "try_sum", "try_avg"] {
        for column in [Int8, Int32, Int64, Float32, Float64, Decimal128(12, 2)] {
            cases.push(Case::new(name, &[column]));
        }
        cases.push(Case::new(name, &[crate::types::day_time_interval()]));
        cases.push(Case::new(name, &[crate::types::year_month_interval()]));
    }
    for name in ["min", "max", "first", "last", "collect_list", "collect_set"] {
        for column in [
            Int16,
            Int64,
            Float64,
            Utf8,
            Boolean,
            Decimal128(12, 2),
            point.clone(),
        ] {
            cases.push(Case::new(name, &[column]));
        }
    }
    for name in ["first", "last", "any_value"] {
        let ignore_nulls = || Arc::new(BooleanArray::from(vec![true]));
        cases.push(Case::new(name, &[Utf8]).with(ignore_nulls()));
        cases.push(Case::new(name, &[Int64]).with(ignore_nulls()));
    }
    for name in ["min_by", "max_by"] {
        cases.push(Case::new(name, &[Utf8, Int64]));
        cases.push(Case::new(name, &[Int64, Utf8]));
        cases.push(Case::new(name, &[point.clone(), Float64]));
    }
    let number = |value: i32| Arc::new(Int32Array::from(vec![value])) as ArrayRef;
    let double = |value: f64| Arc::new(Float64Array::from(vec![value])) as ArrayRef;
    for column in [Int64, Float64, Utf8, Boolean, point.clone()] {
        cases.push(Case::new("approx_count_distinct", &[column]));
    }
    for name in ["percentile", "approx_percentile"] {
        for column in [Int8, Float64, crate::types::day_time_interval()] {
            cases.push(Case::new(name, &[column]).with(double(0.3)));
        }
    }
    for name in ["percentile_cont", "percentile_disc"] {
        let descending = || Arc::new(BooleanArray::from(vec![true]));
        cases.push(Case::new(name, &[Int64]).with(double(0.3)));
        cases.push(
            Case::new(name, &[Int64])
                .with(double(0.3))
                .with(descending()),
        );
    }
    cases.push(Case::new("median", &[Int64]));
    for column in [Int32, Int64, Float64, Utf8] {
        cases.push(Case::new("mode", &[column]));
    }
    for name in ["min_by", "max_by"] {
        cases.push(Case::new(name, &[Int64, Float64]).with(number(3)));
    }
    // More bins than there are different numbers, so that none are merged.
    cases.push(Case::new("histogram_numeric", &[Int64]).with(number(40)));
    for column in [Int64, Utf8] {
        let sketch = Case::new("count_min_sketch", &[column]);
        cases.push(sketch.with(double(0.5)).with(double(0.9)).with(number(7)));
    }
    for name in ["bitmap_or_agg", "bitmap_and_agg"] {
        cases.push(Case::new(name, &[DataType::Binary]));
    }
    let comma = || Arc::new(StringArray::from(vec![", "]));
    cases.push(Case::new("listagg", &[Utf8]));
    cases.push(Case::new("listagg", &[Int64]).with(comma()));
    for name in ["bit_and", "bit_or", "bit_xor"] {
        cases.push(Case::new(name, &[Int8]));
        cases.push(Case::new(name, &[Int64]));
    }
    for name in [
        "var_pop",
        "var_samp",
        "stddev_pop",
        "stddev_samp",
        "skewness",
        "kurtosis",
    ] {
        cases.push(Case::new(name, &[Float64]));
    }
    let pairs = [
        "covar_pop",
        "covar_samp",
        "regr_count",
        "regr_avgx",
        "regr_avgy",
        "regr_r2",
        "regr_sxx",
        "regr_sxy",
        "regr_syy",
        "regr_slope",
        "regr_intercept",
    ];
    for name in pairs {
        cases.push(Case::new(name, &[Float64, Float64]));
    }
    cases
}

#[test]
fn every_aggregate_is_among_the_cases() {
    // `corr` is null on groups without spread, others fail on negative numbers or take arrays: they have tests of their own.
    let others = [
        "corr",
        "bitmap_construct_agg",
        "collect_union",
        "vector_sum",
        "vector_avg",
    ];
    let covered: Vec<&str> = cases().iter().map(|case| case.name).collect();
    for function in functions() {
        let name = function.name();
        assert!(
            others.contains(&name) || covered.contains(&name),
            "`{name}`"
        );
    }
}

/// One row: its group, its values, whether the filter takes it.
type Row = (u32, Option<i8>, Option<i8>, Option<bool>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    // Small numbers, so that there are ties and no overflow; the last group gets no rows.
    let number = || prop::option::weighted(0.8, -4i8..20);
    let row = (
        0..GROUPS - 1,
        number(),
        number(),
        prop::option::of(any::<bool>()),
    );
    prop::collection::vec(row, 0..60)
}

fn column(values: Vec<Option<i8>>, data_type: &DataType) -> ArrayRef {
    let numbers: ArrayRef = Arc::new(
        values
            .into_iter()
            .map(|value| value.map(i64::from))
            .collect::<Int64Array>(),
    );
    match data_type {
        DataType::Struct(fields) => {
            let nulls = numbers.nulls().cloned();
            Arc::new(StructArray::new(fields.clone(), vec![numbers], nulls))
        }
        DataType::Interval(_) => {
            let months = cast(&numbers, &DataType::Int32).unwrap();
            cast(&months, data_type).unwrap()
        }
        other => cast(&numbers, other).unwrap(),
    }
}

fn columns(case: &Case, signature: &Signature, rows: &[Row]) -> Vec<ArrayRef> {
    let first = rows.iter().map(|row| row.1).collect();
    let second = rows.iter().map(|row| row.2).collect();
    let mut columns: Vec<ArrayRef> = vec![first, second]
        .into_iter()
        .zip(&signature.arguments[..case.columns.len()])
        .map(|(values, data_type)| column(values, data_type))
        .collect();
    for constant in &case.constants {
        let indices = Int32Array::from(vec![0; rows.len()]);
        columns.push(arrow::compute::take(constant, &indices, None).unwrap());
    }
    columns
}

fn fold(
    accumulator: &mut dyn Accumulator,
    case: &Case,
    signature: &Signature,
    rows: &[Row],
    is_filtered: bool,
) {
    let groups: Vec<u32> = rows.iter().map(|row| row.0).collect();
    let filter: BooleanArray = rows.iter().map(|row| row.3).collect();
    accumulator
        .update(
            &columns(case, signature, rows),
            &groups,
            is_filtered.then_some(&filter),
        )
        .unwrap();
}

fn assert_same(name: &str, left: &ArrayRef, right: &ArrayRef) {
    if left.data_type() != &DataType::Float64 {
        assert_eq!(left, right, "`{name}`");
        return;
    }
    let pairs = left
        .as_primitive::<Float64Type>()
        .iter()
        .zip(right.as_primitive::<Float64Type>());
    for (left, right) in pairs {
        match (left, right) {
            (Some(left), Some(right)) => {
                let scale = left.abs().max(right.abs()).max(1.0);
                assert!(
                    (left - right).abs() <= 1e-9 * scale,
                    "`{name}` {left} {right}"
                );
            }
            (left, right) => assert_eq!(left, right, "`{name}`"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn merged_pieces_equal_the_whole(
        rows in rows(),
        piece in 1usize..20,
        is_filtered in any::<bool>(),
    ) {
        for case in cases() {
            let (signature, mut whole) = case.resolved();
            fold(whole.as_mut(), &case, &signature, &rows, is_filtered);
            let expected = whole.finish(&all_groups()).unwrap();
            prop_assert_eq!(expected.data_type(), &signature.returns);

            let (_, mut merged) = case.resolved();
            for rows in rows.chunks(piece) {
                let (_, mut part) = case.resolved();
                fold(part.as_mut(), &case, &signature, rows, is_filtered);
                // The groups of the states come in another order than they are kept in.
                let order: Vec<u32> = all_groups().into_iter().rev().collect();
                let state = part.state(&order).unwrap();
                let types: Vec<DataType> =
                    state.iter().map(|column| column.data_type().clone()).collect();
                prop_assert_eq!(types, part.state_types());
                merged.merge(&state, &order).unwrap();
            }
            assert_same(case.name, &merged.finish(&all_groups()).unwrap(), &expected);
        }
    }

    #[test]
    fn a_cleared_group_is_as_good_as_new(rows in rows(), others in rows()) {
        for case in cases() {
            let (signature, mut fresh) = case.resolved();
            let empty = fresh.finish(&all_groups()).unwrap();
            fold(fresh.as_mut(), &case, &signature, &rows, false);
            let expected = fresh.finish(&all_groups()).unwrap();

            let (_, mut reused) = case.resolved();
            fold(reused.as_mut(), &case, &signature, &others, false);
            reused.clear(&all_groups());
            assert_same(case.name, &reused.finish(&all_groups()).unwrap(), &empty);
            fold(reused.as_mut(), &case, &signature, &rows, false);
            assert_same(case.name, &reused.finish(&all_groups()).unwrap(), &expected);
        }
    }
}

/// The result of an aggregate over one group.
fn result_of(name: &'static str, columns: &[ArrayRef]) -> Result<ArrayRef> {
    let types: Vec<DataType> = columns
        .iter()
        .map(|column| column.data_type().clone())
        .collect();
    let (_, mut accumulator) = Case::new(name, &types).resolved();
    let groups = vec![0; columns[0].len()];
    accumulator.update(columns, &groups, None)?;
    accumulator.finish(&[0])
}

fn doubles(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

#[test]
fn a_sum_of_integers_that_does_not_fit_is_an_error_and_null_for_try_sum() {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX, 1, -5]));
    let error = result_of("sum", std::slice::from_ref(&column)).unwrap_err();
    assert_eq!(error.condition(), Some("ARITHMETIC_OVERFLOW"));
    let sum = result_of("try_sum", &[column]).unwrap();
    assert_eq!(&sum, &(Arc::new(Int64Array::from(vec![None])) as ArrayRef));
}

#[test]
fn a_sum_of_decimals_has_ten_more_digits_and_is_checked_against_them() {
    let huge = 10i128.pow(37) * 9;
    let column: ArrayRef = Arc::new(
        arrow::array::Decimal128Array::from(vec![huge, huge])
            .with_precision_and_scale(38, 0)
            .unwrap(),
    );
    let error = result_of("sum", std::slice::from_ref(&column)).unwrap_err();
    assert_eq!(error.condition(), Some("ARITHMETIC_OVERFLOW"));
    assert!(result_of("try_sum", &[column]).unwrap().is_null(0));
}

#[test]
fn an_average_of_decimals_rounds_half_away_from_zero() {
    let column: ArrayRef = Arc::new(
        arrow::array::Decimal128Array::from(vec![Some(-1), Some(-1), Some(-3), None])
            .with_precision_and_scale(3, 2)
            .unwrap(),
    );
    let mean = result_of("avg", &[column]).unwrap();
    let expected = arrow::array::Decimal128Array::from(vec![-16667])
        .with_precision_and_scale(7, 6)
        .unwrap();
    assert_eq!(&mean, &(Arc::new(expected) as ArrayRef));
}

#[test]
fn nan_is_the_greatest_number() {
    let column = doubles(&[1.5, f64::NAN, f64::INFINITY, -2.0]);
    let greatest = result_of("max", std::slice::from_ref(&column)).unwrap();
    assert!(greatest.as_primitive::<Float64Type>().value(0).is_nan());
    assert_eq!(&result_of("min", &[column]).unwrap(), &doubles(&[-2.0]));
    let only_nan = doubles(&[f64::NAN]);
    let least = result_of("min", &[only_nan]).unwrap();
    assert!(least.as_primitive::<Float64Type>().value(0).is_nan());
}

#[test]
fn of_equal_orderings_the_last_row_wins() {
    let values: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let orderings: ArrayRef = Arc::new(Int64Array::from(vec![1, 1, 1]));
    let expected: ArrayRef = Arc::new(StringArray::from(vec!["c"]));
    for name in ["min_by", "max_by"] {
        let result = result_of(name, &[values.clone(), orderings.clone()]).unwrap();
        assert_eq!(&result, &expected, "`{name}`");
    }
}

#[test]
fn moments_agree_with_spark() {
    let column = doubles(&[-10.0, -20.0, 100.0, 1000.0]);
    let expected = [
        ("skewness", 1.113_565_746_902_201_1),
        ("kurtosis", -0.701_436_804_752_962_7),
    ];
    for (name, expected) in expected {
        let result = result_of(name, std::slice::from_ref(&column)).unwrap();
        assert_same(name, &result, &doubles(&[expected]));
    }
    let one = doubles(&[5.0]);
    for name in ["var_samp", "stddev_samp", "skewness", "kurtosis"] {
        let result = result_of(name, std::slice::from_ref(&one)).unwrap();
        assert!(result.is_null(0), "`{name}`");
    }
    assert_eq!(&result_of("var_pop", &[one]).unwrap(), &doubles(&[0.0]));
}

#[test]
fn pairs_agree_with_spark() {
    let (y, x) = (
        doubles(&[1.0, 2.0, 2.0, 2.0]),
        doubles(&[2.0, 2.0, 3.0, 4.0]),
    );
    let expected = [
        ("regr_r2", 0.272_727_272_727_272_7),
        ("regr_sxx", 2.75),
        ("regr_syy", 0.75),
        ("regr_sxy", 0.75),
        ("regr_avgx", 2.75),
        ("regr_avgy", 1.75),
    ];
    for (name, expected) in expected {
        let result = result_of(name, &[y.clone(), x.clone()]).unwrap();
        assert_same(name, &result, &doubles(&[expected]));
    }
    let result = result_of(
        "corr",
        &[doubles(&[3.0, 3.0, 6.0]), doubles(&[2.0, 3.0, 4.0])],
    );
    assert_eq!(&result.unwrap(), &doubles(&[0.866_025_403_784_438_7]));
}

#[test]
fn a_correlation_without_spread_is_null() {
    let result = result_of("corr", &[doubles(&[1.0, 1.0]), doubles(&[1.0, 2.0])]).unwrap();
    assert!(result.is_null(0));
}

#[test]
fn joined_values_come_in_the_order_that_was_asked_for_whatever_the_order_of_the_parts() {
    let values: ArrayRef = Arc::new(StringArray::from(vec![
        Some("b"),
        None,
        Some("a"),
        Some("c"),
        Some("d"),
    ]));
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![
        Some(1),
        Some(9),
        Some(2),
        None,
        Some(1),
    ]));
    let constant = |text: &str| {
        let literal: ArrayRef = Arc::new(StringArray::from(vec![text; 5]));
        (Expr::literal(literal.slice(0, 1)), literal)
    };
    let ((delimiter, delimiters), (order, orders)) = (constant("-"), constant("df"));
    let function = registry::aggregate("string_agg").unwrap();
    let value = Expr::column(0, DataType::Utf8, true);
    let key = Expr::column(1, DataType::Int64, true);
    let arguments = [value, delimiter, key, order];
    let signature = function.resolve(&arguments).unwrap();
    let fresh = || {
        let mut accumulator = function.accumulator(&arguments, &signature).unwrap();
        accumulator.resize(1);
        accumulator
    };
    let columns = [values, delimiters, keys, orders];
    let part = |start: usize, length: usize| {
        let columns: Vec<ArrayRef> = columns.iter().map(|c| c.slice(start, length)).collect();
        let mut part = fresh();
        part.update(&columns, &vec![0; length], None).unwrap();
        part.state(&[0]).unwrap()
    };
    let expected: ArrayRef = Arc::new(StringArray::from(vec!["c-a-b-d"]));
    for parts in [vec![(0, 5)], vec![(0, 2), (2, 3)]] {
        let mut merged = fresh();
        for (start, length) in parts {
            merged.merge(&part(start, length), &[0]).unwrap();
        }
        assert_eq!(&merged.finish(&[0]).unwrap(), &expected);
    }
}

#[test]
fn a_union_of_arrays_has_each_element_once_and_no_nulls() {
    use arrow::array::ListArray;
    use arrow::datatypes::Int64Type;
    let arrays = |rows: Vec<Option<Vec<Option<i64>>>>| -> ArrayRef {
        Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(rows))
    };
    let column = arrays(vec![
        Some(vec![Some(1), None]),
        None,
        Some(vec![None, Some(3), Some(1)]),
    ]);
    let result = result_of("collect_union", &[column]).unwrap();
    assert_eq!(&result, &arrays(vec![Some(vec![Some(1), Some(3)])]));
}

#[test]
fn a_bitmap_has_the_bits_of_its_positions_and_no_room_for_others() {
    let positions: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), None, Some(9)]));
    let bitmap = result_of("bitmap_construct_agg", &[positions]).unwrap();
    let bitmap = bitmap.as_binary::<i32>().value(0).to_vec();
    assert_eq!((bitmap.len(), &bitmap[..3]), (4096, &[1, 2, 0][..]));
    for position in [-1, 32_768] {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![position]));
        let error = result_of("bitmap_construct_agg", &[column]).unwrap_err();
        assert_eq!(error.condition(), Some("INVALID_BITMAP_POSITION"));
    }
}

#[test]
fn a_percentile_may_count_rows_several_times_but_not_less_than_not_at_all() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let result = |frequencies: Vec<i64>| {
        let constant = Expr::literal(doubles(&[0.5]));
        let column = |index| Expr::column(index, DataType::Int64, true);
        let arguments = [column(0), constant, column(1)];
        let function = registry::aggregate("percentile").unwrap();
        let signature = function.resolve(&arguments).unwrap();
        let mut accumulator = function.accumulator(&arguments, &signature).unwrap();
        accumulator.resize(1);
        let frequencies: ArrayRef = Arc::new(Int64Array::from(frequencies));
        let columns = [values.clone(), doubles(&[0.5; 3]), frequencies];
        accumulator.update(&columns, &[0; 3], None)?;
        accumulator.finish(&[0])
    };
    assert_eq!(&result(vec![2, 0, 5]).unwrap(), &doubles(&[3.0]));
    let error = result(vec![2, -1, 5]).unwrap_err();
    assert_eq!(
        error.condition(),
        Some("NEGATIVE_VALUES_IN_FREQUENCY_EXPRESSION")
    );
}

#[test]
fn arguments_of_the_wrong_type_or_number_are_refused() {
    let sum = registry::aggregate("sum").unwrap();
    let of = |data_type| [Expr::column(0, data_type, true)];
    let error = sum.resolve(&of(DataType::Boolean)).unwrap_err();
    assert_eq!(
        error.condition(),
        Some("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
    );
    let error = sum.resolve(&[]).unwrap_err();
    assert_eq!(error.condition(), Some("WRONG_NUM_ARGS.WITHOUT_SUGGESTION"));
    let map = crate::types::map_of(DataType::Utf8, DataType::Utf8);
    let error = registry::aggregate("max")
        .unwrap()
        .resolve(&of(map))
        .unwrap_err();
    assert_eq!(
        error.condition(),
        Some("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
    );
}
