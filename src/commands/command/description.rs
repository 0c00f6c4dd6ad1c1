//! How COMMAND INFO and COMMAND DOCS describe a command.
//!
//! This file must not know how a command is asked for.

use shards::command::flags::{self, acl};
use shards::command::keys;
use shards::command::registry::{CommandEntry, Registry};
use shards::command::{Arg, BeginSearch, CommandSpec, FindKeys, KeySpec};
use shards::reply::Reply;

/// One element of COMMAND INFO (Redis: addReplyCommandInfo).
pub(super) fn info_of(registry: &Registry, entry: &CommandEntry, reply: &mut Reply) {
    let spec = entry.spec();
    reply.array(10);
    reply.bulk(entry.full_name.as_bytes());
    reply.int(spec.arity.redis_number());
    named_bits(spec.flags, flags::NAMES, "", reply);
    let (first, last, step) = spec.legacy_range();
    for position in [first, last, step] {
        reply.int(i64::from(position));
    }
    named_bits(spec.acl_categories(), acl::NAMES, "@", reply);
    tips(spec, reply);
    reply.set(spec.keys.len());
    for key in spec.keys {
        key_spec(key, reply);
    }
    let subcommands = registry.subcommands(entry);
    if subcommands.is_empty() {
        reply.set(0);
    } else {
        reply.array(subcommands.len());
    }
    for subcommand in subcommands {
        info_of(registry, subcommand, reply);
    }
}

/// A set of the names of the bits that are set.
fn named_bits(bits: u64, names: &[(u64, &str)], prefix: &str, reply: &mut Reply) {
    let set = || names.iter().filter(|&&(bit, _)| bits & bit != 0);
    reply.set(set().count());
    for (_, name) in set() {
        reply.simple(&format!("{prefix}{name}"));
    }
}

pub(super) fn key_flags(bits: u32, reply: &mut Reply) {
    let set = || keys::NAMES.iter().filter(|&&(bit, _)| bits & bit != 0);
    reply.set(set().count());
    for (_, name) in set() {
        reply.simple(name);
    }
}

fn tips(spec: &CommandSpec, reply: &mut Reply) {
    let request = spec.request_policy.map(|policy| format!("request_policy:{}", policy.name()));
    let response = spec.response_policy.map(|policy| format!("response_policy:{}", policy.name()));
    reply.set(spec.tips.len() + usize::from(request.is_some()) + usize::from(response.is_some()));
    for tip in spec.tips {
        reply.bulk(tip.as_bytes());
    }
    for tip in request.iter().chain(&response) {
        reply.bulk(tip.as_bytes());
    }
}

fn key_spec(key: &KeySpec, reply: &mut Reply) {
    reply.map(if key.notes.is_empty() { 3 } else { 4 });
    if !key.notes.is_empty() {
        field("notes", key.notes, reply);
    }
    reply.bulk(b"flags");
    key_flags(key.flags, reply);

    reply.bulk(b"begin_search");
    match key.begin {
        BeginSearch::Index(index) => rule("index", &[("index", index)], reply),
        BeginSearch::Keyword { keyword, start_from } => {
            rule_header("keyword", 2, reply);
            field("keyword", keyword, reply);
            reply.bulk(b"startfrom");
            reply.int(i64::from(start_from));
        }
        BeginSearch::Unknown => rule("unknown", &[], reply),
    }

    reply.bulk(b"find_keys");
    match key.find {
        FindKeys::Range { last, step, limit } => {
            rule("range", &[("lastkey", last), ("keystep", step), ("limit", limit)], reply);
        }
        FindKeys::KeyNum { keynum, first, step } => {
            rule("keynum", &[("keynumidx", keynum), ("firstkey", first), ("keystep", step)], reply);
        }
        FindKeys::Unknown => rule("unknown", &[], reply),
    }
}

/// A rule of a key spec whose parameters are all numbers.
fn rule(kind: &str, parameters: &[(&str, i32)], reply: &mut Reply) {
    rule_header(kind, parameters.len(), reply);
    for &(name, value) in parameters {
        reply.bulk(name.as_bytes());
        reply.int(i64::from(value));
    }
}

fn rule_header(kind: &str, parameter_count: usize, reply: &mut Reply) {
    reply.map(2);
    field("type", kind, reply);
    reply.bulk(b"spec");
    reply.map(parameter_count);
}

