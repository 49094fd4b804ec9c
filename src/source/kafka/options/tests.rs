use super::*;

fn parse(pairs: &[(&str, &str)]) -> Result<KafkaSourceOptions> {
    let options = pairs
        .iter()
        .chain(&[("kafka.bootstrap.servers", "broker:9092")])
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    KafkaSourceOptions::parse(&options)
}

fn refusal(pairs: &[(&str, &str)]) -> String {
    parse(pairs).unwrap_err().to_string()
}

#[test]
fn exactly_one_of_the_three_ways_to_name_topics_is_needed() {
    assert!(refusal(&[]).contains("one of these options must be given"));
    let both = refusal(&[("subscribe", "t"), ("subscribePattern", "t.*")]);
    assert!(both.contains("only one of these"), "{both}");
    for (key, value) in [
        ("subscribe", " , "),
        ("subscribePattern", " "),
        ("assign", ""),
        ("assign", "{}"),
        ("assign", "t-0"),
    ] {
        assert!(refusal(&[(key, value)]).contains(key), "{key} {value}");
    }
}

#[test]
fn keys_are_read_without_regard_to_case() {
    let options = parse(&[
        ("SUBSCRIBE", "Topic"),
        ("STARTINGOFFSETS", "{\"Topic\":{\"0\":23}}"),
        ("MaxOffsetsPerTrigger", "10"),
    ])
    .unwrap();
    assert_eq!(options.subscription.to_string(), "Subscribe[Topic]");
    assert_eq!(options.max_offsets_per_trigger, NonZeroU64::new(10));
    assert!(matches!(options.starting, Some(Position::Offsets(_))));
}

#[test]
fn a_timestamp_for_all_wins_over_timestamps_and_these_over_offsets() {
    let all = [
        ("subscribe", "t"),
        ("startingOffsets", "earliest"),
        ("startingOffsetsByTimestamp", "{\"t\":{\"0\":5}}"),
        ("startingTimestamp", "7"),
    ];
    assert_eq!(parse(&all).unwrap().starting, Some(Position::Timestamp(7)));
    assert!(matches!(
        parse(&all[..3]).unwrap().starting,
        Some(Position::Timestamps(_))
    ));
    assert_eq!(parse(&all[..2]).unwrap().starting, Some(Position::Earliest));
    assert_eq!(parse(&all[..1]).unwrap().starting, None);
}

#[test]
fn a_stream_refuses_an_end_and_a_table_refuses_to_start_at_the_end() {
    let ending = parse(&[("subscribe", "t"), ("endingOffsets", "latest")]).unwrap();
    assert!(ending.check_for_table().is_ok());
    let error = ending.check_for_stream().unwrap_err().to_string();
    assert!(error.contains("streaming query"), "{error}");
    for (key, value) in [
        ("startingOffsets", "latest"),
        ("startingOffsets", "{\"t\":{\"0\":-1}}"),
        ("endingOffsets", "earliest"),
        ("endingOffsets", "{\"t\":{\"0\":-2}}"),
    ] {
        let options = parse(&[("subscribe", "t"), (key, value)]).unwrap();
        assert!(options.check_for_table().is_err(), "{key} {value}");
    }
}

#[test]
fn bad_values_are_refused_by_name() {
    for (key, value) in [
        ("startingOffsets", "newest"),
        ("startingOffsets", "{\"t\":{\"0\":-3}}"),
        ("startingOffsetsByTimestamp", "{\"t\":5}"),
        ("startingOffsetsByTimestampStrategy", "first"),
        ("startingTimestamp", "-1"),
        ("minPartitions", "0"),
        ("maxRecordsPerPartition", "0"),
        ("maxOffsetsPerTrigger", "0"),
        ("maxTriggerDelay", "soon"),
        ("failOnDataLoss", "perhaps"),
        ("value.format", "xml"),
        ("tidemill.prefetchBytes", "1k"),
    ] {
        let error = refusal(&[("subscribe", "t"), (key, value)]);
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn a_minimum_above_the_maximum_is_refused() {
    let error = refusal(&[
        ("subscribe", "t"),
        ("minOffsetsPerTrigger", "10"),
        ("maxOffsetsPerTrigger", "5"),
    ]);
    assert!(error.contains("higher than the maximum"), "{error}");
}

#[test]
fn an_unknown_option_is_refused_with_the_nearest_known_one() {
    let error = refusal(&[("subscribe", "t"), ("startingOffset", "earliest")]);
    assert!(error.contains("did you mean `startingOffsets`"), "{error}");
}

#[test]
fn how_fast_it_is_read_does_not_make_another_source() {
    let slow = parse(&[("subscribe", "t"), ("maxOffsetsPerTrigger", "10")]).unwrap();
    let fast = parse(&[("subscribe", "t"), ("kafka.fetch.min.bytes", "1000")]).unwrap();
    assert_eq!(slow.identity(), fast.identity());
    let other = parse(&[("subscribe", "u")]).unwrap();
    assert_ne!(slow.identity(), other.identity());
}

#[test]
fn no_secret_is_in_debug_or_identity() {
    let options = parse(&[("subscribe", "t"), ("kafka.sasl.password", "hunter2")]).unwrap();
    let shown = format!("{options:?} {}", options.identity());
    assert!(!shown.contains("hunter2"), "{shown}");
}
