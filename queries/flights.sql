-- Departures from New York's airports: how many and how late on average, per airport and hour of the schedule, and which
-- airline was the latest.
--
-- The topic has flights as JSON in the order in which they left; event time is when they should have left. Delays make the stream
-- really out of order: a flight that left more than six hours later than any schedule seen so far is late, and is left out.

CREATE TABLE flights (
  scheduled TIMESTAMP, dep_delay INT, carrier STRING, flight INT, tailnum STRING, origin STRING, dest STRING, distance INT
) USING kafka OPTIONS (
  'kafka.bootstrap.servers' 'localhost:9092',
  subscribe 'flights',
  startingOffsets 'earliest',
  maxOffsetsPerTrigger '1000',
  'value.format' 'json'
);

-- Airlines by their code: a table that does not change while the query runs.
CREATE TABLE airlines (carrier STRING, name STRING) USING parquet OPTIONS (path 'airlines.parquet');

CREATE TABLE departures (
  origin STRING, hour TIMESTAMP, departures BIGINT, mean_delay DOUBLE, worst_delay INT, latest_airline STRING
) USING parquet OPTIONS (
  path 'departures',
  checkpointLocation 'checkpoints/departures'
);

CREATE FLOW departures_per_hour AS INSERT INTO departures BY NAME
SELECT
  origin,
  window.start AS hour,
  count(*) AS departures,
  avg(dep_delay) AS mean_delay,
  max(dep_delay) AS worst_delay,
  max(struct(dep_delay, name)).name AS latest_airline
FROM STREAM flights WATERMARK scheduled DELAY OF INTERVAL 6 HOURS
JOIN airlines USING (carrier)
GROUP BY origin, window(scheduled, '1 hour');
