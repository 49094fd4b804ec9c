use crate::function::testing::{assert_answers, assert_fails};

#[test]
fn a_number_is_written_by_a_format() {
    assert_answers(&[
        ("to_char(454, '9999')", " 454"),
        ("to_char(454, '00000')", "00454"),
        ("to_char(-454, '999')", "454"),
        ("to_char(-45, 'S999')", " -45"),
        ("to_char(45, '999S')", " 45+"),
        ("to_char(-45, '999PR')", " <45>"),
        ("to_char(45, '999PR')", " 45  "),
        ("to_char(45, '999MI')", " 45 "),
        ("to_char(-45, 'MI999')", " -45"),
        ("to_char(-45, 'S$999')", "-$ 45"),
        ("to_char(-45, '999.S')", " 45- "),
        ("to_char(-12454.8, '99G999D9S')", "12,454.8-"),
        ("to_char(454.8, '99G999D9')", "   454.8"),
        ("to_char(5, '9,099')", "  005"),
        ("to_char(123456, '99,999')", "## ###"),
        ("to_char(1.25, '9.9')", "#.#"),
        ("to_char(8.1, '$99.99')", "$ 8.10"),
        ("to_char(0.05, '.99')", ".05"),
        ("to_char(0, '9')", " "),
        ("to_char(0, 'S9')", " +"),
        ("to_char(0.0, '9.9')", "0.0"),
        ("to_char(1e2, '999')", "100"),
        ("to_char('454', '999')", "454"),
        ("to_char(454, '999.')", "454 "),
        ("to_char(454, NULL)", "NULL"),
        ("to_char(date'2016-04-08', 'y')", "2016"),
        ("to_varchar(x'537061', 'base64')", "U3Bh"),
    ]);
}

#[test]
fn a_number_is_read_by_a_format() {
    assert_answers(&[
        ("to_number('45', '999')", "45"),
        ("to_number('454.1', '999.99')", "454.10"),
        ("to_number('-$454', 'S$999')", "-454"),
        ("to_number('12,454.8-', '99G999D9S')", "-12454.8"),
        ("to_number('< 454 >', '999PR')", "-454"),
        ("to_number('454-', '999MI')", "-454"),
        ("to_number(',454', '99,999')", "454"),
        ("to_number('1,4', '99,999')", "14"),
        ("to_number('.5', '9.9')", "0.5"),
        ("to_number('4.', '9.9')", "4.0"),
        ("try_to_number('abc', '999')", "NULL"),
        ("to_number(NULL, '999')", "NULL"),
    ]);
    let mismatch = "INVALID_FORMAT.MISMATCH_INPUT";
    assert_fails(&[
        ("to_number('4545', '999')", mismatch),
        ("to_number('12454', '99,999')", mismatch),
        ("to_number('45', '000')", mismatch),
        ("to_number('78.12', '$99.99')", mismatch),
        ("to_number('', '999')", mismatch),
        ("to_number('+-1', 'S9')", mismatch),
        ("to_number('0.5', '.9')", mismatch),
    ]);
}

#[test]
fn a_format_that_is_none_is_refused() {
    assert_fails(&[
        ("to_char(454, '')", "INVALID_FORMAT.EMPTY"),
        ("to_char(454, 'abc')", "INVALID_FORMAT.WRONG_NUM_DIGIT"),
        ("to_char(454, '9.9.9')", "INVALID_FORMAT.WRONG_NUM_TOKEN"),
        (
            "to_char(454, '9.9,9')",
            "INVALID_FORMAT.THOUSANDS_SEPS_MUST_BEFORE_DEC",
        ),
        ("to_char(454, '9,')", "INVALID_FORMAT.CONT_THOUSANDS_SEPS"),
        (
            "to_char(454, '99$9')",
            "INVALID_FORMAT.CUR_MUST_BEFORE_DIGIT",
        ),
        ("to_char(454, 'PR9')", "INVALID_FORMAT.UNEXPECTED_TOKEN"),
        (
            "try_to_number('454', '9S9')",
            "INVALID_FORMAT.UNEXPECTED_TOKEN",
        ),
        (
            "to_char(x'53', 'x')",
            "INVALID_PARAMETER_VALUE.BINARY_FORMAT",
        ),
    ]);
}
