//! Values with rules of their own: one parser for each such directive, from words to canonical text.
//!
//! The rules and the reasons of refusal are those of Redis 7.0 and 7.2, oddities included where files rely on
//! them. This file must not know where words come from or where values are kept.

use std::path::{Path, PathBuf};

use shards::num;

use super::kind::{Reason, not_one_of, parse_memory};
use super::words::error_text;

/// The most addresses that `bind` takes (Redis: CONFIG_BINDADDR_MAX).
const BIND_ADDRESSES_MAX: usize = 16;

/// The names of the output limits' classes as CONFIG GET shows them, in order.
const CLIENT_CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];

/// `strtoll` of a whole word: leading blanks are skipped and nothing at all is zero.
fn strtoll(word: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(word).ok()?.trim_ascii_start();
    if text.is_empty() { Some(0) } else { text.parse().ok() }
}

fn join<W: AsRef<[u8]>>(words: impl IntoIterator<Item = W>) -> Vec<u8> {
    let mut text = Vec::new();
    for (index, word) in words.into_iter().enumerate() {
        if index > 0 {
            text.push(b' ');
        }
        text.extend_from_slice(word.as_ref());
    }
    text
}

/// `bind`: addresses; one empty word means none.
pub(super) fn bind(_: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    if words.len() > BIND_ADDRESSES_MAX {
        return Err("Too many bind addresses specified.".into());
    }
    Ok(join(words))
}

/// `save`: pairs of seconds and changes, after those that are there already; one empty word clears all.
pub(super) fn save(present: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    if words == [b""] {
        return Ok(Vec::new());
    }
    let mut points = Vec::new();
    for pair in words.chunks(2) {
        let numbers = match *pair {
            [seconds, changes] => strtoll(seconds).zip(strtoll(changes)),
            _ => None,
        };
        match numbers {
            Some((seconds @ 1.., changes @ 0..)) => points.push(format!("{seconds} {changes}").into_bytes()),
            _ => return Err("Invalid save parameters".into()),
        }
    }
    if !present.is_empty() {
        points.insert(0, present.to_vec());
    }
    Ok(join(points))
}

/// `client-output-buffer-limit`: any number of `class hard soft seconds`; classes that are not named stay.
pub(super) fn output_limits(present: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    if !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    let mut fields: Vec<Vec<u8>> = present.split(|&byte| byte == b' ').map(<[u8]>::to_vec).collect();
    for limit in words.chunks_exact(4) {
        let class = match limit[0].to_ascii_lowercase().as_slice() {
            b"normal" => 0,
            b"slave" | b"replica" => 1,
            b"pubsub" => 2,
            _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
        };
        let seconds = strtoll(limit[3]).filter(|&seconds| (0..=i64::from(i32::MAX)).contains(&seconds));
        let (Some(hard), Some(soft), Some(seconds)) =
            (parse_memory(limit[1]), parse_memory(limit[2]), seconds)
        else {
            return Err("Error in hard, soft or soft_seconds setting in buffer limit configuration.".into());
        };
        let texts = [CLIENT_CLASSES[class].into(), hard.to_string(), soft.to_string(), seconds.to_string()];
        for (field, text) in fields[class * 4..].iter_mut().zip(texts) {
            *field = text.into_bytes();
        }
    }
    Ok(join(fields))
}

/// `oom-score-adj`: `relative` is another word for `yes`.
pub(super) fn oom_score_adj(_: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    match words[0].to_ascii_lowercase().as_slice() {
        b"relative" => Ok(b"yes".to_vec()),
        word @ (b"no" | b"yes" | b"absolute") => Ok(word.to_vec()),
        _ => Err(not_one_of(&["no", "yes", "relative", "absolute"])),
    }
}

/// `oom-score-adj-values`: for the primary, replicas and background processes.
pub(super) fn oom_score_adj_values(_: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    if words.len() != 3 {
        return Err("wrong number of arguments".into());
    }
    let mut values = Vec::new();
    for word in words {
        match strtoll(word) {
            Some(value @ -2000..=2000) => values.push(value.to_string()),
            _ => {
                return Err("Invalid oom-score-adj-values, elements must be between -2000 and 2000.".into());
            }
        }
    }
    Ok(join(values))
}

