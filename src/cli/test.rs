//! `tidemill test`: runs cases, prints each name, a readable difference for what fails, and a closing line.

use super::Ended;
use super::arguments::TestArguments;
use super::output::{print, read_file};
use crate::case::{Case, CaseOptions, Example, ExampleOutcome, Outcome};
use crate::error::{Error, Result};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

pub(super) fn run(arguments: &TestArguments) -> Result<Ended> {
    let mut files = Vec::new();
    for path in &arguments.paths {
        collect(path, &mut files)?;
    }
    let directory = std::env::temp_dir().join(format!("tidemill-test-{}", uuid::Uuid::new_v4()));
    let options = CaseOptions {
        state_partitions: arguments.state_partitions,
        restarts: arguments.restarts,
        directory: directory.clone(),
    };
    let (mut passed, mut failed) = (0_u64, 0_u64);
    for file in files {
        for outcome in run_file(&file, arguments, &options)? {
            match outcome {
                Outcome::Passed => passed += 1,
                Outcome::Failed(_) => failed += 1,
            }
        }
    }
    // Only temporary files are left behind if this fails.
    drop(std::fs::remove_dir_all(&directory));
    print(&format!("\n{passed} passed, {failed} failed\n"))?;
    if passed + failed == 0 {
        return Err(Error::invalid(
            "no case was found there, or none has such a name",
        ));
    }
    Ok(if failed == 0 {
        Ended::Well
    } else {
        Ended::Differing
    })
}

/// The case files at or below a path, in order of their names.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let unreadable = |error| {
        Error::invalid(format!("cannot read this. path=`{}`", path.display())).with_source(error)
    };
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut below: Vec<PathBuf> = std::fs::read_dir(path)
        .map_err(unreadable)?
        .map(|entry| entry.map(|entry| entry.path()).map_err(unreadable))
        .collect::<Result<_>>()?;
    below.sort();
    for path in below {
        let is_case = path
            .extension()
            .is_some_and(|e| e == "json" || e == "jsonl");
        if path.is_dir() || is_case {
            collect(&path, files)?;
        }
    }
    Ok(())
}

fn run_file(file: &Path, arguments: &TestArguments, options: &CaseOptions) -> Result<Vec<Outcome>> {
    let text = read_file(file)?;
    if file
        .extension()
        .is_some_and(|extension| extension == "jsonl")
    {
        return run_examples(&text, arguments);
    }
    let mut case = match Case::parse(&text) {
        Ok(case) => case,
        Err(error) => {
            let difference = format!(
                "{error}: {}\n",
                std::error::Error::source(&error)
                    .map(ToString::to_string)
                    .unwrap_or_default()
            );
            return report(
                &file.display().to_string(),
                Outcome::Failed(difference),
                arguments,
            );
        }
    };
    if arguments
        .filter
        .as_ref()
        .is_some_and(|filter| !case.name.contains(filter))
    {
        return Ok(Vec::new());
    }
    case.resolve_files(file.parent().unwrap_or(Path::new(".")))?;
    let (outcome, actual) = crate::case::run(&case, options);
    if let (true, Some(actual)) = (arguments.update, actual) {
        let mut updated = Case::parse(&text)?;
        updated.expected = actual;
        rewrite(file, &updated.to_json()?)?;
        return report(
            &format!("{} (updated)", case.name),
            Outcome::Passed,
            arguments,
        );
    }
    report(&case.name, outcome, arguments)
}

/// A file with an example of a function a line.
fn run_examples(text: &str, arguments: &TestArguments) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let example: Example = serde_json::from_str(line).map_err(|error| {
            Error::invalid(format!("not an example. line=`{}`", number + 1)).with_source(error)
        })?;
        if arguments
            .filter
            .as_ref()
            .is_some_and(|filter| !example.function.contains(filter))
        {
            continue;
        }
        let outcome = match example.run() {
            ExampleOutcome::Exact => Outcome::Passed,
            ExampleOutcome::OtherSchema(text)
            | ExampleOutcome::Wrong(text)
            | ExampleOutcome::Refused(text) => Outcome::Failed(text),
        };
        outcomes.extend(report(
            &format!("{}: {}", example.function, example.sql),
            outcome,
            arguments,
        )?);
    }
    Ok(outcomes)
}

fn report(name: &str, outcome: Outcome, arguments: &TestArguments) -> Result<Vec<Outcome>> {
    match &outcome {
        Outcome::Passed if arguments.quiet => {}
        Outcome::Passed => print(&format!("ok      {name}\n"))?,
        Outcome::Failed(difference) => {
            let indented: String = difference
                .lines()
                .map(|line| format!("        {line}\n"))
                .collect();
            print(&format!("FAILED  {name}\n{indented}"))?;
        }
    }
    Ok(vec![outcome])
}

fn rewrite(file: &Path, text: &str) -> Result<()> {
    File::create(file)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| {
            Error::invalid(format!("cannot write the case. path=`{}`", file.display()))
                .with_source(error)
        })
}
