//! The command line, as redis-server takes it: `[file|-] [--directive value ...] [-] [--sentinel]`. The
//! program's own options, which come first or not at all, are in `help`.
//!
//! Sources are read in the order file, standard input, arguments; the last value of a directive wins. This
//! file must not know any directive but `save` and `sentinel`, which may stand without a value.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::file::{Action, Loader, Split};
use super::refusal::ConfigError;
use super::{help, special, words};

/// One directive of the command line.
struct GivenDirective {
    /// The number of the argument that names it.
    argument: usize,
    /// The line of a file that would say the same: the first word as the operator wrote it, the others
    /// quoted.
    line: String,
    /// Its name and values, unless quotes are open.
    words: Split,
}

/// Reads the configuration that the arguments (without the program's name) ask for. Reads files and, when `-`
/// is the first or last argument, the standard input; changes nothing in the process.
pub fn load(args: impl Iterator<Item = OsString>) -> Result<Action, ConfigError> {
    load_from(args, std::io::stdin())
}

fn load_from(args: impl Iterator<Item = OsString>, stdin: impl Read) -> Result<Action, ConfigError> {
    let args: Vec<OsString> = args.collect();
    if let Some(action) = help::own_option(&args) {
        return action;
    }
    let args: Vec<Vec<u8>> = args.into_iter().map(OsString::into_vec).collect();
    let mut loader = Loader::new(args.iter().any(|arg| arg == b"--sentinel"));
    let mut first = 0;
    let mut file = None;
    if let Some(path) = args.first().filter(|arg| !arg.starts_with(b"-")) {
        // Redis: getAbsolutePath. What is empty then is the working directory, which is no file.
        let path = special::path_from(path.trim_ascii());
        let path = if path.as_os_str().is_empty() { PathBuf::from(".") } else { path };
        let path = std::path::absolute(&path).map_err(|error| ConfigError::Open(path, error))?;
        loader.file(&path)?;
        file = Some(path);
        first = 1;
    }
    let last = args.len().saturating_sub(1);
    let is_stdin = |index: usize| args[index] == b"-" && (index == 0 || index == last);
    if (0..args.len()).any(is_stdin) {
        loader.stdin(stdin)?;
    }
    let options = (first..args.len()).filter(|&index| !is_stdin(index));
    for option in split_options(options.map(|index| (index + 1, args[index].as_slice()))) {
        loader.option(option.argument, &option.line, option.words)?;
    }
    Ok(Action::Run(Box::new(loader.finish(file)?)))
}

/// Groups arguments into directives. An argument that starts with `--` begins one, unless the directive
/// before it has no value yet: then it is that value, but not for `--save` and `--sentinel`. One argument may
/// hold a name and its values, split like a line of a file.
fn split_options<'a>(args: impl Iterator<Item = (usize, &'a [u8])>) -> Vec<GivenDirective> {
    let mut options: Vec<GivenDirective> = Vec::new();
    let mut wants_value = false;
    let finish = |option: Option<&mut GivenDirective>| {
        if let Some(GivenDirective { words: Ok(words), .. }) = option
            && matches!(words.as_slice(), [name] if name.eq_ignore_ascii_case(b"save"))
        {
            words.push(Vec::new());
        }
    };
    for (argument, text) in args {
        let may_stand_alone = options.last().is_some_and(|option| {
            ["save", "sentinel"].iter().any(|name| option.line.eq_ignore_ascii_case(name))
        });
        match (text.strip_prefix(b"--"), options.last_mut()) {
            (Some(directive), previous) if !wants_value || may_stand_alone => {
                finish(previous);
                let words = words::split(directive);
                // One without a name takes what follows for its name, whatever that is (`-- --port`).
                wants_value = words.as_ref().is_ok_and(|words| words.len() <= 1);
                let line = String::from_utf8_lossy(directive).into_owned();
                options.push(GivenDirective { argument, line, words });
            }
            (_, Some(option)) => {
                wants_value = false;
                if !option.line.is_empty() {
                    option.line.push(' ');
                }
                option.line.push_str(&quoted(text));
                if let Ok(words) = &mut option.words {
                    words.push(text.to_vec());
                }
            }
            (_, None) => {
                let words = Ok(vec![text.to_vec()]);
                options.push(GivenDirective { argument, line: quoted(text), words });
            }
        }
    }
    finish(options.last_mut());
    options
}

