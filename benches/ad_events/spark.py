"""The ad-events query on Apache Spark: the other side of the benchmark, in a process that stays warm between runs.

Reads commands from stdin, one a line, and answers each with a line of JSON on stdout:

    run            a run into the noop sink in update mode: wall seconds and CPU seconds of the JVM
    result DIR     a run that writes the windows as JSON files in append mode, to be compared
    versions       of Spark and Java

`run` uses it (see there); by hand: python3 spark.py --data DIR --work DIR [--kafka HOST:PORT --topic T --jars DIR]
"""

import argparse
import glob
import json
import os
import shutil
import sys
import tempfile
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

SCHEMA = "user_id STRING, page_id STRING, ad_id STRING, ad_type STRING, event_type STRING, event_time STRING, ip_address STRING"


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def session(arguments):
    builder = (SparkSession.builder.master("local[2]").appName("ad-events")
               .config("spark.ui.enabled", "false")
               .config("spark.sql.shuffle.partitions", arguments.shuffle_partitions)
               .config("spark.driver.memory", "4g")
               .config("spark.driver.extraJavaOptions", arguments.java_options)
               .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
               .config("spark.local.dir", arguments.work)
               .config("spark.sql.session.timeZone", "UTC"))
    if arguments.jars:
        builder = builder.config("spark.jars", ",".join(glob.glob(f"{arguments.jars}/*.jar")))
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def events(spark, arguments):
    if not arguments.kafka:
        return (spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", arguments.files_per_trigger)
                .json(f"{arguments.data}/events"))
    messages = (spark.readStream.format("kafka").option("kafka.bootstrap.servers", arguments.kafka)
                .option("subscribe", arguments.topic).option("startingOffsets", "earliest")
                .option("maxOffsetsPerTrigger", arguments.rows_per_trigger).load())
    return messages.select(F.from_json(F.col("value").cast("string"), SCHEMA).alias("j")).select("j.*")


def windows(spark, arguments):
    campaigns = (spark.read.option("header", "true").schema("c_ad_id STRING, campaign_id STRING")
                 .csv(f"{arguments.data}/campaigns.csv"))
    return (events(spark, arguments).filter("event_type = 'view'")
            .select("ad_id", F.expr("timestamp_millis(CAST(event_time AS BIGINT))").alias("event_time"))
            .withWatermark("event_time", "10 seconds")
            .join(F.broadcast(campaigns), F.col("ad_id") == F.col("c_ad_id"))
            .groupBy("campaign_id", F.window("event_time", "10 seconds"))
            .agg(F.count("*").alias("views"))
            .select("campaign_id", F.col("window.start").alias("start"), "views"))


def run(jvm, write, work):
    checkpoint = tempfile.mkdtemp(dir=work)
    cpu, wall = cpu_seconds(jvm), time.monotonic()
    query = write.option("checkpointLocation", checkpoint).trigger(availableNow=True).start()
    query.awaitTermination()
    cpu, wall = cpu_seconds(jvm) - cpu, time.monotonic() - wall
    # Rows that a filter drops inside the JSON reader are not among these.
    batches = [progress["numInputRows"] for progress in query.recentProgress]
    shutil.rmtree(checkpoint, ignore_errors=True)
    return {"wall": wall, "cpu": cpu, "input_rows": batches}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--kafka")
    parser.add_argument("--topic")
    parser.add_argument("--jars")
    parser.add_argument("--rows-per-trigger", default="1000000")
    parser.add_argument("--files-per-trigger", default="4")
    parser.add_argument("--shuffle-partitions", default="2")
    parser.add_argument("--java-options", default="-XX:+UseParallelGC")
    arguments = parser.parse_args()
    spark = session(arguments)
    process = spark.sparkContext._jvm.java.lang
    jvm = process.ProcessHandle.current().pid()
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        stream = windows(spark, arguments).writeStream
        if command == "run":
            answer = run(jvm, stream.format("noop").outputMode("update"), arguments.work)
        elif command == "result":
            answer = run(jvm, stream.format("json").outputMode("append").option("path", argument), arguments.work)
        else:
            answer = {"spark": spark.version, "java": process.System.getProperty("java.version")}
        print(json.dumps(answer), flush=True)
    spark.stop()


main()
