//! Projections and filters: how names are found, and which are refused.

use super::*;
use crate::expr::Over;

#[test]
fn names_are_found_without_regard_to_case_and_with_qualifier() {
    let plan = select(&events(), &[n("EVENTS.K"), n("v")]).unwrap();
    assert_eq!(columns(&plan), "K:string,v:bigint");
}

#[test]
fn an_unknown_name_is_refused_with_suggestions() {
    let error = select(&events(), &[n("nope")]).unwrap_err();
    assert_eq!(error.condition(), Some("UNRESOLVED_COLUMN.WITH_SUGGESTION"));
    assert_eq!(
        error.message(),
        "a column, variable, or function parameter with name `nope` cannot be resolved. Did you mean one of the following? [`k`, `ts`, `v`]"
    );
}

#[test]
fn an_ambiguous_name_is_refused() {
    let both = join(
        &events(),
        &table("dim", "k STRING, label STRING"),
        JoinType::Cross,
        &JoinCondition::None,
    )
    .unwrap();
    let error = select(&both, &[n("k")]).unwrap_err();
    assert_eq!(error.condition(), Some("AMBIGUOUS_REFERENCE"));
    assert_eq!(
        error.message(),
        "reference `k` is ambiguous, could be: [`dim`.`k`, `events`.`k`]"
    );
    let plan = select(&both, &[n("dim.k"), n("label")]).unwrap();
    assert_eq!(columns(&plan), "k:string,label:string");
}

#[test]
fn fields_of_structs_are_reached_by_dots() {
    let users = stream(
        "t",
        "id INT, u STRUCT<name: STRING, geo: STRUCT<city: STRING, zip: INT>>",
    );
    let plan = select(&users, &[n("u.name"), n("t.u.geo.city"), n("u.geo.ZIP")]).unwrap();
    assert_eq!(columns(&plan), "name:string,city:string,ZIP:int");
    assert_eq!(condition(select(&users, &[n("u.nope")])), "FIELD_NOT_FOUND");
    assert_eq!(
        condition(select(&users, &[n("id.x")])),
        "INVALID_EXTRACT_BASE_FIELD_TYPE"
    );
}

#[test]
fn stars_stand_for_all_columns_those_of_a_relation_or_the_fields_of_a_struct() {
    let users = stream("t", "id INT, u STRUCT<name: STRING, zip: INT>");
    let star = |of: &str| Ast::new(AstKind::Star(vec![of.to_owned()]));
    let plan = select(&users, &[Ast::star()]).unwrap();
    assert_eq!(columns(&plan), "id:int,u:struct<name:string,zip:int>");
    let plan = select(&users, &[star("u"), star("t")]).unwrap();
    assert_eq!(
        columns(&plan),
        "name:string,zip:int,id:int,u:struct<name:string,zip:int>"
    );
    assert_eq!(
        condition(select(&users, &[star("nope")])),
        "CANNOT_RESOLVE_STAR_EXPAND"
    );
}

#[test]
fn selecting_everything_adds_no_node() {
    let events = events();
    let plan = select(&events, &[Ast::star()]).unwrap();
    assert_eq!(explain(&plan), explain(&events));
}

#[test]
fn an_unknown_function_is_refused() {
    let error = select(&events(), &[call("frobnicate", &[n("k")])]).unwrap_err();
    assert_eq!(error.condition(), Some("UNRESOLVED_ROUTINE"));
    assert!(error.message().contains("`frobnicate`"), "{error}");
}

#[test]
fn a_type_error_names_the_expression() {
    let error = select(&events(), &[call("+", &[n("ts"), n("k")]).alias("x")]).unwrap_err();
    assert_eq!(
        error.condition(),
        Some("DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE")
    );
    assert!(
        error.message().starts_with(
            "cannot resolve \"(ts + k)\" due to data type mismatch: the binary operator requires the input type (\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL\"), not \"TIMESTAMP\""
        ),
        "{error}"
    );
}

#[test]
fn a_name_of_the_list_may_be_used_after_it() {
    let sum = call("+", &[n("v"), Ast::int(1)]).alias("w");
    let plan = select(
        &events(),
        &[sum, call("*", &[n("w"), Ast::int(2)]).alias("x")],
    )
    .unwrap();
    assert_eq!(columns(&plan), "w:bigint,x:bigint");
}

