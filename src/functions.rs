//! The functions of the DataFrame API that polars does not have: event-time windows, generators, JSON, and [`call`] for every
//! function of the registry.
//!
//! Each gives a polars [`Expr`], so that they mix with polars's own `col`, `lit`, `when` and operators. Such an expression runs
//! only in a [`crate::frame::StreamFrame`]; a polars frame refuses it by name.
//!
//! ```
//! use polars::prelude::{col, lit};
//! use tidemill::functions::{call, expr, window};
//!
//! let keys = [window(col("ts"), "10 minutes"), col("campaign")];
//! let level = call("coalesce", [col("level"), lit("info")]).alias("level");
//! let late = expr("ts < current_timestamp() - INTERVAL 1 HOUR");
//! # assert_eq!(keys.len(), 2);
//! # let _ = (level, late);
//! ```

mod carrier;

pub(crate) use carrier::{CAST, Carried, LAMBDA, SQL, TRY_CAST, carried, sort_key};

use carrier::{ASC_NULLS_LAST, DESC, DESC_NULLS_FIRST, carry};
use polars::prelude::{Expr, lit};

/// Any function of the registry, by the name it has in SQL. Whether it exists and takes these arguments is looked at when the
/// expression becomes part of a frame.
///
/// ```
/// # use polars::prelude::{col, lit};
/// # use tidemill::functions::call;
/// let domain = call("regexp_extract", [col("url"), lit("//([^/]+)/"), lit(1)]);
/// ```
pub fn call(name: &str, arguments: impl AsRef<[Expr]>) -> Expr {
    carry(&name.to_lowercase(), arguments.as_ref(), false)
}

/// An expression written in SQL.
///
/// ```
/// # use tidemill::functions::expr;
/// let is_late = expr("arrived_at - ts > INTERVAL 5 MINUTES").alias("is_late");
/// ```
pub fn expr(sql: &str) -> Expr {
    carry(SQL, &[lit(sql)], false)
}

/// A lambda, `(x, y) -> body`, as an argument of a higher-order function. In its body the parameters are columns.
///
/// ```
/// # use polars::prelude::{col, lit};
/// # use tidemill::functions::{call, lambda};
/// let doubled = call("transform", [col("amounts"), lambda(["x"], col("x") * lit(2))]);
/// ```
pub fn lambda<'a>(parameters: impl IntoIterator<Item = &'a str>, body: Expr) -> Expr {
    let mut arguments: Vec<Expr> = parameters.into_iter().map(lit).collect();
    arguments.push(body);
    carry(LAMBDA, &arguments, false)
}

/// `CAST(input AS data_type)`: what cannot be cast ends the query. polars's `strict_cast` is the same with a polars type.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::cast;
/// let price = cast(col("price"), "DECIMAL(10, 2)");
/// ```
pub fn cast(input: Expr, data_type: &str) -> Expr {
    carry(CAST, &[input, lit(data_type)], false)
}

/// `TRY_CAST(input AS data_type)`: what cannot be cast becomes null. polars's `cast` is the same with a polars type.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::try_cast;
/// let price = try_cast(col("price"), "DECIMAL(10, 2)");
/// ```
pub fn try_cast(input: Expr, data_type: &str) -> Expr {
    carry(TRY_CAST, &[input, lit(data_type)], false)
}

/// The tumbling window that `time` falls into: a struct of `start` (inclusive) and `end` (exclusive), aligned to
/// 1970-01-01T00:00:00Z. Rows whose time is null fall into none and vanish.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::window;
/// let key = window(col("ts"), "10 minutes");
/// ```
pub fn window(time: Expr, duration: &str) -> Expr {
    call("window", [time, lit(duration)])
}

/// The windows of length `duration`, one every `slide`, that `time` falls into: a row for each. `slide` is at most `duration`.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::sliding_window;
/// let key = sliding_window(col("ts"), "10 minutes", "5 minutes");
/// ```
pub fn sliding_window(time: Expr, duration: &str, slide: &str) -> Expr {
    call("window", [time, lit(duration), lit(slide)])
}

