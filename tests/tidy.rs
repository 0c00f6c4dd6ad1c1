//! Invariants of ARCHITECTURE.md and rules of CONTRIBUTING.md that a program can check, held against the
//! sources: which folder imports which, who may implement what and name what, sizes, names, and that the
//! documents speak of what is there.
//!
//! What is known to break a rule stands in `tidy/exceptions.rs`, and these lists may only shrink. This file
//! reads sources only; it must not start a server, and takes a second or two.

#[path = "tidy/definitions.rs"]
mod definitions;
#[path = "tidy/examples.rs"]
mod examples;
#[path = "tidy/exceptions.rs"]
mod exceptions;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/known.rs"]
mod known;
#[path = "tidy/source.rs"]
mod source;

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use definitions::Definitions;
use imports::{Import, Modules};
use known::{Known, Limits};
use shoal::session::command::SessionCommand;
use source::{Kind, Source};

/// The folders and files of each crate, from the lowest to the highest. A file may import from its own row
/// and from rows above it in this table; who is lower must not know who is higher.
const LAYERS: [(&str, &[&[&str]]); 2] = [
    (
        "shards/src/lib.rs",
        &[
            &[
                "access",
                "args",
                "error",
                "error_counts",
                "expire_options",
                "glob",
                "key",
                "num",
                "prefetch",
                "pubsub",
                "random",
                "reply",
                "slot",
                "spare",
                "words",
            ],
            &["encoding"],
            &["entry", "expires", "object", "slot_counts", "slot_tables", "table"],
            &[
                "blocking",
                "blocking_keys",
                "caller",
                "copies",
                "ctx",
                "db",
                "effects",
                "env",
                "event",
                "eviction",
                "garbage",
                "keyspace",
                "notify",
                "snapshot",
                "watch",
            ],
            &["command"],
            &["field_expiry"],
            &["values", "walk"],
            &["digest", "rdb"],
            &["loading"],
            &["commands"],
            &["txn"],
            &["shard"],
            &["router"],
            &["testing"],
        ],
    ),
    (
        "src/lib.rs",
        &[
            &["host"],
            &["config"],
            &["protocol"],
            &["pubsub", "tracking"],
            &["node"],
            &["io"],
            &["metrics"],
            &["persistence"],
            &["session"],
            &["mesh"],
            &["commands"],
            &["worker"],
            &["server"],
        ],
    ),
];

/// Where a type may be implemented: all that it does is in one folder, and its fields are private there.
const HOMES: [(&str, &str, &str); 2] =
    [("src/", "Worker", "src/worker/"), ("shards/src/", "Shard", "shards/src/shard/")];

/// Words that only some files may use, in product code and in tests, and why.
const RESERVED: [(&[&str], &[&str], &str); 4] = [
    (
        &["unsafe"],
        &[
            "shards/src/encoding/hyperloglog/dense.rs",
            "shards/src/entry.rs",
            "shards/src/entry/tests.rs",
            "shards/src/prefetch.rs",
            "shards/src/table.rs",
            "shards/src/words.rs",
            "shards/tests/memory.rs",
            "shards/tests/rdb_memory.rs",
            // Restrictions that the standard library has no call for.
            "tests/integration/sys.rs",
            "src/host/allocator.rs",
            "src/host/signals.rs",
            "src/host/sys.rs",
            "src/io/buffers.rs",
            "src/io/disk/on_ring.rs",
            "src/io/links/on_ring.rs",
            "src/io/ring.rs",
            "src/io/socket.rs",
            "src/worker/connections.rs",
        ],
        "unsafe code is in the files that ARCHITECTURE.md names: put it behind a safe function of one of them",
    ),
    (
        &["glommio", "io_uring"],
        &["src/io/", "src/server/", "src/worker/"],
        "whoever must replace glommio or io_uring changes these files only",
    ),
    (&["rtrb"], &["src/mesh/"], "only the mesh crosses from worker to worker"),
    (
        &["Mutex", "RwLock", "Condvar"],
        &["src/node/", "src/server/", "src/host/", "tests/", "bench/"],
        "workers share no lock on the way of a command: keep the state in the worker, or send a hop",
    ),
];