/// A word in quotes, all of it ASCII.
fn quoted(word: &[u8]) -> String {
    String::from_utf8_lossy(&words::quote(word)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::file::Loaded;
    use super::super::settings::Config;
    use super::*;

    /// The outcome for arguments and a standard input, with the error as the operator sees it.
    fn run(args: &[&str], stdin: &str) -> Result<Loaded, String> {
        let args = args.iter().map(OsString::from);
        match load_from(args, stdin.as_bytes()).map_err(|error| error.to_string())? {
            Action::Run(loaded) => Ok(*loaded),
            other => panic!("{other:?}"),
        }
    }

    fn config(args: &[&str]) -> Config {
        run(args, "").unwrap().config
    }

    /// The text of a directive's value.
    fn value(config: &Config, name: &str) -> String {
        let (directive, _) = super::super::params::lookup(name.as_bytes()).unwrap();
        String::from_utf8(directive.get(config)).unwrap()
    }

    fn file(text: &str) -> (tempfile::TempDir, String) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("shoal.conf");
        std::fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (home, path)
    }

    #[test]
    fn without_arguments_there_are_the_defaults() {
        let loaded = run(&[], "port 1").unwrap();
        assert_eq!(loaded.config, Config::default());
        assert!(loaded.file.is_none() && !loaded.sentinel);
    }

    #[test]
    fn version_and_help_are_printed_when_they_come_first() {
        let action = |args: &[&str]| load_from(args.iter().map(OsString::from), std::io::empty());
        assert!(matches!(action(&["-v"]), Ok(Action::PrintVersion)));
        assert!(matches!(action(&["--version"]), Ok(Action::PrintVersion)));
        assert!(matches!(action(&["--help"]), Ok(Action::Print(_))));
        assert!(matches!(action(&["--help", "--port", "1"]), Ok(Action::Print(_))));
        assert!(action(&["--port", "1", "--help"]).is_err());
    }

    #[test]
    fn options_take_one_value_or_several() {
        let config =
            config(&["--PORT", "7777", "--bind", "127.0.0.1", "-::1", "--shards 3", "--timeout", "9"]);
        assert_eq!((config.port, config.shards, config.timeout_s), (7777, 3, 9));
        assert_eq!(config.bind, ["127.0.0.1", "-::1"]);
    }

    #[test]
    fn an_option_without_value_takes_the_next_option_for_its_value() {
        let config = config(&["--requirepass", "--port", "--timeout", "9"]);
        assert_eq!((config.requirepass.as_slice(), config.timeout_s), (&b"--port"[..], 9));
    }

    #[test]
    fn dashes_alone_take_what_follows_for_the_name_of_a_directive() {
        assert_eq!(config(&["--"]), Config::default());
        assert_eq!(config(&["--timeout", "9", "--"]).timeout_s, 9);
        for args in [&["--", "--port", "1"][..], &["--timeout", "9", "--", "--port", "1"]] {
            let error = run(args, "").unwrap_err();
            let text = ">>> '\"--port\" \"1\"'\nBad directive or wrong number of arguments";
            assert!(error.ends_with(text), "{error}");
        }
    }

    #[test]
    fn a_directory_is_no_configuration_file_and_nothing_is_the_working_directory() {
        let here = std::env::current_dir().unwrap();
        for (given, shown) in [("/tmp", "/tmp"), ("", here.to_str().unwrap()), (" ", here.to_str().unwrap())]
        {
            let error = run(&[given, "--port", "1"], "").unwrap_err();
            assert_eq!(error, format!("Fatal error, can't open config file '{shown}': Is a directory"));
        }
    }

    #[test]
    fn save_may_stand_without_a_value() {
        assert_eq!(value(&config(&["--save", "--port", "1"]), "save"), "");
        assert_eq!(value(&config(&["--save"]), "save"), "");
        assert_eq!(value(&config(&["--save", ""]), "save"), "");
        for (args, points) in [
            (&["--port", "1"][..], "3600 1 300 100 60 10000"),
            (&["--save", "3600", "1", "300", "100"], "3600 1 300 100"),
            (&["--save", "60 1"], "60 1"),
            (&["--save 60 1", "--save 30 2"], "60 1 30 2"),
        ] {
            assert_eq!(value(&config(args), "save"), points);
        }
    }

    #[test]
    fn an_option_takes_back_what_a_file_asks_for_and_is_not_there() {
        let (_home, path) = file("appendonly yes\ncluster-enabled yes\n");
        assert!(run(&[&path], "").unwrap_err().contains("at line 2\n>>> 'cluster-enabled yes'"));
        assert!(run(&[&path, "--appendonly", "no", "--cluster-enabled", "no"], "").is_ok());
    }

    #[test]
    fn sources_follow_each_other_as_file_standard_input_options() {
        let (_home, path) = file("port 1\ntimeout 1\nmaxclients 1\n");
        let loaded = run(&[&path, "--timeout", "3", "-"], "timeout 2\nmaxclients 2").unwrap();
        let config = loaded.config;
        assert_eq!((config.port, config.maxclients, config.timeout_s), (1, 2, 3));
        assert_eq!(loaded.file, Some(PathBuf::from(&path)));
        assert_eq!(run(&["-", "--timeout", "3"], "port 5").unwrap().config.port, 5);
    }

    #[test]
    fn include_is_an_option_too() {
        let (_home, path) = file("port 5\ntimeout 5\n");
        let config = config(&["--timeout", "1", "--include", &path, "--port", "6"]);
        assert_eq!((config.port, config.timeout_s), (6, 5));
    }

    #[test]
    fn a_relative_file_is_reported_with_its_absolute_path() {
        let error = run(&["missing.conf"], "").unwrap_err();
        let path = std::env::current_dir().unwrap().join("missing.conf");
        let path = path.display();
        assert_eq!(error, format!("Fatal error, can't open config file '{path}': No such file or directory"));
    }

    #[test]
    fn sentinel_mode_is_an_argument_and_opens_its_directives() {
        let (_home, path) = file("sentinel monitor a 127.0.0.1 6379 2\n");
        let loaded = run(&[&path, "--sentinel"], "").unwrap();
        assert!(loaded.sentinel);
        assert_eq!(loaded.config.file_only[0][1], b"monitor");
        assert!(run(&[&path, "--sentinel", "--port", "26379"], "").unwrap().config.port == 26379);
        assert!(run(&[&path], "").unwrap_err().ends_with("sentinel directive while not in sentinel mode"));
    }

    #[test]
    fn errors_of_the_command_line_name_the_argument() {
        let title = format!("\n*** FATAL CONFIG FILE ERROR (shoal {}) ***\n", env!("CARGO_PKG_VERSION"));
        for (args, argument, line, reason) in [
            (
                &["--timeout", "1", "--port", "abc"][..],
                3,
                r#"port "abc""#,
                "argument couldn't be parsed into an integer",
            ),
            (&["--port"], 1, "port", "wrong number of arguments"),
            (&["--maxclients", "1", "2"], 1, r#"maxclients "1" "2""#, "wrong number of arguments"),
            (&["--foo", "1"], 1, r#"foo "1""#, "Bad directive or wrong number of arguments"),
            (&["-p", "1"], 1, r#""-p" "1""#, "Bad directive or wrong number of arguments"),
            (&["--PORT abc"], 1, "PORT abc", "argument couldn't be parsed into an integer"),
            (
                &["--port", "a\"b\\\n\u{e9}"],
                1,
                r#"port "a\"b\\\n\xc3\xa9""#,
                "argument couldn't be parsed into an integer",
            ),
            (&["--bind \"a"], 1, "bind \"a", "Unbalanced quotes in configuration line"),
        ] {
            let expected =
                format!("Reading the command line, at argument {argument}\n>>> '{line}'\n{reason}");
            assert_eq!(run(args, "").unwrap_err(), format!("{title}{expected}"));
        }
    }
}