/// As [`sliding_window`], with windows that start `start` after 1970-01-01T00:00:00Z instead of at it: hours that begin at a
/// quarter past are `window_with_start(time, "1 hour", "1 hour", "15 minutes")`.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::window_with_start;
/// let key = window_with_start(col("ts"), "1 hour", "1 hour", "15 minutes");
/// ```
pub fn window_with_start(time: Expr, duration: &str, slide: &str, start: &str) -> Expr {
    call("window", [time, lit(duration), lit(slide), lit(start)])
}

/// The session that `time` belongs to: a struct of `start` and `end`. A session ends when `gap` passes without a row of the same
/// other keys; its `end` is the last time plus the gap.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::session_window;
/// let keys = [session_window(col("ts"), "5 minutes"), col("user")];
/// ```
pub fn session_window(time: Expr, gap: &str) -> Expr {
    call("session_window", [time, lit(gap)])
}

/// As [`session_window`], with a gap that is computed for each row: an interval, or text such as `5 minutes`. Rows with a
/// gap that is null or not positive vanish.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::{expr, session_window_by};
/// let gap = expr("if(device = 'phone', '5 minutes', '1 hour')");
/// let keys = [session_window_by(col("ts"), gap), col("user")];
/// ```
pub fn session_window_by(time: Expr, gap: Expr) -> Expr {
    call("session_window", [time, gap])
}

/// The event time of a window: its end less one microsecond, so that windows can be grouped into larger windows.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::{window, window_time};
/// let hours = window(window_time(col("window")), "1 hour");
/// ```
pub fn window_time(window: Expr) -> Expr {
    call("window_time", [window])
}

/// How many different values there are that are not null. Refused on streams, where [`approx_count_distinct`] answers.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::count_distinct;
/// let users = count_distinct(col("user")).alias("users");
/// ```
pub fn count_distinct(input: Expr) -> Expr {
    carry("count", &[input], true)
}

/// About how many different values there are, with a relative standard deviation of 5 %.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::approx_count_distinct;
/// let users = approx_count_distinct(col("user")).alias("users");
/// ```
pub fn approx_count_distinct(input: Expr) -> Expr {
    call("approx_count_distinct", [input])
}

/// A percentile of the values that are not null, from 0 to 1, interpolated between the values around it.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::percentile;
/// let p99 = percentile(col("latency"), 0.99).alias("p99");
/// ```
pub fn percentile(input: Expr, percentage: f64) -> Expr {
    call("percentile", [input, lit(percentage)])
}

/// A value whose rank is within a ten-thousandth of the percentage, from 0 to 1. What is kept does not grow with the input.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::approx_percentile;
/// let p99 = approx_percentile(col("latency"), 0.99).alias("p99");
/// ```
pub fn approx_percentile(input: Expr, percentage: f64) -> Expr {
    call("approx_percentile", [input, lit(percentage)])
}

/// The value that occurs most often.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::mode;
/// let usual = mode(col("country")).alias("usual");
/// ```
pub fn mode(input: Expr) -> Expr {
    call("mode", [input])
}

/// The values that are not null, joined with a delimiter.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::listagg;
/// let names = listagg(col("name"), ", ").alias("names");
/// ```
pub fn listagg(input: Expr, delimiter: &str) -> Expr {
    call("listagg", [input, lit(delimiter)])
}

/// A histogram of at most `bins` bins: an array of structs of `x`, the centre, and `y`, the height.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::histogram_numeric;
/// let bins = histogram_numeric(col("latency"), 20).alias("bins");
/// ```
pub fn histogram_numeric(input: Expr, bins: i32) -> Expr {
    call("histogram_numeric", [input, lit(bins)])
}

/// How many rows there are for which `condition` is true.
///
/// ```
/// # use polars::prelude::{col, lit};
/// # use tidemill::functions::count_if;
/// let errors = count_if(col("status").gt_eq(lit(500))).alias("errors");
/// ```
pub fn count_if(condition: Expr) -> Expr {
    call("count_if", [condition])
}

