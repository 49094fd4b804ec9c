-- The query that this checkpoint belongs to. Its source gives the same rows everywhere, so that
--
--     tidemill replay checkpoints/sample --verify
--
-- runs its batches again and finds the rows that were committed.

CREATE TABLE ticks USING `rate-micro-batch` OPTIONS (
  rowsPerBatch '10',
  advanceMillisPerBatch '3000'
);

CREATE TABLE counts (start TIMESTAMP, remainder BIGINT, n BIGINT, total BIGINT) USING noop;

CREATE FLOW sample AS INSERT INTO counts BY NAME
SELECT window.start AS start, value % 3 AS remainder, count(*) AS n, sum(value) AS total
FROM STREAM ticks WATERMARK timestamp DELAY OF INTERVAL 2 SECONDS
GROUP BY window(timestamp, '5 seconds'), value % 3;
