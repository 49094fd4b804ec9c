//! `get_json_object`: the part of a JSON text that a path names, as text.
//!
//! A path is `$` and steps: `.name` or `['name']`, `[0]`, `[*]`. The rules are Hive's, as Spark has them:
//! - A string that is found alone is given without quotes, everything else as JSON without white space.
//! - `[*]` gives an array of what it finds, or the one thing it finds without an array around it; two in a row flatten.
//! - Null that a name stands for counts as not found. Of several equal names the first that gives something counts (for
//!   `json_tuple` the last).

use super::JsonOptions;
use super::cursor::{Cursor, Read, Syntax, unescape};
use super::text::rewrite;

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// `.name`
    Name(Vec<u8>),
    /// A name for `json_tuple`: of several equal ones the last that gives something counts.
    LastName(Vec<u8>),
    /// `[3]`
    Index(u64),
    /// `[*]`
    Every,
    /// `.*`, which finds nothing in Spark.
    EveryName,
}

/// A path that was read once and is followed in many texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonPath(Vec<Step>);

/// How what is found is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// A string without quotes.
    Raw,
    /// As JSON.
    Quoted,
    /// As JSON, with the elements of an array instead of the array.
    Flat,
}

/// Where what is found is written to.
struct Output<'a> {
    text: &'a mut Vec<u8>,
    /// Whether it is inside an array, and something stands there already.
    has_element: Option<bool>,
}

impl Output<'_> {
    /// Makes room for a value: a comma, if one stands before it.
    fn separate(&mut self) {
        if let Some(has_element) = &mut self.has_element {
            if *has_element {
                self.text.push(b',');
            }
            *has_element = true;
        }
    }
}

impl JsonPath {
    /// Reads a path; `None` if it is none.
    pub(crate) fn parse(path: &str) -> Option<JsonPath> {
        let mut rest = path.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let step;
            (step, rest) = Step::parse(rest)?;
            steps.push(step);
        }
        Some(JsonPath(steps))
    }

    /// The path to a field of the outermost object, and there to the last of this name.
    pub(crate) fn last_field(name: &str) -> JsonPath {
        JsonPath(vec![Step::LastName(name.as_bytes().to_vec())])
    }

    /// Appends what the path names in `json`; whether there is anything. Not, if the text is no JSON.
    pub(crate) fn find(&self, json: &[u8], into: &mut Vec<u8>) -> bool {
        let syntax = Syntax::of(&JsonOptions {
            allow_unquoted_control_chars: true,
            allow_non_numeric_numbers: false,
            ..JsonOptions::default()
        });
        let start = into.len();
        let mut cursor = Cursor::new(json, syntax);
        let mut output = Output {
            text: into,
            has_element: None,
        };
        let found = checked(&mut cursor)
            .and_then(|()| follow(&mut cursor, &mut output, Style::Raw, &self.0));
        if found != Ok(true) {
            into.truncate(start);
        }
        found == Ok(true)
    }
}

/// Goes to the first value and checks all of it.
fn checked(cursor: &mut Cursor<'_>) -> Read<()> {
    cursor.skip_space()?;
    cursor.clone().skip_value()
}

impl Step {
    /// Reads a step off the start of `text`.
    fn parse(text: &str) -> Option<(Step, &str)> {
        if let Some(rest) = text
            .strip_prefix(".*")
            .or_else(|| text.strip_prefix("['*']"))
        {
            return Some((Step::EveryName, rest));
        }
        if let Some(rest) = text.strip_prefix("['") {
            let (name, rest) = rest.split_once("']")?;
            let is_name = !name.is_empty() && !name.contains('\'');
            return is_name.then(|| (Step::Name(name.into()), rest));
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (index, rest) = rest.split_once(']')?;
            let step = match index {
                "*" => Step::Every,
                _ if index.bytes().all(|byte| byte.is_ascii_digit()) => {
                    Step::Index(index.parse().ok()?)
                }
                _ => return None,
            };
            return Some((step, rest));
        }
        let rest = text.strip_prefix('.')?;
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        (!name.is_empty()).then(|| (Step::Name(name.into()), rest))
    }
}