/// Folders and files in which no literal may be a command's name. The rows and the handlers of commands are
/// elsewhere, and so are the directives, some of which are called like commands; there, no name may be
/// compared with a literal.
const NAMELESS: [&str; 12] = [
    "shards/src/ctx.rs",
    "shards/src/keyspace.rs",
    "shards/src/router/",
    "shards/src/shard/",
    "shards/src/txn/",
    "shards/src/values/",
    "src/io/",
    "src/mesh/",
    "src/node/",
    "src/protocol/",
    "src/session/",
    "src/worker/",
];

/// What ARCHITECTURE.md names in backticks and others define.
const FOREIGN_NAMES: [&str; 4] = ["Arc", "io_uring_enter", "unsafe", "shoal"];

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 600;
/// `max_width` of rustfmt.toml. rustfmt leaves comments and strings as they are.
const LINE_WIDTH_MAX: usize = 110;

static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(source::all);
static CRATES: LazyLock<Vec<(&str, Modules<'static>)>> =
    LazyLock::new(|| LAYERS.iter().map(|&(root, _)| (root, Modules::of(&SOURCES, root))).collect());
static IMPORTS: LazyLock<Vec<Import>> =
    LazyLock::new(|| CRATES.iter().flat_map(|(_, modules)| modules.imports()).collect());
/// Files of the two crates of which nothing is product code.
static TEST_FILES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let product: HashSet<&str> = CRATES.iter().flat_map(|(_, modules)| modules.product_files()).collect();
    CRATES
        .iter()
        .flat_map(|(_, modules)| modules.test_files())
        .filter(|file| !product.contains(file))
        .collect()
});

/// The sources of the two crates and their tokens of product code, by place.
fn product() -> impl Iterator<Item = (&'static Source, impl Iterator<Item = usize>)> {
    let is_product = |source: &&Source| {
        (source.path.starts_with("src/") || source.path.starts_with("shards/src/"))
            && !source.path.starts_with("shards/src/testing/")
            && !TEST_FILES.contains(source.path.as_str())
    };
    SOURCES
        .iter()
        .filter(is_product)
        .map(|source| (source, (0..source.tokens.len()).filter(|&at| source.tokens[at].is_product)))
}

