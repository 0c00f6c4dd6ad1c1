//! Which file imports which: the modules of a crate, what their `use` and their paths name, and where that is
//! defined. A name that is passed on (`pub use`) counts as an import of the file that defines it. Nothing
//! here knows a rule.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::source::{Kind, Source};

/// Names that are passed on more often than this are taken to go in circles.
const HOPS_MAX: usize = 16;

#[derive(Default)]
struct Module {
    source: usize,
    parent: Option<usize>,
    children: HashMap<String, usize>,
    /// What `use` has made known here, by its name.
    imports: HashMap<String, Vec<String>>,
    /// What product code names: its path, its line, and whether it is only passed on.
    names: Vec<(Vec<String>, usize)>,
    passed_on: Vec<(String, Vec<String>, usize)>,
    words: HashSet<String>,
    is_test: bool,
}

/// One file names something that another one defines.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) line: usize,
    pub(crate) name: String,
}

pub(crate) struct Modules<'a> {
    sources: &'a [Source],
    all: Vec<Module>,
}

impl<'a> Modules<'a> {
    /// The modules of the crate whose root is this file.
    pub(crate) fn of(sources: &'a [Source], root: &str) -> Modules<'a> {
        let mut modules = Modules { sources, all: Vec::new() };
        let source = modules.source(root).expect("a crate has a root");
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        modules.all.push(Module { source, ..Module::default() });
        modules.read(0, 0, sources[source].tokens.len(), &folder);
        modules
    }

    /// The files of the crate that have product code.
    pub(crate) fn product_files(&self) -> impl Iterator<Item = &str> {
        self.all
            .iter()
            .filter(|module| !module.is_test)
            .map(|module| self.sources[module.source].path.as_str())
    }

    /// The files of which all is for tests.
    pub(crate) fn test_files(&self) -> impl Iterator<Item = &str> {
        self.all
            .iter()
            .filter(|module| module.is_test)
            .map(|module| self.sources[module.source].path.as_str())
    }

    /// All imports of product code between two files, the first of each pair.
    pub(crate) fn imports(&self) -> Vec<Import> {
        let mut found: BTreeMap<(String, String), Import> = BTreeMap::new();
        for (index, module) in self.all.iter().enumerate().filter(|(_, module)| !module.is_test) {
            let used = module.passed_on.iter().filter(|(name, ..)| module.words.contains(name));
            let used = used.map(|(_, path, line)| (path, *line));
            for (path, line) in module.names.iter().map(|(path, line)| (path, *line)).chain(used) {
                let Some((to, false)) = self.resolve(index, path, HOPS_MAX) else { continue };
                let (from, to) = (module.source, self.all[to].source);
                if from != to {
                    let path_of = |source: usize| self.sources[source].path.clone();
                    let import = Import { from: path_of(from), to: path_of(to), line, name: path.join("::") };
                    found.entry((import.from.clone(), import.to.clone())).or_insert(import);
                }
            }
        }
        found.into_values().collect()
    }

    fn source(&self, path: &str) -> Option<usize> {
        self.sources.binary_search_by(|source| source.path.as_str().cmp(path)).ok()
    }

    /// Reads the tokens of a module, whose children are files of `folder`.
    fn read(&mut self, index: usize, from: usize, to: usize, folder: &str) {
        let sources = self.sources;
        let source = &sources[self.all[index].source];
        let mut at = from;
        while at < to {
            let next_is_word = source.kind(at + 1) == Kind::Word;
            if source.is_word(at, "mod") && next_is_word && source.text(at + 2) == ";" {
                self.read_child(index, at, folder);
                at += 3;
            } else if source.is_word(at, "mod") && next_is_word && source.text(at + 2) == "{" {
                let name = source.text(at + 1).to_owned();
                let child = self.add(index, &name, self.all[index].source, !source.tokens[at].is_product);
                let end = source.tokens[at + 2].partner;
                self.read(child, at + 3, end, &format!("{folder}/{name}"));
                at = end + 1;
            } else if source.is_word(at, "use") && !source.has_marks(at + 1, "<") {
                let end = source.find(at, to, |at| source.text(at) == ";").unwrap_or(to);
                self.read_use(index, at, end);
                at = end + 1;
            } else {
                at = self.read_name(index, at);
            }
        }
    }

    fn add(&mut self, parent: usize, name: &str, source: usize, is_test: bool) -> usize {
        let is_test = is_test || self.all[parent].is_test;
        self.all.push(Module { source, parent: Some(parent), is_test, ..Module::default() });
        let child = self.all.len() - 1;
        self.all[parent].children.insert(name.to_owned(), child);
        child
    }

    fn read_child(&mut self, parent: usize, at: usize, folder: &str) {
        let token = &self.sources[self.all[parent].source].tokens[at];
        let name = self.sources[self.all[parent].source].text(at + 1).to_owned();
        let paths = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")];
        let found = paths.iter().find_map(|path| self.source(path));
        let source = found.unwrap_or_else(|| panic!("{} is not there", paths[0]));
        let child = self.add(parent, &name, source, !token.is_product);
        self.read(child, 0, self.sources[source].tokens.len(), &format!("{folder}/{name}"));
    }

    fn read_use(&mut self, index: usize, at: usize, end: usize) {
        let source = &self.sources[self.all[index].source];
        let is_passed_on = at > 0 && matches!(source.text(at - 1), "pub" | ")");
        let mut leaves = Vec::new();
        use_tree(source, at + 1, end, &[], &mut leaves);
        let module = &mut self.all[index];
        for (name, path) in leaves {
            let line = source.tokens[at].line;
            if source.tokens[at].is_product {
                match is_passed_on {
                    true => module.passed_on.push((name.clone(), path.clone(), line)),
                    false => module.names.push((path.clone(), line)),
                }
            }
            module.imports.entry(name).or_insert(path);
        }
    }

    /// Takes note of a path with `::`, or of a word; returns the place behind it.
    fn read_name(&mut self, index: usize, at: usize) -> usize {
        let source = &self.sources[self.all[index].source];
        let token = &source.tokens[at];
        if token.kind != Kind::Word || !token.is_product {
            return at + 1;
        }
        let (mut path, mut next) = (vec![token.text.clone()], at + 1);
        while source.has_marks(next, "::") && source.kind(next + 2) == Kind::Word {
            path.push(source.text(next + 2).to_owned());
            next += 3;
        }
        let module = &mut self.all[index];
        module.words.insert(path[0].clone());
        let goes_on = at >= 2 && source.has_marks(at - 2, "::");
        if path.len() > 1 && !goes_on {
            module.names.push((path, token.line));
        }
        next
    }

    /// The module that a path leads to, and whether the path names just that.
    fn resolve(&self, from: usize, path: &[String], hops_left: usize) -> Option<(usize, bool)> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.descend(0, rest, hops_left),
            "self" => self.descend(from, rest, hops_left),
            "super" => self.descend(self.all[from].parent?, rest, hops_left),
            name if self.all[from].children.contains_key(name)
                || self.all[from].imports.contains_key(name) =>
            {
                self.descend(from, path, hops_left)
            }
            _ => None,
        }
    }

    fn descend(&self, at: usize, path: &[String], hops_left: usize) -> Option<(usize, bool)> {
        let Some((first, rest)) = path.split_first() else { return Some((at, true)) };
        if first == "super" {
            return self.descend(self.all[at].parent?, rest, hops_left);
        }
        if first == "self" {
            return self.descend(at, rest, hops_left);
        }
        if let Some(import) = self.all[at].imports.get(first).filter(|_| hops_left > 0) {
            let whole: Vec<String> = import.iter().chain(rest).cloned().collect();
            // What another crate defines is only known here.
            return self.resolve(at, &whole, hops_left - 1);
        }
        match self.all[at].children.get(first) {
            Some(&child) => self.descend(child, rest, hops_left),
            None => Some((at, false)),
        }
    }
}

