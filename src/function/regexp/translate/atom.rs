//! Atoms outside of classes: literals, anchors, escapes.

use super::Translator;

/// What ends a line, in a class.
const LINE_BREAKS: &str = r"\n\r\x{85}\x{2028}\x{2029}";
/// Before a final line break, or at the end.
const END: &str = r"(?=(?:\r\n|(?<!\r)\n|[\r\x{85}\x{2028}\x{2029}])?\z)";
const UNIX_END: &str = r"(?=\n?\z)";
const LINE_START: &str = r"(?:\A|(?<=\n|\r(?!\n)|[\x{85}\x{2028}\x{2029}])(?!\z))";
const UNIX_LINE_START: &str = r"(?:\A|(?<=\n)(?!\z))";
const LINE_END: &str = r"(?=\r\n|(?<!\r)\n|[\r\x{85}\x{2028}\x{2029}]|\z)";
const UNIX_LINE_END: &str = r"(?=\n|\z)";

impl Translator<'_> {
    /// An atom that starts with this character. Answers whether it can be repeated.
    pub(super) fn atom(&mut self, character: char) -> Result<bool, String> {
        match character {
            '.' => self.dot(),
            '^' if !self.flags.is_multiline => self.push(r"\A"),
            '^' if self.flags.has_unix_lines => self.push_backtracking(UNIX_LINE_START),
            '^' => self.push_backtracking(LINE_START),
            '$' if !self.flags.is_multiline => self.end(),
            '$' if self.flags.has_unix_lines => self.push_backtracking(UNIX_LINE_END),
            '$' => self.push_backtracking(LINE_END),
            '[' => {
                let class = self.class()?;
                let class = self.folded_class(&class);
                self.push(&class);
            }
            '\\' => return self.escape(),
            other => self.literal(other),
        }
        Ok(true)
    }

    fn dot(&mut self) {
        if self.flags.dot_matches_all {
            self.push("(?s:.)");
        } else if self.flags.has_unix_lines {
            self.push(r"[^\n]");
        } else {
            self.push(&format!("[^{LINE_BREAKS}]"));
        }
    }

    /// The end of the text, or a line break before it.
    fn end(&mut self) {
        self.result.has_end_anchor = true;
        self.linear.push_str(r"\z");
        let end = if self.flags.has_unix_lines {
            UNIX_END
        } else {
            END
        };
        self.backtracking.push_str(end);
    }

    pub(super) fn literal(&mut self, character: char) {
        let escaped = escaped(character);
        if !self.flags.ignores_case {
            self.push(&escaped);
        } else if self.flags.is_unicode_case {
            self.push(&format!("(?i:{escaped})"));
        } else if character.is_ascii_alphabetic() {
            let (lower, upper) = (
                character.to_ascii_lowercase(),
                character.to_ascii_uppercase(),
            );
            self.push(&format!("[{lower}{upper}]"));
        } else {
            self.push(&escaped);
        }
    }

    /// A class under the flag `(?iu)`.
    pub(super) fn folded_class(&self, class: &str) -> String {
        if self.flags.ignores_case && self.flags.is_unicode_case {
            format!("(?i:{class})")
        } else {
            class.to_owned()
        }
    }

    /// Behind `\`.
    fn escape(&mut self) -> Result<bool, String> {
        let Some(character) = self.input.next() else {
            return Err("it ends in `\\`".to_owned());
        };
        match character {
            'b' => self.push(r"\b"),
            'B' => self.push(r"\B"),
            'A' => self.push(r"\A"),
            'z' => self.push(r"\z"),
            'Z' => self.end(),
            'R' => self.push(r"(?:\r\n|[\n\x0B\x0C\r\x{85}\x{2028}\x{2029}])"),
            'Q' => return Ok(self.quoted()),
            '1'..='9' => self.back_reference(character),
            'k' => self.named_reference()?,
            'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'h' | 'H' | 'v' | 'V' | 'p' | 'P' => {
                let class = self.class_escape(character)?;
                self.push(&class);
            }
            'E' => return Ok(false),
            other => {
                let literal = self.escaped_character(other)?;
                self.literal(literal);
            }
        }
        Ok(true)
    }

    /// Behind `\Q`: literally, up to `\E`. A quantifier behind it belongs to the last character.
    fn quoted(&mut self) -> bool {
        let mut is_empty = true;
        while let Some(character) = self.input.next() {
            if character == '\\' && self.eat('E') {
                break;
            }
            self.literal(character);
            is_empty = false;
        }
        !is_empty
    }

    /// As many digits as make the number of a group that is there.
    fn back_reference(&mut self, first: char) {
        let mut number = first.to_digit(10).unwrap_or_default() as usize;
        while let Some(digit) = self.input.peek().and_then(|digit| digit.to_digit(10)) {
            let longer = number * 10 + digit as usize;
            if longer > self.result.groups {
                break;
            }
            self.input.next();
            number = longer;
        }
        // A group keeps the digits behind the reference apart from it.
        self.push_backtracking(&format!("(?:\\{number})"));
    }

    fn named_reference(&mut self) -> Result<(), String> {
        let mut name = String::new();
        let opens = self.eat('<');
        while let Some(letter) = self.input.next_if(char::is_ascii_alphanumeric) {
            name.push(letter);
        }
        if !opens || !self.eat('>') || !self.result.names.contains(&name) {
            return Err("a reference to a group that is not there".to_owned());
        }
        self.push_backtracking(&format!("\\k<{name}>"));
        Ok(())
    }

    /// The one character behind `\` that an escape stands for.
    pub(super) fn escaped_character(&mut self, character: char) -> Result<char, String> {
        match character {
            't' => Ok('\t'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            'f' => Ok('\u{c}'),
            'a' => Ok('\u{7}'),
            'e' => Ok('\u{1b}'),
            'c' => self.control(),
            '0' => self.octal(),
            'x' => self.hexadecimal(),
            'u' => self.utf16(),
            other if other.is_ascii_alphanumeric() => {
                Err(format!("the escape `\\{other}` is not supported"))
            }
            other => Ok(other),
        }
    }

    fn control(&mut self) -> Result<char, String> {
        let letter = self.input.next().filter(char::is_ascii);
        letter
            .and_then(|letter| char::from_u32(u32::from(letter) ^ 64))
            .ok_or_else(|| "an illegal control escape".to_owned())
    }

    /// `\0n`, `\0nn` or, up to 377, `\0mnn`.
    fn octal(&mut self) -> Result<char, String> {
        let mut value = 0;
        let mut count = 0;
        while let Some(digit) = self.input.peek().and_then(|digit| digit.to_digit(8)) {
            if count == 3 || value * 8 + digit > 0o377 {
                break;
            }
            self.input.next();
            value = value * 8 + digit;
            count += 1;
        }
        char::from_u32(value)
            .filter(|_| count > 0)
            .ok_or_else(|| "an illegal octal escape".to_owned())
    }

    fn hexadecimal(&mut self) -> Result<char, String> {
        let illegal = || "an illegal hexadecimal escape".to_owned();
        if !self.eat('{') {
            return char::from_u32(self.hex_digits(2)?).ok_or_else(illegal);
        }
        let mut value = 0u32;
        while let Some(digit) = self.input.peek().and_then(|digit| digit.to_digit(16)) {
            self.input.next();
            value = value
                .checked_mul(16)
                .and_then(|value| value.checked_add(digit))
                .ok_or_else(illegal)?;
        }
        if !self.eat('}') {
            return Err(illegal());
        }
        char::from_u32(value).ok_or_else(illegal)
    }

    /// `\uhhhh`, or two of them for a character beyond the first plane.
    fn utf16(&mut self) -> Result<char, String> {
        let illegal = || "an illegal Unicode escape".to_owned();
        let high = self.hex_digits(4)?;
        if let Some(character) = char::from_u32(high) {
            return Ok(character);
        }
        if !(self.eat('\\') && self.eat('u')) {
            return Err(illegal());
        }
        let low = self.hex_digits(4)?;
        let units = [high, low].map(|unit| u16::try_from(unit).unwrap_or_default());
        char::decode_utf16(units)
            .next()
            .and_then(Result::ok)
            .ok_or_else(illegal)
    }

    fn hex_digits(&mut self, count: usize) -> Result<u32, String> {
        let mut value = 0;
        for _ in 0..count {
            let digit = self.input.next().and_then(|digit| digit.to_digit(16));
            value = value * 16 + digit.ok_or_else(|| "an illegal escape of digits".to_owned())?;
        }
        Ok(value)
    }
}

/// A character that stands for itself in both engines, inside of classes and outside.
pub(super) fn escaped(character: char) -> String {
    if character.is_ascii_alphanumeric() || character == '_' {
        character.to_string()
    } else {
        format!("\\x{{{:X}}}", u32::from(character))
    }
}
