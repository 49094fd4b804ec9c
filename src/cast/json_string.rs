//! Strings as JSON has them.

/// Appends a string in double quotes, with the escapes Jackson writes.
pub(crate) fn write_string(text: &[u8], into: &mut Vec<u8>) {
    into.push(b'"');
    let mut written = 0;
    for (at, byte) in text.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            0..0x20 => b"",
            _ => continue,
        };
        into.extend_from_slice(text.get(written..at).unwrap_or_default());
        if escape.is_empty() {
            let digits = b"0123456789ABCDEF";
            let low = digits.get(usize::from(byte & 0xf)).copied().unwrap_or(b'0');
            into.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), low]);
        } else {
            into.extend_from_slice(escape);
        }
        written = at + 1;
    }
    into.extend_from_slice(text.get(written..).unwrap_or_default());
    into.push(b'"');
}
