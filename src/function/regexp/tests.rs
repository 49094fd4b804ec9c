use crate::function::testing::{answers, assert_answers, assert_fails};

#[test]
fn like_knows_wildcards_and_escapes() {
    assert_answers(&[
        ("'abc' LIKE 'a%c'", "true"),
        ("'abc' LIKE '_b_'", "true"),
        ("'abcbc' LIKE 'a%bc'", "true"),
        ("'a' LIKE 'a%a'", "false"),
        ("'물레방아' LIKE '__방%'", "true"),
        ("'a%b' LIKE 'a\\%b'", "true"),
        ("'axb' LIKE 'a\\%b'", "false"),
        ("'a_b' LIKE 'a/_b' ESCAPE '/'", "true"),
        ("'a\nb' LIKE 'a_b'", "true"),
        ("'abxbyb' LIKE '%b_b'", "true"),
        ("'' LIKE '%'", "true"),
        ("'Spark' ILIKE '_PARK'", "true"),
        ("NULL LIKE 'a'", "NULL"),
    ]);
    assert_fails(&[
        ("'a' LIKE 'a\\\\b'", "INVALID_FORMAT.ESC_IN_THE_MIDDLE"),
        ("'a' LIKE 'a\\\\'", "INVALID_FORMAT.ESC_AT_THE_END"),
    ]);
    let matches = answers("s LIKE concat('%', substring(s, 2))", &["ab", "NULL", ""]).unwrap();
    assert_eq!(matches, ["true", "NULL", "true"]);
}

#[test]
fn patterns_mean_what_they_mean_in_java() {
    assert_answers(&[
        (r"'٣' RLIKE r'\d'", "false"),
        (r"'é' RLIKE r'^\w$'", "false"),
        (r"'É' RLIKE '(?i)é'", "false"),
        (r"'É' RLIKE '(?iu)é'", "true"),
        (r"'ABC' RLIKE '(?i)a[b-c]C'", "true"),
        ("'a\\u2028b' RLIKE 'a.b'", "false"),
        ("'a\\nb' RLIKE '(?s)a.b'", "true"),
        ("'a\\nb' RLIKE '^b'", "false"),
        (r"'a.b' RLIKE r'^\Qa.b\E$'", "true"),
        (r"'x' RLIKE '[a-z&&[^aeiou]]'", "true"),
        (r"'e' RLIKE '[a-z&&[^aeiou]]'", "false"),
        (r"']' RLIKE '[]]'", "true"),
        (r"'-' RLIKE r'[\w-]'", "true"),
        (r"'Ω' RLIKE r'\p{IsGreek}\b'", "true"),
        (r"'ab' RLIKE '(?x) a b # comment'", "true"),
        (r"'A' RLIKE r'\x41\u0041?'", "true"),
    ]);
    assert_fails(&[
        ("'a' RLIKE '('", "INVALID_PARAMETER_VALUE.PATTERN"),
        ("'a' RLIKE '*a'", "INVALID_PARAMETER_VALUE.PATTERN"),
        ("'a' RLIKE 'a{'", "INVALID_PARAMETER_VALUE.PATTERN"),
        (r"'a' RLIKE r'\y'", "INVALID_PARAMETER_VALUE.PATTERN"),
        (r"'a' RLIKE 'a**'", "INVALID_PARAMETER_VALUE.PATTERN"),
    ]);
}

/// What only an engine that backtracks can do: looking around and back, possessive repetition, `$` before a line break at the end.
const BACKTRACKING: &[(&str, &str)] = &[
    ("'ab\\n' RLIKE 'ab$'", "true"),
    ("'ab\\r\\n' RLIKE 'ab$'", "true"),
    ("'ab\\n\\n' RLIKE 'ab$'", "false"),
    ("'a\\nb' RLIKE '(?m)^b'", "true"),
    (r"'aa' RLIKE r'^(a)\1$'", "true"),
    ("'foobar' RLIKE 'foo(?=bar)'", "true"),
    ("'foobar' RLIKE '(?<!foo)bar'", "false"),
    ("'aaa' RLIKE 'a*+a'", "false"),
];

#[cfg(feature = "backtracking-regex")]
#[test]
fn patterns_that_look_around_or_back_mean_what_they_mean_in_java() {
    assert_answers(BACKTRACKING);
}