fn field(name: &str, text: &str, reply: &mut Reply) {
    reply.bulk(name.as_bytes());
    reply.bulk(text.as_bytes());
}

/// A map from full names to documentation.
pub(super) fn docs_of_all<'a>(
    registry: &Registry,
    entries: impl ExactSizeIterator<Item = &'a CommandEntry>,
    reply: &mut Reply,
) {
    reply.map(entries.len());
    for entry in entries {
        reply.bulk(entry.full_name.as_bytes());
        docs_of(registry, entry, reply);
    }
}

/// The documentation of one command (Redis: addReplyCommandDocs). What is empty is left out.
fn docs_of(registry: &Registry, entry: &CommandEntry, reply: &mut Reply) {
    let spec = entry.spec();
    let texts = [
        ("summary", Some(spec.summary)),
        ("since", Some(spec.since)),
        ("group", Some(spec.group.name())),
        ("complexity", Some(spec.complexity).filter(|text| !text.is_empty())),
    ];
    let replacement = [
        ("deprecated_since", spec.deprecated.map(|(since, _)| since)),
        ("replaced_by", spec.deprecated.map(|(_, replacement)| replacement)),
    ];
    let flags = || spec.deprecated.map(|_| "deprecated").into_iter().chain(spec.doc_flags.iter().copied());
    let subcommands = registry.subcommands(entry);
    let present = texts.iter().chain(&replacement).filter(|(_, text)| text.is_some()).count();
    let lists =
        [flags().next().is_some(), !spec.history.is_empty(), !spec.args.is_empty(), !subcommands.is_empty()];
    reply.map(present + lists.into_iter().filter(|&present| present).count());

    optional_fields(&texts, reply);
    if flags().next().is_some() {
        reply.bulk(b"doc_flags");
        reply.set(flags().count());
        flags().for_each(|flag| reply.simple(flag));
    }
    optional_fields(&replacement, reply);
    if !spec.history.is_empty() {
        reply.bulk(b"history");
        reply.set(spec.history.len());
        for (version, change) in spec.history {
            reply.array(2);
            reply.bulk(version.as_bytes());
            reply.bulk(change.as_bytes());
        }
    }
    if !spec.args.is_empty() {
        reply.bulk(b"arguments");
        docs_of_args(spec.args, reply);
    }
    if !subcommands.is_empty() {
        reply.bulk(b"subcommands");
        docs_of_all(registry, subcommands.iter(), reply);
    }
}

fn optional_fields(fields: &[(&str, Option<&str>)], reply: &mut Reply) {
    for (name, text) in fields {
        if let Some(text) = text {
            field(name, text, reply);
        }
    }
}

fn docs_of_args(args: &[Arg], reply: &mut Reply) {
    reply.array(args.len());
    for arg in args {
        docs_of_arg(arg, reply);
    }
}

/// One documented argument (Redis: addReplyCommandArgList). What is empty is left out.
fn docs_of_arg(arg: &Arg, reply: &mut Reply) {
    let texts = [("token", arg.token), ("since", arg.since), ("deprecated_since", arg.deprecated_since)];
    let texts = || texts.into_iter().filter(|(_, text)| !text.is_empty());
    let traits =
        [("optional", arg.optional), ("multiple", arg.multiple), ("multiple_token", arg.multiple_token)];
    let traits = || traits.into_iter().filter(|&(_, present)| present);
    let others = [arg.key_spec_index.is_some(), traits().next().is_some(), !arg.args.is_empty()];
    reply.map(2 + texts().count() + others.into_iter().filter(|&present| present).count());

    field("name", arg.name, reply);
    field("type", arg.kind.name(), reply);
    if let Some(index) = arg.key_spec_index {
        reply.bulk(b"key_spec_index");
        reply.int(i64::from(index));
    }
    for (name, text) in texts() {
        field(name, text, reply);
    }
    if traits().next().is_some() {
        reply.bulk(b"flags");
        reply.set(traits().count());
        for (name, _) in traits() {
            reply.simple(name);
        }
    }
    if !arg.args.is_empty() {
        reply.bulk(b"arguments");
        docs_of_args(arg.args, reply);
    }
}