/// The row of [`LAYERS`] that a file is in, counted over all crates; none for the root of a crate.
fn layer(path: &str) -> Result<Option<usize>, String> {
    let mut row = 0;
    for (root, rows) in LAYERS {
        let folder = root.strip_suffix("lib.rs").expect("the root of a library");
        let module = path.strip_prefix(folder).map(|path| path.split(['/', '.']).next().unwrap_or(path));
        for names in rows {
            if module.is_some_and(|module| names.contains(&module)) {
                return Ok(Some(row));
            }
            row += 1;
        }
        if matches!(module, Some("lib" | "main")) {
            return Ok(None);
        }
    }
    Err(format!("{path} is in no row of LAYERS: put its folder where its imports show downwards"))
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn imports_go_down() {
    let mut known = Known::new("UPWARDS", exceptions::UPWARDS);
    let mut faults: BTreeSet<String> = BTreeSet::new();
    for import in IMPORTS.iter() {
        match (layer(&import.from), layer(&import.to)) {
            (Ok(Some(from)), Ok(Some(to))) if from < to => known.meet(
                &[&import.from, &import.to],
                format!(
                    "{}:{}: imports `{}` of {}, which is higher: move what both need down, or the caller up",
                    import.from, import.line, import.name, import.to
                ),
            ),
            (Err(fault), _) | (_, Err(fault)) => drop(faults.insert(fault)),
            _ => {}
        }
    }
    for (root, rows) in LAYERS {
        let folder = root.strip_suffix("lib.rs").expect("the root of a library");
        for name in rows.iter().copied().flatten() {
            let is_there = |source: &Source| {
                let rest = source.path.strip_prefix(folder).and_then(|path| path.strip_prefix(name));
                rest.is_some_and(|rest| rest.starts_with(['/', '.']))
            };
            if !SOURCES.iter().any(is_there) {
                faults.insert(format!("{folder}{name} is not there: take it out of LAYERS"));
            }
        }
    }
    report(&faults.into_iter().chain(known.faults()).collect::<Vec<_>>());
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut known = Known::new("CIRCLES", exceptions::CIRCLES);
    for circle in imports::circles(&IMPORTS) {
        let is_inside = |import: &&Import| circle.contains(&import.from) && circle.contains(&import.to);
        let ties: Vec<String> = IMPORTS
            .iter()
            .filter(is_inside)
            .map(|import| format!("  {}:{}: `{}` of {}", import.from, import.line, import.name, import.to))
            .collect();
        let files: Vec<&str> = circle.iter().map(String::as_str).collect();
        known.meet(
            &files,
            format!(
                "{} files import each other in a circle; cut one of these ties:\n{}",
                circle.len(),
                ties.join("\n")
            ),
        );
    }
    report(&known.faults());
}

#[test]
fn no_family_of_commands_calls_another() {
    let family = |path: &'static str| {
        let rest = path.strip_prefix("shards/src/commands/")?;
        rest.split(['/', '.']).next().filter(|&name| name != "mod")
    };
    let mut known = Known::new("BETWEEN_FAMILIES", exceptions::BETWEEN_FAMILIES);
    for import in IMPORTS.iter() {
        let (Some(from), Some(to)) = (family(&import.from), family(&import.to)) else { continue };
        if from != to {
            known.meet(
                &[&import.from, &import.to],
                format!(
                    "{}:{}: imports `{}` of another family: what both need belongs into values, num or encoding",
                    import.from, import.line, import.name
                ),
            );
        }
    }
    report(&known.faults());
}

#[test]
fn a_type_is_implemented_in_its_folder() {
    let mut known = Known::new("ABROAD", exceptions::ABROAD);
    for (source, places) in product() {
        for at in places.filter(|&at| source.is_word(at, "impl") && definitions::is_item(source, at)) {
            let name = definitions::implemented(source, at).unwrap_or_default();
            let home = HOMES.iter().find(|(folder, of, _)| source.path.starts_with(folder) && *of == name);
            if let Some((_, _, home)) = home.filter(|(_, _, home)| !source.path.starts_with(home)) {
                let line = source.tokens[at].line;
                let fault = format!("{}:{line}: `impl {name}` belongs into {home}", source.path);
                known.meet(&[&source.path, &name], fault);
            }
        }
    }
    report(&known.faults());
}

#[test]
fn fields_are_private_to_their_folder() {
    let mut known = Known::new("OPEN_FIELDS", exceptions::OPEN_FIELDS);
    for (source, places) in product() {
        for at in places.filter(|&at| source.is_word(at, "struct")) {
            let name = source.text(at + 1);
            let is_home = |&(_, of, home): &(&str, &str, &str)| of == name && source.path.starts_with(home);
            let Some((from, to)) =
                HOMES.iter().any(is_home).then(|| definitions::body_of(source, at)).flatten()
            else {
                continue;
            };
            for at in (from..to).filter(|&at| source.is_word(at, "pub")) {
                let field =
                    if source.text(at + 1) == "(" { source.tokens[at + 1].partner + 1 } else { at + 1 };
                let (field, line) = (source.text(field), source.tokens[at].line);
                let fault = format!(
                    "{}:{line}: `{name}::{field}` is open: give it a function that says why",
                    source.path
                );
                known.meet(&[name, field], fault);
            }
        }
    }
    report(&known.faults());
}

