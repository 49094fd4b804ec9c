//! Spark's own examples of its functions, with the answers recorded from Spark (beside the project, or where `TIDEMILL_SHARED` says):
//! each is a trial of its own, and the counts come last.
//!
//! An example is answered exactly: rows, types and column names. What is not is on the list `functions_left.txt`, under its reason, and
//! is refused; an example that passes must leave the list, and none may be answered wrongly. Only examples under a heading that starts
//! with `answered otherwise` may give another answer, for the reason it names.

use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use tidemill::case::{Example, ExampleOutcome};

/// Reasons as headings (`# reason`), below each the queries that it holds for.
const LEFT: &str = include_str!("functions_left.txt");

/// How a heading starts under which examples are answered, but not as recorded.
const ANSWERED_OTHERWISE: &str = "answered otherwise";

static EXACT: AtomicUsize = AtomicUsize::new(0);
static REFUSED: AtomicUsize = AtomicUsize::new(0);
static OTHERWISE: AtomicUsize = AtomicUsize::new(0);

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "whoever runs the tests must see it"
)]
fn main() {
    let arguments = Arguments::from_args();
    let shared = std::env::var("TIDEMILL_SHARED")
        .unwrap_or_else(|_| format!("{}/../shared", env!("CARGO_MANIFEST_DIR")));
    let path = Path::new(&shared).join("functions/examples.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("not run: no recorded examples in {}", path.display());
        return;
    };
    let reasons = reasons();
    let mut trials: Vec<Trial> = text
        .lines()
        .enumerate()
        .map(|(number, line)| trial(number + 1, line, &reasons))
        .collect();
    let total = trials.len();
    trials.push(stale(&text, &reasons));
    let conclusion = libtest_mimic::run(&arguments, trials);
    println!(
        "{total} examples: {} answered exactly, {} refused, {} answered otherwise (reasons: tests/functions_left.txt)",
        EXACT.load(Ordering::Relaxed),
        REFUSED.load(Ordering::Relaxed),
        OTHERWISE.load(Ordering::Relaxed),
    );
    conclusion.exit();
}

/// The reason of each query on the list.
fn reasons() -> HashMap<String, String> {
    let mut reasons = HashMap::new();
    let mut reason = String::new();
    for line in LEFT.lines().filter(|line| !line.trim().is_empty()) {
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

fn trial(number: usize, line: &str, reasons: &HashMap<String, String>) -> Trial {
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
                EXACT.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            (ExampleOutcome::Exact, Some(_)) => failed("it passes: take it off the list"),
            (ExampleOutcome::Refused(_), Some(_)) => {
                REFUSED.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            (ExampleOutcome::OtherSchema(_) | ExampleOutcome::Wrong(_), Some(reason))
                if reason.starts_with(ANSWERED_OTHERWISE) =>
            {
                OTHERWISE.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            (ExampleOutcome::Refused(why), None)
            | (ExampleOutcome::OtherSchema(why) | ExampleOutcome::Wrong(why), _) => failed(&why),
        }
    })
}

/// Nothing on the list that is no example.
fn stale(text: &str, reasons: &HashMap<String, String>) -> Trial {
    let known: Vec<String> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Example>(line).ok())
        .map(|example| on_one_line(&example.sql))
        .collect();
    let stale: Vec<String> = reasons
        .keys()
        .filter(|sql| !known.contains(sql))
        .cloned()
        .collect();
    Trial::test("the_list_names_examples_only", move || {
        if stale.is_empty() {
            return Ok(());
        }
        Err(Failed::from(format!("no such example: {stale:#?}")))
    })
}
