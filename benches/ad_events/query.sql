-- Views per campaign in windows of ten seconds.

CREATE TABLE campaigns (c_ad_id STRING, campaign_id STRING) USING csv OPTIONS (path '${data}/campaigns.csv', header 'true');

CREATE TABLE windows USING ${sink} OPTIONS (${sink_options});

CREATE FLOW per_campaign AS INSERT INTO windows
SELECT campaign_id, window.start AS start, count(*) AS views
FROM (
  SELECT ad_id, timestamp_millis(CAST(event_time AS BIGINT)) AS event_time FROM events WHERE event_type = 'view'
) WATERMARK event_time DELAY OF INTERVAL 10 SECONDS AS views
JOIN campaigns ON ad_id = c_ad_id
GROUP BY campaign_id, window(event_time, '10 seconds');
