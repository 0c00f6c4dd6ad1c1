//! What the sources define: names, what belongs to which type, where types are implemented, how long
//! functions are; and which of these names a document uses. Nothing here knows a rule.

use std::collections::HashSet;

use crate::source::{Kind, Source};

/// Words behind which a name is defined.
const DEFINING: [&str; 10] =
    ["fn", "struct", "enum", "trait", "const", "static", "type", "mod", "union", "macro_rules"];

#[derive(Default)]
pub(crate) struct Definitions {
    names: HashSet<String>,
    /// A type and its field, variant, function or constant.
    members: HashSet<(String, String)>,
}

impl Definitions {
    pub(crate) fn of(sources: &[Source]) -> Definitions {
        let mut definitions = Definitions::default();
        for source in sources {
            definitions.names.extend(source.path.split(['/', '.']).map(str::to_owned));
            for at in 0..source.tokens.len() {
                definitions.take(source, at);
            }
        }
        definitions
    }

    /// Whether there is something of this name, such as `table`, `Table` or `Table::find`.
    pub(crate) fn has(&self, path: &str) -> bool {
        let (owner, name) = match path.rsplit_once("::") {
            None => return self.names.contains(path),
            Some((before, name)) => (before.rsplit("::").next().unwrap_or(before), name),
        };
        let is_of_module = owner.chars().all(|letter| !letter.is_uppercase()) && self.names.contains(owner);
        self.members.contains(&(owner.to_owned(), name.to_owned()))
            || is_of_module && self.names.contains(name)
    }

    fn take(&mut self, source: &Source, at: usize) {
        if source.kind(at) != Kind::Word {
            return;
        }
        if DEFINING.contains(&source.text(at)) {
            let name = if source.text(at + 1) == "!" { at + 2 } else { at + 1 };
            self.names.insert(source.text(name).to_owned());
        }
        let (owner, body) = match source.text(at) {
            "struct" | "enum" | "trait" => (Some(source.text(at + 1).to_owned()), body_of(source, at)),
            "impl" if is_item(source, at) => (implemented(source, at), body_of(source, at)),
            _ => return,
        };
        let (Some(owner), Some((from, to))) = (owner, body) else { return };
        for member in members(source, from, to) {
            self.names.insert(member.clone());
            self.members.insert((owner.clone(), member));
        }
    }
}

/// The places between the braces of the item that begins at `at`.
pub(crate) fn body_of(source: &Source, at: usize) -> Option<(usize, usize)> {
    let open = source.find(at, source.tokens.len(), |at| matches!(source.text(at), "{" | ";" | "}"))?;
    (source.text(open) == "{" && source.kind(open) == Kind::Open)
        .then(|| (open + 1, source.tokens[open].partner))
}

/// Fields, variants, functions and constants directly between `from` and `to`.
fn members(source: &Source, from: usize, to: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = from;
    while at < to {
        if source.kind(at) == Kind::Word {
            let is_defined = at > from && DEFINING.contains(&source.text(at - 1));
            let is_field = source.has_marks(at + 1, ":") && !source.has_marks(at + 1, "::");
            let is_variant = at == from || matches!(source.text(at - 1), "," | "]");
            if is_defined || is_field || is_variant {
                found.push(source.text(at).to_owned());
            }
        }
        at = if source.kind(at) == Kind::Open { source.tokens[at].partner + 1 } else { at + 1 };
    }
    found
}

/// Whether the `impl` at `at` begins an item, and is not part of a type.
pub(crate) fn is_item(source: &Source, at: usize) -> bool {
    at == 0 || matches!(source.text(at - 1), "}" | ";" | "]" | "{" | "unsafe")
}

/// The type that the `impl` at `at` is for, without its module and its parameters.
pub(crate) fn implemented(source: &Source, at: usize) -> Option<String> {
    let mut depth = 0_usize;
    let mut name = None;
    for at in at + 1..source.tokens.len() {
        match source.text(at) {
            "<" => depth += 1,
            ">" if source.text(at - 1) != "-" => depth = depth.saturating_sub(1),
            "{" | "where" => break,
            "for" if depth == 0 => name = None,
            word if depth == 0 && source.kind(at) == Kind::Word => name = Some(word.to_owned()),
            _ => {}
        }
    }
    name
}

/// The name, the line and the length in lines of every function with a body.
pub(crate) fn functions(source: &Source) -> Vec<(String, usize, usize)> {
    let starts =
        (0..source.tokens.len()).filter(|&at| source.is_word(at, "fn") && source.kind(at + 1) == Kind::Word);
    let measured = starts.filter_map(|at| {
        let (_, end) = body_of(source, at)?;
        let line = source.tokens[at].line;
        Some((source.text(at + 1).to_owned(), line, source.tokens[end].line - line + 1))
    });
    measured.collect()
}

/// What stands in backticks in a document, outside of its blocks of code, each with its line.
pub(crate) fn quoted(document: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut is_code = false;
    for (index, line) in document.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            found.extend(line.split('`').skip(1).step_by(2).map(|text| (index + 1, text.to_owned())));
        }
    }
    found
}

/// The lines of more than `width_max` columns, with their widths. Where code `may_quote` at length, only
/// those that are comments.
pub(crate) fn wide_lines(text: &str, width_max: usize, may_quote: bool) -> Vec<(usize, usize)> {
    let is_comment = |line: &str| line.trim_start().starts_with("//");
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line, line.chars().count()));
    lines
        .filter(|&(_, line, width)| width > width_max && (is_comment(line) || !may_quote))
        .map(|(number, _, width)| (number, width))
        .collect()
}
