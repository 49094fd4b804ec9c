use super::*;
use crate::expr::AstCall;
use crate::plan::Column;
use crate::types::{parse_ddl_schema, simple_string};

fn schema(ddl: &str) -> PlanSchema {
    let columns = parse_ddl_schema(ddl)
        .unwrap()
        .fields()
        .iter()
        .map(|field| Column {
            qualifier: None,
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            is_nullable: field.is_nullable(),
            units: crate::types::TypeUnits::default(),
            event_time: None,
        })
        .collect();
    PlanSchema { columns }
}

fn columns() -> PlanSchema {
    schema("k STRING, v BIGINT, i INT, b BOOLEAN, a ARRAY<INT>, m MAP<STRING, DOUBLE>")
}

fn n(name: &str) -> Ast {
    Ast::name(name)
}

fn call(name: &str, arguments: &[Ast]) -> Ast {
    Ast::call(name, arguments.to_vec())
}

fn resolved(ast: &Ast) -> Expr {
    resolve(ast, &columns()).unwrap()
}

fn type_of(ast: &Ast) -> String {
    simple_string(&resolved(ast).data_type)
}

fn condition(ast: &Ast) -> String {
    let error = resolve(ast, &columns()).unwrap_err();
    error.condition().unwrap_or("").to_owned()
}

#[test]
fn connectives_are_lazy_and_take_conditions_only() {
    let both = resolved(&call("and", &[n("b"), Ast::boolean(true)]));
    assert!(matches!(both.kind, ExprKind::And(..)));
    assert_eq!(
        condition(&call("or", &[n("b"), n("v")])),
        "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES"
    );
    assert_eq!(
        condition(&call("and", &[n("v"), n("v")])),
        "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE"
    );
}

#[test]
fn branches_are_cast_to_their_common_type() {
    let case = resolved(&call("if", &[n("b"), n("i"), n("v")]));
    assert_eq!(simple_string(&case.data_type), "bigint");
    let ExprKind::Case { branches, .. } = &case.kind else {
        panic!("a case");
    };
    assert!(matches!(branches[0].1.kind, ExprKind::Cast { .. }));
    assert_eq!(
        condition(&call("if", &[n("v"), n("i"), n("v")])),
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"
    );
    assert_eq!(
        condition(&call("coalesce", &[n("a"), n("v")])),
        "DATATYPE_MISMATCH.DATA_DIFF_TYPES"
    );
}

#[test]
fn forms_for_nulls_know_when_they_give_null() {
    assert!(resolved(&call("coalesce", &[n("v"), n("i")])).is_nullable);
    assert!(!resolved(&call("coalesce", &[n("v"), Ast::int(0)])).is_nullable);
    assert!(resolved(&call("nullif", &[Ast::int(1), n("i")])).is_nullable);
    assert_eq!(type_of(&call("nvl2", &[n("k"), n("i"), n("v")])), "bigint");
    assert_eq!(
        condition(&call("nvl", &[n("k")])),
        "WRONG_NUM_ARGS.WITHOUT_SUGGESTION"
    );
}

#[test]
fn a_list_is_compared_in_its_common_type() {
    let many: Vec<Ast> = std::iter::once(n("i"))
        .chain((0..1_000).map(Ast::int))
        .collect();
    assert_eq!(type_of(&call("in", &many)), "boolean");
    assert_eq!(
        type_of(&call("in", &[n("i"), Ast::bigint(1), Ast::int(2)])),
        "boolean"
    );
    assert_eq!(
        condition(&call("in", &[n("a"), Ast::int(1)])),
        "DATATYPE_MISMATCH.DATA_DIFF_TYPES"
    );
}

#[test]
fn elements_and_values_are_reached_by_subscript() {
    let index = |input: Ast, index: Ast| Ast::new(AstKind::Index(Box::new(input), Box::new(index)));
    assert_eq!(type_of(&index(n("a"), Ast::int(0))), "int");
    assert_eq!(type_of(&index(n("m"), Ast::string("x"))), "double");
    assert_eq!(type_of(&n("m.x")), "double");
    assert_eq!(
        condition(&index(n("v"), Ast::int(0))),
        "INVALID_EXTRACT_BASE_FIELD_TYPE"
    );
}

#[test]
fn a_cast_must_exist() {
    let cast = |input: Ast, data_type: DataType| {
        Ast::new(AstKind::Cast {
            input: Box::new(input),
            data_type,
            units: crate::types::TypeUnits::default(),
            is_try: false,
        })
    };
    assert_eq!(type_of(&cast(n("v"), DataType::Utf8)), "string");
    assert_eq!(type_of(&call("bigint", &[n("k")])), "bigint");
    assert_eq!(
        condition(&cast(n("a"), DataType::Int32)),
        "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION"
    );
}