/// A `HyperLogLog` sketch of the values: sketches are united by [`hll_union_agg`] and read by [`hll_sketch_estimate`].
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::hll_sketch_agg;
/// let users = hll_sketch_agg(col("user")).alias("users");
/// ```
pub fn hll_sketch_agg(input: Expr) -> Expr {
    call("hll_sketch_agg", [input])
}

/// The union of `HyperLogLog` sketches.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::{hll_sketch_estimate, hll_union_agg};
/// let users = hll_sketch_estimate(hll_union_agg(col("users"))).alias("users");
/// ```
pub fn hll_union_agg(sketch: Expr) -> Expr {
    call("hll_union_agg", [sketch])
}

/// About how many different values a `HyperLogLog` sketch saw.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::hll_sketch_estimate;
/// let users = hll_sketch_estimate(col("users"));
/// ```
pub fn hll_sketch_estimate(sketch: Expr) -> Expr {
    call("hll_sketch_estimate", [sketch])
}

/// The values that are not null, as an array.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::collect_list;
/// let amounts = collect_list(col("amount")).alias("amounts");
/// ```
pub fn collect_list(input: Expr) -> Expr {
    call("collect_list", [input])
}

/// The different values that are not null, as an array.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::collect_set;
/// let countries = collect_set(col("country")).alias("countries");
/// ```
pub fn collect_set(input: Expr) -> Expr {
    call("collect_set", [input])
}

/// `value` of the row with the greatest `by`.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::max_by;
/// let last_page = max_by(col("page"), col("ts")).alias("last_page");
/// ```
pub fn max_by(value: Expr, by: Expr) -> Expr {
    call("max_by", [value, by])
}

/// `value` of the row with the least `by`.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::min_by;
/// let first_page = min_by(col("page"), col("ts")).alias("first_page");
/// ```
pub fn min_by(value: Expr, by: Expr) -> Expr {
    call("min_by", [value, by])
}

/// A row for each element of an array (column `col`) or entry of a map (columns `key` and `value`); rows with nothing in it
/// vanish.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::explode;
/// let item = explode(col("items")).alias("item");
/// ```
pub fn explode(input: Expr) -> Expr {
    call("explode", [input])
}

/// As [`explode`], but a row with nothing in it stays, with null.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::explode_outer;
/// let item = explode_outer(col("items")).alias("item");
/// ```
pub fn explode_outer(input: Expr) -> Expr {
    call("explode_outer", [input])
}

/// As [`explode`], with a column `pos` before it that counts from 0.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::posexplode;
/// let items = posexplode(col("items"));
/// ```
pub fn posexplode(input: Expr) -> Expr {
    call("posexplode", [input])
}

/// As [`posexplode`], but a row with nothing in it stays, with nulls.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::posexplode_outer;
/// let items = posexplode_outer(col("items"));
/// ```
pub fn posexplode_outer(input: Expr) -> Expr {
    call("posexplode_outer", [input])
}

/// A row for each struct of an array of structs, its fields as columns.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::{from_json, inline};
/// let points = inline(from_json(col("points"), "ARRAY<STRUCT<x: DOUBLE, y: DOUBLE>>"));
/// ```
pub fn inline(input: Expr) -> Expr {
    call("inline", [input])
}

/// Parses JSON text into a value of the type that `schema` (DDL, such as `campaign INT, ts TIMESTAMP`) describes. Text that is
/// not JSON gives null.
///
/// ```
/// # use polars::prelude::{col, DataType};
/// # use tidemill::functions::{cast, from_json};
/// let click = from_json(cast(col("value"), "STRING"), "campaign INT, ts TIMESTAMP").alias("click");
/// ```
pub fn from_json(text: Expr, schema: &str) -> Expr {
    call("from_json", [text, lit(schema)])
}

/// A struct, an array or a map as JSON text.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::{call, to_json};
/// let value = to_json(call("struct", [col("campaign"), col("n")])).alias("value");
/// ```
pub fn to_json(input: Expr) -> Expr {
    call("to_json", [input])
}