/// `shutdown-on-sigterm` and `shutdown-on-sigint`: `default`, or the options of SHUTDOWN.
pub(super) fn shutdown_options(_: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    const OPTIONS: [&str; 5] = ["default", "save", "nosave", "now", "force"];
    let mut chosen = [false; OPTIONS.len()];
    for word in words {
        match OPTIONS.iter().position(|option| word.eq_ignore_ascii_case(option.as_bytes())) {
            Some(option) => chosen[option] = true,
            None => return Err(not_one_of(&OPTIONS)),
        }
    }
    if words.is_empty() {
        return Err(not_one_of(&OPTIONS));
    }
    if chosen[1] && chosen[2] {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
    }
    chosen[0] = !chosen[1..].contains(&true);
    Ok(join(OPTIONS.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(option, _)| option)))
}

/// `notify-keyspace-events`: letters; all classes of events but `m` and `n` together are `A`.
pub(super) fn notify_keyspace_events(_: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    const ALL: &[u8] = b"g$lshzxetd";
    let letters = words[0];
    if letters.iter().any(|letter| !b"AKEmn".contains(letter) && !ALL.contains(letter)) {
        return Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into());
    }
    let has = |letter: &u8| letters.contains(letter);
    let mut flags = Vec::new();
    let is_all = has(&b'A') || ALL.iter().all(has);
    if is_all {
        flags.push(b'A');
    } else {
        flags.extend(ALL.iter().chain(b"n").filter(|letter| has(letter)));
    }
    flags.extend(b"KEm".iter().filter(|letter| has(letter)));
    // Redis does not show `n` beside `A`, and so loses it by CONFIG REWRITE.
    if is_all && has(&b'n') {
        flags.push(b'n');
    }
    Ok(flags)
}

/// `latency-tracking-info-percentiles`: numbers from 0 to 100, shown with up to six decimals; one empty word
/// means none.
pub(super) fn percentiles(_: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    if words == [b""] {
        return Ok(Vec::new());
    }
    let mut shown = Vec::new();
    for word in words {
        match num::parse_f64(word) {
            None => return Err("Invalid latency-tracking-info-percentiles parameters".into()),
            Some(number @ 0.0..=100.0) => {
                let text = format!("{number:.6}");
                shown.push(text.trim_end_matches('0').trim_end_matches('.').to_string());
            }
            Some(_) => {
                return Err(
                    "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into()
                );
            }
        }
    }
    Ok(join(shown))
}

/// `replicaof`: host and port, or `no one`, which is kept as nothing.
pub(super) fn replicaof(_: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    let [host, port] = *words else {
        return Err("wrong number of arguments".into());
    };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(Vec::new());
    }
    match strtoll(port) {
        Some(port @ 0..=65535) => Ok(join([host, port.to_string().as_bytes()])),
        _ => Err("Invalid master port".into()),
    }
}

/// `dir`: an existing directory, kept as an absolute path. A relative one starts from the present one.
pub(super) fn dir(present: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    let path = path_from(present).join(path_from(words[0]));
    let absolute = path.canonicalize().map_err(|error| Reason::from(error_text(&error)))?;
    if !absolute.is_dir() {
        return Err("Not a directory".into());
    }
    Ok(path_bytes(&absolute))
}

