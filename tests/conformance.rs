//! Every case as a test of its own: those recorded from Apache Spark (beside the project, or where `TIDEMILL_SHARED` says) and those in
//! `queries/`. Each runs with one and with four state partitions. A case in `refused.txt` needs what is still to come: it must be refused by
//! name, and must leave the list as soon as it passes.

use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use tidemill::case::{Case, CaseOptions, Outcome, run};

/// Names of recorded cases that are refused by name.
const REFUSED: &str = include_str!("refused.txt");

fn main() {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared =
        std::env::var_os("TIDEMILL_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let mut files = cases_below(&root.join("queries"));
    let recorded = cases_below(&shared.join("conformance"));
    if recorded.is_empty() {
        eprintln!("not run: no recorded cases in {}", shared.display());
    }
    files.extend(recorded);
    let trials = files
        .into_iter()
        .flat_map(|file| [1, 4].map(|partitions| trial(&file, partitions)))
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn cases_below(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    files
}

fn trial(file: &Path, state_partitions: usize) -> Trial {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = format!("{name}::{state_partitions}_partitions");
    let file = file.to_owned();
    Trial::test(name, move || {
        let text = std::fs::read_to_string(&file)?;
        let mut case = Case::parse(&text)?;
        case.resolve_files(file.parent().unwrap_or(Path::new(".")))?;
        let directory = tempfile::tempdir()?;
        let options = CaseOptions {
            state_partitions,
            directory: directory.path().to_owned(),
        };
        let is_refused = REFUSED.lines().any(|line| line == case.name);
        match run(&case, &options).0 {
            Outcome::Passed if is_refused => Err(Failed::from("it passes: take it off the list")),
            Outcome::Passed => Ok(()),
            Outcome::Failed(text) if is_refused && text.contains("not supported") => Ok(()),
            Outcome::Failed(difference) => Err(Failed::from(difference)),
        }
    })
}