/// Every name of a `use`, and its path.
fn use_tree(
    source: &Source,
    from: usize,
    to: usize,
    before: &[String],
    leaves: &mut Vec<(String, Vec<String>)>,
) {
    let mut start = from;
    while start < to {
        let end = source.find(start, to, |at| source.text(at) == ",").unwrap_or(to);
        let mut path = before.to_vec();
        let mut name = None;
        let mut at = start;
        while at < end {
            match (source.kind(at), source.text(at)) {
                (Kind::Word, "as") => {
                    name = Some(source.text(at + 1).to_owned());
                    at += 1;
                }
                (Kind::Word, word) => path.push(word.to_owned()),
                (Kind::Mark, "*") => path.push("*".to_owned()),
                (Kind::Open, _) => {
                    use_tree(source, at + 1, source.tokens[at].partner, &path, leaves);
                    path.clear();
                    at = source.tokens[at].partner;
                }
                _ => {}
            }
            at += 1;
        }
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        if let Some(last) = path.last().cloned() {
            leaves.push((name.unwrap_or(last), path));
        }
        start = end + 1;
    }
}

/// The sets of files that import each other in a circle, each sorted.
pub(crate) fn circles(imports: &[Import]) -> Vec<Vec<String>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    imports.iter().for_each(|import| next.entry(&import.from).or_default().push(&import.to));
    let reached: BTreeMap<&str, HashSet<&str>> = next
        .keys()
        .map(|&file| {
            let (mut seen, mut open) = (HashSet::new(), vec![file]);
            while let Some(file) = open.pop() {
                open.extend(next.get(file).into_iter().flatten().copied().filter(|&to| seen.insert(to)));
            }
            (file, seen)
        })
        .collect();
    let is_in_one = |left: &str, right: &str| {
        reached[left].contains(right) && reached.get(right).is_some_and(|to| to.contains(left))
    };
    let mut circles: Vec<Vec<String>> = Vec::new();
    for &file in reached.keys().filter(|&&file| is_in_one(file, file)) {
        if !circles.iter().flatten().any(|known| known == file) {
            let members = reached.keys().filter(|&&other| is_in_one(file, other));
            circles.push(members.map(|&member| member.to_owned()).collect());
        }
    }
    circles
}
