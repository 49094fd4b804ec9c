-- Views per campaign in windows of ten seconds, kept up to date while they are open: update mode gives the new count of every window
-- that a batch has touched.
--
-- Events are JSON values of a Kafka topic. An ad that no campaign has is counted nowhere.

CREATE TABLE ad_events (
  user_id STRING, page_id STRING, ad_id STRING, ad_type STRING, event_type STRING, event_time TIMESTAMP, ip_address STRING
) USING kafka OPTIONS (
  'kafka.bootstrap.servers' 'localhost:9092',
  subscribe 'ad-events',
  startingOffsets 'earliest',
  'value.format' 'json'
);

-- Which campaign an ad belongs to: a table that does not change while the query runs.
CREATE TABLE campaigns (ad_id STRING, campaign_id STRING) USING csv OPTIONS (path 'campaigns.csv', header 'true');

CREATE TABLE campaign_counts (campaign_id STRING, start TIMESTAMP, views BIGINT) USING kafka OPTIONS (
  'kafka.bootstrap.servers' 'localhost:9092',
  topic 'campaign-counts',
  'value.format' 'json',
  outputMode 'update',
  checkpointLocation 'checkpoints/campaign-counts'
);

CREATE FLOW views_per_campaign AS INSERT INTO campaign_counts BY NAME
SELECT campaign_id, window.start AS start, count(*) AS views
FROM STREAM ad_events WATERMARK event_time DELAY OF INTERVAL 10 SECONDS
JOIN campaigns USING (ad_id)
WHERE event_type = 'view'
GROUP BY campaign_id, window(event_time, '10 seconds');
