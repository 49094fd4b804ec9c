use crate::function::testing::{answers, assert_answers, assert_fails};

#[test]
fn strings_are_measured_in_characters() {
    assert_answers(&[
        ("length('물레방아')", "4"),
        ("octet_length('물레방아')", "12"),
        ("bit_length('a')", "8"),
        ("length(x'80ff')", "2"),
        ("ascii('물')", "47932"),
        ("ascii('')", "0"),
        ("levenshtein('kitten', 'sitting', 2)", "-1"),
        ("levenshtein('kitten', 'sitting', 3)", "3"),
        ("soundex('Tymczak')", "T522"),
        ("soundex('Pfister')", "P236"),
        ("soundex('1a')", "1a"),
        ("jaro_winkler_similarity('', '')", "1.0"),
    ]);
}

#[test]
fn case_is_mapped_for_all_of_unicode() {
    assert_answers(&[
        ("upper('straße')", "STRASSE"),
        ("lower('ΟΔΟΣ ΟΔΟΣ')", "οδος οδος"),
        ("initcap('sPark sql-ÄRA ǆ ß')", "Spark Sql-ära ǅ Ss"),
        ("upper(NULL)", "NULL"),
    ]);
    let mapped = answers("upper(s)", &["tide", "NULL", "", "mill"]).unwrap();
    assert_eq!(mapped, ["TIDE", "NULL", "", "MILL"]);
    let mapped = answers("initcap(s)", &["tIDE mILL", "NULL", " a  b"]).unwrap();
    assert_eq!(mapped, ["Tide Mill", "NULL", " A  B"]);
}

#[test]
fn positions_count_from_1_and_from_the_end_if_negative() {
    assert_answers(&[
        ("substring('Spark SQL', 0, 2)", "Sp"),
        ("substring('abc', -5, 3)", "a"),
        ("substring('abc', -2)", "bc"),
        ("substring('abc', 2, -1)", ""),
        ("substring('물레방아', 2, 2)", "레방"),
        ("substring('abc', 2147483647, 2147483647)", ""),
        ("substring('abc', -2147483648, 2147483647)", "ab"),
        ("substring(x'010203', -2, 1) = x'02'", "true"),
        ("left('물레방아', 2)", "물레"),
        ("right('물레방아', 2)", "방아"),
        ("right('abc', 0)", ""),
        ("right('abc', -1)", ""),
        ("overlay('Spark SQL' PLACING 'CORE' FROM 7)", "Spark CORE"),
        (
            "overlay('Spark SQL' PLACING 'ANSI ' FROM 7 FOR 0)",
            "Spark ANSI SQL",
        ),
    ]);
}

#[test]
fn strings_are_found_and_split() {
    assert_answers(&[
        ("instr('abcabc', '')", "1"),
        ("instr('물레방아', '방')", "3"),
        ("locate('bar', 'foobarbar', 5)", "7"),
        ("locate('bar', 'foobarbar', 0)", "0"),
        ("locate('bar', 'foobarbar', NULL)", "0"),
        ("find_in_set('a,b', 'a,b')", "0"),
        ("find_in_set('', 'a,,b')", "2"),
        ("substring_index('www.apache.org', '.', -2)", "apache.org"),
        ("substring_index('aaaa', 'aa', 2)", "a"),
        ("substring_index('aaaa', 'aa', -2)", "a"),
        ("substring_index('abc', '', 1)", ""),
        ("split_part('11.12.13', '.', -1)", "13"),
        ("split_part('11.12.13', '.', 4)", ""),
        ("split_part('abc', '', 1)", "abc"),
    ]);
    assert_fails(&[("split_part('a.b', '.', 0)", "INVALID_INDEX_OF_ZERO")]);
}

#[test]
fn only_spaces_are_trimmed_unless_characters_are_given() {
    assert_answers(&[
        ("concat('[', trim(' \ta \t '), ']')", "[\ta \t]"),
        ("trim('xy', 'yxtidexy')", "tide"),
        ("trim(BOTH 'SL' FROM 'SSparkSQLS')", "parkSQ"),
        ("trim(LEADING 'SL' FROM 'SSparkSQLS')", "parkSQLS"),
        ("btrim('SSparkSQLS', 'SL')", "parkSQ"),
        ("trim('', ' a ')", " a "),
        ("trim(NULL, 'a')", "NULL"),
    ]);
}

#[test]
fn strings_are_built() {
    assert_answers(&[
        ("concat('a', 1, 2.5)", "a12.5"),
        ("concat('a', NULL)", "NULL"),
        ("concat()", ""),
        ("concat(x'01', x'02') = x'0102'", "true"),
        ("concat(split('1,2', ','), split('3', ','))", "[1, 2, 3]"),
        ("concat_ws(',', 'a', split('b c', ' '), NULL)", "a,b,c"),
        ("concat_ws(NULL, 'a')", "NULL"),
        ("repeat('ab', -1)", ""),
        ("lpad('hi', 7, 'abc')", "abcabhi"),
        ("lpad('hi', -1, 'a')", ""),
        ("lpad('hi', 5, '')", "hi"),
        ("rpad('물', 3)", "물  "),
        ("replace('ABCabc', '', 'x')", "ABCabc"),
        ("replace('aaa', 'aa')", "a"),
        ("translate('translate', 'rnlt', '123')", "1a2s3ae"),
        ("reverse(split('1,2,3', ','))", "[3, 2, 1]"),
        ("chr(353)", "a"),
        ("chr(-1)", ""),
        ("elt(2, 'a', 1)", "1"),
        ("quote('Don\\'t')", "'Don\\'t'"),
        ("mask('AbCD123-@$#٣', 'Q', NULL, 'd', 'o')", "QbQQdddooood"),
    ]);
    assert_fails(&[
        ("elt(3, 'a', 'b')", "INVALID_ARRAY_INDEX"),
        ("mask('a', 'XX')", "DATATYPE_MISMATCH.INPUT_SIZE_NOT_ONE"),
    ]);
    let joined = answers("concat(split(s, ','), split('x', ','))", &["a,b", "NULL"]).unwrap();
    assert_eq!(joined, ["[a, b, x]", "NULL"]);
}

