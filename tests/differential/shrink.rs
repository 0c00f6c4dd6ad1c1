//! Makes a failing stream small. This file must not know what failing means.
//!
//! Delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002),
//! without its test of the parts alone: chunks of halving size are left out as long as the rest still fails.
//! Then the steps that are left are made simpler one by one.

use std::time::{Duration, Instant};

use crate::stream::Step;

/// Streams of up to so many steps are tried without each two of their steps.
const PAIRED_STEPS_MAX: usize = 40;

/// A smaller stream for which `fails` still holds; it holds for `steps`. Ends after `time_max` at the latest,
/// one call of `fails` aside.
pub(crate) fn shrink(
    steps: Vec<Step>,
    time_max: Duration,
    mut fails: impl FnMut(&[Step]) -> bool,
) -> Vec<Step> {
    let deadline = Instant::now() + time_max;
    let mut fails_in_time = |steps: &[Step]| Instant::now() < deadline && fails(steps);
    let mut steps = steps;
    loop {
        let before = steps.clone();
        leave_out_chunks(&mut steps, &mut fails_in_time);
        leave_out_pairs(&mut steps, &mut fails_in_time);
        simplify(&mut steps, &mut fails_in_time);
        if steps == before {
            return steps;
        }
    }
}

fn leave_out_chunks(steps: &mut Vec<Step>, fails: &mut impl FnMut(&[Step]) -> bool) {
    let mut chunk_len = steps.len().div_ceil(2);
    while chunk_len > 0 {
        // From the end, because what comes after the difference is never needed.
        let mut end = steps.len();
        while end > 0 {
            let start = end.saturating_sub(chunk_len);
            let mut fewer = steps.clone();
            fewer.drain(start..end);
            if !fewer.is_empty() && fails(&fewer) {
                *steps = fewer;
            }
            end = start;
        }
        chunk_len /= 2;
    }
}

/// Leaves out two steps of a connection at once, as MULTI with its EXEC: either alone may be needed as long
/// as the other is there.
fn leave_out_pairs(steps: &mut Vec<Step>, fails: &mut impl FnMut(&[Step]) -> bool) {
    let mut second = steps.len();
    while second > 1 && steps.len() <= PAIRED_STEPS_MAX {
        second -= 1;
        for first in (0..second).rev().filter(|first| steps[*first].connection == steps[second].connection) {
            let mut fewer = steps.clone();
            fewer.remove(second);
            fewer.remove(first);
            if !fewer.is_empty() && fails(&fewer) {
                *steps = fewer;
                second -= 1;
                break;
            }
        }
    }
}

/// Tries simpler forms of every step: no pipeline, the first connection, fewer arguments, shorter arguments.
fn simplify(steps: &mut Vec<Step>, fails: &mut impl FnMut(&[Step]) -> bool) {
    let mut try_all = |steps: &mut Vec<Step>, change: fn(&mut Step)| {
        let mut simpler = steps.clone();
        simpler.iter_mut().for_each(change);
        if simpler != *steps && fails(&simpler) {
            *steps = simpler;
        }
    };
    try_all(steps, |step| step.connection = 0);
    try_all(steps, |step| step.pipelined = false);
    for index in 0..steps.len() {
        let mut arg = steps[index].args.len();
        while arg > 1 {
            arg -= 1;
            for cut in [Cut::LeaveOut, Cut::Empty, Cut::Halve] {
                let mut simpler = steps.clone();
                cut.apply(&mut simpler[index].args, arg);
                if simpler != *steps && fails(&simpler) {
                    *steps = simpler;
                    break;
                }
            }
        }
    }
}

/// What can be done to an argument.
enum Cut {
    LeaveOut,
    Empty,
    Halve,
}

impl Cut {
    fn apply(self, args: &mut Vec<Vec<u8>>, index: usize) {
        match self {
            Cut::LeaveOut => drop(args.remove(index)),
            Cut::Empty => args[index].clear(),
            // Numbers stay whole: half of a long TTL's digits is a TTL that ends during the run.
            Cut::Halve if args[index].iter().all(u8::is_ascii_digit) => {}
            Cut::Halve => {
                let len = args[index].len() / 2;
                args[index].truncate(len);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(connection: usize, line: &str) -> Step {
        let args = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        Step { connection, pipelined: true, args, row: 0 }
    }

    #[test]
    fn only_the_steps_that_are_needed_together_are_left() {
        let steps: Vec<Step> = (0..500).map(|index| step(index % 3, &format!("SET {index} value"))).collect();
        let is_in = |steps: &[Step], word: &str| {
            steps.iter().position(|step| step.args.get(1).is_some_and(|arg| arg == word.as_bytes()))
        };
        let fails = |steps: &[Step]| match (is_in(steps, "17"), is_in(steps, "444")) {
            (Some(first), Some(second)) => first < second,
            _ => false,
        };
        let shrunk = shrink(steps, Duration::from_secs(60), fails);
        let expected = ["SET 17", "SET 444"].map(|line| Step { pipelined: false, ..step(0, line) });
        assert_eq!(shrunk, expected);
    }

    #[test]
    fn a_block_that_is_not_needed_is_left_out_around_a_step_that_is() {
        let block = |index: usize| {
            let line = ["MULTI", &format!("SET {index} value"), "INCR x", "EXEC"][index % 4].to_owned();
            step(index / 4 % 3, &line)
        };
        // EXEC without MULTI, and MULTI without EXEC, hide the difference.
        let fails = |steps: &[Step]| {
            let is = |step: &&Step, name: &str| step.args[0] == name.as_bytes();
            let balanced = (0..3).all(|connection| {
                let own = steps.iter().filter(|step| step.connection == connection);
                own.clone().filter(|step| is(step, "MULTI")).count()
                    == own.filter(|step| is(step, "EXEC")).count()
            });
            balanced && steps.iter().any(|step| step.args.get(1).is_some_and(|arg| arg == b"17"))
        };
        let shrunk = shrink((0..80).map(block).collect(), Duration::from_secs(60), fails);
        assert_eq!(shrunk, [Step { pipelined: false, ..step(0, "SET 17") }]);
    }

    #[test]
    fn without_time_nothing_is_changed() {
        let steps = vec![step(0, "SET a 1"), step(1, "GET a")];
        assert_eq!(shrink(steps.clone(), Duration::ZERO, |_| true), steps);
    }
}
