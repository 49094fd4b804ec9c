//! Runs groups of tests that share a need, and says at the end which of them could not run, and why.
//!
//! Tests are listed by [`tests!`], not by an attribute; one that is on no list is dead code, of which the compiler warns.

use libtest_mimic::{Arguments, Trial};
use std::collections::BTreeMap;
use std::io::Write as _;

/// A test: its name, and what it does. It fails by panicking.
pub(crate) type Test = (&'static str, fn());

/// Tests that need the same.
pub(crate) struct Group {
    /// Why they cannot run. `None`, if they can.
    pub(crate) missing: Option<String>,
    pub(crate) tests: Vec<Test>,
}

/// Functions as tests, with their paths as names.
macro_rules! tests {
    ($($test:ident),* $(,)?) => {
        vec![$((concat!(module_path!(), "::", stringify!($test)), $test as fn())),*]
    };
}
pub(crate) use tests;

/// Runs the groups as the command line says, prints the closing line, and ends the process.
pub(crate) fn run(groups: Vec<Group>) {
    let mut arguments = Arguments::from_args();
    // What cannot run stays out, even if it is asked for.
    arguments.ignored = false;
    arguments.include_ignored = false;
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut trials = Vec::new();
    for group in groups {
        if let Some(reason) = &group.missing {
            *reasons.entry(reason.clone()).or_default() += group.tests.len();
        }
        let is_missing = group.missing.is_some();
        trials.extend(group.tests.into_iter().map(|(name, test)| {
            let name = name.split_once("::").map_or(name, |(_, name)| name);
            let trial = Trial::test(name, move || {
                test();
                Ok(())
            });
            trial.with_ignored_flag(is_missing)
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let mut line = format!(
        "{} passed, {} failed, {} not run",
        conclusion.num_passed, conclusion.num_failed, conclusion.num_ignored
    );
    for (reason, tests) in reasons {
        line.push_str(&format!("; {tests} of them because {reason}"));
    }
    // Nobody is left to tell, if stdout is closed.
    drop(writeln!(std::io::stdout(), "{line}"));
    conclusion.exit();
}
