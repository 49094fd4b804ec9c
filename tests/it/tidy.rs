//! What the lints cannot see of the source text: which module uses which, how long files are, that each says what it is.
//!
//! Nothing is parsed. Comments and unit tests are cut away, and words are looked for in what is left.

use crate::package::root;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// From the ground up. A module uses only modules of the layers before its own; those that stand in one string are one piece, and
/// use each other.
const LAYERS: &[&[&str]] = &[
    &["error"],
    &["batch", "disk", "offset", "options", "types", "uuid_text"],
    &[
        "arrow_bridge",
        "cast variant",
        "clock",
        "kafka",
        "manifest",
        "trigger",
    ],
    &["embedded_broker", "table_format"],
    &["analyze expr format function plan processor sink source"],
    &["catalog"],
    &["hash operator", "sql"],
    &["checkpoint", "functions", "incremental"],
    &["progress", "watermark"],
    &["micro_batch"],
    &["query", "replay"],
    &["case", "frame session"],
    &["cli"],
];

/// What a module of one piece leaves alone all the same.
const NEVER: &[(&str, &[&str])] = &[
    ("analyze", &["format", "processor", "sink", "source"]),
    ("expr", &["format", "processor", "sink", "source"]),
    (
        "format",
        &["analyze", "expr", "plan", "processor", "sink", "source"],
    ),
    ("function", &["plan", "processor", "sink", "source"]),
    (
        "processor",
        &["analyze", "expr", "function", "plan", "source"],
    ),
    (
        "sink",
        &["analyze", "expr", "function", "plan", "processor", "source"],
    ),
    (
        "source",
        &["analyze", "expr", "function", "plan", "processor", "sink"],
    ),
];

/// Words that belong in one place: where that is, and why.
const PLACES: &[(&[&str], &[&str], &str)] = &[
    (
        &["File::create", "OpenOptions", "fs::rename", "fs::write"],
        &["src/disk", "src/cli", "src/embedded_broker.rs"],
        "files are changed through `Disk`, so that it is durable and tests can make it fail",
    ),
    (
        &["SystemTime::now", "Instant::now", "Utc::now", "Local::now"],
        &["src/clock.rs"],
        "the time comes from `Clock`, so that tests can turn it",
    ),
    (
        &["thread::sleep"],
        &[],
        "waiting is the `Clock`'s, so that a stop is heard",
    ),
    (
        &["println!(", "print!(", "dbg!("],
        &["src/cli", "src/cli.rs", "src/main.rs"],
        "the library does not print",
    ),
];

/// Lines a file has at most.
const LINES_MAX: usize = 600;

/// The files that are still longer. This list only shrinks.
const LONG: &[&str] = &[
    "src/format/json/column.rs",
    "src/function/aggregate/cardinality/tables.rs",
    "src/incremental/cut.rs",
    "src/processor/tests.rs",
    "src/source/kafka.rs",
    "tests/outside/kafka.rs",
];

/// Every Rust file below the folders, by its path from the root, with its text.
fn files(folders: &[&str]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut left: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let entries = path.read_dir().unwrap();
            left.extend(entries.map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
            files.insert(
                name.replace('\\', "/"),
                std::fs::read_to_string(&path).unwrap(),
            );
        }
    }
    assert!(!files.is_empty(), "no files below {folders:?}");
    files
}

/// The files of the library and the binary, without comments and unit tests.
fn code() -> BTreeMap<String, String> {
    let is_test = |name: &str| {
        ["tests", "testing"].iter().any(|folder| {
            name.contains(&format!("/{folder}/")) || name.ends_with(&format!("/{folder}.rs"))
        })
    };
    let bare = |text: &str| {
        let (own, _tests) = text
            .split_once("#[cfg(test)]\nmod tests {")
            .unwrap_or((text, ""));
        let lines = own
            .lines()
            .map(|line| line.split("//").next().unwrap_or(line));
        lines.collect::<Vec<_>>().join("\n")
    };
    let all = files(&["src"]).into_iter();
    all.filter(|(name, _)| !is_test(name))
        .map(|(name, text)| (name, bare(&text)))
        .collect()
}