#[test]
fn some_words_are_for_some_files() {
    let mut known = Known::new("RESERVED_WORDS", exceptions::RESERVED_WORDS);
    let mut unused = Vec::new();
    for (words, homes, reason) in RESERVED {
        let mut used: HashSet<&str> = HashSet::new();
        for source in SOURCES.iter() {
            let found =
                source.tokens.iter().find(|token| token.kind == Kind::Word && words.contains(&&*token.text));
            let Some(token) = found else { continue };
            match homes
                .iter()
                .find(|&&home| source.path == home || home.ends_with('/') && source.path.starts_with(home))
            {
                Some(home) => drop(used.insert(home)),
                None => {
                    let fault = format!("{}:{}: `{}`: {reason}", source.path, token.line, token.text);
                    known.meet(&[&source.path, &token.text], fault);
                }
            }
        }
        let left = homes.iter().filter(|home| !used.contains(**home) && home.ends_with(".rs"));
        unused.extend(left.map(|home| format!("{home} has no `{}`: take it out of RESERVED", words[0])));
    }
    report(&unused.into_iter().chain(known.faults()).collect::<Vec<_>>());
}

/// Names of commands and subcommands, in small letters.
fn command_names() -> HashSet<&'static str> {
    fn session(commands: &'static [SessionCommand], names: &mut HashSet<&'static str>) {
        for command in commands {
            names.insert(command.spec.name);
            session(command.subcommands, names);
        }
    }
    let mut names = HashSet::new();
    shoal::commands::TOPICS.iter().for_each(|commands| session(commands, &mut names));
    for row in shards::commands::FAMILIES.iter().copied().flatten() {
        names.insert(row.spec.name);
        names.extend(row.subcommands.iter().map(|row| row.spec.name));
    }
    names
}

#[test]
fn nobody_compares_the_names_of_commands() {
    let names = command_names();
    assert!(names.len() > 200 && names.contains("get") && names.contains("caching"), "the rows are found");
    let mut known = Known::new("NAMED_COMMANDS", exceptions::NAMED_COMMANDS);
    for (source, places) in product() {
        let is_nameless = NAMELESS.iter().any(|folder| source.path.starts_with(folder));
        let is_named = |at: &usize| {
            source.kind(*at) == Kind::Literal
                && names.contains(source.text(*at).to_ascii_lowercase().as_str())
        };
        for at in places.filter(is_named) {
            if is_nameless || is_compared_with_the_name(source, at) {
                let fault = format!(
                    "{}:{}: names the command {:?}: give the row a field or a flag and ask for that",
                    source.path,
                    source.tokens[at].line,
                    source.text(at)
                );
                known.meet(&[&source.path, source.text(at)], fault);
            }
        }
    }
    report(&known.faults());
}

/// Whether the literal at `at` is compared with a row's name, or with the first or second word of a command.
fn is_compared_with_the_name(source: &Source, at: usize) -> bool {
    let start =
        (at.saturating_sub(14)..at).rev().find(|&at| matches!(source.text(at), ";" | "{" | "}" | ","));
    let before: Vec<&str> = (start.map_or(0, |at| at + 1)..at).map(|at| source.text(at)).collect();
    let has = |words: &[&str]| before.windows(words.len()).any(|window| window == words);
    let is_compared = has(&["eq_ignore_ascii_case", "("]) || has(&["=", "="]) || has(&["!", "="]);
    let is_of_name = has(&["spec", ".", "name"]) || has(&["spec", "(", ")", ".", "name"]);
    let is_of_word = ["0", "1"].iter().any(|index| {
        has(&["args", "[", index, "]"]) || has(&["get", "(", index, ")"]) || has(&["words", "[", index, "]"])
    });
    is_compared && (is_of_name || is_of_word)
}

#[test]
fn every_file_says_what_it_is_for() {
    let is_silent = |source: &&Source| !source.text.starts_with("//!");
    let faults: Vec<String> = SOURCES
        .iter()
        .filter(is_silent)
        .map(|source| {
            format!("{}:1: open the file with `//!`: what it is for, and what it must not know", source.path)
        })
        .collect();
    report(&faults);
}

