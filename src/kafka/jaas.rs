//! Reads `sasl.jaas.config`, the way Java clients are given a user and a password:
//! `org.apache.kafka.common.security.scram.ScramLoginModule required username="u" password="p";`
//!
//! Nothing of the text ever goes into an error: all of it may be secret.

use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// A user and the password.
pub(super) struct Login {
    /// `username`.
    pub(super) username: String,
    /// `password`.
    pub(super) password: String,
}

/// Reads the login of a SCRAM or PLAIN module.
///
/// # Errors
///
/// `Invalid`: another module, or not of that form.
pub(super) fn parse(text: &str) -> Result<Login> {
    let text = text.trim();
    let body = text.strip_suffix(';').unwrap_or(text);
    let mut words = Words { rest: body };
    let module = words.next_word()?.unwrap_or_default();
    match module.rsplit('.').next() {
        Some("ScramLoginModule" | "PlainLoginModule") => {}
        Some(name @ ("OAuthBearerLoginModule" | "Krb5LoginModule")) => {
            return Err(Error::unsupported(format!(
                "the login module `{name}` of kafka.sasl.jaas.config"
            )));
        }
        _ => return Err(malformed()),
    }
    if words.next_word()?.is_none() {
        return Err(malformed());
    }
    let mut options = BTreeMap::new();
    while let Some(word) = words.next_word()? {
        let (key, value) = word.split_once('=').ok_or_else(malformed)?;
        options.insert(key.to_owned(), value.to_owned());
    }
    let mut take = |key: &str| options.remove(key).ok_or_else(malformed);
    Ok(Login {
        username: take("username")?,
        password: take("password")?,
    })
}

fn malformed() -> Error {
    Error::invalid(
        "kafka.sasl.jaas.config is not of the form `…ScramLoginModule required username=\"…\" password=\"…\";`",
    )
}

/// Words between spaces; inside quotes, spaces count and `\` takes the next character as it is.
struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    fn next_word(&mut self) -> Result<Option<String>> {
        let mut word = String::new();
        let mut quote = None;
        let mut characters = self.rest.trim_start().chars();
        while let Some(character) = characters.next() {
            match (quote, character) {
                (_, '\\') => word.push(characters.next().ok_or_else(malformed)?),
                (None, '"' | '\'') => quote = Some(character),
                (Some(open), close) if open == close => quote = None,
                (None, space) if space.is_whitespace() => break,
                (_, other) => word.push(other),
            }
        }
        if quote.is_some() {
            return Err(malformed());
        }
        self.rest = characters.as_str();
        Ok((!word.is_empty()).then_some(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_are_read_with_quotes_and_escapes() {
        let login = parse(
            "org.apache.kafka.common.security.scram.ScramLoginModule required\n username=\"ann\" password=\"a \\\"b\\\" = ;c\";",
        )
        .unwrap();
        assert_eq!(login.username, "ann");
        assert_eq!(login.password, "a \"b\" = ;c");
    }

    #[test]
    fn a_text_of_another_form_is_refused_without_showing_it() {
        for text in [
            "",
            "hunter2",
            "ScramLoginModule required username=\"hunter2\"",
            "ScramLoginModule required username=\"a\" password=\"hunter2",
            "com.example.Module required username=\"a\" password=\"hunter2\";",
        ] {
            let Err(error) = parse(text) else {
                panic!("accepted: {text}");
            };
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
