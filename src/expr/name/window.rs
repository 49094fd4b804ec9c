//! How Spark writes window functions.

use super::sort_items;
use crate::expr::{AstCall, FrameBound, FrameUnit, Over};
use crate::plan::PlanSchema;

/// Functions whose name Spark writes in capitals and without arguments.
const RANKS: &[&str] = &["rank", "dense_rank", "percent_rank"];

/// Functions that have a frame of rows before the current one whatever the window says.
const COUNTING: &[&str] = &[
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "ntile",
    "counter_diff",
];

/// A call with `OVER`; `text` is the call alone.
pub(super) fn over(call: &AstCall, over: &Over, text: String, schema: &PlanSchema) -> String {
    let name = call.name.as_str();
    let mut function = if RANKS.contains(&name) {
        format!("{}()", name.to_uppercase())
    } else {
        match name {
            "ntile" if call.arguments.is_empty() => "ntile(1)".to_owned(),
            _ => text,
        }
    };
    if name == "nth_value" && call.ignores_nulls {
        function += " ignore nulls";
    }
    let mut parts = vec![];
    if !over.partition_by.is_empty() {
        let keys: Vec<String> = over
            .partition_by
            .iter()
            .map(|key| key.sql(schema))
            .collect();
        parts.push(format!("PARTITION BY {}", keys.join(", ")));
    }
    if !over.order_by.is_empty() {
        parts.push(format!("ORDER BY {}", sort_items(&over.order_by, schema)));
    }
    parts.push(frame(call, over, schema));
    format!("{function} OVER ({})", parts.join(" "))
}

fn frame(call: &AstCall, over: &Over, schema: &PlanSchema) -> String {
    let name = call.name.as_str();
    if let "lag" | "lead" = name {
        let offset = call.arguments.get(1);
        let offset = offset.map_or_else(|| "1".to_owned(), |offset| offset.sql(schema));
        let offset = match (
            name,
            offset.strip_prefix("(- ").and_then(|o| o.strip_suffix(')')),
        ) {
            ("lag", Some(positive)) => positive.to_owned(),
            ("lag", None) => match offset.strip_prefix('-') {
                Some(positive) => positive.to_owned(),
                None => format!("-{offset}"),
            },
            (_, Some(positive)) => format!("-{positive}"),
            (_, None) => offset,
        };
        return format!("ROWS BETWEEN {offset} FOLLOWING AND {offset} FOLLOWING");
    }
    let before = "BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW";
    if COUNTING.contains(&name) {
        return format!("ROWS {before}");
    }
    match &over.frame {
        None if name == "cume_dist" || !over.order_by.is_empty() => format!("RANGE {before}"),
        None => "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING".to_owned(),
        Some(frame) => {
            let unit = match frame.unit {
                FrameUnit::Rows => "ROWS",
                FrameUnit::Range => "RANGE",
            };
            let (start, end) = (bound(&frame.start, schema), bound(&frame.end, schema));
            format!("{unit} BETWEEN {start} AND {end}")
        }
    }
}

fn bound(bound: &FrameBound, schema: &PlanSchema) -> String {
    match bound {
        FrameBound::UnboundedPreceding => "UNBOUNDED PRECEDING".to_owned(),
        FrameBound::Preceding(offset) => format!("{} PRECEDING", offset.sql(schema)),
        FrameBound::CurrentRow => "CURRENT ROW".to_owned(),
        FrameBound::Following(offset) => format!("{} FOLLOWING", offset.sql(schema)),
        FrameBound::UnboundedFollowing => "UNBOUNDED FOLLOWING".to_owned(),
    }
}
