//! What `\p{…}` names: the POSIX classes (ASCII), general categories, scripts and binary properties.

/// General categories, as both sides call them.
const CATEGORIES: &[&str] = &[
    "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc",
    "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C",
    "Cc", "Cf", "Co",
];

/// Scripts, as both sides call them.
const SCRIPTS: &[&str] = &[
    "Latin",
    "Greek",
    "Cyrillic",
    "Han",
    "Hiragana",
    "Katakana",
    "Hangul",
    "Arabic",
    "Hebrew",
    "Thai",
    "Devanagari",
    "Armenian",
    "Georgian",
    "Common",
];

/// The inside of a class for a property.
pub(super) fn set_of(name: &str, ignores_case: bool) -> Option<String> {
    // Case does not count under `(?i)`, so that both cases of letters are meant.
    let posix = match name {
        "Lower" | "Upper" if ignores_case => "A-Za-z",
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "ASCII" => r"\x00-\x7F",
        "Alpha" => "A-Za-z",
        "Digit" => "0-9",
        "Alnum" => "0-9A-Za-z",
        "Punct" => r"\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E",
        "Graph" => r"\x21-\x7E",
        "Print" => r"\x20-\x7E",
        "Blank" => r"\x20\t",
        "Cntrl" => r"\x00-\x1F\x7F",
        "XDigit" => "0-9A-Fa-f",
        "Space" => r"\t\n\x0B\x0C\r\x20",
        _ => "",
    };
    if !posix.is_empty() {
        return Some(posix.to_owned());
    }
    if ignores_case && matches!(name, "Lu" | "Ll" | "Lt" | "IsLu" | "IsLl" | "IsLt") {
        return Some(r"\p{Lu}\p{Ll}\p{Lt}".to_owned());
    }
    let plain = name.strip_prefix("Is").unwrap_or(name);
    if CATEGORIES.contains(&plain) {
        return Some(format!(r"\p{{{plain}}}"));
    }
    let is_prefixed = plain.len() < name.len();
    if is_prefixed && SCRIPTS.contains(&plain) {
        return Some(format!(r"\p{{{plain}}}"));
    }
    match name {
        "IsAlphabetic" => Some(r"\p{Alphabetic}".to_owned()),
        "IsWhite_Space" => Some(r"\p{White_Space}".to_owned()),
        "IsDigit" => Some(r"\p{Nd}".to_owned()),
        "IsLetter" => Some(r"\p{L}".to_owned()),
        "IsUppercase" if !ignores_case => Some(r"\p{Uppercase}".to_owned()),
        "IsLowercase" if !ignores_case => Some(r"\p{Lowercase}".to_owned()),
        "IsPunctuation" => Some(r"\p{P}".to_owned()),
        _ => None,
    }
}
