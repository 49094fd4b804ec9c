//! Queries as plans: their columns, and errors that point into the text.

use super::*;
use crate::error::Error;
use crate::plan::builder::{self, EventTimeColumn};
use crate::plan::{LogicalPlan, Relation};
use crate::source::SourceFactory;
use crate::source::memory::MemoryStream;
use crate::types::{parse_ddl_schema, schema_string};
use arrow::record_batch::RecordBatch;
use insta::assert_snapshot;

/// Tables, sources and views by name.
#[derive(Default)]
struct Names {
    plans: BTreeMap<String, Arc<LogicalPlan>>,
    streams: BTreeMap<String, Arc<LogicalPlan>>,
}

impl Names {
    fn with(tables: &[(&str, &str)], streams: &[(&str, &str)]) -> Names {
        let mut names = Names::default();
        for (name, schema) in tables {
            names.add_table(name, schema);
        }
        for (name, schema) in streams {
            names.add_stream(name, schema);
        }
        names
    }

    fn add_table(&mut self, name: &str, ddl: &str) {
        let schema = Arc::new(parse_ddl_schema(ddl).unwrap());
        let rows = Relation::Rows(Arc::new(vec![RecordBatch::new_empty(Arc::clone(&schema))]));
        self.plans
            .insert(name.to_owned(), builder::scan(rows, &schema));
    }

    fn add_stream(&mut self, name: &str, ddl: &str) {
        let schema = Arc::new(parse_ddl_schema(ddl).unwrap());
        let factory: Arc<dyn SourceFactory> = Arc::new(MemoryStream::new(Arc::clone(&schema)));
        let source = Relation::Source {
            factory,
            is_streaming: true,
            name: None,
        };
        let plan = builder::scan(source, &schema);
        self.streams.insert(name.to_owned(), plan);
    }

    fn plan(&self, sql: &str) -> Result<Arc<LogicalPlan>> {
        lower_query(&parse_query(sql)?, self)
    }

    /// The columns of a query.
    fn columns(&self, sql: &str) -> String {
        match self.plan(sql) {
            Ok(plan) => schema_string(&plan.schema.to_arrow()),
            Err(error) => panic!("{error}"),
        }
    }

    fn refused(&self, sql: &str) -> String {
        self.plan(sql).unwrap_err().to_string()
    }
}

impl Relations for Names {
    fn table(&self, name: &[String]) -> Result<Arc<LogicalPlan>> {
        let found = self.plans.get(&name.join("."));
        found.cloned().ok_or_else(|| {
            Error::invalid(format!(
                "the table or view `{}` cannot be found",
                name.join(".")
            ))
            .with_condition("TABLE_OR_VIEW_NOT_FOUND")
        })
    }

    fn stream(
        &self,
        name: &[String],
        _options: &BTreeMap<String, String>,
        _identified_by: Option<&str>,
    ) -> Result<Arc<LogicalPlan>> {
        match self.streams.get(&name.join(".")) {
            Some(stream) => Ok(Arc::clone(stream)),
            None => self.table(name),
        }
    }
}

fn names() -> Names {
    Names::with(
        &[
            ("t", "a INT, b STRING, l ARRAY<INT>"),
            ("s", "a INT, c DOUBLE"),
        ],
        &[("e", "ts TIMESTAMP, k STRING, v BIGINT")],
    )
}

