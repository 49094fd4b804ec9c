//! The parts of a URI as `java.net.URI` sees them: RFC 2396, with any character beyond ASCII that is neither a control nor a space.

/// A URI that was taken apart, with its escapes as they stand.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Uri<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    user_info: Option<&'a str>,
    host: Option<&'a str>,
    /// `None` in an opaque URI such as `mailto:a@b`.
    path: Option<&'a str>,
    pub(super) query: Option<&'a str>,
    fragment: Option<&'a str>,
    /// Path, `?` and query.
    file: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// `None` if it is not a valid URI.
    pub(super) fn parse(text: &'a str) -> Option<Uri<'a>> {
        let mut uri = Uri::default();
        let (text, fragment) = split_off(text, '#');
        uri.fragment = fragment;
        if !fragment.is_none_or(|fragment| is_legal(fragment, URI_MARKS)) {
            return None;
        }
        let mut rest = text;
        let colon = text.find(['/', '?', ':']);
        if let Some(colon) = colon.filter(|index| text.get(*index..=*index) == Some(":")) {
            let scheme = text.get(..colon)?;
            let mut letters = scheme.chars();
            let starts_well = letters.next()?.is_ascii_alphabetic();
            if !starts_well || !letters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) {
                return None;
            }
            uri.scheme = Some(scheme);
            rest = text.get(colon + 1..)?;
            if !rest.starts_with('/') {
                // Opaque: something must stand there, and it has no parts.
                return (!rest.is_empty() && is_legal(rest, URI_MARKS)).then_some(uri);
            }
        }
        uri.hierarchy(rest)?;
        Some(uri)
    }

    /// `[//authority][path][?query]`.
    fn hierarchy(&mut self, text: &'a str) -> Option<()> {
        let mut rest = text;
        if let Some(behind) = text.strip_prefix("//") {
            let end = behind.find(['/', '?']).unwrap_or(behind.len());
            let authority = behind.get(..end)?;
            rest = behind.get(end..)?;
            if authority.is_empty() {
                // `file:///path` has none; nothing at all behind the slashes is an error.
                if rest.is_empty() {
                    return None;
                }
            } else {
                self.read_authority(authority)?;
            }
        }
        let (path, query) = split_off(rest, '?');
        if !is_legal(path, PATH_MARKS) || !query.is_none_or(|query| is_legal(query, URI_MARKS)) {
            return None;
        }
        self.path = Some(path);
        self.query = query;
        self.file = Some(rest);
        Some(())
    }

    /// `[user@]host[:port]`; what does not have that form is an authority without a host.
    fn read_authority(&mut self, authority: &'a str) -> Option<()> {
        let (user_info, host_and_port) = match authority.split_once('@') {
            Some((user_info, rest)) => (Some(user_info), rest),
            None => (None, authority),
        };
        let is_server = user_info.is_none_or(|user_info| is_legal(user_info, USER_MARKS));
        let host = server_host(host_and_port).filter(|_| is_server);
        if host.is_none() && (authority.contains('[') || !is_legal(authority, REGISTRY_MARKS)) {
            return None;
        }
        self.authority = Some(authority);
        if host.is_some() {
            self.user_info = user_info;
            self.host = host;
        }
        Some(())
    }

    /// A part by the name that `parse_url` has for it.
    pub(super) fn part(&self, name: &str) -> Option<&'a str> {
        match name {
            "HOST" => self.host,
            "PATH" => self.path,
            "QUERY" => self.query,
            "REF" => self.fragment,
            "PROTOCOL" => self.scheme,
            "FILE" => self.file,
            "AUTHORITY" => self.authority,
            "USERINFO" => self.user_info,
            _ => None,
        }
    }
}

/// What may stand in queries, fragments and opaque parts besides letters and digits.
const URI_MARKS: &str = "-_.!~*'();/?:@&=+$,[]";
const PATH_MARKS: &str = "-_.!~*'();/:@&=+$,";
const USER_MARKS: &str = "-_.!~*'();:&=+$,";
const REGISTRY_MARKS: &str = "-_.!~*'()$,;:@&=+";

fn split_off(text: &str, mark: char) -> (&str, Option<&str>) {
    match text.split_once(mark) {
        Some((before, behind)) => (before, Some(behind)),
        None => (text, None),
    }
}

/// Whether a part has only letters, digits, these marks, escapes, and characters beyond ASCII that show.
fn is_legal(part: &str, marks: &str) -> bool {
    let mut characters = part.chars();
    while let Some(character) = characters.next() {
        let is_fine = if character == '%' {
            let mut is_digit = || {
                characters
                    .next()
                    .is_some_and(|digit| digit.is_ascii_hexdigit())
            };
            is_digit() && is_digit()
        } else if character.is_ascii() {
            character.is_ascii_alphanumeric() || marks.contains(character)
        } else {
            !character.is_control() && !character.is_whitespace()
        };
        if !is_fine {
            return false;
        }
    }
    true
}

/// The host of `host[:port]`, if that is a name, an IPv4 address, or an IPv6 address in brackets.
fn server_host(text: &str) -> Option<&str> {
    if text.starts_with('[') {
        let end = text.find(']')?;
        let address = text.get(1..end)?;
        let is_address = address
            .split('%')
            .next()?
            .parse::<std::net::Ipv6Addr>()
            .is_ok();
        let host = text.get(..=end)?;
        return (is_address && is_port(text.get(end + 1..)?)).then_some(host);
    }
    let end = text.find(':').unwrap_or(text.len());
    let (host, port) = text.split_at(end);
    (is_host_name(host) && is_port(port)).then_some(host)
}

/// Nothing, or a colon and digits.
fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        Some(digits) => {
            digits.bytes().all(|digit| digit.is_ascii_digit())
                && (digits.is_empty() || digits.parse::<i32>().is_ok())
        }
        None => text.is_empty(),
    }
}

/// Labels of letters, digits and inner hyphens, the last of which starts with a letter; or four numbers up to 255.
fn is_host_name(host: &str) -> bool {
    let is_ipv4 = host.split('.').count() == 4
        && host.split('.').all(|part| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_digit())
                && part.parse::<u8>().is_ok()
        });
    if is_ipv4 {
        return true;
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let ends_in_letters = name
        .rsplit('.')
        .next()
        .is_some_and(|last| last.starts_with(|first: char| first.is_ascii_alphabetic()));
    ends_in_letters && name.split('.').all(is_label)
}