/// A path of any bytes, as the system sees it.
pub(super) fn path_from(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

/// The bytes of a path.
pub(super) fn path_bytes(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().to_vec()
}

fn base_name(value: &[u8], empty: &'static str, path: &'static str) -> Result<Vec<u8>, Reason> {
    if value.is_empty() && !empty.is_empty() {
        return Err(empty.into());
    }
    if value.contains(&b'/') || value.contains(&b'\\') {
        return Err(path.into());
    }
    Ok(value.to_vec())
}

/// `dbfilename`: no path.
pub(super) fn dbfilename(_: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    base_name(words[0], "", "dbfilename can't be a path, just a filename")
}

/// `appendfilename`: no path, not empty.
pub(super) fn appendfilename(_: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    base_name(words[0], "appendfilename can't be empty", "appendfilename can't be a path, just a filename")
}

/// `appenddirname`: no path, not empty.
pub(super) fn appenddirname(_: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    base_name(words[0], "appenddirname can't be empty", "appenddirname can't be a path, just a dirname")
}

/// `cluster-announce-hostname`: letters, digits, hyphens and dots, fewer than 256.
pub(super) fn announced_hostname(_: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    if words[0].len() >= 256 {
        return Err("Hostnames must be less than 256 characters".into());
    }
    if !words[0].iter().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(byte)) {
        return Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into());
    }
    Ok(words[0].to_vec())
}

/// `cluster-announce-human-nodename`: letters, digits, hyphens, dots and underscores.
pub(super) fn announced_nodename(_: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    if !words[0].iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte)) {
        return Err("Announced human node name contained invalid character".into());
    }
    Ok(words[0].to_vec())
}

