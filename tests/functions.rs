//! Queries without input, with the answers recorded from Spark 4.3: the examples of its documentation (beside the project, or where
//! `TIDEMILL_SHARED` says) and the corner cases in `functions_recorded.jsonl`. Each is a trial of its own, and the counts come last.
//!
//! A query is answered exactly: rows, types and column names, or the condition of the error. What is not is on the list beside it
//! (`functions_left.txt`, `functions_recorded_left.txt`), under its reason, and is refused; a query that passes must leave the list, and none
//! may be answered wrongly. Only queries under a heading that starts with `answered otherwise` may give another answer, for the reason it names.

#[path = "support/package.rs"]
mod package;
#[path = "support/shared.rs"]
mod shared;

use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use tidemill::case::{Example, ExampleOutcome};

/// Queries with answers, and what is not answered as recorded.
struct Suite {
    name: &'static str,
    /// One query a line.
    text: String,
    /// Reasons as headings (`# reason`), below each the queries that it holds for.
    left: &'static str,
    counts: &'static Counts,
}

/// How queries were answered.
struct Counts {
    exact: AtomicUsize,
    refused: AtomicUsize,
    otherwise: AtomicUsize,
}

impl Counts {
    const fn new() -> Counts {
        Counts {
            exact: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            otherwise: AtomicUsize::new(0),
        }
    }
}

static OF_EXAMPLES: Counts = Counts::new();
static OF_CORNERS: Counts = Counts::new();

/// How a heading starts under which queries are answered, but not as recorded.
const ANSWERED_OTHERWISE: &str = "answered otherwise";

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "whoever runs the tests must see it"
)]
fn main() {
    let arguments = Arguments::from_args();
    let mut suites = vec![Suite {
        name: "corner cases",
        text: include_str!("functions_recorded.jsonl").to_owned(),
        left: include_str!("functions_recorded_left.txt"),
        counts: &OF_CORNERS,
    }];
    let path = shared::shared().join("functions/examples.jsonl");
    match std::fs::read_to_string(&path) {
        Ok(text) => suites.push(Suite {
            name: "examples",
            text,
            left: include_str!("functions_left.txt"),
            counts: &OF_EXAMPLES,
        }),
        Err(_) => eprintln!("not run: no recorded examples in {}", path.display()),
    }
    let trials = suites.iter().flat_map(trials).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    for suite in &suites {
        println!(
            "{} {}: {} answered exactly, {} refused, {} answered otherwise (reasons: tests/*_left.txt)",
            suite.text.lines().count(),
            suite.name,
            suite.counts.exact.load(Ordering::Relaxed),
            suite.counts.refused.load(Ordering::Relaxed),
            suite.counts.otherwise.load(Ordering::Relaxed),
        );
    }
    conclusion.exit();
}

fn trials(suite: &Suite) -> Vec<Trial> {
    let reasons = reasons(suite.left);
    let mut trials: Vec<Trial> = (1..)
        .zip(suite.text.lines())
        .map(|(number, line)| trial(number, line, &reasons, suite.counts))
        .collect();
    trials.push(stale(suite, &reasons));
    trials
}

/// The reason of each query on the list.
fn reasons(left: &str) -> HashMap<String, String> {
    let mut reasons = HashMap::new();
    let mut reason = String::new();
    for line in left.lines().filter(|line| !line.trim().is_empty()) {
        match line.strip_prefix("# ") {
            Some(heading) => heading.clone_into(&mut reason),
            None => {
                reasons.insert(line.to_owned(), reason.clone());
            }
        }
    }
    reasons
}

/// A query as the list writes it, on one line.
fn on_one_line(sql: &str) -> String {
    sql.replace('\n', "\\n")
}

fn trial(
    number: usize,
    line: &str,
    reasons: &HashMap<String, String>,
    counts: &'static Counts,
) -> Trial {
    let example: Result<Example, _> = serde_json::from_str(line);
    let name = example.as_ref().map_or_else(
        |_| format!("line {number}"),
        |example| format!("{}::{number}", example.function),
    );
    let reason = example
        .as_ref()
        .ok()
        .and_then(|example| reasons.get(&on_one_line(&example.sql)).cloned());
    Trial::test(name, move || {
        let example = example?;
        let failed = |why: &str| Err(Failed::from(format!("{}\n{why}", example.sql)));
        match (example.run(), reason) {
            (ExampleOutcome::Exact, None) => {
                counts.exact.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            (ExampleOutcome::Exact, Some(_)) => failed("it passes: take it off the list"),
            (ExampleOutcome::Refused(_), Some(_)) => {
                counts.refused.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            (ExampleOutcome::OtherSchema(_) | ExampleOutcome::Wrong(_), Some(reason))
                if reason.starts_with(ANSWERED_OTHERWISE) =>
            {
                counts.otherwise.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            (ExampleOutcome::Refused(why), None)
            | (ExampleOutcome::OtherSchema(why) | ExampleOutcome::Wrong(why), _) => failed(&why),
        }
    })
}

/// Nothing on the list that is no example.
fn stale(suite: &Suite, reasons: &HashMap<String, String>) -> Trial {
    let known: Vec<String> = suite
        .text
        .lines()
        .filter_map(|line| serde_json::from_str::<Example>(line).ok())
        .map(|example| on_one_line(&example.sql))
        .collect();
    let stale: Vec<String> = reasons
        .keys()
        .filter(|sql| !known.contains(sql))
        .cloned()
        .collect();
    Trial::test(
        format!("the_list_names_{}_only", suite.name.replace(' ', "_")),
        move || {
            if stale.is_empty() {
                return Ok(());
            }
            Err(Failed::from(format!("no such example: {stale:#?}")))
        },
    )
}
