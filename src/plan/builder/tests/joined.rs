//! Joins, unions and set operations.

use super::*;
use crate::plan::PlanNode;

fn dim() -> Arc<LogicalPlan> {
    table("d", "k STRING, label STRING, weight INT")
}

fn e() -> Arc<LogicalPlan> {
    alias(&events(), "e")
}

#[test]
fn equalities_are_taken_out_of_the_condition() {
    let condition = call(
        "and",
        &[
            call("=", &[n("d.k"), n("e.k")]),
            call(">", &[n("e.v"), call("*", &[n("d.weight"), Ast::int(2)])]),
        ],
    );
    let plan = join(&e(), &dim(), JoinType::Inner, &JoinCondition::On(condition)).unwrap();
    insta::assert_snapshot!(explain(&plan), @r"
    Join Inner, (e.k = d.k) AND (v > CAST((weight * 2) AS BIGINT))
    :- StreamingRelation memory[events] [ts TIMESTAMP, k STRING, v BIGINT]
    +- Relation memory[d] [k STRING, label STRING, weight INT]
    ");
    let PlanNode::Join { equalities, .. } = &plan.node else {
        panic!("a join");
    };
    let (left, right, _) = &equalities[0];
    assert!(left.same_as(&Expr::column(1, left.data_type.clone(), true)));
    assert!(right.same_as(&Expr::column(0, right.data_type.clone(), true)));
}

#[test]
fn both_sides_of_an_equality_have_one_type() {
    let condition = call("<=>", &[n("e.v"), n("d.weight")]);
    let plan = join(
        &e(),
        &dim(),
        JoinType::LeftOuter,
        &JoinCondition::On(condition),
    )
    .unwrap();
    let PlanNode::Join {
        equalities,
        residual,
        ..
    } = &plan.node
    else {
        panic!("a join");
    };
    let (left, right, is_null_safe) = &equalities[0];
    assert_eq!(left.data_type, right.data_type);
    assert!(*is_null_safe);
    assert!(residual.is_none());
    assert!(plan.schema.columns[5].is_nullable);
}

#[test]
fn using_gives_its_columns_once_and_first() {
    let using = JoinCondition::Using(vec!["k".to_owned()]);
    let plan = join(&e(), &dim(), JoinType::LeftOuter, &using).unwrap();
    assert_eq!(
        columns(&plan),
        "k:string,ts:timestamp,v:bigint,label:string,weight:int"
    );
    let natural = join(&e(), &dim(), JoinType::FullOuter, &JoinCondition::Natural).unwrap();
    assert_eq!(columns(&natural), columns(&plan));
    let wrong = JoinCondition::Using(vec!["label".to_owned()]);
    assert_eq!(
        condition(join(&e(), &dim(), JoinType::Inner, &wrong)),
        "UNRESOLVED_USING_COLUMN_FOR_JOIN"
    );
}

#[test]
fn a_semi_join_gives_the_left_columns_alone() {
    let on = JoinCondition::On(call("=", &[n("e.k"), n("d.k")]));
    let plan = join(&e(), &dim(), JoinType::LeftSemi, &on).unwrap();
    assert_eq!(columns(&plan), "ts:timestamp,k:string,v:bigint");
}