/// What stands at a path such as `$.user.name` in JSON text, as text.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::get_json_object;
/// let user = get_json_object(col("value"), "$.user.name").alias("user");
/// ```
pub fn get_json_object(text: Expr, path: &str) -> Expr {
    call("get_json_object", [text, lit(path)])
}

/// The time of the batch, the same for all its rows and again when the batch is replayed.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::current_timestamp;
/// let delay = (current_timestamp() - col("ts")).alias("delay");
/// ```
pub fn current_timestamp() -> Expr {
    call("current_timestamp", [])
}

/// A number from 0 to 1, exclusive, for each row: another in every batch, and the same again when a batch is replayed.
///
/// ```
/// # use polars::prelude::lit;
/// # use tidemill::functions::rand;
/// let is_sampled = rand().lt(lit(0.01));
/// ```
pub fn rand() -> Expr {
    call("rand", [])
}

/// A universally unique identifier (version 4) for each row, the same again when a batch is replayed.
///
/// ```
/// # use tidemill::functions::uuid;
/// let id = uuid().alias("id");
/// ```
pub fn uuid() -> Expr {
    call("uuid", [])
}

/// Parses text by a Spark datetime pattern such as `yyyy-MM-dd HH:mm:ss`.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::to_timestamp;
/// let ts = to_timestamp(col("time"), "dd/MM/yyyy HH:mm:ss").alias("ts");
/// ```
pub fn to_timestamp(text: Expr, pattern: &str) -> Expr {
    call("to_timestamp", [text, lit(pattern)])
}

/// Writes a time by a Spark datetime pattern such as `yyyy-MM-dd`.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::date_format;
/// let day = date_format(col("ts"), "yyyy-MM-dd").alias("day");
/// ```
pub fn date_format(time: Expr, pattern: &str) -> Expr {
    call("date_format", [time, lit(pattern)])
}

/// Cuts a time down to a unit: `year`, `quarter`, `month`, `week`, `day`, `hour`, `minute`, `second`, `millisecond`.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::date_trunc;
/// let hour = date_trunc("hour", col("ts")).alias("hour");
/// ```
pub fn date_trunc(unit: &str, time: Expr) -> Expr {
    call("date_trunc", [lit(unit), time])
}

/// `input BETWEEN lower AND upper`, both inclusive.
///
/// ```
/// # use polars::prelude::{col, lit};
/// # use tidemill::functions::between;
/// let is_success = between(col("status"), lit(200), lit(299));
/// ```
pub fn between(input: Expr, lower: Expr, upper: Expr) -> Expr {
    call("between", [input, lower, upper])
}

/// As a key of `order_by`: descending, nulls last.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::desc;
/// let keys = [desc(col("n")), col("campaign")];
/// ```
pub fn desc(key: Expr) -> Expr {
    carry(DESC, &[key], false)
}

/// As a key of `order_by`: descending, nulls first.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::desc_nulls_first;
/// let keys = [desc_nulls_first(col("n")), col("campaign")];
/// ```
pub fn desc_nulls_first(key: Expr) -> Expr {
    carry(DESC_NULLS_FIRST, &[key], false)
}

/// As a key of `order_by`: ascending, nulls last. Ascending with nulls first is what a key is without any of these.
///
/// ```
/// # use polars::prelude::col;
/// # use tidemill::functions::asc_nulls_last;
/// let keys = [asc_nulls_last(col("n")), col("campaign")];
/// ```
pub fn asc_nulls_last(key: Expr) -> Expr {
    carry(ASC_NULLS_LAST, &[key], false)
}

#[cfg(test)]
mod tests {
    use crate::analyze::call::is_form;
    use crate::function::registry;

    #[test]
    fn every_function_that_is_called_here_is_there() {
        let names: Vec<&str> = include_str!("functions.rs")
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("call(\""))
            .filter_map(|rest| rest.split_once('"'))
            .map(|(name, _)| name)
            .collect();
        assert!(names.len() > 30, "{names:?}");
        for name in names {
            let is_there = registry::scalar(name).is_some()
                || registry::aggregate(name).is_some()
                || is_form(name);
            assert!(is_there, "`{name}`");
        }
    }
}