#[test]
fn a_null_takes_the_type_that_is_wanted() {
    let null = Ast::literal(arrow::array::new_null_array(&DataType::Null, 1));
    let sum = resolved(&call("+", &[n("i"), null]));
    let ExprKind::Call(_, arguments) = &sum.kind else {
        panic!("a call");
    };
    assert!(matches!(arguments[1].kind, ExprKind::Literal(_)));
    assert_eq!(simple_string(&arguments[1].data_type), "int");
}

#[test]
fn arguments_may_be_named() {
    let named = |names: &[Option<&str>]| {
        let call = AstCall {
            name: "if".to_owned(),
            arguments: vec![n("b"), n("i"), n("v")],
            argument_names: names.iter().map(|name| name.map(str::to_owned)).collect(),
            ..AstCall::default()
        };
        let ordered = call::in_order(&call, "if(expr1, expr2[, expr3])")?;
        let schema = columns();
        Ok(ordered
            .iter()
            .map(|ast| ast.sql(&schema))
            .collect::<Vec<_>>())
    };
    let failed = |result: Result<Vec<String>>| {
        let error = result.unwrap_err();
        error.condition().unwrap_or("").to_owned()
    };
    assert_eq!(
        named(&[None, Some("EXPR3"), Some("expr2")]).unwrap(),
        ["b", "v", "i"]
    );
    assert_eq!(
        failed(named(&[None, Some("nope"), None])),
        "NAMED_PARAMETERS_NOT_SUPPORTED"
    );
    assert_eq!(
        failed(named(&[Some("expr2"), Some("expr2"), None])),
        "DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.DOUBLE_NAMED_ARGUMENT_REFERENCE"
    );
}

#[test]
fn modifiers_belong_to_aggregates() {
    let distinct = Ast::new(AstKind::Call(Box::new(AstCall {
        name: "isnull".to_owned(),
        arguments: vec![n("v")],
        is_distinct: true,
        ..AstCall::default()
    })));
    assert_eq!(
        condition(&distinct),
        "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX"
    );
}

#[test]
fn deep_expressions_are_refused_before_the_stack_ends() {
    let mut ast = n("b");
    for _ in 0..=MAX_DEPTH {
        ast = call("not", &[ast]);
    }
    let error = resolve(&ast, &columns()).unwrap_err();
    assert!(error.message().contains("nested too deep"), "{error}");
}

#[test]
fn errors_point_at_the_innermost_expression() {
    use crate::error::{Position, Span};
    let at = |start: u32, end: u32| Span {
        start: Position {
            line: 1,
            column: start,
        },
        end: Position {
            line: 1,
            column: end,
        },
    };
    let ast = call("+", &[n("i").at(at(1, 2)), n("nope").at(at(5, 9))]).at(at(1, 9));
    let error = resolve(&ast, &columns()).unwrap_err();
    assert_eq!(error.span(), at(5, 9));
    let ast = call("+", &[n("i").at(at(1, 2)), n("v").at(at(5, 6))]).at(at(1, 6));
    assert_eq!(resolve(&ast, &columns()).unwrap().span, at(1, 6));
}

/// The lambda `(names) -> body` as an argument of a function over the columns.
fn lambda_of(function: &str, inputs: &[Ast], names: &[&str], body: Ast) -> Result<Expr> {
    let schema = columns();
    let mut analyzer = Analyzer::new(&schema, Place::Projection);
    let lambda = Ast::new(AstKind::Lambda(
        names.iter().map(|name| (*name).to_owned()).collect(),
        Box::new(body),
    ));
    let mut arguments = inputs.to_vec();
    arguments.push(lambda);
    let resolved = analyzer.resolve_higher_order(function, &arguments)?;
    Ok(resolved.last().unwrap().clone())
}

#[test]
fn parameters_of_lambdas_are_columns_after_those_of_the_input() {
    let body = call("+", &[n("x"), n("v")]);
    let lambda = lambda_of("transform", &[n("a")], &["x"], body).unwrap();
    let ExprKind::Lambda {
        outer_columns,
        parameters,
        body,
    } = &lambda.kind
    else {
        panic!("a lambda");
    };
    assert_eq!((*outer_columns, *parameters), (6, 1));
    assert_eq!(simple_string(&body.data_type), "bigint");
    assert_eq!(lambda.columns().into_iter().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_lambda_gets_as_many_parameters_as_its_function_gives() {
    let entry = lambda_of("map_filter", &[n("m")], &["key", "value"], n("value")).unwrap();
    assert_eq!(simple_string(&entry.data_type), "double");
    let error = lambda_of("exists", &[n("a")], &["x", "y"], n("b")).unwrap_err();
    assert_eq!(
        error.condition(),
        Some("INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH")
    );
    assert!(lambda_of("transform", &[n("v")], &["x"], n("x")).is_err());
    assert_eq!(
        condition(&Ast::new(AstKind::Lambda(
            vec!["x".to_owned()],
            Box::new(n("x"))
        ))),
        "INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION"
    );
}
