use super::*;
use crate::batch::Timestamp;
use crate::error::{Position, Span};
use crate::expr::evaluate::lambda::unnamed_batch;
use arrow::array::{Int32Array, Int64Array, StringArray};
use arrow::datatypes::Int64Type;

fn context() -> BatchContext {
    BatchContext::one_shot(Timestamp(0), "UTC")
}

fn batch() -> RecordBatch {
    let texts = StringArray::from(vec![Some("1"), Some("x"), None, Some("4")]);
    let flags = BooleanArray::from(vec![Some(true), Some(false), None, Some(true)]);
    unnamed_batch(vec![Arc::new(texts), Arc::new(flags)], 4).unwrap()
}

fn text() -> Expr {
    Expr::column(0, DataType::Utf8, true)
}

fn flag() -> Expr {
    Expr::column(1, DataType::Boolean, true)
}

/// `CAST(text AS BIGINT)`, which fails on the second row.
fn number() -> Expr {
    of(
        ExprKind::Cast {
            input: Box::new(text()),
            is_try: false,
        },
        DataType::Int64,
    )
}

fn of(kind: ExprKind, data_type: DataType) -> Expr {
    Expr {
        kind,
        data_type,
        units: crate::types::TypeUnits::default(),
        is_nullable: true,
        span: Span::NOWHERE,
    }
}

fn constant(value: Option<i64>) -> Expr {
    Expr::literal(Arc::new(Int64Array::from(vec![value])))
}

fn longs(expr: &Expr) -> Vec<Option<i64>> {
    let array = expr.evaluate_array(&batch(), &context()).unwrap();
    array.as_primitive::<Int64Type>().iter().collect()
}

#[test]
fn a_branch_of_case_runs_only_on_its_rows() {
    let case = of(
        ExprKind::Case {
            branches: vec![(flag(), number())],
            otherwise: Some(Box::new(constant(Some(-1)))),
        },
        DataType::Int64,
    );
    assert_eq!(longs(&case), vec![Some(1), Some(-1), Some(-1), Some(4)]);
    let without_else = of(
        ExprKind::Case {
            branches: vec![(flag(), number())],
            otherwise: None,
        },
        DataType::Int64,
    );
    assert_eq!(longs(&without_else), vec![Some(1), None, None, Some(4)]);
}

#[test]
fn a_case_that_cannot_fail_gives_the_same_as_row_by_row() {
    let case = |value: Expr| {
        let branches = vec![(flag(), constant(Some(1))), (flag(), value)];
        of(
            ExprKind::Case {
                branches,
                otherwise: Some(Box::new(constant(None))),
            },
            DataType::Int64,
        )
    };
    assert_eq!(longs(&case(constant(Some(2)))), longs(&case(number())));
}

#[test]
fn the_right_side_of_and_runs_only_where_the_left_is_not_false() {
    let as_boolean = of(
        ExprKind::Cast {
            input: Box::new(text()),
            is_try: false,
        },
        DataType::Boolean,
    );
    let error = as_boolean.evaluate_array(&batch(), &context()).unwrap_err();
    assert_eq!(error.condition(), Some("CAST_INVALID_INPUT"));
    let and = ExprKind::And(Box::new(flag()), Box::new(as_boolean));
    // "4" is no boolean either, so that row must not be looked at: the batch ends before it.
    let rows = batch().slice(0, 3);
    let result = of(and, DataType::Boolean)
        .evaluate_predicate(&rows, &context())
        .unwrap();
    assert_eq!(
        result,
        BooleanArray::from(vec![Some(true), Some(false), None])
    );
}

#[test]
fn coalesce_looks_at_the_next_value_only_where_the_first_is_null() {
    let numbers = of(
        ExprKind::Cast {
            input: Box::new(text()),
            is_try: true,
        },
        DataType::Int64,
    );
    let coalesce = of(
        ExprKind::Coalesce(vec![numbers, constant(Some(0))]),
        DataType::Int64,
    );
    assert_eq!(longs(&coalesce), vec![Some(1), Some(0), Some(0), Some(4)]);
    let failing = of(
        ExprKind::Coalesce(vec![constant(Some(5)), number()]),
        DataType::Int64,
    );
    assert_eq!(longs(&failing), vec![Some(5); 4]);
}

#[test]
fn constants_stay_constants_and_nothing_runs_without_rows() {
    let bad = Expr::literal(Arc::new(StringArray::from(vec!["x"])));
    let cast = of(
        ExprKind::Cast {
            input: Box::new(bad),
            is_try: false,
        },
        DataType::Int64,
    );
    let empty = batch().slice(0, 0);
    assert_eq!(cast.evaluate_array(&empty, &context()).unwrap().len(), 0);
    assert!(cast.evaluate(&batch(), &context()).is_err());
    let value = constant(Some(3)).evaluate(&batch(), &context()).unwrap();
    assert!(value.is_scalar());
    assert_eq!(value.into_array(4).unwrap().len(), 4);
}

#[test]
fn a_batch_without_columns_still_has_rows() {
    let rows = unnamed_batch(vec![], 3).unwrap();
    let array = constant(Some(3)).evaluate_array(&rows, &context()).unwrap();
    assert_eq!(array.len(), 3);
}

#[test]
fn an_error_points_at_the_innermost_expression() {
    let at = |column| Span {
        start: Position { line: 1, column },
        end: Position {
            line: 1,
            column: column + 1,
        },
    };
    let mut inner = number();
    inner.span = at(5);
    let mut outer = of(
        ExprKind::Coalesce(vec![inner, constant(None)]),
        DataType::Int64,
    );
    outer.span = at(1);
    let error = outer.evaluate(&batch(), &context()).unwrap_err();
    assert_eq!(error.span(), at(5));
}

#[test]
fn a_field_is_null_where_its_struct_is() {
    use arrow::array::StructArray;
    use arrow::buffer::NullBuffer;
    use arrow::datatypes::{Field, Fields};
    let fields = Fields::from(vec![Field::new("a", DataType::Int32, true)]);
    let structs = StructArray::new(
        fields.clone(),
        vec![Arc::new(Int32Array::from(vec![1, 2]))],
        Some(NullBuffer::from(vec![true, false])),
    );
    let rows = unnamed_batch(vec![Arc::new(structs)], 2).unwrap();
    let column = Expr::column(0, DataType::Struct(fields), true);
    let field = of(ExprKind::Field(Box::new(column), 0), DataType::Int32);
    let array = field.evaluate_array(&rows, &context()).unwrap();
    assert!(array.is_valid(0) && array.is_null(1));
}
