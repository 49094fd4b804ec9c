use crate::expr::{Ast, AstCall, AstKind};
use crate::plan::{Column, PlanSchema};
use arrow::array::{
    ArrayRef, BinaryArray, Date32Array, Decimal128Array, DurationMicrosecondArray, Float64Array,
    Int64Array, IntervalYearMonthArray, NullArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Fields};
use std::sync::Arc;

fn schema() -> PlanSchema {
    let column = |qualifier: &str, name: &str, data_type: DataType| Column {
        qualifier: Some(qualifier.to_owned()),
        name: name.to_owned(),
        data_type,
        is_nullable: true,
        units: crate::types::TypeUnits::default(),
        event_time: None,
    };
    let user = DataType::Struct(Fields::from(vec![Field::new("name", DataType::Utf8, true)]));
    PlanSchema {
        columns: vec![
            column("e", "k", DataType::Utf8),
            column("e", "v", DataType::Int64),
            column("e", "u", user),
        ],
    }
}

fn call(name: &str, arguments: &[Ast]) -> Ast {
    Ast::call(name, arguments.to_vec())
}

fn n(name: &str) -> Ast {
    Ast::name(name)
}

fn sql(ast: &Ast) -> String {
    ast.sql(&schema())
}

#[test]
fn a_column_is_called_by_its_last_part() {
    assert_eq!(n("e.V").output_name(&schema()), "V");
    assert_eq!(n("e.u.name").output_name(&schema()), "name");
    assert_eq!(n("v").alias("x").output_name(&schema()), "x");
}

#[test]
fn a_cast_of_a_column_keeps_its_name() {
    let cast = |input: Ast| {
        Ast::new(AstKind::Cast {
            input: Box::new(input),
            data_type: DataType::Utf8,
            units: crate::types::TypeUnits::default(),
            is_try: false,
        })
    };
    assert_eq!(cast(n("e.v")).output_name(&schema()), "v");
    assert_eq!(
        cast(n("u.name")).output_name(&schema()),
        "CAST(u.name AS STRING)"
    );
    assert_eq!(
        call("upper", &[cast(n("v"))]).output_name(&schema()),
        "upper(CAST(v AS STRING))"
    );
}

#[test]
fn qualifiers_are_not_written_but_structs_are() {
    assert_eq!(sql(&call("upper", &[n("e.k")])), "upper(k)");
    assert_eq!(sql(&call("upper", &[n("e.u.name")])), "upper(u.name)");
}

#[test]
fn operators_stand_between_their_arguments() {
    let two = Ast::int(2);
    assert_eq!(sql(&call("%", &[n("v"), two.clone()])), "(v % 2)");
    assert_eq!(sql(&call("-", &[n("v")])), "(- v)");
    assert_eq!(sql(&call("==", &[n("v"), two.clone()])), "(v = 2)");
    assert_eq!(sql(&call("!=", &[n("v"), two.clone()])), "(NOT (v = 2))");
    assert_eq!(
        sql(&call("and", &[Ast::boolean(true), n("k")])),
        "(true AND k)"
    );
    assert_eq!(
        sql(&call("in", &[n("v"), Ast::int(1), two.clone()])),
        "(v IN (1, 2))"
    );
    assert_eq!(
        sql(&call("between", &[n("v"), Ast::int(1), two])),
        "between(v, 1, 2)"
    );
    assert_eq!(sql(&call("isnull", &[n("v")])), "(v IS NULL)");
    assert_eq!(sql(&call("~", &[Ast::int(0)])), "~0");
    assert_eq!(
        sql(&call("like", &[n("k"), Ast::string("%5")])),
        "k LIKE %5"
    );
}

#[test]
fn spark_spells_some_functions_its_own_way() {
    assert_eq!(sql(&call("sqrt", &[n("v")])), "SQRT(v)");
    assert_eq!(sql(&call("pow", &[n("v"), Ast::int(2)])), "pow(v, 2)");
    assert_eq!(sql(&call("array_agg", &[n("v")])), "collect_list(v)");
    assert_eq!(
        sql(&call("split", &[n("k"), Ast::string(" ")])),
        "split(k,  , -1)"
    );
    assert_eq!(
        sql(&call("from_json", &[n("k"), Ast::string("a INT")])),
        "from_json(k)"
    );
    assert_eq!(
        sql(&call("date", &[Ast::string("2008-02-20")])),
        "2008-02-20"
    );
    assert_eq!(
        sql(&call("if", &[n("v"), Ast::int(1), Ast::int(2)])),
        "(IF(v, 1, 2))"
    );
    assert_eq!(sql(&call("ceil", &[n("v")])), "CEIL(v)");
    assert_eq!(sql(&call("ceil", &[n("v"), Ast::int(2)])), "ceil(v, 2)");
}

#[test]
fn aggregates_say_distinct_and_filter() {
    assert_eq!(sql(&call("count", &[Ast::star()])), "count(1)");
    let distinct = Ast::new(AstKind::Call(Box::new(AstCall {
        name: "count".to_owned(),
        arguments: vec![n("e.k")],
        is_distinct: true,
        filter: Some(Box::new(call(">", &[n("v"), Ast::int(0)]))),
        ..AstCall::default()
    })));
    assert_eq!(sql(&distinct), "count(DISTINCT k) FILTER (WHERE (v > 0))");
}

#[test]
fn lambdas_do_not_say_their_parameters() {
    let lambda = Ast::new(AstKind::Lambda(
        vec!["x".to_owned()],
        Box::new(call("+", &[n("x"), Ast::int(1)])),
    ));
    assert_eq!(
        sql(&call("transform", &[n("v"), lambda])),
        "transform(v, lambdafunction((namedlambdavariable() + 1), namedlambdavariable()))"
    );
}

#[test]
fn constants_are_written_with_their_type_where_text_alone_would_mislead() {
    let literal = |value: ArrayRef| sql(&Ast::literal(value));
    let ts = |micros: i64| Arc::new(TimestampMicrosecondArray::from(vec![micros]));
    let day_time = |micros: i64| literal(Arc::new(DurationMicrosecondArray::from(vec![micros])));
    assert_eq!(literal(Arc::new(NullArray::new(1))), "NULL");
    assert_eq!(literal(Arc::new(Int64Array::from(vec![-2]))), "-2");
    assert_eq!(literal(Arc::new(Float64Array::from(vec![1.0]))), "1.0");
    assert_eq!(
        literal(Arc::new(
            Decimal128Array::from(vec![120])
                .with_precision_and_scale(3, 2)
                .unwrap()
        )),
        "1.20"
    );
    assert_eq!(
        literal(Arc::new(BinaryArray::from(vec![b"Sp".as_slice()]))),
        "X'5370'"
    );
    assert_eq!(
        literal(Arc::new(Date32Array::from(vec![18_120]))),
        "DATE '2019-08-12'"
    );
    assert_eq!(
        literal(ts(1_565_571_600_123_456)),
        "TIMESTAMP_NTZ '2019-08-12 01:00:00.123456'"
    );
    assert_eq!(
        literal(Arc::new(IntervalYearMonthArray::from(vec![14]))),
        "INTERVAL '1-2' YEAR TO MONTH"
    );
    assert_eq!(day_time(15_000_000), "INTERVAL '15' SECOND");
    assert_eq!(day_time(5_400_000_000), "INTERVAL '01:30' HOUR TO MINUTE");
    assert_eq!(
        day_time(-(86_400 * 5 + 3 * 3_600 + 7 * 60) * 1_000_000 - 500_000),
        "INTERVAL '-5 03:07:00.5' DAY TO SECOND"
    );
}
