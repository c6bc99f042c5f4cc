//! One source file, read just far enough: the paths that it names, its texts, and what it passes on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::tokens::{Token, tokens};

/// A module's place below the crate's root, such as `["store", "gateway"]`.
pub(crate) type Module = Vec<String>;

pub(crate) struct Source {
    /// Below `src/`.
    pub path: PathBuf,
    pub module: Module,
    /// Paths into this crate, from its root.
    pub uses: Vec<Used>,
    /// String literals, with their lines.
    pub texts: Vec<(usize, String)>,
    /// What `pub use` passes on: the name here, the path behind it.
    pub exports: BTreeMap<String, Vec<String>>,
    /// Modules in files of their own that are test code only.
    pub test_modules: Vec<Module>,
    tokens: Vec<Token>,
}

pub(crate) struct Used {
    pub line: usize,
    pub path: Vec<String>,
}

impl Source {
    pub(super) fn parse(path: &Path, text: &str) -> Self {
        let module = module_of(path);
        let (tokens, texts) = tokens(text);
        let (tokens, left_out) = without_tests(&tokens);
        let kept = |line: usize| !left_out.iter().any(|(first, last)| (*first..=*last).contains(&line));
        let texts = texts.into_iter().filter(|(line, _)| kept(*line)).collect();
        let test_modules = test_modules(text, &module);
        let (uses, exports) = paths(&tokens, &module);
        Self { path: path.to_owned(), module, uses, texts, exports, test_modules, tokens }
    }

    /// The room: the first folder or file below `src/`; the root itself is in none.
    pub(super) fn room(&self) -> Option<String> {
        self.module.first().cloned()
    }

    /// The lines on which this name (identifiers joined by `::`) stands, each once.
    pub(super) fn lines_naming(&self, name: &str) -> Vec<usize> {
        let wanted: Vec<&str> = name.split("::").flat_map(|part| ["::", part]).skip(1).collect();
        let mut lines: Vec<usize> = self
            .tokens
            .windows(wanted.len())
            .filter(|window| window.iter().zip(&wanted).all(|(token, wanted)| token.text == *wanted))
            .map(|window| window[0].line)
            .collect();
        lines.dedup();
        lines
    }
}

