//! JSON text: any value written anew without white space.

use super::cursor::{Cursor, Read, unescape};
use crate::cast::json_string::write_string;
use crate::cast::text::double_text;

/// Reads the value under the cursor and appends it without white space, with strings in double quotes and floats as Java
/// prints them: what Jackson's `copyCurrentStructure` writes.
pub(super) fn rewrite(cursor: &mut Cursor<'_>, into: &mut Vec<u8>) -> Read<()> {
    let at = cursor.position();
    // Checks the whole value, its depth too, so that what follows can be plain.
    cursor.clone().skip_value()?;
    rewrite_checked(cursor, into)?;
    if std::str::from_utf8(cursor.since(at)).is_err() {
        return Err(cursor.error("the text is not UTF-8"));
    }
    Ok(())
}

fn rewrite_checked(cursor: &mut Cursor<'_>, into: &mut Vec<u8>) -> Read<()> {
    if cursor.at_string() {
        let raw = cursor.string()?;
        if raw.has_escape {
            let mut text = Vec::with_capacity(raw.bytes.len());
            unescape(raw.bytes, &mut text);
            write_string(&text, into);
        } else {
            write_string(raw.bytes, into);
        }
        return Ok(());
    }
    match cursor.peek() {
        Some(b'{') => rewrite_all(cursor, b'}', into),
        Some(b'[') => rewrite_all(cursor, b']', into),
        Some(b't' | b'f' | b'n') => {
            let start = cursor.position();
            cursor.skip_value()?;
            into.extend_from_slice(cursor.since(start));
            Ok(())
        }
        _ => rewrite_number(cursor, into),
    }
}

/// Rewrites an object or array; the cursor stands on its opening bracket.
fn rewrite_all(cursor: &mut Cursor<'_>, close: u8, into: &mut Vec<u8>) -> Read<()> {
    into.extend(cursor.peek());
    cursor.advance(1);
    let mut is_open = !cursor.closes(close)?;
    while is_open {
        if close == b'}' {
            let name = cursor.name()?;
            let mut text = Vec::with_capacity(name.bytes.len());
            unescape(name.bytes, &mut text);
            write_string(&text, into);
            into.push(b':');
        }
        cursor.skip_space()?;
        rewrite_checked(cursor, into)?;
        is_open = cursor.more(close)?;
        if is_open {
            into.push(b',');
        }
    }
    into.push(close);
    Ok(())
}

fn rewrite_number(cursor: &mut Cursor<'_>, into: &mut Vec<u8>) -> Read<()> {
    let number = cursor.number()?;
    if number.is_integer {
        let is_zero = number.is_exact && number.mantissa == 0;
        into.extend_from_slice(if is_zero { b"0" } else { number.text });
        return Ok(());
    }
    if let Some(special) = number.special {
        write_string(double_text(special).as_bytes(), into);
    } else {
        let text = std::str::from_utf8(number.text).unwrap_or_default();
        let value = text.parse().unwrap_or(f64::NAN);
        into.extend_from_slice(double_text(value).as_bytes());
    }
    Ok(())
}
