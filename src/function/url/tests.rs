use crate::function::testing::{assert_answers, assert_fails};

#[test]
fn urls_are_taken_apart() {
    let url = "'https://user:pw@spark.apache.org:8080/a/b%20c?query=1&k=v#ref'";
    let part = |part: &str| format!("parse_url({url}, '{part}')");
    let cases = [
        (part("HOST"), "spark.apache.org"),
        (part("PATH"), "/a/b%20c"),
        (part("QUERY"), "query=1&k=v"),
        (part("REF"), "ref"),
        (part("PROTOCOL"), "https"),
        (part("FILE"), "/a/b%20c?query=1&k=v"),
        (part("AUTHORITY"), "user:pw@spark.apache.org:8080"),
        (part("USERINFO"), "user:pw"),
        (part("PORT"), "NULL"),
        (format!("parse_url({url}, 'QUERY', 'k')"), "v"),
        (format!("parse_url({url}, 'QUERY', 'x')"), "NULL"),
        (format!("parse_url({url}, 'PATH', 'k')"), "NULL"),
    ];
    for (sql, expected) in &cases {
        assert_answers(&[(sql, expected)]);
    }
    assert_answers(&[
        ("parse_url('mailto:a@b.org', 'HOST')", "NULL"),
        ("parse_url('http://my_host/', 'HOST')", "NULL"),
        ("parse_url('http://my_host/', 'AUTHORITY')", "my_host"),
        ("parse_url('http://[::1]:80/', 'HOST')", "[::1]"),
        ("parse_url('http://example.org', 'PATH')", ""),
        ("try_parse_url('http://a b', 'HOST')", "NULL"),
    ]);
    assert_fails(&[
        ("parse_url('http://a b', 'HOST')", "INVALID_URL"),
        ("parse_url('1http://a', 'HOST')", "INVALID_URL"),
    ]);
}

#[test]
fn urls_are_coded() {
    assert_answers(&[
        ("url_encode('a b&ü~*')", "a+b%26%C3%BC%7E*"),
        ("url_decode('a+b%26%C3%BC')", "a b&ü"),
        ("try_url_decode('%zz')", "NULL"),
    ]);
    assert_fails(&[("url_decode('%1')", "CANNOT_DECODE_URL")]);
}
