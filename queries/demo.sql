-- What `tidemill demo` runs: how many of the ads that were shown were clicked, per campaign in windows of ten seconds. Impressions and
-- clicks are two Kafka topics; a click counts if it comes within five seconds. Most impressions are never clicked: they count too.
-- `${bootstrap_servers}`, `${impressions}`, `${clicks}` and `${directory}` are filled in by the demo.

CREATE TABLE impressions (impression STRING, ad STRING, shown TIMESTAMP) USING kafka OPTIONS (
  'kafka.bootstrap.servers' '${bootstrap_servers}',
  subscribe '${impressions}',
  startingOffsets 'earliest',
  'value.format' 'json'
);

-- Which impression was clicked, and when: once at most.
CREATE TABLE clicks (impression STRING, clicked TIMESTAMP) USING kafka OPTIONS (
  'kafka.bootstrap.servers' '${bootstrap_servers}',
  subscribe '${clicks}',
  startingOffsets 'earliest',
  'value.format' 'json'
);

-- Which campaign an ad belongs to: a table that does not change while the query runs.
CREATE TEMPORARY VIEW campaigns AS
SELECT concat('ad-', id) AS ad, concat('campaign-', id % 5) AS campaign
FROM (SELECT explode(sequence(0, 99)) AS id);

-- Where the windows are kept.
CREATE TABLE click_through (
  start TIMESTAMP, campaign STRING, impressions BIGINT, clicks BIGINT, percent_clicked DOUBLE
) USING parquet OPTIONS (
  path '${directory}/click_through',
  checkpointLocation '${directory}/checkpoint'
);

-- Each impression with its click, or with nulls as soon as no click can come any more: seven seconds of event time later, of which two
-- are the delay that both streams are given.
CREATE TEMPORARY VIEW answered AS
SELECT campaign, shown, clicked
FROM STREAM(impressions) WATERMARK shown DELAY OF INTERVAL 2 SECONDS AS i
LEFT JOIN STREAM(clicks) WATERMARK clicked DELAY OF INTERVAL 2 SECONDS AS c
  ON i.impression = c.impression AND clicked BETWEEN shown AND shown + INTERVAL 5 SECONDS
JOIN campaigns ON i.ad = campaigns.ad;

-- A window is closed, and final, when all of its impressions are answered.
CREATE TEMPORARY VIEW per_campaign AS
SELECT window.start AS start, campaign, count(*) AS impressions, count(clicked) AS clicks,
  round(100.0D * count(clicked) / count(*), 2) AS percent_clicked
FROM answered
GROUP BY campaign, window(shown, '10 seconds');

CREATE FLOW archive AS INSERT INTO click_through BY NAME SELECT * FROM per_campaign;

-- The same on the screen.
SELECT * FROM per_campaign;
