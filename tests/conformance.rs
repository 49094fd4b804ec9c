//! Every case as a test of its own: those recorded from Apache Spark (in `conformance` beside the project, or where `TIDEMILL_SHARED` says,
//! and in `tests/cases`) and those in `queries/`. Each runs with one and with four state partitions, and with a query that is opened anew
//! from its checkpoint before every batch. Without the recorded cases nothing runs: that is a failure.

#[path = "support/package.rs"]
mod package;
#[path = "support/shared.rs"]
mod shared;

use libtest_mimic::{Arguments, Failed, Trial};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tidemill::case::{Case, CaseOptions, Outcome, run};

fn main() {
    let arguments = Arguments::from_args();
    let (root, shared) = (package::root(), shared::shared());
    let own = cases_below(&root.join("queries"));
    let mut recorded = cases_below(&shared.join("conformance"));
    if recorded.is_empty() {
        say(&format!(
            "FAILED: there are no cases recorded from Spark in {}: set TIDEMILL_SHARED to the folder that holds conformance/",
            shared.join("conformance").display()
        ));
        std::process::exit(1);
    }
    recorded.extend(cases_below(&root.join("tests/cases")));
    let mut trials: Vec<Trial> = own
        .iter()
        .chain(&recorded)
        .flat_map(|file| VARIANTS.map(|variant| trial(file, variant)))
        .collect();
    trials.push(Trial::test("every_query_has_a_case_beside_it", || {
        every_query_has_a_case(&package::root().join("queries"))
    }));
    let conclusion = libtest_mimic::run(&arguments, trials);
    say(&format!(
        "{} cases recorded from Spark and {} of our own, each in {} variants: {} passed, {} failed, {} filtered out",
        recorded.len(),
        own.len(),
        VARIANTS.len(),
        conclusion.num_passed,
        conclusion.num_failed,
        conclusion.num_filtered_out,
    ));
    conclusion.exit();
}

/// The closing line. Nobody is left to tell, if stdout is closed.
fn say(line: &str) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// A way to run a case.
#[derive(Clone, Copy)]
struct Variant {
    name: &'static str,
    state_partitions: usize,
    restarts: bool,
}

const VARIANTS: [Variant; 3] = [
    Variant {
        name: "1_partitions",
        state_partitions: 1,
        restarts: false,
    },
    Variant {
        name: "4_partitions",
        state_partitions: 4,
        restarts: false,
    },
    Variant {
        name: "restarts",
        state_partitions: 4,
        restarts: true,
    },
];

/// That every SQL file in a folder has a case with its name, which is about it.
fn every_query_has_a_case(directory: &Path) -> Result<(), Failed> {
    for file in files_below(directory, "sql") {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let case = Case::parse(&std::fs::read_to_string(file.with_extension("json"))?)?;
        if case.query_file.as_deref() != Some(&*name) {
            return Err(format!("the case beside {name} is about another file").into());
        }
    }
    Ok(())
}

fn cases_below(directory: &Path) -> Vec<PathBuf> {
    files_below(directory, "json")
}

fn files_below(directory: &Path, wanted: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == wanted)
        })
        .collect();
    files.sort();
    files
}

fn trial(file: &Path, variant: Variant) -> Trial {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = format!("{name}::{}", variant.name);
    let file = file.to_owned();
    Trial::test(name, move || {
        let text = std::fs::read_to_string(&file)?;
        let mut case = Case::parse(&text)?;
        case.resolve_files(file.parent().unwrap_or(Path::new(".")))?;
        let directory = tempfile::tempdir()?;
        let options = CaseOptions {
            state_partitions: variant.state_partitions,
            restarts: variant.restarts,
            directory: directory.path().to_owned(),
        };
        match run(&case, &options).0 {
            Outcome::Passed => Ok(()),
            Outcome::Failed(difference) => Err(Failed::from(difference)),
        }
    })
}
