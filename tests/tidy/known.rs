//! Lists that may only shrink. What breaks a rule and is on the list is let through; what is on the list and
//! breaks no rule any more has to leave it. With `TIDY_PRINT` the lists are printed as they have to be, and
//! nothing fails.

use std::collections::{BTreeMap, BTreeSet};

/// Bounds of exceptions are multiples of this, so that not every line less changes the list.
const STEP: usize = 10;

fn is_printing() -> bool {
    std::env::var_os("TIDY_PRINT").is_some()
}

/// Exceptions with nothing to measure.
pub(crate) struct Known {
    name: &'static str,
    listed: BTreeSet<Vec<String>>,
    met: BTreeSet<Vec<String>>,
    faults: Vec<String>,
}

impl Known {
    pub(crate) fn new(name: &'static str, listed: &[&[&str]]) -> Known {
        let owned = |entry: &&[&str]| entry.iter().map(|part| (*part).to_owned()).collect();
        Known { name, listed: listed.iter().map(owned).collect(), met: BTreeSet::new(), faults: Vec::new() }
    }

    /// Something breaks the rule.
    pub(crate) fn meet(&mut self, entry: &[&str], fault: String) {
        let entry: Vec<String> = entry.iter().map(|part| (*part).to_owned()).collect();
        if !self.listed.contains(&entry) {
            self.faults.push(fault);
        }
        self.met.insert(entry);
    }

    /// What is to be told.
    pub(crate) fn faults(self) -> Vec<String> {
        if is_printing() {
            let rows: String = self.met.iter().map(|entry| format!("    &{entry:?},\n")).collect();
            println!("\npub(crate) const {}: &[&[&str]] = &[\n{rows}];", self.name);
            return Vec::new();
        }
        let left = self.listed.difference(&self.met);
        let left = left.map(|entry| {
            format!("tests/tidy/exceptions.rs: {} no longer needs {entry:?}: take it off the list", self.name)
        });
        self.faults.into_iter().chain(left).collect()
    }
}

/// Exceptions from a size.
pub(crate) struct Limits {
    name: &'static str,
    lines_max: usize,
    listed: BTreeMap<String, usize>,
    met: BTreeMap<String, usize>,
    faults: Vec<String>,
}

impl Limits {
    pub(crate) fn new(name: &'static str, listed: &[(&str, usize)], lines_max: usize) -> Limits {
        let listed = listed.iter().map(|&(entry, lines)| (entry.to_owned(), lines)).collect();
        Limits { name, lines_max, listed, met: BTreeMap::new(), faults: Vec::new() }
    }

    /// Something has so many lines.
    pub(crate) fn meet(&mut self, entry: &str, lines: usize, place: &str) {
        if lines <= self.lines_max {
            return;
        }
        let bound = self.listed.get(entry).copied().unwrap_or(self.lines_max);
        if lines > bound {
            self.faults.push(format!("{place} has {lines} lines, and may have {bound}: split it by idea"));
        }
        let most = self.met.entry(entry.to_owned()).or_default();
        *most = (*most).max(lines.next_multiple_of(STEP));
    }

    /// What is to be told.
    pub(crate) fn faults(self) -> Vec<String> {
        if is_printing() {
            let rows: String =
                self.met.iter().map(|(entry, lines)| format!("    ({entry:?}, {lines}),\n")).collect();
            println!("\npub(crate) const {}: &[(&str, usize)] = &[\n{rows}];", self.name);
            return Vec::new();
        }
        let could_be_lower = self.listed.iter().filter_map(|(entry, &bound)| {
            let needed = self.met.get(entry).copied().unwrap_or_default();
            (needed < bound).then(|| match needed {
                0 => format!(
                    "tests/tidy/exceptions.rs: {} no longer needs {entry:?}: take it off the list",
                    self.name
                ),
                lines => {
                    format!("tests/tidy/exceptions.rs: {entry:?} in {} can be lowered to {lines}", self.name)
                }
            })
        });
        self.faults.iter().cloned().chain(could_be_lower).collect()
    }
}
