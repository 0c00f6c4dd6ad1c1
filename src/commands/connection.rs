//! Commands about the connection itself: AUTH ECHO HELLO PING QUIT RESET SELECT.
//!
//! This file must not know keys or other connections.

use shards::args::Args;
use shards::command::flags::{self, acl};
use shards::command::{Arg, Arity, CommandGroup, CommandSpec, RequestPolicy, ResponsePolicy};
use shards::error::CommandError;
use shards::key::DbIndex;

use crate::config::Config;
use crate::host::version::REDIS_VERSION;
use crate::session::Session;
use crate::session::command::{Flow, Foreseen, SessionCommand, SessionCtx};

/// What all of them have in common.
const CONNECTION: CommandSpec = CommandSpec {
    complexity: "O(1)",
    group: CommandGroup::Connection,
    acl: acl::CONNECTION,
    ..CommandSpec::BASE
};

/// What can be asked of the connection whatever the server is doing.
const ANY_TIME: CommandSpec = CommandSpec {
    since: "1.0.0",
    arity: Arity::Exactly(2),
    flags: flags::LOADING | flags::STALE | flags::FAST,
    ..CONNECTION
};

/// What a client may do before it has authenticated.
const LOG_IN: CommandSpec = CommandSpec {
    flags: flags::NOSCRIPT | flags::LOADING | flags::STALE | flags::FAST | flags::NO_AUTH | flags::ALLOW_BUSY,
    ..CONNECTION
};

/// What a client may do in whatever state it is.
const LEAVE: CommandSpec =
    CommandSpec { flags: flags::RUNS_IN_MULTI | flags::FOR_SUBSCRIBERS | LOG_IN.flags, ..CONNECTION };

/// The rows.
pub static COMMANDS: &[SessionCommand] = &[
    SessionCommand::new(
        auth,
        CommandSpec {
            name: "auth",
            summary: "Authenticate to the server",
            since: "1.0.0",
            complexity: "O(N) where N is the number of passwords defined for the user",
            arity: Arity::AtLeast(2),
            history: &[("6.0.0", "Added ACL style (username and password).")],
            args: &[Arg::string("username").since("6.0.0").optional(), Arg::string("password")],
            ..LOG_IN
        },
    ),
    SessionCommand::new(
        echo,
        CommandSpec {
            name: "echo",
            summary: "Echo the given string",
            args: &[Arg::string("message")],
            ..ANY_TIME
        },
    ),
    SessionCommand::new(
        hello,
        CommandSpec {
            name: "hello",
            summary: "Handshake with Redis",
            since: "6.0.0",
            arity: Arity::AtLeast(1),
            history: &[(
                "6.2.0",
                "`protover` made optional; when called without arguments the command reports the current \
                    connection's context.",
            )],
            args: &[Arg::block(
                "arguments",
                &[
                    Arg::integer("protover"),
                    Arg::block("username_password", &[Arg::string("username"), Arg::string("password")])
                        .after("AUTH")
                        .optional(),
                    Arg::string("clientname").after("SETNAME").optional(),
                ],
            )
            .optional()],
            ..LOG_IN
        },
    )
    .foresees(foresee_hello),
    SessionCommand::new(
        ping,
        CommandSpec {
            name: "ping",
            summary: "Ping the server",
            since: "1.0.0",
            arity: Arity::AtLeast(1),
            flags: flags::FOR_SUBSCRIBERS | flags::FAST,
            request_policy: Some(RequestPolicy::AllShards),
            response_policy: Some(ResponsePolicy::AllSucceeded),
            args: &[Arg::string("message").optional()],
            ..CONNECTION
        },
    ),
    // What the client has published to itself before comes first.
    SessionCommand::new(
        quit,
        CommandSpec {
            name: "quit",
            summary: "Close the connection",
            since: "1.0.0",
            arity: Arity::AtLeast(1),
            ..LEAVE
        },
    )
    .after_replies(),
    // As QUIT.
    SessionCommand::new(
        reset,
        CommandSpec { name: "reset", summary: "Reset the connection", since: "6.2.0", ..LEAVE },
    )
    .after_replies(),
    SessionCommand::new(
        select,
        CommandSpec {
            name: "select",
            summary: "Change the selected database for the current connection",
            args: &[Arg::integer("index")],
            ..ANY_TIME
        },
    )
    .foresees(foresee_select),
];

fn auth(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let (user, password) = match args.len() {
        2 => {
            if ctx.config.requirepass.is_empty() {
                return Err(CommandError::other(
                    "ERR AUTH <password> called without any password configured for the default user. Are \
                        you sure your configuration is correct?",
                ));
            }
            (&b"default"[..], args.get(1))
        }
        3 => (args.get(1), args.get(2)),
        _ => return Err(CommandError::Syntax),
    };
    log_in(ctx.config, &mut ctx.client.session, user, password)?;
    ctx.reply.ok();
    Ok(Flow::Done)
}

/// Checks a name and a password. Until there are ACLs, the only user is `default`; without a password it
/// accepts any.
fn check_password(config: &Config, user: &[u8], password: &[u8]) -> Result<(), CommandError> {
    let right = config.requirepass.is_empty() || same_bytes(password, &config.requirepass);
    if user != b"default" || !right {
        return Err(CommandError::other("WRONGPASS invalid username-password pair or user is disabled."));
    }
    Ok(())
}

