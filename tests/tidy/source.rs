//! The sources as a row of tokens: no comments, strings as one token each, and which of them are product
//! code. Nothing here knows a rule.

use std::fs;
use std::path::Path;
use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The folders that are looked through, from the root of the repository.
const FOLDERS: [&str; 4] = ["src", "shards", "tests", "bench"];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    Literal,
    Mark,
    Open,
    Close,
}

pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// A string is without its prefix and its quotation marks.
    pub(crate) text: String,
    pub(crate) line: usize,
    /// The place of the bracket that closes this one, or opens it; otherwise the token's own place.
    pub(crate) partner: usize,
    /// False inside an item that is only compiled for tests.
    pub(crate) is_product: bool,
}

pub(crate) struct Source {
    /// From the root of the repository, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) tokens: Vec<Token>,
}

impl Source {
    /// The token at a place; a mark that matches nothing behind the end.
    pub(crate) fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    pub(crate) fn kind(&self, at: usize) -> Kind {
        self.tokens.get(at).map_or(Kind::Mark, |token| token.kind)
    }

    pub(crate) fn is_word(&self, at: usize, word: &str) -> bool {
        self.kind(at) == Kind::Word && self.text(at) == word
    }

    /// True when the marks from `at` on are those of `marks`.
    pub(crate) fn has_marks(&self, at: usize, marks: &str) -> bool {
        marks.chars().enumerate().all(|(offset, mark)| {
            self.kind(at + offset) == Kind::Mark && self.text(at + offset) == mark.to_string()
        })
    }

    /// The first place in `from..to` and outside of brackets opened there that `is_wanted` says yes to.
    pub(crate) fn find(&self, from: usize, to: usize, is_wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let mut at = from;
        while at < to {
            if is_wanted(at) {
                return Some(at);
            }
            at = if self.kind(at) == Kind::Open { self.tokens[at].partner + 1 } else { at + 1 };
        }
        None
    }
}

/// Every Rust file of the repository, in the order of the paths.
pub(crate) fn all() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    FOLDERS.iter().for_each(|folder| walk(&root.join(folder), &mut paths));
    paths.sort();
    paths
        .iter()
        .filter(|path| path.ends_with(".rs"))
        .map(|path| {
            let text = fs::read_to_string(path).expect("the sources can be read");
            let path = path.strip_prefix(&format!("{}/", root.display())).expect("it is below the root");
            parsed(path.to_owned(), text)
        })
        .collect()
}

/// All files below a folder, without what cargo has built there.
pub(crate) fn walk(folder: &Path, paths: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            walk(&path, paths);
        } else if path.is_file() {
            paths.push(path.display().to_string());
        }
    }
}

pub(crate) fn parsed(path: String, text: String) -> Source {
    let stream = TokenStream::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut source = Source { path, text, tokens: Vec::new() };
    flatten(stream, &mut source.tokens);
    mark_tests(&mut source);
    source
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let mut push = |kind, text: String, line| {
            tokens.push(Token { kind, text, line, partner: tokens.len(), is_product: true });
        };
        match tree {
            TokenTree::Ident(word) => push(Kind::Word, word.to_string(), line),
            TokenTree::Punct(mark) => push(Kind::Mark, mark.as_char().to_string(), line),
            TokenTree::Literal(literal) => push(Kind::Literal, unquoted(&literal.to_string()), line),
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                let start = tokens.len();
                tokens.push(Token {
                    kind: Kind::Open,
                    text: open.to_owned(),
                    line,
                    partner: start,
                    is_product: true,
                });
                let line = group.span_close().start().line;
                flatten(group.stream(), tokens);
                let end = tokens.len();
                tokens[start].partner = end;
                tokens.push(Token {
                    kind: Kind::Close,
                    text: close.to_owned(),
                    line,
                    partner: start,
                    is_product: true,
                });
            }
        }
    }
}

fn unquoted(literal: &str) -> String {
    let inside = literal.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"'));
    inside.map_or(literal, |(inside, _)| inside).to_owned()
}

/// Marks items with `#[cfg(test)]`.
fn mark_tests(source: &mut Source) {
    let end = source.tokens.len();
    for at in 0..end {
        let words: Vec<&str> = (at..(at + 7).min(end)).map(|at| source.text(at)).collect();
        if words != ["#", "[", "cfg", "(", "test", ")", "]"] {
            continue;
        }
        let mut first = at;
        while source.text(first) == "#" && source.text(first + 1) == "[" {
            first = source.tokens[first + 1].partner + 1;
        }
        let is_import = (first..first + 6).any(|at| source.is_word(at, "use"));
        let is_item = source.kind(first) == Kind::Word && !source.has_marks(first + 1, ":");
        let last = source.find(first, end, |at| match source.text(at) {
            ";" => true,
            "{" => !is_import,
            "," => !is_item,
            _ => source.kind(at) == Kind::Close,
        });
        let last =
            last.map_or(end - 1, |at| if source.text(at) == "{" { source.tokens[at].partner } else { at });
        source.tokens[at..=last].iter_mut().for_each(|token| token.is_product = false);
    }
}