#[test]
fn a_filter_must_be_a_condition() {
    assert_eq!(
        condition(filter(&events(), &n("v"))),
        "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN"
    );
    assert_eq!(
        condition(filter(&events(), &call(">", &[count(), Ast::int(1)]))),
        "INVALID_WHERE_CONDITION"
    );
}

#[test]
fn columns_are_added_replaced_dropped_and_renamed() {
    let added = with_columns(
        &events(),
        &[
            ("V".to_owned(), call("+", &[n("v"), Ast::int(1)])),
            ("w".to_owned(), n("k")),
        ],
    )
    .unwrap();
    assert_eq!(columns(&added), "ts:timestamp,k:string,V:bigint,w:string");
    let dropped = drop_columns(&added, &["K".to_owned(), "nope".to_owned()]);
    assert_eq!(columns(&dropped), "ts:timestamp,V:bigint,w:string");
    let renamed = rename_columns(&dropped, &[("W".to_owned(), "x".to_owned())]);
    assert_eq!(columns(&renamed), "ts:timestamp,V:bigint,x:string");
}

#[test]
fn explode_in_the_list_becomes_a_node() {
    let lines = stream("t", "k INT, words ARRAY<STRING>, m MAP<STRING, INT>");
    let plan = select(
        &lines,
        &[n("k"), call("explode", &[n("words")]).alias("word")],
    )
    .unwrap();
    assert_eq!(columns(&plan), "k:int,word:string");
    insta::assert_snapshot!(explain(&plan), @r"
    Project [k, word]
    +- Generate explode(words), [word]
       +- StreamingRelation memory[t] [k INT, words ARRAY<STRING>, m MAP<STRING, INT>]
    ");
    let plan = select(&lines, &[call("posexplode_outer", &[n("m")]), n("k")]).unwrap();
    assert_eq!(columns(&plan), "pos:int,key:string,value:int,k:int");
    assert!(plan.schema.columns[0].is_nullable);
}

#[test]
fn a_generator_must_stand_at_the_top() {
    let lines = stream("t", "words ARRAY<STRING>");
    let explode = call("explode", &[n("words")]);
    let both = select(&lines, &[explode.clone(), explode.clone()]).unwrap();
    assert_eq!(columns(&both), "col:string,col:string");
    assert_eq!(
        condition(select(
            &lines,
            &[call("isnull", std::slice::from_ref(&explode))]
        )),
        "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS"
    );
    assert_eq!(
        condition(filter(&lines, &explode)),
        "UNSUPPORTED_GENERATOR.OUTSIDE_SELECT"
    );
}

#[test]
fn a_lateral_view_appends_columns_under_its_name() {
    let lines = stream("t", "k INT, words ARRAY<STRING>");
    let view = LateralView {
        generator: call("explode", &[n("words")]),
        is_outer: true,
        name: Some("w".to_owned()),
        columns: vec!["word".to_owned()],
    };
    let plan = generate(&lines, &view).unwrap();
    let plan = select(&plan, &[n("w.word"), n("k")]).unwrap();
    assert_eq!(columns(&plan), "word:string,k:int");
}

#[test]
fn stack_fills_its_last_row_with_nulls() {
    let stack = call("stack", &[Ast::int(2), n("v"), n("k"), n("v")]);
    let plan = select(&events(), &[stack]).unwrap();
    assert_eq!(columns(&plan), "col0:bigint,col1:string");
    insta::assert_snapshot!(explain(&plan), @r"
    Project [col0, col1]
    +- Generate stack(2, v, k, v, NULL), [col0, col1]
       +- StreamingRelation memory[events] [ts TIMESTAMP, k STRING, v BIGINT]
    ");
}

#[test]
fn a_window_function_is_refused_with_the_column_it_makes() {
    let over = Ast::new(AstKind::Call(Box::new(AstCall {
        name: "row_number".to_owned(),
        over: Some(Box::new(Over {
            order_by: vec![SortItem {
                expr: n("v"),
                is_descending: false,
                nulls_first: None,
            }],
            ..Over::default()
        })),
        ..AstCall::default()
    })));
    let error = select(&events(), &[n("k"), over.alias("r")]).unwrap_err();
    assert_eq!(
        error.condition(),
        Some("NON_TIME_WINDOW_NOT_SUPPORTED_IN_STREAMING")
    );
    assert!(
        error.message().starts_with(
            "window function is not supported in ROW_NUMBER() (as column `r`) on streaming"
        ),
        "{error}"
    );
}

#[test]
fn order_by_sees_the_list_and_what_is_below_it() {
    let item = |expr: Ast| SortItem {
        expr,
        is_descending: true,
        nulls_first: None,
    };
    let block = Select {
        items: vec![n("k"), call("+", &[n("v"), Ast::int(1)]).alias("w")],
        order_by: vec![item(Ast::int(2)), item(n("ts"))],
        limit: Some(2),
        ..Select::default()
    };
    let plan = select_block(&table("t", "ts TIMESTAMP, k STRING, v BIGINT"), &block).unwrap();
    assert_eq!(columns(&plan), "k:string,w:bigint");
    insta::assert_snapshot!(explain(&plan), @r"
    Limit 2
    +- Project [k, w]
       +- Sort [w DESC NULLS LAST, __order DESC NULLS LAST]
          +- Project [k, (v + CAST(1 AS BIGINT)) AS w, ts AS __order]
             +- Relation memory[t] [ts TIMESTAMP, k STRING, v BIGINT]
    ");
    let wrong = Select {
        items: vec![n("k")],
        order_by: vec![item(Ast::int(2))],
        ..Select::default()
    };
    assert_eq!(
        condition(select_block(&events(), &wrong)),
        "ORDER_BY_POS_OUT_OF_RANGE"
    );
}

#[test]
fn a_union_takes_the_common_types_and_the_first_names() {
    let left = select(&events(), &[n("k"), n("v")]).unwrap();
    let right = table("r", "x STRING, y INT");
    let plan = union(&[left.clone(), right.clone()]).unwrap();
    assert_eq!(columns(&plan), "k:string,v:bigint");
    let third = union(&[plan, right.clone()]).unwrap();
    assert_eq!(third.inputs().len(), 3);
    assert_eq!(condition(union(&[events(), right])), "NUM_COLUMNS_MISMATCH");
    let wrong = table("w", "a STRING, b MAP<INT, INT>");
    assert_eq!(condition(union(&[left, wrong])), "INCOMPATIBLE_COLUMN_TYPE");
}

#[test]
fn a_union_by_name_brings_columns_into_order() {
    let left = table("l", "a INT, b STRING");
    let right = table("r", "B STRING, a BIGINT");
    let plan = union_by_name(&left, &right, false).unwrap();
    assert_eq!(columns(&plan), "a:bigint,b:string");
    let wider = table("w", "a INT, c DOUBLE");
    assert_eq!(
        condition(union_by_name(&left, &wider, false)),
        "UNRESOLVED_COLUMN.WITH_SUGGESTION"
    );
    let plan = union_by_name(&left, &wider, true).unwrap();
    assert_eq!(columns(&plan), "a:int,b:string,c:double");
    let days = table("d", "a INT, i INTERVAL DAY");
    for (one, other) in [(&days, &left), (&left, &days)] {
        let plan = union_by_name(one, other, true).unwrap();
        let interval = plan.schema.columns.iter().find(|column| column.name == "i");
        assert_eq!(interval.unwrap().sql_type(), "INTERVAL DAY");
    }
}

#[test]
fn an_ordered_distinct_sorts_by_its_list_only() {
    let block = |order_by: Ast| Select {
        items: vec![n("k"), call("+", &[n("v"), Ast::int(1)]).alias("w")],
        is_distinct: true,
        order_by: vec![SortItem {
            expr: order_by,
            is_descending: false,
            nulls_first: Some(false),
        }],
        ..Select::default()
    };
    let table = table("t", "k STRING, v BIGINT");
    let plan = select_block(&table, &block(n("w"))).unwrap();
    insta::assert_snapshot!(explain(&plan), @r"
    Sort [w ASC NULLS LAST]
    +- Aggregate [k, w], []
       +- Project [k, (v + CAST(1 AS BIGINT)) AS w]
          +- Relation memory[t] [k STRING, v BIGINT]
    ");
    assert_eq!(
        condition(select_block(&table, &block(n("v")))),
        "UNRESOLVED_COLUMN.WITH_SUGGESTION"
    );
}

#[test]
fn an_added_column_may_be_generated() {
    let lines = stream("t", "k INT, words ARRAY<STRING>");
    let explode = ("words".to_owned(), call("explode", &[n("words")]));
    let plan = with_columns(&lines, &[explode]).unwrap();
    assert_eq!(columns(&plan), "k:int,words:string");
}