fn log_in(config: &Config, session: &mut Session, user: &[u8], password: &[u8]) -> Result<(), CommandError> {
    check_password(config, user, password)?;
    session.authenticated = true;
    Ok(())
}

/// Compares without telling by its duration how much is right (Redis: time_independent_strcmp).
fn same_bytes(given: &[u8], secret: &[u8]) -> bool {
    let byte = |bytes: &[u8], index: usize| bytes.get(index).copied().unwrap_or(0);
    let len = given.len().max(secret.len());
    let difference = (0..len).fold(0, |found, index| found | (byte(given, index) ^ byte(secret, index)));
    std::hint::black_box(difference) == 0 && given.len() == secret.len()
}

fn echo(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.reply.bulk(args.get(1));
    Ok(Flow::Done)
}

fn ping(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let session = &ctx.client.session;
    // In RESP2 a subscriber takes every reply for a message.
    let as_message = session.is_subscribed() && !session.resp3;
    match args.len() {
        1 | 2 if as_message => {
            ctx.reply.array(2);
            ctx.reply.bulk(b"pong");
            ctx.reply.bulk(if args.len() == 2 { args.get(1) } else { b"" });
        }
        1 => ctx.reply.simple("PONG"),
        2 => ctx.reply.bulk(args.get(1)),
        _ => return Err(CommandError::WrongArity("ping".into())),
    }
    Ok(Flow::Done)
}

fn quit(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.reply.ok();
    Ok(Flow::Close)
}

fn reset(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.client.session.reset(ctx.config.requirepass.is_empty());
    ctx.reply.simple("RESET");
    Ok(Flow::Reset)
}

fn select(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.client.session.db = selected(args, ctx.config.databases)?;
    ctx.reply.ok();
    Ok(Flow::Done)
}

fn foresee_select(foreseen: &mut Foreseen<'_>, args: Args<'_>) {
    if let Ok(db) = selected(args, foreseen.config.databases) {
        foreseen.select(db);
    }
}

/// The database that SELECT with these arguments means, of so many.
///
/// # Errors
/// As SELECT replies.
fn selected(args: Args<'_>, databases: u16) -> Result<DbIndex, CommandError> {
    let index = shards::num::parse_i64(args.get(1)).ok_or(CommandError::NotAnInteger)?;
    if i32::try_from(index).is_err() {
        return Err(CommandError::other(
            "ERR value is out of range, value must between -2147483648 and 2147483647",
        ));
    }
    let index = u16::try_from(index).ok().filter(|&index| index < databases);
    index.map(DbIndex).ok_or_else(|| CommandError::other("ERR DB index is out of range"))
}

/// What the arguments of HELLO ask for.
struct Greeting<'a> {
    resp3: Option<bool>,
    name: Option<Vec<u8>>,
    credentials: Option<(&'a [u8], &'a [u8])>,
}

impl Greeting<'_> {
    fn parse(args: Args<'_>) -> Result<Greeting<'_>, CommandError> {
        let mut greeting = Greeting { resp3: None, name: None, credentials: None };
        if args.len() > 1 {
            let given = shards::num::parse_i64(args.get(1)).ok_or_else(|| {
                CommandError::other("ERR Protocol version is not an integer or out of range")
            })?;
            if !(2..=3).contains(&given) {
                return Err(CommandError::other("NOPROTO unsupported protocol version"));
            }
            greeting.resp3 = Some(given == 3);
        }
        let mut at = 2;
        while at < args.len() {
            let option = args.get(at);
            let operands = args.len() - 1 - at;
            if option.eq_ignore_ascii_case(b"auth") && operands >= 2 {
                greeting.credentials = Some((args.get(at + 1), args.get(at + 2)));
                at += 3;
            } else if option.eq_ignore_ascii_case(b"setname") && operands >= 1 {
                greeting.name = Some(valid_name(args.get(at + 1))?);
                at += 2;
            } else {
                return Err(CommandError::quoting("ERR Syntax error in HELLO option '", option, "'"));
            }
        }
        Ok(greeting)
    }
}

fn foresee_hello(foreseen: &mut Foreseen<'_>, args: Args<'_>) {
    let Ok(Greeting { resp3: Some(resp3), credentials, .. }) = Greeting::parse(args) else { return };
    let is_right = |(user, password)| check_password(foreseen.config, user, password).is_ok();
    if credentials.is_none_or(is_right) {
        foreseen.set_resp3(resp3);
    }
}

fn hello(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let Greeting { resp3, name, credentials } = Greeting::parse(args)?;
    let session = &mut ctx.client.session;
    if let Some((user, password)) = credentials {
        log_in(ctx.config, session, user, password)?;
    }
    if !session.authenticated {
        return Err(CommandError::other(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH \
                <user> <pass> option can be used to authenticate the client and select the RESP protocol \
                version at the same time",
        ));
    }
    if let Some(name) = name {
        session.name = name;
    }
    session.resp3 = resp3.unwrap_or(session.resp3);
    let reply = &mut *ctx.reply;
    reply.set_resp3(session.resp3);
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.int(if session.resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.int(session.id as i64);
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
    Ok(Flow::Done)
}

/// A name for CLIENT SETNAME and its like: no blanks, line ends or control characters.
///
/// # Errors
/// Redis's text when there are any.
pub(super) fn valid_name(name: &[u8]) -> Result<Vec<u8>, CommandError> {
    if name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Ok(name.to_vec());
    }
    Err(CommandError::other("ERR Client names cannot contain spaces, newlines or special characters."))
}