/// `proc-title-template`: text with known variables in braces, not empty; two opening braces are one literal.
pub(super) fn proc_title_template(_: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    const VARIABLES: [&[u8]; 7] =
        [b"title", b"listen-addr", b"server-mode", b"port", b"tls-port", b"unixsocket", b"config-file"];
    const REASON: &str = "template format is invalid or contains unknown variables";
    let mut rest = words[0];
    if rest.is_empty() {
        return Err(REASON.into());
    }
    while let Some(open) = rest.iter().position(|&byte| byte == b'{') {
        rest = &rest[open + 1..];
        if let Some(after) = rest.strip_prefix(b"{") {
            rest = after;
            continue;
        }
        let close = rest.iter().position(|&byte| byte == b'}');
        match close.filter(|&close| VARIABLES.contains(&&rest[..close])) {
            Some(close) => rest = &rest[close + 1..],
            None => return Err(REASON.into()),
        }
    }
    Ok(words[0].to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::kind::SpecialParser;
    use super::*;

    fn check(parser: SpecialParser, present: &str, words: &[&str], expected: Result<&str, &str>) {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let parsed = parser(present.as_bytes(), &words).map(|text| String::from_utf8(text).unwrap());
        assert_eq!(parsed.as_deref().map_err(|reason| &**reason), expected);
    }

    #[test]
    fn save_points_accumulate_until_an_empty_word() {
        check(save, "", &["3600", "1", "60", "0"], Ok("3600 1 60 0"));
        check(save, "3600 1", &["60", "5"], Ok("3600 1 60 5"));
        check(save, "3600 1", &[""], Ok(""));
        check(save, "3600 1", &[], Ok("3600 1"));
        for words in [&["60"][..], &["0", "1"], &["1", "-1"], &["a", "1"], &["", "60", "1"]] {
            check(save, "", words, Err("Invalid save parameters"));
        }
    }

    #[test]
    fn output_limits_change_only_the_classes_that_are_named() {
        let present = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
        check(
            output_limits,
            present,
            &["replica", "1mb", "2mb", "3", "PUBSUB", "1", "2", "3"],
            Ok("normal 0 0 0 slave 1048576 2097152 3 pubsub 1 2 3"),
        );
        check(output_limits, present, &[], Ok(present));
        check(
            output_limits,
            present,
            &["normal", "1"],
            Err("Wrong number of arguments in buffer limit configuration."),
        );
        check(
            output_limits,
            present,
            &["master", "1", "1", "1"],
            Err("Invalid client class specified in buffer limit configuration."),
        );
        for words in [["normal", "1", "1", "-1"], ["normal", "x", "1", "1"], ["normal", "1", "1", "1s"]] {
            check(
                output_limits,
                present,
                &words,
                Err("Error in hard, soft or soft_seconds setting in buffer limit configuration."),
            );
        }
    }

    #[test]
    fn shutdown_options_are_shown_in_their_own_order() {
        check(shutdown_options, "", &["NOW", "nosave"], Ok("nosave now"));
        check(shutdown_options, "", &["default", "save"], Ok("save"));
        check(shutdown_options, "", &["default"], Ok("default"));
        check(
            shutdown_options,
            "",
            &["save", "nosave"],
            Err("shutdown options SAVE and NOSAVE can't be used simultaneously"),
        );
        let unknown = "argument(s) must be one of the following: default, save, nosave, now, force";
        check(shutdown_options, "", &["foo"], Err(unknown));
        check(shutdown_options, "", &[], Err(unknown));
    }

    #[test]
    fn event_letters_are_shown_in_their_own_order() {
        check(notify_keyspace_events, "", &["KEA"], Ok("AKE"));
        check(notify_keyspace_events, "", &["Kx$"], Ok("$xK"));
        check(notify_keyspace_events, "", &["mKg$lshzxetd"], Ok("AKm"));
        check(notify_keyspace_events, "", &["xKEn"], Ok("xnKE"));
        check(notify_keyspace_events, "", &["nmKA"], Ok("AKmn"));
        check(notify_keyspace_events, "", &[""], Ok(""));
        check(
            notify_keyspace_events,
            "",
            &["q"],
            Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
        );
    }

    #[test]
    fn percentiles_are_shown_with_up_to_six_decimals() {
        check(percentiles, "", &["1", "2.50", "99.99999999"], Ok("1 2.5 100"));
        check(percentiles, "50", &[""], Ok(""));
        check(percentiles, "", &["a"], Err("Invalid latency-tracking-info-percentiles parameters"));
        for text in ["nan", "1e309", "1e-400", "", "1 "] {
            let reason = "Invalid latency-tracking-info-percentiles parameters";
            check(percentiles, "", &["1", text], Err(reason));
        }
        check(
            percentiles,
            "",
            &["101"],
            Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"),
        );
    }

    #[test]
    fn replicaof_no_one_is_nothing() {
        check(replicaof, "", &["NO", "one"], Ok(""));
        check(replicaof, "", &["10.0.0.1", "6380"], Ok("10.0.0.1 6380"));
        check(replicaof, "", &["host", "65536"], Err("Invalid master port"));
        check(replicaof, "", &["host"], Err("wrong number of arguments"));
    }

    #[test]
    fn dir_is_an_existing_directory_made_absolute() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().canonicalize().unwrap();
        std::fs::create_dir(path.join("sub")).unwrap();
        std::fs::write(path.join("file"), "").unwrap();
        let present = path.to_str().unwrap();
        check(dir, present, &["sub"], Ok(path.join("sub").to_str().unwrap()));
        check(dir, present, &["missing"], Err("No such file or directory"));
        check(dir, present, &["file"], Err("Not a directory"));
    }

    #[test]
    fn names_and_templates_are_checked() {
        check(dbfilename, "", &["a/b"], Err("dbfilename can't be a path, just a filename"));
        check(appendfilename, "", &[""], Err("appendfilename can't be empty"));
        check(announced_hostname, "", &["a-b.c"], Ok("a-b.c"));
        let reason = "Hostnames may only contain alphanumeric characters, hyphens or dots";
        check(announced_hostname, "", &["a_b"], Err(reason));
        check(proc_title_template, "", &["{title} {{x} {port}"], Ok("{title} {{x} {port}"));
        let reason = "template format is invalid or contains unknown variables";
        check(proc_title_template, "", &["{foo}"], Err(reason));
        check(proc_title_template, "", &["{title"], Err(reason));
        check(proc_title_template, "", &[""], Err(reason));
    }

    #[test]
    fn oom_scores_are_three_and_bounded() {
        check(oom_score_adj, "", &["Relative"], Ok("yes"));
        check(oom_score_adj_values, "", &["0", "200", "800"], Ok("0 200 800"));
        check(oom_score_adj_values, "", &["1", "2"], Err("wrong number of arguments"));
        let reason = "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
        check(oom_score_adj_values, "", &["1", "2", "3000"], Err(reason));
    }
}