#[test]
fn functions_are_short() {
    let mut limits = Limits::new("LONG_FUNCTIONS", exceptions::LONG_FUNCTIONS, FUNCTION_LINES_MAX);
    for source in SOURCES.iter() {
        for (name, line, lines) in definitions::functions(source) {
            limits.meet(
                &format!("{} {name}", source.path),
                lines,
                &format!("{}:{line}: `{name}`", source.path),
            );
        }
    }
    report(&limits.faults());
}

#[test]
fn files_are_short() {
    let mut limits = Limits::new("LONG_FILES", exceptions::LONG_FILES, FILE_LINES_MAX);
    for source in SOURCES.iter() {
        limits.meet(&source.path, source.text.lines().count(), &source.path);
    }
    report(&limits.faults());
}

#[test]
fn lines_fit() {
    let mut known = Known::new("WIDE_LINES", exceptions::WIDE_LINES);
    for source in SOURCES.iter() {
        // In tests, what a server has to say is often easier to compare in one piece.
        let may_quote = !source.path.starts_with("src/") && !source.path.starts_with("shards/src/");
        for (line, width) in definitions::wide_lines(&source.text, LINE_WIDTH_MAX, may_quote) {
            let fault = format!(
                "{}:{line}: {width} columns, and {LINE_WIDTH_MAX} are there: wrap the comment, or break the string \
                    with a backslash",
                source.path
            );
            known.meet(&[&source.path], fault);
        }
    }
    report(&known.faults());
}

#[test]
fn architecture_names_what_is_there() {
    let definitions = Definitions::of(&SOURCES);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let mut paths = Vec::new();
    source::walk(root, &mut paths);
    let is_file = |name: &str| {
        let name = format!("/{}", name.trim_end_matches('/'));
        paths.iter().any(|path| path.ends_with(&name) || path.contains(&format!("{name}/")))
    };
    let is_identifier = |part: &str| {
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        part.chars().all(is_letter) && part.starts_with(|first: char| !first.is_ascii_digit())
    };
    let quoted = definitions::quoted(&document);
    assert!(quoted.len() > 100, "ARCHITECTURE.md names its subjects in backticks");
    let mut known = Known::new("NAMED_BUT_ABSENT", exceptions::NAMED_BUT_ABSENT);
    for (line, text) in &quoted {
        let name = text.trim_end_matches("()");
        let is_path = name.contains('/') && !name.starts_with('/')
            || [".rs", ".md", ".toml", ".sh"].iter().any(|end| name.ends_with(end));
        let is_there = if is_path && !name.contains([' ', '"']) {
            is_file(name)
        } else if name.split("::").all(is_identifier) {
            let modules = name.rsplit_once("::").map_or("", |(modules, _)| modules);
            let modules = modules.strip_prefix("shards::").unwrap_or(modules).replace("::", "/");
            let is_module = |path: &str| is_file(&format!("{path}.rs")) || is_file(path);
            let is_of_type =
                modules.contains(char::is_uppercase) || matches!(modules.as_str(), "" | "shards");
            FOREIGN_NAMES.contains(&name) || definitions.has(name) && (is_of_type || is_module(&modules))
        } else {
            continue;
        };
        if !is_there {
            known.meet(
                &[name],
                format!("ARCHITECTURE.md:{line}: `{name}` is not in the tree: name what is there"),
            );
        }
    }
    report(&known.faults());
}

#[test]
fn names_say_something_and_nothing_is_left_to_do() {
    let mut faults = Vec::new();
    for source in SOURCES.iter() {
        let names = source.path.split(['/', '.']);
        if names
            .into_iter()
            .any(|name| matches!(name, "util" | "utils" | "helper" | "helpers" | "common" | "misc"))
        {
            faults.push(format!("{}: name the file for what is in it", source.path));
        }
        for (index, line) in source.text.lines().enumerate() {
            let comment = line.find("//").map_or("", |at| &line[at..]);
            let mut words = comment.split(|letter: char| !letter.is_ascii_alphanumeric());
            if words.any(|word| ["TODO", "FIXME", "XXX"].contains(&word)) {
                faults.push(format!("{}:{}: do it, or leave it out of the code", source.path, index + 1));
            }
        }
    }
    report(&faults);
}
