//! Grouping: keys, aggregates, grouping sets, session windows.

use super::*;

fn item(expr: Ast) -> SortItem {
    SortItem {
        expr,
        is_descending: false,
        nulls_first: None,
    }
}

fn sum_v() -> Ast {
    call("sum", &[n("v")])
}

#[test]
fn keys_and_aggregates_are_found_in_the_list() {
    let plan = aggregate(
        &events(),
        &[call("%", &[n("v"), Ast::int(3)]), n("k")],
        &[
            call("%", &[n("V"), Ast::int(3)]).alias("m"),
            n("k"),
            count().alias("c"),
            call("+", &[count(), Ast::int(1)]).alias("d"),
        ],
    )
    .unwrap();
    assert_eq!(columns(&plan), "m:bigint,k:string,c:bigint,d:bigint");
    insta::assert_snapshot!(explain(&plan), @r"
    Project [(v % 3) AS m, k, count(1) AS c, (count(1) + CAST(1 AS BIGINT)) AS d]
    +- Aggregate [(v % CAST(3 AS BIGINT)) AS (v % 3), k], [count(1)], stateful: key ((v % 3) BIGINT, k STRING), kept forever
       +- StreamingRelation memory[events] [ts TIMESTAMP, k STRING, v BIGINT]
    ");
}

#[test]
fn without_keys_all_rows_are_one_group() {
    let plan = select(&events(), &[count(), sum_v().alias("s")]).unwrap();
    assert_eq!(columns(&plan), "count(1):bigint,s:bigint");
    assert_eq!(
        condition(select(&events(), &[count(), n("k")])),
        "MISSING_GROUP_BY"
    );
}

#[test]
fn what_is_neither_grouped_nor_aggregated_is_refused() {
    let error = aggregate(&events(), &[n("k")], &[n("k"), n("v")]).unwrap_err();
    assert_eq!(error.condition(), Some("MISSING_AGGREGATION"));
    assert!(error.message().contains("any_value(v)"), "{error}");
    assert_eq!(
        condition(aggregate(&events(), &[sum_v()], &[count()])),
        "GROUP_BY_AGGREGATE"
    );
    assert_eq!(
        condition(select(&events(), &[call("sum", &[sum_v()])])),
        "NESTED_AGGREGATE_FUNCTION"
    );
}

#[test]
fn keys_may_be_positions_and_names_of_the_list() {
    let items = [
        call("%", &[n("v"), Ast::int(2)]).alias("p"),
        n("k"),
        count(),
    ];
    let by_name = aggregate(&events(), &[n("p"), n("k")], &items).unwrap();
    let by_position = aggregate(&events(), &[Ast::int(1), Ast::int(2)], &items).unwrap();
    assert_eq!(explain(&by_name), explain(&by_position));
    let all = aggregate(&events(), &[n("all")], &items).unwrap();
    assert_eq!(explain(&by_name), explain(&all));
    assert_eq!(
        condition(aggregate(&events(), &[Ast::int(4)], &items)),
        "GROUP_BY_POS_OUT_OF_RANGE"
    );
    assert_eq!(
        condition(aggregate(&events(), &[Ast::int(3)], &items)),
        "GROUP_BY_POS_AGGREGATE"
    );
}

#[test]
fn having_and_order_by_see_names_keys_and_aggregates() {
    let block = Select {
        items: vec![n("k"), sum_v().alias("s")],
        group_by: Some(vec![Grouping::Key(n("k"))]),
        having: Some(call(
            "and",
            &[
                call(">", &[n("s"), Ast::int(5)]),
                call(">", &[count(), Ast::int(1)]),
            ],
        )),
        order_by: vec![item(n("s")), item(call("max", &[n("v")])), item(n("k"))],
        ..Select::default()
    };
    let plan = select_block(&events(), &block).unwrap();
    assert_eq!(columns(&plan), "k:string,s:bigint");
    insta::assert_snapshot!(explain(&plan), @r"
    Project [k, s]
    +- Sort [s ASC NULLS FIRST, __order ASC NULLS FIRST, k ASC NULLS FIRST]
       +- Project [k, sum(v) AS s, max(v) AS __order]
          +- Filter ((sum(v) > CAST(5 AS BIGINT)) AND (count(1) > CAST(1 AS BIGINT)))
             +- Aggregate [k], [sum(v), count(1), max(v)], stateful: key (k STRING), kept forever
                +- StreamingRelation memory[events] [ts TIMESTAMP, k STRING, v BIGINT]
    ");
}

#[test]
fn a_filter_clause_belongs_to_its_aggregate() {
    let filtered = Ast::new(AstKind::Call(Box::new(AstCall {
        name: "count".to_owned(),
        arguments: vec![Ast::star()],
        filter: Some(Box::new(call(">", &[n("v"), Ast::int(0)]))),
        ..AstCall::default()
    })));
    let plan = aggregate(&events(), &[n("k")], &[filtered, count()]).unwrap();
    assert_eq!(
        columns(&plan),
        "count(1) FILTER (WHERE (v > 0)):bigint,count(1):bigint"
    );
}

#[test]
fn distinct_is_an_aggregation_by_all_columns() {
    let block = Select {
        items: vec![n("k"), call("%", &[n("v"), Ast::int(2)]).alias("p")],
        is_distinct: true,
        ..Select::default()
    };
    let plan = select_block(&events(), &block).unwrap();
    insta::assert_snapshot!(explain(&plan), @r"
    Aggregate [k, p], [], stateful: key (k STRING, p BIGINT), kept forever
    +- Project [k, (v % CAST(2 AS BIGINT)) AS p]
       +- StreamingRelation memory[events] [ts TIMESTAMP, k STRING, v BIGINT]
    ");
}

#[test]
fn a_rollup_gives_each_row_once_per_grouping_set() {
    let block = Select {
        items: vec![
            n("k"),
            call("%", &[n("v"), Ast::int(2)]).alias("p"),
            count().alias("c"),
            call("grouping_id", &[]).alias("g"),
            call("grouping", &[n("k")]).alias("gk"),
        ],
        group_by: Some(vec![Grouping::Rollup(vec![
            vec![n("k")],
            vec![call("%", &[n("v"), Ast::int(2)])],
        ])]),
        ..Select::default()
    };
    let plan = select_block(&events(), &block).unwrap();
    assert_eq!(
        columns(&plan),
        "k:string,p:bigint,c:bigint,g:bigint,gk:tinyint"
    );
    insta::assert_snapshot!(explain(&plan), @r"
    Project [k, (v % 2) AS p, count(1) AS c, spark_grouping_id AS g, CAST(((spark_grouping_id >> 1) & 1) AS TINYINT) AS gk]
    +- Aggregate [events.k AS k, (v % 2), spark_grouping_id], [count(1)], stateful: key (k STRING, (v % 2) BIGINT, spark_grouping_id BIGINT), kept forever
       +- Expand [[k, (v % CAST(2 AS BIGINT)), 0], [k, NULL, 1], [NULL, NULL, 3]], [k, (v % 2), spark_grouping_id]
          +- StreamingRelation memory[events] [ts TIMESTAMP, k STRING, v BIGINT]
    ");
}

#[test]
fn grouping_needs_grouping_sets() {
    assert_eq!(
        condition(aggregate(
            &events(),
            &[n("k")],
            &[call("grouping", &[n("k")])]
        )),
        "UNSUPPORTED_GROUPING_EXPRESSION"
    );
}

#[test]
fn a_generator_may_spread_an_aggregate() {
    let plan = aggregate(
        &events(),
        &[n("k")],
        &[n("k"), call("explode", &[call("collect_list", &[n("v")])])],
    )
    .unwrap();
    assert_eq!(columns(&plan), "k:string,col:bigint");
}