#[test]
fn queries_have_the_columns_of_spark() {
    let names = names();
    let written = [
        "SELECT 1, 'x' AS y",
        "SELECT *, b AS c FROM t",
        "SELECT t.* FROM t x JOIN t ON false",
        "SELECT * EXCEPT (b), x.l FROM t x",
        "SELECT * FROM t JOIN s USING (a)",
        "SELECT * FROM t LEFT SEMI JOIN s USING (a)",
        "SELECT * FROM t NATURAL LEFT JOIN s",
        "SELECT b, count(*), grouping_id() AS g FROM t GROUP BY ROLLUP (b)",
        "FROM t |> AGGREGATE count(*) AS n, max(a) GROUP BY b AS k, a |> WHERE n > 1",
        "FROM t |> JOIN s ON t.a = s.a |> SELECT * EXCEPT (l) |> ORDER BY c",
        "FROM t |> AGGREGATE sum(a) AS s",
        "SELECT b FROM t GROUP BY ALL HAVING max(a) > 1 ORDER BY ALL LIMIT 5 OFFSET 2",
        "SELECT * FROM (SELECT a, b FROM t) AS q(x, y)",
        "WITH q AS (SELECT a FROM t), r (z) AS (SELECT a FROM q) SELECT r.z, q.a FROM q, r",
        "WITH t AS (SELECT c FROM s) SELECT * FROM t",
        "SELECT a FROM t UNION ALL SELECT c FROM s",
        "SELECT a, b FROM t UNION ALL BY NAME SELECT b, a FROM t",
        "SELECT * FROM VALUES (1, NULL), (2, 'x') AS v(n, m)",
        "VALUES (1), (2.5)",
        "SELECT id FROM range(3) r",
        "SELECT b, x FROM t LATERAL VIEW explode(l) q AS x",
        "SELECT q.x FROM t, LATERAL explode(l) AS q(x)",
        "FROM t |> SELECT a, b |> EXTEND a AS c |> SET b = 1 |> DROP a |> AS q |> SELECT q.*",
        "FROM STREAM e |> AS q |> SELECT q.k |> LIMIT 2",
        "TABLE s",
    ];
    let all: Vec<String> = written.iter().map(|sql| names.columns(sql)).collect();
    assert_snapshot!(all.join("\n"), @"
        struct<1:int,y:string>
        struct<a:int,b:string,l:array<int>,c:string>
        struct<a:int,b:string,l:array<int>>
        struct<a:int,l:array<int>,l:array<int>>
        struct<a:int,b:string,l:array<int>,c:double>
        struct<a:int,b:string,l:array<int>>
        struct<a:int,b:string,l:array<int>,c:double>
        struct<b:string,count(1):bigint,g:bigint>
        struct<k:string,a:int,n:bigint,max(a):int>
        struct<a:int,b:string,a:int,c:double>
        struct<s:bigint>
        struct<b:string>
        struct<x:int,y:string>
        struct<z:int,a:int>
        struct<c:double>
        struct<a:double>
        struct<a:int,b:string>
        struct<n:int,m:string>
        struct<col1:decimal(11,1)>
        struct<id:bigint>
        struct<b:string,x:int>
        struct<x:int>
        struct<b:int,c:int>
        struct<k:string>
        struct<a:int,c:double>
    ");
}

#[test]
fn a_watermark_is_on_its_column_and_survives_an_alias() {
    let sql = "SELECT q.ts, q.k FROM STREAM e WATERMARK ts DELAY OF INTERVAL 10 SECONDS AS q";
    let plan = names().plan(sql).unwrap();
    assert!(plan.is_streaming());
    let delays: Vec<Option<i64>> = plan
        .schema
        .columns
        .iter()
        .map(|column| column.event_time.as_ref().map(|time| time.delay_ms))
        .collect();
    assert_eq!(delays, [Some(10_000), None]);
}

#[test]
fn a_watermark_may_compute_its_column() {
    let sql =
        "SELECT * FROM STREAM(e) WATERMARK CAST(k AS TIMESTAMP) AS t DELAY OF INTERVAL 1 MINUTE";
    assert_eq!(
        names().columns(sql),
        "struct<t:timestamp,ts:timestamp,k:string,v:bigint>"
    );
}

#[test]
fn errors_of_resolution_point_into_the_text() {
    let names = names();
    assert_snapshot!(names.refused("SELECT a,\n  nope FROM t"), @"
        [UNRESOLVED_COLUMN.WITH_SUGGESTION] a column, variable, or function parameter with name `nope` cannot be resolved. Did you mean one of the following? [`a`, `b`, `l`]; line 2 column 3
          |
        2 |   nope FROM t
          |   ^^^^
    ");
    assert_snapshot!(names.refused("SELECT a FROM (SELECT x.a FROM nowhere x)"), @"
        [TABLE_OR_VIEW_NOT_FOUND] the table or view `nowhere` cannot be found; line 1 column 32
          |
        1 | SELECT a FROM (SELECT x.a FROM nowhere x)
          |                                ^^^^^^^
    ");
    assert_snapshot!(names.refused("SELECT t.a FROM (SELECT * FROM t)"), @"
        [UNRESOLVED_COLUMN.WITH_SUGGESTION] a column, variable, or function parameter with name `t`.`a` cannot be resolved. Did you mean one of the following? [`__auto_generated_subquery_name`.`a`, `__auto_generated_subquery_name`.`b`, `__auto_generated_subquery_name`.`l`]; line 1 column 8
          |
        1 | SELECT t.a FROM (SELECT * FROM t)
          |        ^^^
    ");
    assert_snapshot!(names.refused("SELECT * FROM python_rows()"), @"
        [UNRESOLVABLE_TABLE_VALUED_FUNCTION] there is no such table function. name=`python_rows`; line 1 column 15
          |
        1 | SELECT * FROM python_rows()
          |               ^^^^^^^^^^^^^
    ");
}

#[test]
fn rows_and_columns_that_do_not_fit_are_refused() {
    let names = names();
    assert_snapshot!(names.refused("SELECT a FROM t LIMIT -1"), @"
        [INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE] LIMIT and OFFSET take a number of rows, which is not negative. expression=`-1`; line 1 column 23
          |
        1 | SELECT a FROM t LIMIT -1
          |                       ^^
    ");
    assert_snapshot!(names.refused("SELECT a FROM t UNION SELECT a, c FROM s"), @"
        [NUM_COLUMNS_MISMATCH] UNION can only be performed on inputs with the same number of columns, but the first input has 1 columns and the second input has 2 columns; line 1 column 1
          |
        1 | SELECT a FROM t UNION SELECT a, c FROM s
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(names.refused("SELECT * EXCEPT (z) FROM t"), @"
        [UNRESOLVED_COLUMN.WITH_SUGGESTION] a column with name `z` cannot be resolved. The columns are [`a`, `b`, `l`]; line 1 column 18
          |
        1 | SELECT * EXCEPT (z) FROM t
          |                  ^
    ");
    assert_snapshot!(names.refused("SELECT * FROM t AS q(x)"), @"
        [ASSIGNMENT_ARITY_MISMATCH] the number of column aliases does not match the number of columns. Number of column aliases: 1; number of columns: 3; line 1 column 22
          |
        1 | SELECT * FROM t AS q(x)
          |                      ^
    ");
    assert_snapshot!(names.refused("VALUES (1, 2), (3)"), @"
        [INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH] all rows of an inline table have the same number of columns. expected=`2`, found=`1`; line 1 column 16
          |
        1 | VALUES (1, 2), (3)
          |                ^^^
    ");
    assert_snapshot!(names.refused("SELECT k FROM STREAM e WATERMARK CAST(k AS TIMESTAMP) DELAY OF INTERVAL 1 DAY"), @"
        [REQUIRES_EXPLICIT_NAME_IN_WATERMARK_CLAUSE] an expression that is event time needs a name: WATERMARK expression AS name DELAY OF …; line 1 column 34
          |
        1 | SELECT k FROM STREAM e WATERMARK CAST(k AS TIMESTAMP) DELAY OF INTERVAL 1 DAY
          |                                  ^^^^^^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(names.refused("SELECT k FROM STREAM e WATERMARK v DELAY OF INTERVAL 1 DAY"), @r#"
        [EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE] the event time `v` has the invalid type "BIGINT", but expected "TIMESTAMP"; line 1 column 24
          |
        1 | SELECT k FROM STREAM e WATERMARK v DELAY OF INTERVAL 1 DAY
          |                        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
    assert_snapshot!(names.refused("SELECT k FROM STREAM e WATERMARK ts DELAY OF INTERVAL -1 DAY"), @"
        requirement failed: delay threshold (-86400000 milliseconds) should not be negative; line 1 column 24
          |
        1 | SELECT k FROM STREAM e WATERMARK ts DELAY OF INTERVAL -1 DAY
          |                        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
}
/// Runs the steps of a recorded case; gives the last plan.
fn lowered(case: &serde_json::Value) -> Result<Arc<LogicalPlan>> {
    let mut names = Names::default();
    let entries = |key: &str| case[key].as_object().cloned().unwrap_or_default();
    for (name, source) in entries("sources") {
        names.add_stream(&name, source["schema"].as_str().unwrap());
    }
    for (name, table) in entries("tables") {
        names.add_table(&name, table["schema"].as_str().unwrap());
    }
    let mut last = None;
    for step in case["steps"].as_array().unwrap() {
        let text = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
        let input = |names: &Names| {
            let streams = names.streams.get(&text("input"));
            let found = names.plans.get(&text("input")).or(streams);
            builder::alias(found.unwrap(), &text("input"))
        };
        let columns = || -> Vec<String> {
            let columns = step["columns"].as_array().into_iter().flatten();
            columns
                .map(|column| column.as_str().unwrap().to_owned())
                .collect()
        };
        let plan = match step["op"].as_str() {
            None => names.plan(&text("sql"))?,
            Some("with_watermark") => {
                let column = EventTimeColumn::Name(vec![text("column")]);
                builder::watermark(&input(&names), &column, &text("delay"))?
            }
            Some("drop_duplicates") => builder::drop_duplicates(&input(&names), &columns(), false)?,
            Some(_) => builder::drop_duplicates(&input(&names), &columns(), true)?,
        };
        names.plans.insert(text("view"), Arc::clone(&plan));
        last = Some(plan);
    }
    Ok(last.unwrap())
}

#[test]
fn every_recorded_query_has_sparks_columns() {
    let mut wrong = Vec::new();
    for case in recorded_cases() {
        let name = case["name"].as_str().unwrap();
        match (lowered(&case), case["expected"]["schema"].as_str()) {
            (Ok(plan), Some(expected)) => {
                let found = schema_string(&plan.schema.to_arrow());
                if found != expected {
                    wrong.push(format!("{name}: {found} and not {expected}"));
                }
            }
            (Err(error), _) if error.condition() == Some("UNRESOLVED_ROUTINE") => {}
            (Err(error), Some(_)) => wrong.push(format!("{name}: {error}")),
            (Err(error), None) => {
                let expected = case["expected"]["error"]["condition"].as_str();
                if error.condition() != expected {
                    wrong.push(format!("{name}: {error}, and not {expected:?}"));
                }
            }
            // Refused later: by the check of the plan, or at run time.
            (Ok(_), None) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
