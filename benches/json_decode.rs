//! How many nanoseconds does it take to decode one ad event of about 250 bytes from JSON into columns?
//!
//! Asked for: all seven columns, the three a windowed count needs, the same three with a `TIMESTAMP`, and none (only checked and
//! counted). Prints the best and the median slice of 4 096 records, of several runs over the same 50 000 records: a slice is
//! short enough that the best one was not interrupted by other work of the machine.

#![expect(
    clippy::print_stdout,
    reason = "the result of a benchmark is what it prints"
)]

use std::hint::black_box;
use std::time::Instant;
use tidemill::Result;
use tidemill::format::json::{JsonDecoder, JsonOptions};
use tidemill::types::parse_ddl_schema;

const RECORDS: u64 = 50_000;
const RECORDS_PER_SLICE: usize = 4_096;
const RUNS: usize = 15;

fn main() -> Result<()> {
    let plain = records(false);
    let spaced = records(true);
    let bytes: usize = plain.iter().map(Vec::len).sum();
    println!(
        "{RECORDS} records, {} bytes each on average",
        bytes / plain.len()
    );
    let all = "user_id STRING, page_id STRING, ad_id STRING, ad_type STRING, event_type STRING, \
               event_time BIGINT, ip_address STRING";
    let three = "ad_id STRING, event_type STRING, event_time BIGINT";
    let time = "ad_id STRING, event_type STRING, at TIMESTAMP";
    for (name, schema, records) in [
        ("all columns", all, &plain),
        ("3 columns", three, &plain),
        ("3 columns, one a TIMESTAMP", time, &plain),
        ("no column", "", &plain),
        ("all columns, spaces after colons", all, &spaced),
        ("3 columns, spaces after colons", three, &spaced),
    ] {
        measure(name, schema, records)?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn measure(name: &str, schema: &str, records: &[Vec<u8>]) -> Result<()> {
    let mut decoder = JsonDecoder::new(&parse_ddl_schema(schema)?, &JsonOptions::default())?;
    let mut nanos = Vec::new();
    for _ in 0..RUNS {
        for slice in records.chunks_exact(RECORDS_PER_SLICE) {
            let started = Instant::now();
            for record in slice {
                decoder.push(Some(record))?;
            }
            black_box(decoder.finish()?);
            nanos.push(started.elapsed().as_nanos() / RECORDS_PER_SLICE as u128);
        }
    }
    nanos.sort_unstable();
    let (best, median) = (nanos.first(), nanos.get(nanos.len() / 2));
    println!(
        "{name:34} {:5} ns a record at best, {:5} ns in the median",
        best.copied().unwrap_or_default(),
        median.copied().unwrap_or_default()
    );
    Ok(())
}

/// Ad events as the Yahoo streaming benchmark has them, plus the time as text.
fn records(has_spaces: bool) -> Vec<Vec<u8>> {
    let (colon, comma) = if has_spaces { (": ", ", ") } else { (":", ",") };
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    (0..RECORDS)
        .map(|number| {
            let pick =
                |of: [&'static str; 3], by: u64| of.get((by % 3) as usize).copied().unwrap_or("");
            let (user, ad, chance) = (next(), next() % 1_000, next());
            let kind = pick(["banner", "modal", "sponsored-search"], chance);
            let event = pick(["view", "click", "purchase"], chance >> 8);
            let millis = 1_700_000_000_000 + number * 7;
            let at = format!(
                "2024-01-31T{:02}:{:02}:{:02}.{:03}Z",
                number / 3600 % 24,
                number / 60 % 60,
                number % 60,
                number % 1000
            );
            let mut text = String::new();
            let pairs = [
                ("user_id", format!("\"{user:032x}\"")),
                ("page_id", format!("\"{:016x}\"", user >> 3)),
                ("ad_id", format!("\"ad-{ad:06}\"")),
                ("ad_type", format!("\"{kind}\"")),
                ("event_type", format!("\"{event}\"")),
                ("event_time", millis.to_string()),
                ("at", format!("\"{at}\"")),
                (
                    "ip_address",
                    format!("\"10.{}.{}.{}\"", ad % 256, user % 256, chance % 256),
                ),
            ];
            for (index, (key, value)) in pairs.iter().enumerate() {
                let before = if index == 0 { "{" } else { comma };
                text.push_str(&format!("{before}\"{key}\"{colon}{value}"));
            }
            text.push('}');
            text.into_bytes()
        })
        .collect()
}
