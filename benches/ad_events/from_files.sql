-- Ad events from JSON files.

CREATE TABLE files (
  user_id STRING, page_id STRING, ad_id STRING, ad_type STRING, event_type STRING, event_time STRING, ip_address STRING
) USING json OPTIONS (path '${data}/events', maxFilesPerTrigger ${files_per_trigger});

CREATE TEMPORARY VIEW events AS SELECT * FROM STREAM files;
