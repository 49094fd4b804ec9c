"""The ad-events query on Apache Spark, from files or from Kafka, warm: the other side of the benchmark.

Prints one JSON line: rows, wall seconds and CPU seconds of the timed run, the start of the session and a whole warm-up run not
counted. With --result the windows are written as JSON files in append mode, to be compared; that run is not the timed one.

    python3 spark.py --data DIR [--kafka HOST:PORT --topic T --jars DIR] [--result DIR]
"""

import argparse
import glob
import json
import os
import shutil
import tempfile
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

SCHEMA = "user_id STRING, page_id STRING, ad_id STRING, ad_type STRING, event_type STRING, event_time STRING, ip_address STRING"


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--kafka")
    parser.add_argument("--topic", default="ad-events")
    parser.add_argument("--jars")
    parser.add_argument("--per-trigger", type=int, default=1_000_000)
    parser.add_argument("--files-per-trigger", type=int, default=4)
    parser.add_argument("--result")
    arguments = parser.parse_args()
    builder = (SparkSession.builder.master("local[2]").appName("ad-events")
               .config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "4")
               .config("spark.driver.memory", "4g").config("spark.driver.bindAddress", "127.0.0.1")
               .config("spark.driver.host", "127.0.0.1").config("spark.sql.session.timeZone", "UTC"))
    if arguments.jars:
        builder = builder.config("spark.jars", ",".join(glob.glob(f"{arguments.jars}/*.jar")))
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    jvm = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()
    campaigns = spark.read.option("header", "true").schema("c_ad_id STRING, campaign_id STRING").csv(f"{arguments.data}/campaigns.csv")

    def events():
        if arguments.kafka:
            raw = (spark.readStream.format("kafka").option("kafka.bootstrap.servers", arguments.kafka)
                   .option("subscribe", arguments.topic).option("startingOffsets", "earliest")
                   .option("maxOffsetsPerTrigger", arguments.per_trigger).load())
            return raw.select(F.from_json(F.col("value").cast("string"), SCHEMA).alias("j")).select("j.*")
        return (spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", arguments.files_per_trigger)
                .json(f"{arguments.data}/events"))

    def windows():
        return (events().filter("event_type = 'view'")
                .select("ad_id", F.expr("timestamp_millis(CAST(event_time AS BIGINT))").alias("event_time"))
                .join(F.broadcast(campaigns), F.col("ad_id") == F.col("c_ad_id"))
                .withWatermark("event_time", "10 seconds")
                .groupBy("campaign_id", F.window("event_time", "10 seconds"))
                .agg(F.count("*").alias("views")))

    def run(write):
        checkpoint = tempfile.mkdtemp()
        cpu, wall = cpu_seconds(jvm), time.monotonic()
        query = write.option("checkpointLocation", checkpoint).trigger(availableNow=True).start()
        query.awaitTermination()
        cpu, wall = cpu_seconds(jvm) - cpu, time.monotonic() - wall
        rows = sum(progress["numInputRows"] for progress in query.recentProgress)
        shutil.rmtree(checkpoint, ignore_errors=True)
        return {"rows": rows, "wall_s": round(wall, 3), "cpu_s": round(cpu, 3)}

    if arguments.result:
        flat = windows().select("campaign_id", F.col("window.start").alias("start"), "views")
        print(json.dumps(run(flat.writeStream.format("json").outputMode("append").option("path", arguments.result))))
        return
    noop = lambda: windows().writeStream.format("noop").outputMode("update")
    run(noop())
    print(json.dumps(run(noop())))


main()
