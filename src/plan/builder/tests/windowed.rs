//! Time windows and watermarks.

use super::*;

#[test]
fn a_tumbling_window_is_one_more_column() {
    let plan = aggregate(
        &watermarked(),
        &[n("k"), window(n("ts"), &["10 seconds"])],
        &[
            n("k"),
            n("window.start").alias("s"),
            n("window.end"),
            window(n("ts"), &["10 seconds"]),
            count(),
        ],
    )
    .unwrap();
    assert_eq!(
        columns(&plan),
        "k:string,s:timestamp,end:timestamp,window:struct<start:timestamp,end:timestamp>,count(1):bigint"
    );
    assert_eq!(
        plan.schema.columns[3].event_time,
        Some(EventTime { delay_ms: 10_000 })
    );
    insta::assert_snapshot!(explain(&plan), @r"
    Project [k, window.start AS s, window.end AS end, window, count(1)]
    +- Aggregate [k, window], [count(1)], stateful: key (k STRING, window STRUCT<start: TIMESTAMP, end: TIMESTAMP>), until the watermark passes window
       +- Project [ts, k, v, __window(ts, 10000000, 10000000, 0, 0) AS window]
          +- Filter (ts IS NOT NULL)
             +- EventTimeWatermark ts, delay 10 seconds
                +- StreamingRelation memory[events] [ts TIMESTAMP, k STRING, v BIGINT]
    ");
}

#[test]
fn a_sliding_window_gives_a_row_per_window() {
    let plan = aggregate(
        &events(),
        &[window(n("ts"), &["10 seconds", "4 seconds"])],
        &[n("window.start"), count()],
    )
    .unwrap();
    insta::assert_snapshot!(explain(&plan), @r"
    Project [window.start AS start, count(1)]
    +- Aggregate [window], [count(1)], stateful: key (window STRUCT<start: TIMESTAMP, end: TIMESTAMP>), kept forever
       +- Filter ((ts >= window.start) AND (ts < window.end))
          +- Expand [[__window(ts, 10000000, 4000000, 0, 0)], [__window(ts, 10000000, 4000000, 0, 1)], [__window(ts, 10000000, 4000000, 0, 2)]], [window]
             +- Filter (ts IS NOT NULL)
                +- StreamingRelation memory[events] [ts TIMESTAMP, k STRING, v BIGINT]
    ");
}

#[test]
fn a_slide_that_divides_the_duration_needs_no_filter_above() {
    let plan = select(&events(), &[window(n("ts"), &["10 seconds", "5 seconds"])]).unwrap();
    insta::assert_snapshot!(explain(&plan), @r"
    Project [window]
    +- Expand [[__window(ts, 10000000, 5000000, 0, 0)], [__window(ts, 10000000, 5000000, 0, 1)]], [window]
       +- Filter (ts IS NOT NULL)
          +- StreamingRelation memory[events] [ts TIMESTAMP, k STRING, v BIGINT]
    ");
}

#[test]
fn a_window_of_windows_takes_their_last_moment() {
    let small = aggregate(
        &watermarked(),
        &[window(n("ts"), &["5 seconds"])],
        &[n("window"), count().alias("c")],
    )
    .unwrap();
    let large = window(n("window"), &["15 seconds"]);
    let plan = aggregate(
        &small,
        std::slice::from_ref(&large),
        &[
            Ast::new(AstKind::Field(Box::new(large.clone()), "start".to_owned())).alias("s"),
            call("sum", &[n("c")]).alias("total"),
        ],
    )
    .unwrap();
    assert_eq!(columns(&plan), "s:timestamp,total:bigint");
    assert!(explain(&plan).contains("__window(window_time(window), 15000000, 15000000, 0, 0)"));
    assert!(explain(&plan).contains("until the watermark passes window"));
    let over_time = aggregate(
        &small,
        &[window(call("window_time", &[n("window")]), &["20 seconds"])],
        &[n("window"), count()],
    );
    assert_eq!(condition(over_time), "MISSING_AGGREGATION");
}

#[test]
fn event_time_follows_columns_windows_and_their_moments_but_nothing_computed() {
    let plan = select(
        &watermarked(),
        &[
            n("ts").alias("t"),
            call("coalesce", &[n("ts"), n("ts")]).alias("c"),
            n("k"),
        ],
    )
    .unwrap();
    let times: Vec<bool> = plan
        .schema
        .columns
        .iter()
        .map(|column| column.event_time.is_some())
        .collect();
    assert_eq!(times, [true, false, false]);
    let plan = select(&watermarked(), &[window(n("ts"), &["1 hour"]).alias("w")]).unwrap();
    let plan = select(
        &plan,
        &[call("window_time", &[n("w")]), n("w.start"), n("w")],
    )
    .unwrap();
    let times: Vec<bool> = plan
        .schema
        .columns
        .iter()
        .map(|column| column.event_time.is_some())
        .collect();
    assert_eq!(times, [true, false, true]);
    assert_eq!(plan.schema.columns[0].name, "window_time(w)");
}

#[test]
fn one_level_has_one_window() {
    let error = select(
        &events(),
        &[
            window(n("ts"), &["10 seconds"]),
            window(n("ts"), &["20 seconds"]),
        ],
    )
    .unwrap_err();
    assert!(
        error
            .message()
            .starts_with("multiple time/session window expressions"),
        "{error}"
    );
    let same = [
        window(n("ts"), &["10 seconds"]),
        window(n("TS"), &["interval 10 seconds"]),
    ];
    assert!(select(&events(), &same).is_ok());
}

#[test]
fn durations_that_make_no_windows_are_refused() {
    let wrong = |durations: &[&str]| condition(select(&events(), &[window(n("ts"), durations)]));
    assert_eq!(
        wrong(&["0 seconds"]),
        "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE"
    );
    assert_eq!(
        wrong(&["5 seconds", "10 seconds"]),
        "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION"
    );
    assert_eq!(
        wrong(&["5 seconds", "5 seconds", "-5 seconds"]),
        "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION"
    );
    assert_eq!(wrong(&["five ticks"]), "CANNOT_PARSE_INTERVAL");
    assert!(message(select(&events(), &[window(n("ts"), &["1 month"])])).contains("month"));
    assert_eq!(
        condition(select(&events(), &[window(n("v"), &["1 day"])])),
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"
    );
}

#[test]
fn a_session_is_a_key_with_its_gap() {
    let session = call("session_window", &[n("ts"), Ast::string("10 seconds")]);
    let plan = aggregate(
        &watermarked(),
        &[n("k"), session],
        &[n("k"), n("session_window.start").alias("s"), count()],
    )
    .unwrap();
    insta::assert_snapshot!(explain(&plan), @r"
    Project [k, session_window.start AS s, count(1)]
    +- Aggregate [k, session_window], [count(1)], session of ts with gap 10000000 us, stateful: key (k STRING, session_window STRUCT<start: TIMESTAMP, end: TIMESTAMP>), until the watermark passes session_window
       +- Project [ts, k, v, __session_window(ts, 10000000) AS session_window]
          +- Filter (ts IS NOT NULL)
             +- EventTimeWatermark ts, delay 10 seconds
                +- StreamingRelation memory[events] [ts TIMESTAMP, k STRING, v BIGINT]
    ");
}

#[test]
fn a_watermark_must_be_on_a_timestamp_with_a_delay() {
    let events = events();
    assert_eq!(
        condition(watermark(&events, &on("v"), "5 seconds")),
        "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE"
    );
    assert_eq!(
        condition(watermark(&events, &on("ts"), "five ticks")),
        "CANNOT_PARSE_INTERVAL"
    );
    assert_eq!(
        message(watermark(&events, &on("ts"), "-5 seconds")),
        "requirement failed: delay threshold (-5 seconds) should not be negative"
    );
    let month = watermark(&events, &on("ts"), "1 month").unwrap();
    assert_eq!(
        month.schema.columns[0].event_time,
        Some(EventTime {
            delay_ms: 31 * 86_400_000
        })
    );
}

#[test]
fn a_watermark_on_a_table_changes_nothing() {
    let table = table("t", "ts TIMESTAMP");
    let plan = watermark(&table, &on("ts"), "5 seconds").unwrap();
    assert_eq!(explain(&plan), explain(&table));
}

#[test]
fn a_watermark_may_be_computed() {
    let events = stream("t", "s BIGINT");
    let computed = EventTimeColumn::Computed(
        Ast::new(AstKind::Cast {
            input: Box::new(n("s")),
            data_type: crate::types::timestamp(),
            units: crate::types::TypeUnits::default(),
            is_try: false,
        }),
        "t".to_owned(),
    );
    let plan = watermark(&events, &computed, "5 seconds").unwrap();
    assert_eq!(columns(&plan), "t:timestamp,s:bigint");
    assert!(plan.schema.columns[0].event_time.is_some());
}