#[cfg(not(feature = "backtracking-regex"))]
#[test]
fn patterns_that_look_around_or_back_are_refused_rather_than_answered_wrongly() {
    for (sql, expected) in BACKTRACKING {
        match crate::function::testing::answer(sql) {
            Ok(answer) => assert_eq!(&answer, expected, "{sql}"),
            Err(error) => assert_eq!(
                error.condition(),
                Some("INVALID_PARAMETER_VALUE.PATTERN"),
                "{sql}: {error}"
            ),
        }
    }
}

#[test]
fn a_text_of_pairs_becomes_a_map() {
    assert_answers(&[
        ("str_to_map('a:1,b:2,c:3')", "{a -> 1, b -> 2, c -> 3}"),
        ("str_to_map('a')", "{a -> null}"),
        ("str_to_map('a:b:c')", "{a -> b:c}"),
        ("str_to_map('a:1;b:2', ';')", "{a -> 1, b -> 2}"),
        (
            "str_to_map('a1b2c', '[0-9]', 'x')",
            "{a -> null, b -> null, c -> null}",
        ),
        ("str_to_map('')", "{ -> null}"),
        ("str_to_map(NULL)", "NULL"),
    ]);
    assert_fails(&[("str_to_map('a:1,a:2')", "DUPLICATED_MAP_KEY")]);
}

#[test]
fn matches_are_extracted() {
    assert_answers(&[
        (r"regexp_extract('100-200', r'(\d+)-(\d+)', 2)", "200"),
        (r"regexp_extract('abc', r'(\d+)', 1)", ""),
        (r"regexp_extract('b', '(a)?b', 1)", ""),
        (r"regexp_extract_all('a1b22', r'(\w)(\d+)', 2)", "[1, 22]"),
        ("regexp_extract_all('baaac', 'a*', 0)", "[, aaa, , ]"),
        ("regexp_count('aaaa', 'aa')", "2"),
        ("regexp_instr('😀b', 'b')", "2"),
        ("regexp_substr('tide', 'x')", "NULL"),
        ("regexp_substr('tide', 'i.')", "id"),
    ]);
    assert_fails(&[(
        r"regexp_extract('1', r'(\d)', 2)",
        "INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX",
    )]);
    let extracted = answers(r"regexp_extract(s, r'(\d+)')", &["a12", "NULL", "b"]).unwrap();
    assert_eq!(extracted, ["12", "NULL", ""]);
}

#[test]
fn matches_are_replaced() {
    assert_answers(&[
        ("regexp_replace('baaac', 'a*', '-')", "-b--c-"),
        (r"regexp_replace('a1b2', r'(\w)(\d)', '$2$1')", "1a2b"),
        (r"regexp_replace('a1', '(?<x>a)', '[${x}]')", "[a]1"),
        (r"regexp_replace('a', 'a', r'\$1')", "$1"),
        (r"regexp_replace('ab', '(a)', '$11')", "a1b"),
        ("regexp_replace('banana', 'a', 'o', 3)", "banono"),
        ("regexp_replace('banana', '^n', 'x', 3)", "baxana"),
        ("regexp_replace('ab', 'a', 'x', 10)", "ab"),
        ("regexp_replace('b', 'a', '$1')", "b"),
    ]);
    assert_fails(&[
        ("regexp_replace('a', 'a', '$1')", "INVALID_REGEXP_REPLACE"),
        (
            "regexp_replace('a', 'a', 'b', 0)",
            "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
        ),
    ]);
}

#[test]
fn strings_are_split_at_matches() {
    assert_answers(&[
        ("split('oneAtwoBthreeC', '[ABC]')", "[one, two, three, ]"),
        ("split('oneAtwoBthreeC', '[ABC]', 2)", "[one, twoBthreeC]"),
        ("split('oneAtwoBthreeC', '[ABC]', 1)", "[oneAtwoBthreeC]"),
        ("split('abc', '')", "[a, b, c]"),
        ("split('abc', '', 2)", "[a, bc]"),
        ("split('', ',')", "[]"),
        ("split('abc', 'b*')", "[a, , c, ]"),
    ]);
}