#[test]
fn bytes_and_strings_are_coded() {
    assert_answers(&[
        ("base64('ab')", "YWI="),
        ("decode(unbase64('Y W\nI='), 'utf-8')", "ab"),
        ("encode('é', 'ISO-8859-1') = x'E9'", "true"),
        ("encode('é', 'UTF-16') = x'FEFF00E9'", "true"),
        ("decode(x'FFFEE900', 'utf-16')", "é"),
        ("to_binary('abc') = x'0ABC'", "true"),
        ("try_to_binary('a!', 'base64')", "NULL"),
        ("make_valid_utf8(x'61C262')", "a\u{fffd}b"),
        ("try_validate_utf8(x'80')", "NULL"),
    ]);
    assert_fails(&[
        ("encode('é', 'US-ASCII')", "MALFORMED_CHARACTER_CODING"),
        ("encode('e', 'EBCDIC')", "INVALID_PARAMETER_VALUE.CHARSET"),
        ("decode(x'80', 'utf-8')", "MALFORMED_CHARACTER_CODING"),
        ("to_binary('xyz')", "CONVERSION_INVALID_INPUT"),
        ("to_binary('a', 'x')", "DATATYPE_MISMATCH.INVALID_ARG_VALUE"),
        ("validate_utf8(x'80')", "INVALID_UTF8_STRING"),
        ("unbase64('a')", ""),
    ]);
}

#[test]
fn numbers_are_formatted_as_java_does() {
    assert_answers(&[
        ("format_number(12332.123456, 4)", "12,332.1235"),
        ("format_number(0.125D, 2)", "0.12"),
        ("format_number(2.5, 0)", "2"),
        ("format_number(-1234567, 2)", "-1,234,567.00"),
        ("format_number(1e23D, 0)", "100,000,000,000,000,000,000,000"),
        ("format_number(0.1D, 20)", "0.10000000000000000000"),
        ("format_number(5, -1)", "NULL"),
        (
            "format_string('%5d|%-5s|%05d|%x|%,d', 42, 'ab', 7, 255, 1234567)",
            "   42|ab   |00007|ff|1,234,567",
        ),
        ("format_string('%2$s %1$s %<s', 'a', 'b')", "b a a"),
        (
            "format_string('%.2f %e %S %% %b', 1.005D, 12345.678D, 'up', true)",
            "1.01 1.234568e+04 UP % true",
        ),
        ("format_string('%s %d', NULL, NULL)", "null null"),
        ("format_string('%X', -1)", "FFFFFFFF"),
    ]);
    assert_fails(&[
        ("format_string('%d', 'a')", ""),
        ("format_string('%d')", ""),
        ("format_string('%tY', 1)", ""),
    ]);
}

#[test]
fn occurrences_are_found_from_either_end() {
    assert_answers(&[
        ("instr('abcabc', 'b', 3)", "5"),
        ("instr('abcabc', 'b', 1, 2)", "5"),
        ("instr('abcabc', 'b', 1, 3)", "0"),
        ("instr('abcabc', 'b', 0)", "0"),
        ("instr('abcabc', 'b', -1)", "5"),
        ("instr('abcabc', 'b', -3)", "2"),
        ("instr('abcabc', 'b', -1, 2)", "2"),
        ("instr('abcabc', 'bc', -1)", "5"),
        ("instr('abcabc', '', -1)", "1"),
        ("instr('abcabc', '', 3)", "1"),
        ("instr('abcabc', 'b', NULL)", "NULL"),
        ("instr('éaé', 'é', -1)", "3"),
    ]);
    assert_fails(&[(
        "instr('abcabc', 'b', 1, 0)",
        "INVALID_PARAMETER_VALUE.OCCURRENCE",
    )]);
}

#[test]
fn check_digits_are_checked() {
    assert_answers(&[
        ("luhn_check('79927398713')", "true"),
        ("luhn_check('79927398714')", "false"),
        ("luhn_check(8112189876)", "true"),
        ("luhn_check('')", "false"),
        ("luhn_check(' 8112189876')", "false"),
        ("luhn_check(NULL)", "NULL"),
    ]);
}

#[test]
fn base32_goes_both_ways() {
    assert_answers(&[
        ("to_base32('foobar')", "MZXW6YTBOI======"),
        ("to_base32(x'')", ""),
        ("from_base32('mzxw6ytboi')", "foobar"),
        ("from_base32('MZ1')", "f"),
        (
            "from_base32(to_base32('fooba')) = encode('fooba', 'utf-8')",
            "true",
        ),
        ("to_base32(NULL)", "NULL"),
    ]);
}