/// Reads the value under the cursor to its end and writes what `path` names in it; whether there was anything. The value has been
/// checked.
fn follow(
    cursor: &mut Cursor<'_>,
    output: &mut Output<'_>,
    style: Style,
    path: &[Step],
) -> Read<bool> {
    let is_array = cursor.peek() == Some(b'[');
    match path {
        [] if style == Style::Raw && cursor.at_string() => {
            let raw = cursor.string()?;
            unescape(raw.bytes, output.text);
            Ok(true)
        }
        [] if style == Style::Flat && is_array => {
            each_element(cursor, &mut |cursor, _| follow(cursor, output, style, path))
        }
        [] => {
            output.separate();
            rewrite(cursor, output.text)?;
            Ok(true)
        }
        [Step::Name(name), rest @ ..] if cursor.peek() == Some(b'{') => {
            follow_name(cursor, name, &mut |cursor, is_found| {
                if is_found {
                    return cursor.skip_value().map(|()| true);
                }
                follow(cursor, output, style, rest)
            })
        }
        [Step::LastName(name), rest @ ..] if cursor.peek() == Some(b'{') => {
            let start = output.text.len();
            follow_name(cursor, name, &mut |cursor, _| {
                output.text.truncate(start);
                follow(cursor, output, style, rest)
            })
        }
        [Step::Every, Step::Every, rest @ ..] if is_array => in_array(output, |output| {
            each_element(cursor, &mut |cursor, _| {
                follow(cursor, output, Style::Flat, rest)
            })
        }),
        [Step::Every, rest @ ..] if is_array && style != Style::Quoted => {
            follow_every(cursor, output, style, rest)
        }
        [Step::Every, rest @ ..] if is_array => in_array(output, |output| {
            each_element(cursor, &mut |cursor, _| {
                follow(cursor, output, Style::Quoted, rest)
            })
        }),
        [Step::Index(wanted), rest @ ..] if is_array => {
            let style = match rest {
                [Step::Every, ..] => Style::Quoted,
                _ => style,
            };
            each_element(cursor, &mut |cursor, index| {
                if index == *wanted {
                    follow(cursor, output, style, rest)
                } else {
                    cursor.skip_value().map(|()| false)
                }
            })
        }
        _ => cursor.skip_value().map(|()| false),
    }
}

/// Visits the fields of an object called `name` that are not null, and says whether a field before gave something; whether the last visit
/// did.
fn follow_name<'a>(
    cursor: &mut Cursor<'a>,
    name: &[u8],
    visit: &mut dyn FnMut(&mut Cursor<'a>, bool) -> Read<bool>,
) -> Read<bool> {
    cursor.advance(1);
    let mut found = false;
    let mut is_open = !cursor.closes(b'}')?;
    while is_open {
        let raw = cursor.name()?;
        let is_wanted = if raw.has_escape {
            let mut text = Vec::with_capacity(raw.bytes.len());
            unescape(raw.bytes, &mut text);
            text == name
        } else {
            raw.bytes == name
        };
        cursor.skip_space()?;
        if is_wanted && cursor.peek() != Some(b'n') {
            found = visit(cursor, found)?;
        } else {
            cursor.skip_value()?;
        }
        is_open = cursor.more(b'}')?;
    }
    Ok(found)
}

/// `[*]`, where a single thing that is found stands without an array around it.
fn follow_every(
    cursor: &mut Cursor<'_>,
    output: &mut Output<'_>,
    style: Style,
    rest: &[Step],
) -> Read<bool> {
    let style = match style {
        Style::Raw | Style::Quoted => Style::Quoted,
        Style::Flat => Style::Flat,
    };
    let mut text = Vec::new();
    let mut inner = Output {
        text: &mut text,
        has_element: Some(false),
    };
    let mut count = 0;
    each_element(cursor, &mut |cursor, _| {
        let found = follow(cursor, &mut inner, style, rest)?;
        count += u64::from(found);
        Ok(found)
    })?;
    if count > 0 {
        output.separate();
        let brackets: (&[u8], &[u8]) = if count > 1 { (b"[", b"]") } else { (b"", b"") };
        output.text.extend_from_slice(brackets.0);
        output.text.extend_from_slice(&text);
        output.text.extend_from_slice(brackets.1);
    }
    Ok(count > 0)
}

