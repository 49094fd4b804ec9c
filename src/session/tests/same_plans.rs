//! Each query twice, in SQL and by the DataFrame API: both have one plan.

use super::*;
use crate::frame::JoinType;
use crate::functions::{
    between, call, count_distinct, desc, explode, expr, session_window, sliding_window, window,
};
use polars::prelude::{DataType, NULL, col, len, lit, when};

/// A query in SQL, and the same by the DataFrame API on a stream.
type Pair = (&'static str, fn(&Session) -> StreamFrame);

fn events(session: &Session) -> StreamFrame {
    session.read_stream().table("events")
}

const PAIRS: &[Pair] = &[
    (
        "SELECT v, v * 2 AS w FROM STREAM events WHERE v > 1",
        |session| {
            let frame = events(session).filter(col("v").gt(lit(1)));
            frame.select([col("v"), (col("v") * lit(2)).alias("w")])
        },
    ),
    (
        "SELECT *, CASE WHEN v > 10 THEN 'big' WHEN v > 1 THEN 'small' END AS size FROM STREAM events",
        |session| {
            let size = when(col("v").gt(lit(10)))
                .then(lit("big"))
                .when(col("v").gt(lit(1)))
                .then(lit("small"))
                .otherwise(lit(NULL));
            events(session).select([col("*"), size.alias("size")])
        },
    ),
    (
        "SELECT greatest(k, 'm') AS k, CAST(v AS BIGINT) AS v, k IN ('a', 'b') AS known FROM STREAM events WHERE v BETWEEN 1 AND 5 AND k IS NOT NULL",
        |session| {
            let wanted = between(col("v"), lit(1), lit(5)).and(col("k").is_not_null());
            let known = lit(polars::prelude::Series::from_iter(["a", "b"]));
            events(session).filter(wanted).select([
                call("greatest", [col("k"), lit("m")]).alias("k"),
                col("v").strict_cast(DataType::Int64).alias("v"),
                col("k").is_in(known, false).alias("known"),
            ])
        },
    ),
    (
        "SELECT window(ts, '1 minute') AS window, k, count(*) AS n, sum(v) AS total FROM STREAM events WATERMARK ts DELAY OF INTERVAL 10 SECONDS GROUP BY window(ts, '1 minute'), k",
        |session| {
            let frame = events(session).with_watermark("ts", "10 seconds");
            let keys = [window(col("ts"), "1 minute").alias("window"), col("k")];
            frame
                .group_by(keys)
                .agg([len().alias("n"), col("v").sum().alias("total")])
        },
    ),
    (
        "SELECT window(ts, '10 minutes', '5 minutes') AS w, max(v) FILTER (WHERE k = 'a') AS m, first(v) IGNORE NULLS AS f FROM STREAM events GROUP BY window(ts, '10 minutes', '5 minutes')",
        |session| {
            let key = sliding_window(col("ts"), "10 minutes", "5 minutes").alias("w");
            events(session).group_by([key]).agg([
                col("v").filter(col("k").eq(lit("a"))).max().alias("m"),
                col("v").first_non_null().alias("f"),
            ])
        },
    ),
    (
        "SELECT session_window(ts, '5 minutes') AS s, k, avg(v) AS a FROM STREAM events WATERMARK ts DELAY OF INTERVAL 0 SECONDS GROUP BY session_window(ts, '5 minutes'), k",
        |session| {
            let frame = events(session).with_watermark("ts", "0 seconds");
            let keys = [session_window(col("ts"), "5 minutes").alias("s"), col("k")];
            frame.group_by(keys).agg([col("v").mean().alias("a")])
        },
    ),
    (
        "SELECT k, count(DISTINCT v) AS d, stddev_samp(v) AS s FROM events GROUP BY k ORDER BY k DESC LIMIT 3",
        |session| {
            let frame = session.table("events").group_by([col("k")]);
            let frame = frame.agg([
                count_distinct(col("v")).alias("d"),
                col("v").std(1).alias("s"),
            ]);
            frame.order_by([desc(col("k"))]).limit(3)
        },
    ),
    (
        "SELECT explode(tags) AS tag, v FROM STREAM posts",
        |session| {
            let posts = session.read_stream().table("posts");
            posts.select([explode(col("tags")).alias("tag"), col("v")])
        },
    ),
    ("SELECT DISTINCT k, v FROM STREAM events", |session| {
        events(session).select([col("k"), col("v")]).distinct()
    }),
    (
        "SELECT k FROM STREAM events UNION ALL SELECT greatest(k, '!') AS k FROM STREAM events",
        |session| {
            let loud = call("greatest", [col("k"), lit("!")]).alias("k");
            let plain = events(session).select([col("k")]);
            plain.union(events(session).select([loud]))
        },
    ),
    (
        "SELECT e.k, e.v, n.name FROM STREAM events AS e LEFT JOIN names AS n ON e.k = n.k AND e.v > 3",
        |session| {
            let names = session.table("names").alias("n");
            let on = col("e.k").eq(col("n.k")).and(col("e.v").gt(lit(3)));
            let joined = events(session)
                .alias("e")
                .join(names, on, JoinType::LeftOuter);
            joined.select([col("e.k"), col("e.v"), col("n.name")])
        },
    ),
    (
        "SELECT * FROM STREAM events LEFT SEMI JOIN names USING (k)",
        |session| events(session).join(session.table("names"), "k", JoinType::LeftSemi),
    ),
    (
        "SELECT a.k, b.v FROM STREAM events AS a JOIN STREAM events AS b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL 1 HOUR",
        |session| {
            let on = expr("a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL 1 HOUR");
            let (a, b) = (events(session).alias("a"), events(session).alias("b"));
            a.join(b, on, JoinType::Inner)
                .select([col("a.k"), col("b.v")])
        },
    ),
];

#[test]
fn sql_and_the_dataframe_api_build_the_same_plans() {
    let (session, _stream) = session_with_events();
    let names = session.frame(polars::prelude::df!["k" => ["a"], "name" => ["ann"]].unwrap());
    session.create_temp_view("names", &names).unwrap();
    for (sql, api) in PAIRS {
        let by_sql = session
            .sql(sql)
            .explain()
            .unwrap_or_else(|error| panic!("{sql}\n{error}"));
        let by_api = api(&session)
            .explain()
            .unwrap_or_else(|error| panic!("{sql}\n{error}"));
        assert_eq!(by_api, by_sql, "{sql}");
    }
}