/// `src/sink/file.rs` and `src/sink.rs` belong to the module `sink`.
fn module(file: &str) -> &str {
    let below = file.strip_prefix("src/").unwrap_or(file);
    let first = below.split('/').next().unwrap_or(below);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The modules named after `crate::`, alone or in braces.
fn used(text: &str) -> Vec<&str> {
    let word = |text: &str| {
        text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .unwrap_or(text.len())
    };
    let mut used = Vec::new();
    for (at, start) in text.match_indices("crate::") {
        let rest = &text[at + start.len()..];
        if let Some(braced) = rest.strip_prefix('{') {
            let end = braced.find(['}', '{']).unwrap_or(braced.len());
            let names = braced[..end].split(',').map(str::trim);
            used.extend(names.map(|name| &name[..word(name)]));
        } else {
            used.push(&rest[..word(rest)]);
        }
    }
    used
}

/// The layer of a module, and the piece it is of.
fn layer(module: &str) -> Option<(usize, &'static str)> {
    LAYERS.iter().enumerate().find_map(|(number, pieces)| {
        let piece = pieces
            .iter()
            .find(|piece| piece.split(' ').any(|name| name == module))?;
        Some((number, *piece))
    })
}

fn may_use(user: &str, used: &str) -> bool {
    let (Some((own, piece)), Some((other, of))) = (layer(user), layer(used)) else {
        return false;
    };
    let is_forbidden = NEVER
        .iter()
        .any(|(module, never)| *module == user && never.contains(&used));
    user == used || ((other < own || piece == of) && !is_forbidden)
}

fn nothing_is_wrong(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let code = code();
    let is_module = |name: &str| code.contains_key(&format!("src/{name}.rs"));
    let mut wrong = Vec::new();
    for (file, text) in &code {
        let user = module(file);
        if matches!(user, "lib" | "main") {
            continue;
        }
        if layer(user).is_none() {
            wrong.push(format!("{file}: the module {user} has no layer"));
            continue;
        }
        let used = used(text);
        let modules = used.into_iter().filter(|name| is_module(name));
        let bad = modules.filter(|name| !may_use(user, name));
        wrong.extend(bad.map(|name| format!("{file}: {user} uses {name}")));
    }
    nothing_is_wrong(&wrong);
}

#[test]
fn a_use_that_goes_up_is_seen() {
    assert_eq!(
        used("use crate::{error::Error, sink}; crate::plan::x()"),
        ["error", "sink", "plan"]
    );
    assert!(may_use("session", "error") && may_use("plan", "source"));
    assert!(!may_use("source", "session") && !may_use("source", "plan"));
    assert!(!may_use("progress", "watermark") && !may_use("expr", "sink"));
}

#[test]
fn files_time_and_printing_have_one_place_each() {
    let mut wrong = Vec::new();
    for (file, text) in &code() {
        for (words, places, why) in PLACES {
            let is_at_home = places.iter().any(|place| {
                file == place
                    || file
                        .strip_prefix(place)
                        .is_some_and(|rest| rest.starts_with('/'))
            });
            let found = words
                .iter()
                .filter(|word| !is_at_home && text.contains(**word));
            wrong.extend(found.map(|word| format!("{file}: {word}: {why}")));
        }
    }
    nothing_is_wrong(&wrong);
}

#[test]
fn files_are_short() {
    let mut wrong = Vec::new();
    for (file, text) in &files(&["src", "tests", "benches"]) {
        let lines = text.lines().count();
        match (lines > LINES_MAX, LONG.contains(&file.as_str())) {
            (true, false) => wrong.push(format!("{file}: {lines} lines, split it")),
            (false, true) => wrong.push(format!("{file}: {lines} lines, take it off the list")),
            (true, true) | (false, false) => {}
        }
    }
    nothing_is_wrong(&wrong);
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    // Unit tests in a file of their own are said by the file beside it.
    let all = files(&["src", "tests", "benches"]).into_iter();
    let silent =
        all.filter(|(file, text)| !text.starts_with("//! ") && !file.ends_with("/tests.rs"));
    nothing_is_wrong(&silent.map(|(file, _)| file).collect::<Vec<_>>());
}
