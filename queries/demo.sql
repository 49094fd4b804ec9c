-- What `tidemill demo` runs: ad events from Kafka, views per campaign in windows of ten seconds.
-- `${bootstrap_servers}`, `${topic}` and `${directory}` are filled in by the demo.

CREATE TABLE ad_events (
  ad_id STRING, event_type STRING, event_time TIMESTAMP
) USING kafka OPTIONS (
  'kafka.bootstrap.servers' '${bootstrap_servers}',
  subscribe '${topic}',
  startingOffsets 'earliest',
  'value.format' 'json'
);

-- Which campaign an ad belongs to: a table that does not change while the query runs.
CREATE TEMPORARY VIEW campaigns AS
SELECT concat('ad-', id) AS ad, concat('campaign-', id % 10) AS campaign
FROM (SELECT explode(sequence(0, 99)) AS id);

-- Where the windows are kept.
CREATE TABLE windows (campaign STRING, start TIMESTAMP, views BIGINT) USING parquet OPTIONS (
  path '${directory}/windows',
  checkpointLocation '${directory}/checkpoint'
);

-- A window is closed, and final, when no event of it can come any more: two seconds of event time behind the newest.
CREATE TEMPORARY VIEW per_campaign AS
SELECT campaign, window.start AS start, count(*) AS views
FROM STREAM ad_events WATERMARK event_time DELAY OF INTERVAL 2 SECONDS
JOIN campaigns ON ad_id = ad
WHERE event_type = 'view'
GROUP BY campaign, window(event_time, '10 seconds');

CREATE FLOW archive AS INSERT INTO windows BY NAME SELECT * FROM per_campaign;

-- The same on the screen.
SELECT * FROM per_campaign;