/// Writes an array around what `write` writes.
fn in_array(
    output: &mut Output<'_>,
    write: impl FnOnce(&mut Output<'_>) -> Read<bool>,
) -> Read<bool> {
    output.separate();
    output.text.push(b'[');
    let mut inner = Output {
        text: &mut *output.text,
        has_element: Some(false),
    };
    let found = write(&mut inner)?;
    output.text.push(b']');
    Ok(found)
}

/// Visits the elements of the array under the cursor; whether any visit found something.
fn each_element<'a>(
    cursor: &mut Cursor<'a>,
    visit: &mut dyn FnMut(&mut Cursor<'a>, u64) -> Read<bool>,
) -> Read<bool> {
    cursor.advance(1);
    let mut found = false;
    let mut index = 0;
    let mut is_open = !cursor.closes(b']')?;
    while is_open {
        cursor.skip_space()?;
        found |= visit(cursor, index)?;
        index += 1;
        is_open = cursor.more(b']')?;
    }
    Ok(found)
}

/// How many elements the array has that the text is; `None` if it is none.
pub(crate) fn array_length(json: &[u8]) -> Option<i32> {
    let mut cursor = Cursor::new(json, Syntax::of(&JsonOptions::default()));
    checked(&mut cursor).ok()?;
    if cursor.peek() != Some(b'[') {
        return None;
    }
    let mut count = 0;
    each_element(&mut cursor, &mut |cursor, _| {
        count += 1;
        cursor.skip_value().map(|()| true)
    })
    .ok()?;
    Some(count)
}

/// The names of the object that the text is, in order; `None` if it is none.
pub(crate) fn object_keys(json: &[u8]) -> Option<Vec<String>> {
    let mut cursor = Cursor::new(json, Syntax::of(&JsonOptions::default()));
    checked(&mut cursor).ok()?;
    if cursor.peek() != Some(b'{') {
        return None;
    }
    cursor.advance(1);
    let mut keys = Vec::new();
    let mut is_open = !cursor.closes(b'}').ok()?;
    while is_open {
        let raw = cursor.name().ok()?;
        let mut name = Vec::with_capacity(raw.bytes.len());
        unescape(raw.bytes, &mut name);
        keys.push(String::from_utf8_lossy(&name).into_owned());
        cursor.skip_space().ok()?;
        cursor.skip_value().ok()?;
        is_open = cursor.more(b'}').ok()?;
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(json: &str, path: &str) -> Option<String> {
        let mut text = Vec::new();
        let found = JsonPath::parse(path)?.find(json.as_bytes(), &mut text);
        found.then(|| String::from_utf8(text).unwrap())
    }

    const STORE: &str = r#"{"store":{"fruit":[{"weight":8,"type":"apple"},{"weight":9,"type":"pear"}],
        "basket":[[1,2,{"b":"y","a":"x"}],[3,4],[5,6]],
        "book":[{"author":"Nigel Rees","price":8.95},{"author":"Evelyn Waugh","isbn":"0"}],
        "bicycle":{"price":19.950,"color":"red"}},
        "email":"amy@x.net","zip code":"94025","fb:testid":"1234","null":null}"#;

    #[test]
    fn paths_find_what_hive_finds() {
        for (path, expected) in [
            ("$.email", Some("amy@x.net")),
            ("$.store.bicycle", Some(r#"{"price":19.95,"color":"red"}"#)),
            ("$['store'].bicycle['color']", Some("red")),
            ("$.store.book[0].author", Some("Nigel Rees")),
            (
                "$.store.book[*].author",
                Some(r#"["Nigel Rees","Evelyn Waugh"]"#),
            ),
            ("$.store.book[*].isbn", Some(r#""0""#)),
            ("$.store.book[10]", None),
            ("$.store.basket[0][1]", Some("2")),
            (
                "$.store.basket[*]",
                Some(r#"[[1,2,{"b":"y","a":"x"}],[3,4],[5,6]]"#),
            ),
            ("$.store.basket[*][0]", Some("[1,3,5]")),
            ("$.store.basket[0][*]", Some(r#"[1,2,{"b":"y","a":"x"}]"#)),
            (
                "$.store.basket[*][*]",
                Some(r#"[1,2,{"b":"y","a":"x"},3,4,5,6]"#),
            ),
            ("$.store.basket[0][2].b", Some("y")),
            ("$.store.basket[0][*].b", Some(r#"["y"]"#)),
            ("$.zip code", Some("94025")),
            ("$.fb:testid", Some("1234")),
            ("$.null", None),
            ("$.missing", None),
            ("$.*", None),
            ("store", None),
            ("$.", None),
        ] {
            assert_eq!(find(STORE, path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_json_gives_nothing() {
        assert_eq!(find(r#"{"a":1"#, "$.a"), None);
        assert_eq!(find("", "$"), None);
        assert_eq!(find(r#"{"a":1} x"#, "$.a").as_deref(), Some("1"));
        assert_eq!(find("\"x\"", "$").as_deref(), Some("x"));
    }

    #[test]
    fn arrays_are_counted_and_keys_listed() {
        assert_eq!(array_length(b"[1,[2,3],{}]"), Some(3));
        assert_eq!(array_length(b"[1,2"), None);
        assert_eq!(array_length(b"{}"), None);
        let keys = object_keys(br#"{"f1":"abc","f2":{"f3":"a"}}"#);
        assert_eq!(keys, Some(vec!["f1".to_owned(), "f2".to_owned()]));
        assert_eq!(object_keys(b"[]"), None);
    }
}
