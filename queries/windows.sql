-- Rows per second, counted by event time: needs nothing but this file.
--
-- Each batch of the source has 100 rows and is one second later than the one before. A window is given out when the watermark,
-- two seconds behind the newest row, has passed its end.

CREATE TABLE ticks USING `rate-micro-batch` OPTIONS (rowsPerBatch = 100, advanceMillisPerBatch = 1000);

CREATE TABLE counts USING console OPTIONS (outputMode 'append', truncate 'false');

CREATE FLOW rows_per_window AS INSERT INTO counts
SELECT window.start, window.end, count(*) AS rows, sum(value) AS total
FROM STREAM ticks WATERMARK timestamp DELAY OF INTERVAL 2 SECONDS
GROUP BY window(timestamp, '5 seconds');