fn module_of(path: &Path) -> Module {
    let mut module: Module = path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// Leaves out every item that `#[cfg(test)]` (or `#[cfg(all(test, ...))]`) stands over, and says which lines these were.
fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<(usize, usize)>) {
    let mut kept = Vec::new();
    let mut left_out = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_test_attribute(&tokens[at..]) {
            let end = end_of_item(tokens, at);
            left_out.push((tokens[at].line, tokens[end - 1].line));
            at = end;
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    (kept, left_out)
}

fn is_test_attribute(tokens: &[Token]) -> bool {
    let starts = |wanted: &[&str]| {
        tokens.len() >= wanted.len() && tokens.iter().zip(wanted).all(|(token, wanted)| token.text == *wanted)
    };
    starts(&["#", "[", "cfg", "(", "test", ")", "]"]) || starts(&["#", "[", "cfg", "(", "all", "(", "test"])
}

/// One past the item that begins here: to its `;`, or to the brace that closes its first one.
fn end_of_item(tokens: &[Token], from: usize) -> usize {
    let (mut braces, mut others) = (0, 0);
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            "{" => braces += 1,
            "}" => {
                braces -= 1;
                if braces == 0 && others == 0 {
                    return at + 1;
                }
            }
            "(" | "[" => others += 1,
            ")" | "]" => others -= 1,
            ";" if braces == 0 && others == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

fn test_modules(text: &str, module: &Module) -> Vec<Module> {
    let (tokens, _) = tokens(text);
    (0..tokens.len())
        .filter(|at| is_test_attribute(&tokens[*at..]))
        .filter_map(|at| {
            let item = &tokens[at..end_of_item(&tokens, at)];
            let name = item.iter().rev().nth(1).filter(|_| item.last().is_some_and(|last| last.text == ";"))?;
            let declares = item.iter().rev().nth(2).is_some_and(|word| word.text == "mod");
            declares.then(|| module.iter().chain([&name.text]).cloned().collect())
        })
        .collect()
}

/// Every path into this crate, and the names that `pub use` passes on.
fn paths(tokens: &[Token], file: &Module) -> (Vec<Used>, BTreeMap<String, Vec<String>>) {
    let mut uses = Vec::new();
    let mut exports = BTreeMap::new();
    // Modules written inline, with the depth of braces at which each began.
    let mut inline: Vec<(String, usize)> = Vec::new();
    let (mut depth, mut at) = (0, 0);
    while at < tokens.len() {
        let text = tokens[at].text.as_str();
        let next = tokens.get(at + 1).map_or("", |token| token.text.as_str());
        let before = at.checked_sub(1).map_or("", |before| tokens[before].text.as_str());
        let here = || file.iter().chain(inline.iter().map(|(name, _)| name)).cloned().collect::<Module>();
        match text {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inline.retain(|(_, began)| *began < depth + 1);
            }
            "mod" if tokens.get(at + 2).is_some_and(|token| token.text == "{") => {
                inline.push((next.to_owned(), depth + 1));
            }
            "use" => {
                let end = tokens[at..].iter().position(|token| token.text == ";").map_or(tokens.len(), |end| at + end);
                let public = before == "pub" || before == ")";
                for (line, name, path) in use_tree(&tokens[at + 1..end]) {
                    let Some(path) = resolve(&path, &here()) else { continue };
                    if public && inline.is_empty() {
                        exports.insert(name, path.clone());
                    }
                    uses.push(Used { line, path });
                }
                at = end;
            }
            "crate" | "kenpo_express" | "super" if next == "::" && before != "::" && before != "in" => {
                let mut path = vec![text.to_owned()];
                while tokens.get(at + 1).is_some_and(|token| token.text == "::")
                    && tokens.get(at + 2).is_some_and(|token| is_name(&token.text))
                {
                    path.push(tokens[at + 2].text.clone());
                    at += 2;
                }
                uses.extend(resolve(&path, &here()).map(|path| Used { line: tokens[at].line, path }));
            }
            _ => {}
        }
        at += 1;
    }
    (uses, exports)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The leaves of a `use` tree: line, the name that it has here, and the path as written.
fn use_tree(tokens: &[Token]) -> Vec<(usize, String, Vec<String>)> {
    let mut leaves = Vec::new();
    let mut prefixes: Vec<Vec<String>> = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut name = None;
    let mut line = 0;
    let mut at = 0;
    let mut leaf = |line: usize, name: Option<String>, path: &Vec<String>, prefix: usize| {
        if path.len() > prefix {
            let mut path = path.clone();
            if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                path.pop();
            }
            let own = path.last().cloned().unwrap_or_default();
            leaves.push((line, name.unwrap_or(own), path));
        }
    };
    while at < tokens.len() {
        let prefix = prefixes.last().map_or(0, Vec::len);
        match tokens[at].text.as_str() {
            "{" => prefixes.push(path.clone()),
            "," => {
                leaf(line, name.take(), &path, prefix);
                path = prefixes.last().cloned().unwrap_or_default();
            }
            "}" => {
                leaf(line, name.take(), &path, prefix);
                // What follows a closing brace is a comma or the end: nothing is left to add to this branch.
                path = prefixes.pop().unwrap_or_default();
                path.truncate(prefixes.last().map_or(0, Vec::len));
            }
            "as" => {
                name = tokens.get(at + 1).map(|token| token.text.clone());
                at += 1;
            }
            "::" | "*" => {}
            part => {
                line = tokens[at].line;
                path.push(part.to_owned());
            }
        }
        at += 1;
    }
    leaf(line, name, &path, prefixes.last().map_or(0, Vec::len));
    leaves
}

/// The path from the crate's root; `None` when it leads out of this crate. A path that begins with a name may be a child's:
/// it is taken as one, and names no file if it is another crate's.
fn resolve(path: &[String], here: &Module) -> Option<Vec<String>> {
    let mut base = match path.first()?.as_str() {
        // A program is a crate of its own, and names ours.
        "crate" if here.first().is_some_and(|room| room == "bin") => here[..here.len().min(2)].to_vec(),
        "crate" | "kenpo_express" => return Some(path[1..].to_vec()),
        "self" | "super" => here.clone(),
        "std" | "core" | "alloc" => return None,
        _ => return Some(here.iter().chain(path).cloned().collect()),
    };
    let mut rest = path.strip_prefix(&["crate".to_owned()]).unwrap_or(path);
    while let Some(("self" | "super", after)) = rest.split_first().map(|(first, after)| (first.as_str(), after)) {
        if rest[0] == "super" {
            base.pop()?;
        }
        rest = after;
    }
    Some(base.into_iter().chain(rest.iter().cloned()).collect())
}

#[test]
fn a_use_tree_gives_every_leaf() {
    let source =
        Source::parse(Path::new("gateway/x.rs"), "use crate::{a::{b, c::{D as E, self}}, f::*};\nuse super::g;");
    let mut found: Vec<String> = source.uses.iter().map(|used| used.path.join("::")).collect();
    found.sort();
    assert_eq!(found, ["a::b", "a::c", "a::c::D", "f", "gateway::g"]);
    assert_eq!(source.uses.last().map(|used| used.line), Some(2));
}

#[test]
fn test_code_is_left_out_and_the_rest_is_read() {
    let text = "use crate::a;\n#[cfg(test)]\nmod tests { use crate::b; const S: &str = \"SELECT \"; }\nuse crate::c;\n\
                #[cfg(test)]\nmod fakes;\n";
    let source = Source::parse(Path::new("gateway/mod.rs"), text);
    let found: Vec<&str> = source.uses.iter().map(|used| used.path[0].as_str()).collect();
    assert_eq!(found, ["a", "c"]);
    assert!(source.texts.is_empty());
    assert_eq!(source.test_modules, [["gateway", "fakes"]]);
}
