//! Rust's words, just well enough to tell code from comments and texts.

/// A word or a mark, with the line that it stands on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub line: usize,
    pub text: String,
}

/// Identifiers, `::` and single marks, without comments; and the string literals beside them.
pub(super) fn tokens(text: &str) -> (Vec<Token>, Vec<(usize, String)>) {
    let mut rest = text;
    let mut line = 1;
    let (mut tokens, mut texts) = (Vec::new(), Vec::new());
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some((open, length)) = string_literal(rest) {
            texts.push((line, rest[open..length].to_owned()));
            length
        } else if first == '\'' {
            character_or_lifetime(rest)
        } else if rest.starts_with("::") {
            tokens.push(Token { line, text: "::".to_owned() });
            2
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(Token { line, text: rest[..length].to_owned() });
            length
        } else {
            if !first.is_whitespace() {
                tokens.push(Token { line, text: first.to_string() });
            }
            first.len_utf8()
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    (tokens, texts)
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Where the text of a string literal begins, and the literal's whole length; the prefixes `b`, `c`, `r`, `br`, `cr` count.
fn string_literal(text: &str) -> Option<(usize, usize)> {
    let after = text.trim_start_matches(['b', 'c']);
    let prefix = text.len() - after.len();
    if prefix > 1 {
        return None;
    }
    if let Some(raw) = after.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let open = prefix + 1 + hashes + 1;
        raw[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let length = text[open..].find(&close).map_or(text.len(), |at| open + at + close.len());
        return Some((open, length));
    }
    after.strip_prefix('"')?;
    let open = prefix + 1;
    let mut escaped = false;
    for (at, c) in text[open..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some((open, open + at + 1)),
            _ => {}
        }
    }
    Some((open, text.len()))
}

/// A character literal is skipped whole; of a lifetime only the mark, its name is a harmless identifier.
fn character_or_lifetime(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let from = at + escaped.len_utf8();
            text[from..].find('\'').map_or(1, |close| from + close + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}
