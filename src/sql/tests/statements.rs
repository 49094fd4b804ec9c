//! Statements and scripts: declarations, options, flows, settings.

use super::*;
use crate::catalog::TableDefinition;
use insta::{assert_debug_snapshot, assert_snapshot};

fn one(sql: &str) -> StatementKind {
    let mut statements = parse_script(sql).unwrap();
    assert_eq!(statements.len(), 1);
    statements.remove(0).kind
}

#[test]
fn a_table_is_declared_with_its_columns_and_options() {
    let StatementKind::CreateTable { definition, if_not_exists } = one(
        "CREATE TABLE IF NOT EXISTS clicks (campaign INT NOT NULL, ts: TIMESTAMP COMMENT 'when', tags ARRAY<STRUCT<a: INT>>)
         USING Kafka OPTIONS ('kafka.bootstrap.servers' 'localhost:9092', subscribe = 'clicks', maxOffsetsPerTrigger 1000, failOnDataLoss false)
         PARTITIONED BY (campaign) COMMENT 'the clicks' TBLPROPERTIES (owner 'me')",
    ) else {
        panic!("not a table");
    };
    assert!(if_not_exists);
    let schema = definition.columns.as_ref().unwrap();
    let columns: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| {
            format!(
                "{} {} {} {:?}",
                field.name(),
                simple_string(field.data_type()),
                field.is_nullable(),
                field.metadata().get("comment")
            )
        })
        .collect();
    assert_snapshot!(columns.join("\n"), @r#"
        campaign int false None
        ts timestamp true Some("when")
        tags array<struct<a:int>> true None
    "#);
    let rest = TableDefinition {
        columns: None,
        ..definition
    };
    assert_eq!(rest.options["maxOffsetsPerTrigger"], "1000");
    assert_eq!(rest.options["failOnDataLoss"], "false");
    assert_debug_snapshot!(rest, @r#"
        TableDefinition {
            name: "clicks",
            columns: None,
            format: "kafka",
            options: [
                "failOnDataLoss",
                "kafka.bootstrap.servers",
                "maxOffsetsPerTrigger",
                "subscribe",
            ],
            partitioned_by: [
                "campaign",
            ],
            comment: Some(
                "the clicks",
            ),
            properties: [
                "owner",
            ],
        }
    "#);
}

#[test]
fn secrets_are_in_no_error_and_no_debug() {
    let malformed = [
        "CREATE TABLE t USING kafka OPTIONS ('kafka.sasl.jaas.config' 'hunter2', a +)",
        "CREATE TABLE t USING kafka OPTIONS (password = 'hunter2' 'hunter2')",
        "CREATE TABLE t USING kafka OPTIONS (password 'hunter2",
        "CREATE TABLE t (a NOTHING) USING kafka TBLPROPERTIES (password \"hunter2\")",
        "SELECT nope +, * FROM STREAM t WITH (password = 'hunter2')",
    ];
    for text in malformed {
        let error = parse_script(text).unwrap_err();
        assert!(error.to_string().contains('^'), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let sound = "CREATE TABLE t USING kafka OPTIONS (password 'hunter2');
        INSERT INTO t WITH (password = 'hunter2') SELECT * FROM STREAM t WITH (password 'hunter2')";
    let statements = parse_script(sound).unwrap();
    assert!(!format!("{statements:?}").contains("hunter2"));
}

#[test]
fn a_location_is_the_option_path() {
    let StatementKind::CreateTable { definition, .. } = one("CREATE TABLE t LOCATION '/data/t'")
    else {
        panic!("not a table");
    };
    assert_eq!(definition.options["path"], "/data/t");
    assert_eq!(definition.format, "parquet");
    assert_eq!(definition.columns, None);
}

#[test]
fn a_script_is_cut_at_semicolons_outside_of_strings_and_comments() {
    let script = "
        -- where it comes from; and goes
        CREATE TEMPORARY VIEW v AS SELECT ';' AS a FROM STREAM t;;
        /* ; /* nested ; */ */
        CREATE FLOW f COMMENT 'x' AS INSERT INTO x BY NAME SELECT * FROM v;
        INSERT INTO x WITH (checkpointLocation = '/c') SELECT 1;
        INSERT INTO TABLE x WITH w AS (SELECT 1) SELECT * FROM w;
        CREATE STREAMING TABLE s (a INT) PARTITIONED BY (a) AS SELECT * FROM v;
        CREATE STREAMING TABLE e;
        CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM v;
        CREATE OR REPLACE TEMP VIEW w (a, b COMMENT 'b') AS SELECT 1, 2;
        CREATE TEMPORARY VIEW files (a INT) USING json OPTIONS (path '/data');
        DROP VIEW IF EXISTS w; DROP TABLE x; DESC EXTENDED x; SHOW TABLES LIKE 'a*';
        EXPLAIN EXTENDED SELECT 1; SELECT 1
    ";
    let statements = parse_script(script).unwrap();
    let all: Vec<String> = statements
        .iter()
        .map(|statement| {
            let debug = format!("{:?}", statement.kind);
            let kind = debug.split([' ', '(']).next().unwrap_or_default();
            format!("{}: {kind}", statement.span.start.line)
        })
        .collect();
    assert_snapshot!(all.join("\n"), @"
        3: CreateTemporaryView
        5: CreateFlow
        6: InsertInto
        7: InsertInto
        8: CreateStreamingTable
        9: CreateStreamingTable
        10: CreateMaterializedView
        11: CreateTemporaryView
        12: CreateTemporaryView
        13: DropView
        13: DropTable
        13: Describe
        13: ShowTables
        14: Explain
        14: Query
    ");
}

#[test]
fn settings_are_text() {
    let written = [
        "SET",
        "SET spark.sql.shuffle.partitions = 4",
        "SET checkpoint.dir=file:/tmp/a b",
        "SET 'a.b' = '10 seconds'",
        "SET a.b",
        "SET TIME ZONE 'Europe/Berlin'",
        "RESET a.b",
    ];
    let all: Vec<String> = written
        .iter()
        .map(|text| format!("{:?}", one(text)))
        .collect();
    assert_snapshot!(all.join("\n"), @r#"
        Set { key: None, value: None }
        Set { key: Some("spark.sql.shuffle.partitions"), value: Some("4") }
        Set { key: Some("checkpoint.dir"), value: Some("file:/tmp/a b") }
        Set { key: Some("a.b"), value: Some("10 seconds") }
        Set { key: Some("a.b"), value: None }
        Set { key: Some("spark.sql.session.timeZone"), value: Some("Europe/Berlin") }
        Reset { key: Some("a.b") }
    "#);
}

#[test]
fn a_query_knows_its_text() {
    let StatementKind::CreateFlow { insert, .. } =
        one("CREATE FLOW f AS INSERT INTO x\n  SELECT 'é', a FROM t ")
    else {
        panic!("not a flow");
    };
    assert_eq!(insert.query.sql(), "SELECT 'é', a FROM t");
    assert!(!insert.by_name);
}

#[test]
fn what_spark_refuses_is_refused_with_its_reason() {
    assert_snapshot!(refused("CREATE STREAMING TABLE x OPTIONS (a 'b') AS SELECT 1"), @"
        [PARSE_SYNTAX_ERROR] a streaming table takes no OPTIONS: its storage is managed; write elsewhere with CREATE TABLE and INSERT INTO; line 1 column 26
          |
        1 | CREATE STREAMING TABLE x OPTIONS (a ***) AS SELECT 1
          |                          ^^^^^^^
    ");
    assert_snapshot!(refused("CREATE OR REFRESH STREAMING TABLE x AS SELECT 1"), @"
        CREATE OR REFRESH (Spark's dialect has CREATE STREAMING TABLE) is not supported; line 1 column 1
          |
        1 | CREATE OR REFRESH STREAMING TABLE x AS SELECT 1
          | ^^^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("CREATE OR REPLACE STREAMING TABLE x AS SELECT 1"), @"
        CREATE OR REPLACE STREAMING is not supported; line 1 column 1
          |
        1 | CREATE OR REPLACE STREAMING TABLE x AS SELECT 1
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("CREATE SINK s"), @"
        [PARSE_SYNTAX_ERROR] CREATE SINK is no statement of Spark: declare the sink with CREATE TABLE … USING, and fill it with CREATE FLOW … AS INSERT INTO; line 1 column 1
          |
        1 | CREATE SINK s
          | ^^^^^^^^^^^
    ");
    assert_snapshot!(refused("CREATE TABLE t (ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL 5 SECONDS)"), @"
        [PARSE_SYNTAX_ERROR] a watermark is declared where the table is read: FROM STREAM t WATERMARK ts DELAY OF INTERVAL 10 SECONDS; line 1 column 31
          |
        1 | CREATE TABLE t (ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL 5 SECONDS)
          |                               ^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("CREATE TABLE t USING json USING csv"), @"
        [DUPLICATE_CLAUSES] the clause USING is there twice; line 1 column 27
          |
        1 | CREATE TABLE t USING json USING csv
          |                           ^^^^^
    ");
    assert_snapshot!(refused("CREATE TABLE t USING json OPTIONS (path 'a', PATH 'b')"), @"
        [DUPLICATE_KEY] an option is there twice. key=`PATH`; line 1 column 46
          |
        1 | CREATE TABLE t USING json OPTIONS (path ***, PATH ***)
          |                                              ^^^^
    ");
}

#[test]
fn statements_that_are_not_supported_are_named() {
    assert_snapshot!(refused("MERGE INTO t USING s ON a = b"), @"
        the MERGE statement is not supported; line 1 column 1
          |
        1 | MERGE INTO t USING s ON a = b
          | ^^^^^
    ");
    assert_snapshot!(refused("CREATE VIEW v AS SELECT 1"), @"
        a persistent view (use CREATE TEMPORARY VIEW) is not supported; line 1 column 1
          |
        1 | CREATE VIEW v AS SELECT 1
          | ^^^^^^^^^^^
    ");
    assert_snapshot!(refused("CREATE FUNCTION f() RETURNS INT RETURN 1"), @"
        CREATE FUNCTION is not supported; line 1 column 1
          |
        1 | CREATE FUNCTION f() RETURNS INT RETURN 1
          | ^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("CREATE TABLE t USING json AS SELECT 1"), @"
        CREATE TABLE … AS SELECT (use CREATE STREAMING TABLE, or CREATE TABLE and INSERT INTO) is not supported; line 1 column 27
          |
        1 | CREATE TABLE t USING json AS SELECT 1
          |                           ^^
    ");
    assert_snapshot!(refused("CREATE FLOW f AS AUTO CDC INTO x FROM STREAM s KEYS (id)"), @"
        AUTO CDC is not supported; line 1 column 18
          |
        1 | CREATE FLOW f AS AUTO CDC INTO x FROM STREAM s KEYS (id)
          |                  ^^^^^^^^
    ");
    assert_snapshot!(refused("INSERT OVERWRITE t SELECT 1"), @"
        INSERT OVERWRITE is not supported; line 1 column 1
          |
        1 | INSERT OVERWRITE t SELECT 1
          | ^^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("CREATE TABLE t LIKE s"), @"
        the clause LIKE is not supported; line 1 column 16
          |
        1 | CREATE TABLE t LIKE s
          |                ^^^^
    ");
    assert_snapshot!(refused("SET -v"), @"
        SET -v is not supported; line 1 column 5
          |
        1 | SET -v
          |     ^
    ");
    assert_snapshot!(refused("USE DATABASE d"), @"
        the USE statement is not supported; line 1 column 1
          |
        1 | USE DATABASE d
          | ^^^
    ");
    assert_snapshot!(refused("SHOW FUNCTIONS"), @"
        SHOW FUNCTIONS is not supported; line 1 column 1
          |
        1 | SHOW FUNCTIONS
          | ^^^^^^^^^^^^^^
    ");
    assert_snapshot!(refused("SELECT 1; FLY TO moon"), @"
        [PARSE_SYNTAX_ERROR] expected a statement such as SELECT, CREATE or INSERT, found `FLY`; line 1 column 11
          |
        1 | SELECT 1; FLY TO moon
          |           ^^^
    ");
}
