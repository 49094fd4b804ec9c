//! What can be said about functions to their users: one entry a name, out of the registry and out of the short lists of what is no
//! entry of it (forms that look at their arguments row by row, generators).
//!
//! `tidemill functions` prints it. A test holds every example to its word: it parses.

use crate::function::{over, registry};

/// What kind of function an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FunctionKind {
    /// Of one row.
    Scalar,
    /// Of a group of rows.
    Aggregate,
    /// Several rows for one.
    Generator,
    /// Of a row and its neighbours, before `OVER`.
    Window,
}

impl FunctionKind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            FunctionKind::Scalar => "scalar",
            FunctionKind::Aggregate => "aggregate",
            FunctionKind::Generator => "generator",
            FunctionKind::Window => "window",
        }
    }
}

/// What a user needs to know about one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionEntry {
    /// Its name, in lower case; operators by their symbol.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: Vec<&'static str>,
    /// What kind it is.
    pub kind: FunctionKind,
    /// How it is called: `substring(str, pos[, len])`.
    pub usage: &'static str,
    /// One line on what it does.
    pub description: &'static str,
    /// An example that parses.
    pub example: &'static str,
}

/// Name, usage, description, example of what is no entry of the registry.
type Words = [&'static str; 4];

/// Forms that evaluate an argument only for the rows that need it.
const FORMS: &[Words] = &[
    [
        "window",
        "window(time, duration[, slide[, start]])",
        "The window of event time that a row falls into, a struct of start and end; sliding ones make a row for each.",
        "SELECT window(timestamp'2021-01-01 00:07:00', '10 minutes').start",
    ],
    [
        "session_window",
        "session_window(time, gap)",
        "As a key of GROUP BY: the session of a row, which ends when the gap passes without another.",
        "SELECT session_window(ts, '5 minutes').start, count(*) FROM VALUES (timestamp'2021-01-01 00:00:00') AS t(ts) GROUP BY session_window(ts, '5 minutes')",
    ],
    [
        "and",
        "left and right",
        "Whether both are true; the right side is not looked at where the left is false.",
        "SELECT true AND NULL",
    ],
    [
        "or",
        "left or right",
        "Whether one is true; the right side is not looked at where the left is true.",
        "SELECT false OR NULL",
    ],
    [
        "if",
        "if(condition, then, otherwise)",
        "The second argument where the condition is true, else the third.",
        "SELECT if(1 < 2, 'a', 'b')",
    ],
    [
        "case",
        "CASE WHEN condition THEN value … [ELSE otherwise] END",
        "The value of the first condition that is true.",
        "SELECT CASE WHEN 1 > 2 THEN 'a' ELSE 'b' END",
    ],
    [
        "coalesce",
        "coalesce(expr, …)",
        "The first argument that is not null.",
        "SELECT coalesce(NULL, 1)",
    ],
    [
        "nvl",
        "nvl(expr, otherwise)",
        "The second argument where the first is null.",
        "SELECT nvl(NULL, 1)",
    ],
    [
        "nvl2",
        "nvl2(expr, then, otherwise)",
        "The second argument where the first is not null, else the third.",
        "SELECT nvl2(NULL, 2, 1)",
    ],
    [
        "nullif",
        "nullif(left, right)",
        "Null where both are equal, else the left one.",
        "SELECT nullif(2, 2)",
    ],
    [
        "nullifzero",
        "nullifzero(expr)",
        "Null where the number is zero.",
        "SELECT nullifzero(0)",
    ],
    [
        "zeroifnull",
        "zeroifnull(expr)",
        "Zero where the number is null.",
        "SELECT zeroifnull(NULL)",
    ],
    [
        "between",
        "expr [NOT] BETWEEN low AND high",
        "Whether it is at least low and at most high.",
        "SELECT 0.5 BETWEEN 0.1 AND 1.0",
    ],
    [
        "in",
        "expr [NOT] IN (value, …)",
        "Whether it equals one of the values.",
        "SELECT 1 IN (1, 2, 3)",
    ],
    [
        "decode",
        "decode(expr, search, result, …[, default]) or decode(bin, charset)",
        "The result whose search value equals the first argument, nulls being equal; or the text of bytes in a character set.",
        "SELECT decode(2, 1, 'Southlake', 2, 'San Francisco', 'elsewhere')",
    ],
    [
        "struct",
        "struct(expr, …)",
        "A struct of the arguments; fields are called as the columns are, others col1, col2, ….",
        "SELECT struct(1 AS a, 2)",
    ],
    [
        "grouping",
        "grouping(column)",
        "1 where the row adds up over all values of the column (ROLLUP, CUBE, GROUPING SETS), else 0.",
        "SELECT a, grouping(a), sum(b) FROM VALUES (1, 2) AS t(a, b) GROUP BY ROLLUP (a)",
    ],
    [
        "grouping_id",
        "grouping_id([column, …])",
        "The bits of grouping() of the grouping columns as one number.",
        "SELECT a, grouping_id(), sum(b) FROM VALUES (1, 2) AS t(a, b) GROUP BY CUBE (a)",
    ],
];

/// Other names of forms.
const FORM_ALIASES: &[(&str, &str)] = &[("iff", "if"), ("ifnull", "nvl")];

/// Functions that give several rows for one.
const GENERATORS: &[Words] = &[
    [
        "explode",
        "explode(array_or_map)",
        "A row for each element (`col`) or entry (`key`, `value`); none for null.",
        "SELECT explode(array(10, 20))",
    ],
    [
        "explode_outer",
        "explode_outer(array_or_map)",
        "As explode, with a row of nulls where there is no element.",
        "SELECT explode_outer(array(10, 20))",
    ],
    [
        "posexplode",
        "posexplode(array_or_map)",
        "As explode, with the position (`pos`), from 0.",
        "SELECT posexplode(array(10, 20))",
    ],
    [
        "posexplode_outer",
        "posexplode_outer(array_or_map)",
        "As posexplode, with a row of nulls where there is no element.",
        "SELECT posexplode_outer(array(10, 20))",
    ],
    [
        "inline",
        "inline(array_of_structs)",
        "A row for each struct, a column for each of its fields.",
        "SELECT inline(array(struct(1, 'a'), struct(2, 'b')))",
    ],
    [
        "inline_outer",
        "inline_outer(array_of_structs)",
        "As inline, with a row of nulls where there is no element.",
        "SELECT inline_outer(array(struct(1, 'a'), struct(2, 'b')))",
    ],
    [
        "stack",
        "stack(rows, value, …)",
        "The values dealt out into so many rows.",
        "SELECT stack(2, 1, 2, 3)",
    ],
    [
        "json_tuple",
        "json_tuple(jsonStr, field, …)",
        "One row with the fields of a JSON object as text, null for those it lacks.",
        r#"SELECT json_tuple('{"a":1, "b":2}', 'a', 'b')"#,
    ],
    [
        "sql_keywords",
        "sql_keywords()",
        "A row for each keyword of SQL. Only in FROM.",
        "SELECT * FROM sql_keywords() LIMIT 2",
    ],
    [
        "collations",
        "collations()",
        "A row for each collation that there is. Only in FROM.",
        "SELECT * FROM collations()",
    ],
    [
        "range",
        "range([start,] end[, step[, partitions]])",
        "A row (`id`) for each number from start up to, not including, end. Only in FROM.",
        "SELECT * FROM range(3)",
    ],
    [
        "variant_explode",
        "variant_explode(v)",
        "A row for each element or field of a VARIANT: position (`pos`), name (`key`) and `value`. Only in FROM.",
        r#"SELECT * FROM variant_explode(parse_json('["hello", "world"]'))"#,
    ],
    [
        "variant_explode_outer",
        "variant_explode_outer(v)",
        "As variant_explode, with a row of nulls where there is no part. Only in FROM.",
        "SELECT * FROM variant_explode_outer(parse_json('[]'))",
    ],
];

/// Every function that a query may use, by name.
pub fn entries() -> Vec<FunctionEntry> {
    let mut entries = of_registry();
    entries.extend(of_words(FORMS, FunctionKind::Scalar));
    entries.extend(of_words(GENERATORS, FunctionKind::Generator));
    entries.extend(over::FUNCTIONS.iter().map(|function| FunctionEntry {
        name: function.name,
        aliases: Vec::new(),
        kind: FunctionKind::Window,
        usage: function.usage,
        description: function.description,
        example: function.example,
    }));
    for entry in &mut entries {
        let own =
            |(alias, name): (&'static str, &'static str)| (name == entry.name).then_some(alias);
        entry.aliases = registry::aliases()
            .chain(FORM_ALIASES.iter().copied())
            .filter_map(own)
            .collect();
        entry.aliases.sort_unstable();
    }
    entries.sort_by(|left, right| (left.name, left.kind).cmp(&(right.name, right.kind)));
    entries
}

/// The entries whose name or alias contains the text, without regard to case; where the text has a `*`, it stands for any characters
/// and the whole name must fit.
pub fn entries_like(pattern: &str) -> Vec<FunctionEntry> {
    let pattern = pattern.to_lowercase();
    let fits = |name: &&str| {
        if pattern.contains('*') && pattern != "*" {
            glob::Pattern::new(&pattern).is_ok_and(|pattern| pattern.matches(name))
        } else {
            name.contains(&pattern)
        }
    };
    let mut found = entries();
    found.retain(|entry| fits(&entry.name) || entry.aliases.iter().any(&fits));
    found
}

/// The functions of the registry that users may call. `decode` of a character set is described with the form of the same name.
fn of_registry() -> Vec<FunctionEntry> {
    let is_for_users =
        |name: &str| !name.starts_with("__") && !FORMS.iter().any(|[form, ..]| *form == name);
    let scalars = registry::scalar_functions()
        .filter(|function| is_for_users(function.name))
        .map(|function| FunctionEntry {
            name: function.name,
            aliases: Vec::new(),
            kind: FunctionKind::Scalar,
            usage: function.usage,
            description: function.description,
            example: function.example,
        });
    let aggregates = registry::aggregate_functions().map(|function| FunctionEntry {
        name: function.name(),
        aliases: Vec::new(),
        kind: FunctionKind::Aggregate,
        usage: function.usage(),
        description: function.description(),
        example: function.example(),
    });
    scalars.chain(aggregates).collect()
}

fn of_words(words: &[Words], kind: FunctionKind) -> impl Iterator<Item = FunctionEntry> {
    words
        .iter()
        .map(move |[name, usage, description, example]| FunctionEntry {
            name,
            aliases: Vec::new(),
            kind,
            usage,
            description,
            example,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::call::is_generator;
    use crate::sql::parse_query;

    #[test]
    fn every_example_parses_and_every_entry_says_something() {
        for entry in entries() {
            assert!(!entry.usage.is_empty(), "{}", entry.name);
            assert!(entry.description.len() > 5, "{}", entry.name);
            assert!(!entry.description.contains('\n'), "{}", entry.name);
            if let Err(error) = parse_query(entry.example) {
                panic!("{}: {}: {error}", entry.name, entry.example);
            }
        }
    }

    #[test]
    fn every_function_that_can_be_called_is_listed() {
        let listed: Vec<&str> = entries()
            .iter()
            .flat_map(|entry| entry.aliases.iter().copied().chain([entry.name]))
            .collect();
        let scalars = registry::scalar_functions().map(|function| function.name);
        let aggregates = registry::aggregate_functions().map(|function| function.name());
        let windows = over::FUNCTIONS.iter().map(|function| function.name);
        let aliases = registry::aliases().map(|(alias, _)| alias);
        let mut callable = scalars.chain(aggregates).chain(windows).chain(aliases);
        let missing = callable.find(|name| !name.starts_with("__") && !listed.contains(name));
        assert_eq!(missing, None);
    }

    #[test]
    fn names_are_listed_once_and_in_order() {
        let names: Vec<_> = entries().iter().map(|entry| entry.name).collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    }

    #[test]
    fn every_generator_is_listed() {
        let listed = |name: &str| entries().iter().any(|entry| entry.name == name);
        for [name, ..] in GENERATORS {
            assert!(listed(name), "{name}");
            // The others stand in FROM only, and take no columns.
            let is_table = ["sql_keywords", "collations", "range"].contains(name);
            assert_eq!(is_generator(name), !is_table, "{name}");
        }
    }

    #[test]
    fn a_pattern_is_a_part_of_a_name_or_an_alias_or_has_stars() {
        let names = |pattern: &str| -> Vec<&str> {
            let found = entries_like(pattern);
            found.iter().map(|entry| entry.name).collect()
        };
        assert_eq!(names("ucase"), ["upper"]);
        assert!(names("JSON").contains(&"from_json"));
        assert!(names("to_*").iter().all(|name| name.starts_with("to_")));
        assert!(names("no such function").is_empty());
    }
}
