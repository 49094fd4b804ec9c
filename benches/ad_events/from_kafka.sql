-- Ad events from a Kafka topic of JSON values.

CREATE TABLE messages USING kafka OPTIONS (
  'kafka.bootstrap.servers' '${servers}', subscribe '${topic}',
  startingOffsets 'earliest', maxOffsetsPerTrigger ${rows_per_trigger}
);

CREATE TEMPORARY VIEW events AS SELECT j.* FROM (
  SELECT from_json(
    CAST(value AS STRING),
    'user_id STRING, page_id STRING, ad_id STRING, ad_type STRING, event_type STRING, event_time STRING, ip_address STRING'
  ) AS j FROM STREAM messages
);
