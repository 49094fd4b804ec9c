//! `tidemill functions`: what there is to call, out of the registry.

use super::Ended;
use super::arguments::FunctionsArguments;
use super::output::print;
use crate::error::{Error, Result};
use crate::function::documentation::{self, FunctionEntry};
use serde_json::json;
use std::fmt::Write as _;

pub(super) fn run(arguments: &FunctionsArguments) -> Result<Ended> {
    let pattern = arguments.pattern.as_deref().unwrap_or_default();
    let found = documentation::entries_like(pattern);
    if found.is_empty() {
        return Err(Error::invalid(format!(
            "no function has such a name. pattern=`{pattern}`"
        )));
    }
    let mut text = String::new();
    for entry in &found {
        if arguments.json {
            text += &json_line(entry);
        } else {
            describe(entry, &mut text);
        }
    }
    if !arguments.json {
        append(&mut text, format_args!("{} functions\n", found.len()));
    }
    print(&text)?;
    Ok(Ended::Well)
}

fn describe(entry: &FunctionEntry, out: &mut String) {
    append(
        out,
        format_args!("{}  [{}]\n", entry.usage, entry.kind.name()),
    );
    if !entry.aliases.is_empty() {
        append(out, format_args!("    also {}\n", entry.aliases.join(", ")));
    }
    append(out, format_args!("    {}\n", entry.description));
    append(out, format_args!("    {}\n\n", entry.example));
}

fn json_line(entry: &FunctionEntry) -> String {
    let object = json!({
        "name": entry.name,
        "kind": entry.kind.name(),
        "usage": entry.usage,
        "aliases": entry.aliases,
        "description": entry.description,
        "example": entry.example,
    });
    format!("{object}\n")
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text)
        .expect("writing to a string cannot fail");
}
